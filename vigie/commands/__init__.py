"""The write side: what people do, one transaction each."""

from vigie.commands.incidents import acknowledge, comment, resolve

__all__ = ["acknowledge", "comment", "resolve"]
