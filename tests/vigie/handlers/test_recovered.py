"""Whoever is at work is reminded, once a day, of what is measured to be over."""

from typing import Any

import pytest

from incidents.model import EventKind
from vigie.config import Channel
from vigie.notify.outbox import REMIND, reminder
from vigie.store import jobs

DAY_S = 86_400.0
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://127.0.0.1:1/")


@pytest.fixture
def recovered(world: Any) -> int:
    """An incident that somebody is at work on, and that recovered just now."""
    world.configure()
    number: int = world.open()
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")
    world.happen(EventKind.RECOVERED, number)
    world.configure(TEAM)
    world.enqueue(reminder(number, world.clock.now()))
    return number


async def remind(world: Any, after_s: float) -> list[str]:
    """The texts of the notices that are written when a reminder is due."""
    world.clock.set(world.clock.now() + after_s)
    now, sent = world.clock.now(), []
    claim = lambda kind: world.db.write(  # noqa: E731 - a query
        lambda c: jobs.claim(c, "x", [kind], now=now, lease_s=30.0, limit=9)
    )
    for job in claim(REMIND):
        done = await world.handlers[REMIND](job)
        world.db.write(done.write)
        world.db.write(lambda c, job=job: jobs.finish(c, job, now))
    for job in claim("notify"):
        sent.append(job.payload["text"])
        world.db.write(lambda c, job=job: jobs.finish(c, job, now))
    return sent


async def test_it_is_said_once_a_day_until_it_is_resolved(world: Any, recovered: int) -> None:
    rest = "ago and still open; resolve it when the work is done"
    assert await remind(world, DAY_S - 1.0) == []
    assert await remind(world, 1.0) == [f"Recovered 1d {rest}"]
    assert await remind(world, DAY_S) == [f"Recovered 2d {rest}"]
    world.configure()
    world.happen(EventKind.RESOLVED, recovered, actor="ann")
    world.configure(TEAM)
    assert await remind(world, DAY_S) == []
    assert await remind(world, DAY_S) == []


async def test_a_relapse_withdraws_it_and_the_next_recovery_has_its_own(
    world: Any, recovered: int
) -> None:
    world.configure()
    world.clock.set(world.clock.now() + 3600.0)
    world.happen(EventKind.RELAPSED, recovered)
    world.configure(TEAM)
    assert await remind(world, DAY_S) == []
    world.configure()
    world.happen(EventKind.RECOVERED, recovered)
    world.configure(TEAM)
    world.enqueue(reminder(recovered, world.clock.now()))
    assert len(await remind(world, DAY_S)) == 1


async def test_a_server_that_was_away_says_it_once(world: Any, recovered: int) -> None:
    assert len(await remind(world, 5.5 * DAY_S)) == 1
    assert len(await remind(world, 0.4 * DAY_S)) == 0
    assert len(await remind(world, 0.1 * DAY_S)) == 1
