"""What ended long enough ago is closed, once an hour, by the rules of its type."""

from dataclasses import replace
from typing import Any

from incidents.model import EventKind, Severity
from incidents.types import Closing, TypeRules, Types
from vigie.handlers.closing import EVERY_S, begin
from vigie.store import incidents, jobs

DAY_S = 86_400.0


def start(world: Any) -> None:
    now = world.clock.now()
    world.db.write(lambda c: begin(c, now))


def wait_a_day(world: Any) -> None:
    rules = Types({"default": TypeRules("default", closing=Closing(after_s=DAY_S))})
    live = world.board.now
    world.board.now = replace(live, config=replace(live.config, types=rules))


def state(world: Any, number: int) -> str:
    return str(world.db.read(lambda c: incidents.get(c, number))["state"])


async def test_it_closes_what_waited_and_is_not_severe(world: Any) -> None:
    wait_a_day(world)
    small = world.open(key="slo-burn:a/b", severity=Severity.SEV3)
    severe = world.open(severity=Severity.SEV2)
    for number in (small, severe):
        world.happen(EventKind.RESOLVED, number)
    start(world)
    await world.run_due(after_s=DAY_S - EVERY_S)
    assert (state(world, small), state(world, severe)) == ("resolved", "resolved")
    await world.run_due(after_s=2.0 * EVERY_S)
    assert (state(world, small), state(world, severe)) == ("closed", "resolved")
    closed = world.timeline(small)[-1]
    assert (closed["kind"], closed["actor"]) == ("closed", "vigie")


async def test_without_a_time_nothing_is_closed_and_it_comes_again(world: Any) -> None:
    number = world.open(severity=Severity.SEV4)
    world.happen(EventKind.RESOLVED, number)
    start(world)
    start(world)
    assert await world.run_due(after_s=400 * DAY_S) >= 1
    assert state(world, number) == "resolved"
    now = world.clock.now()
    waits = world.db.read(lambda c: jobs.next_run_at(c, ["close"]))
    assert waits == (now // EVERY_S + 1) * EVERY_S
