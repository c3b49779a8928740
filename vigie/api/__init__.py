"""The HTTP API: parse, call one function, answer with ready JSON."""

from vigie.api.server import build

__all__ = ["build"]
