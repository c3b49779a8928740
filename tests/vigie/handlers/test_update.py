"""Reminders of stakeholder updates, on a real database and a clock that is set."""

from dataclasses import replace
from typing import Any

import pytest

from incidents.model import IncidentState, Severity
from incidents.people import Part
from incidents.types import TypeRules, Types
from incidents.updates import Audience
from vigie.commands import people, resolve, set_severity
from vigie.commands.reopening import reopen
from vigie.commands.status import set_status
from vigie.commands.updates import post

MIN = 60.0


@pytest.fixture
def number(world: Any) -> int:
    world.watching()
    return int(world.open(severity=Severity.SEV1))


async def minutes(world: Any, count: int) -> None:
    for _ in range(count):
        await world.run_due(after_s=MIN)


def reminded(world: Any, number: int) -> list[str]:
    return [text for kind, text in world.said(number) if kind == "update_due"]


def do(world: Any, command: Any, number: int, *more: Any, **said: Any) -> Any:
    config, now = world.board.now.config, world.clock.now()
    return command(world.db, config, number, *more, actor="ann", now=now, **said)


def update(world: Any, number: int, **said: Any) -> None:
    do(world, post, number, Audience.INTERNAL, "looking", **said)


NONE_YET = "Update due: none was posted yet; of a SEV1 one is due every 30m"


async def test_nobody_posts_and_each_slot_is_said_once(world: Any, number: int) -> None:
    await minutes(world, 29)
    assert reminded(world, number) == []
    await minutes(world, 1)
    assert reminded(world, number) == [NONE_YET]
    await minutes(world, 59)
    assert len(reminded(world, number)) == 2
    await minutes(world, 1)
    assert len(reminded(world, number)) == 3


async def test_what_passed_while_no_server_ran_is_said_once(world: Any, number: int) -> None:
    await world.run_due(after_s=100 * MIN)
    assert reminded(world, number) == [NONE_YET]
    await minutes(world, 20)
    assert len(reminded(world, number)) == 2


async def test_an_update_moves_the_next(world: Any, number: int) -> None:
    await minutes(world, 20)
    update(world, number)
    await minutes(world, 29)
    assert reminded(world, number) == []
    await minutes(world, 1)
    text = "Update due: the last was 30m ago; of a SEV1 one is due every 30m"
    assert reminded(world, number) == [text]


async def test_a_promise_stands_over_the_cadence(world: Any, number: int) -> None:
    do(world, post, number, Audience.CUSTOMER, "we look", next_in_s=90 * MIN)
    await minutes(world, 89)
    assert reminded(world, number) == []
    await minutes(world, 1)
    promised = "Update due: the next customer update was promised for this time"
    assert reminded(world, number) == [promised]


async def test_a_promise_is_kept_in_mind_where_no_cadence_is(world: Any) -> None:
    world.watching()
    number = world.open(severity=Severity.SEV3)
    do(world, post, number, Audience.CUSTOMER, "we look", next_in_s=10 * MIN)
    await minutes(world, 60)
    promised = "Update due: the next customer update was promised for this time"
    assert reminded(world, number) == [promised]


async def test_a_severity_brings_its_own_cadence(world: Any) -> None:
    world.watching()
    number = world.open(severity=Severity.SEV3)
    await minutes(world, 120)
    assert reminded(world, number) == []
    do(world, set_severity, number, Severity.SEV2, reason="worse")
    await minutes(world, 1)
    assert reminded(world, number) == [NONE_YET.replace("SEV1", "SEV2").replace("30m", "1h")]
    do(world, set_severity, number, Severity.SEV4, reason="better")
    await minutes(world, 200)
    assert len(reminded(world, number)) == 1


async def test_it_ends_with_the_incident_and_begins_again_with_it(world: Any, number: int) -> None:
    await minutes(world, 10)
    resolve(world.db, world.board.now.config, number, "ann", "done", world.clock.now())
    await minutes(world, 90)
    assert reminded(world, number) == []
    do(world, reopen, number, reason="it is back")
    await minutes(world, 29)
    assert reminded(world, number) == []
    await minutes(world, 2)
    assert reminded(world, number) == [NONE_YET]


async def test_it_rests_while_it_is_mitigated(world: Any, number: int) -> None:
    do(world, set_status, number, state=IncidentState.MITIGATED)
    await minutes(world, 200)
    assert reminded(world, number) == []
    do(world, set_status, number, state=IncidentState.INVESTIGATING)
    await minutes(world, 10)
    assert len(reminded(world, number)) == 1


async def test_the_type_says_how_often(world: Any) -> None:
    types = Types({"slo-burn": TypeRules("slo-burn", updates={4: 10 * MIN})})
    config = replace(world.board.now.config, types=types)
    world.board.now = replace(world.board.now, config=config)
    world.watching()
    one, other = world.open(severity=Severity.SEV4), world.open(key="k2", severity=Severity.SEV1)
    await minutes(world, 40)
    assert len(reminded(world, one)) == 4
    assert reminded(world, other) == []


async def test_whoever_tells_is_named(world: Any, receiver: Any) -> None:
    notices = replace(receiver.channel(), receives=frozenset({"notice"}))
    world.configure(notices)
    world.watching()
    number = world.open(severity=Severity.SEV1)
    do(world, people.take, number, Part.INCIDENT_MANAGER)
    await minutes(world, 30)
    do(world, people.assign, number, "bob", Part.COMMUNICATIONS)
    await minutes(world, 31)
    first, second = reminded(world, number)
    assert first.startswith("Update due, for ann (incident manager): ")
    assert second.startswith("Update due, for bob (communications): ")
    bodies = [body.decode() for _, body in receiver.got]
    assert sum('"update_due"' in body for body in bodies) == 2


async def test_a_look_that_is_given_up_is_done_all_the_same(world: Any, number: int) -> None:
    for _ in range(30):
        world.clock.set(world.clock.now() + MIN)
        world.claim()
    await minutes(world, 1)
    assert world.waiting()["dead"] == 1
    assert len(reminded(world, number)) == 1
    await minutes(world, 30)
    assert len(reminded(world, number)) == 2
