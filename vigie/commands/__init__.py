"""The write side: what people do, one transaction each."""

from vigie.commands.comments import comment
from vigie.commands.incidents import acknowledge, resolve
from vigie.commands.severity import set_severity

__all__ = ["acknowledge", "comment", "resolve", "set_severity"]
