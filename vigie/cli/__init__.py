"""The command line."""

from vigie.cli.entry import main

__all__ = ["main"]
