"""What a job does, by kind."""

from vigie.handlers.automate import wait as wait_for_events
from vigie.handlers.closing import begin as begin_closing
from vigie.handlers.keep import first_keep
from vigie.handlers.kinds import build, on_dead
from vigie.handlers.measure import begin as begin_measuring

__all__ = ["begin_closing", "begin_measuring", "build", "first_keep", "on_dead", "wait_for_events"]
