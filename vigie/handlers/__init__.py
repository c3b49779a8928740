"""What a job does, by kind."""

from vigie.handlers.keep import first_keep
from vigie.handlers.kinds import build, on_dead

__all__ = ["build", "first_keep", "on_dead"]
