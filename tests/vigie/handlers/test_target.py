"""Targets of time: who hears of one that is near or missed, on a real database and clock."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, update

from incidents.matrix import Priorities, PriorityMatrix, TimeTarget
from incidents.model import EventKind, IncidentType, Severity, Signal, Urgency
from vigie.config import Channel
from vigie.store import incidents, ranking
from vigie.store.tables import incident

RULES = Priorities(
    (
        PriorityMatrix(
            "m",
            response={2: TimeTarget(600.0, 120.0)},
            resolution={2: TimeTarget(3600.0, 900.0)},
        ),
    )
)
SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout/availability burns 21x its error budget (1h/5m)",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=0.0,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)
DUE = ("response_due", "To be acknowledged in 2m, the response target of P2")
BREACHED = (
    "response_breached",
    "Not acknowledged within 10m of its opening, the response target of P2",
)
RESOLUTION = ("resolution_due", "To be resolved in 15m, the resolution target of P2")
OVERDUE = (
    "resolution_breached",
    "Not resolved within 1h of its opening, the resolution target of P2",
)


@pytest.fixture
def notices(receiver: Any) -> Channel:
    """The receiver, as a channel that hears of everything and is never paged."""
    channel: Channel = receiver.channel()
    return replace(channel, name="team", receives=frozenset({"notice"}))


def open_with_targets(world: Any, *channels: Channel) -> int:
    world.configure(*channels)
    number = world.db.write(lambda c: incidents.open_incident(c, SIGNAL, world.clock.now(), RULES))
    assert number is not None
    return int(number)


def events(receiver: Any) -> list[str]:
    return [orjson.loads(body)["event"] for _, body in receiver.got]


async def test_what_nobody_answers_is_told_before_and_at_the_breach(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    story = []
    for after_s, expected in (
        (479.0, []),
        (1.0, [DUE]),
        (119.0, []),
        (1.0, [BREACHED]),
        (2099.0, []),
        (1.0, [RESOLUTION]),
        (899.0, []),
        (1.0, [OVERDUE]),
        (1e6, []),
    ):
        await world.run_due(after_s=after_s)
        story += expected
        assert world.said(number) == story
    assert events(receiver) == [kind for kind, _ in story]
    assert {orjson.loads(body)["kind"] for _, body in receiver.got} == {"notice"}
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.got}) == 4


async def test_who_answers_in_time_hears_nothing_of_it(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    await world.run_due(after_s=400.0)
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")
    await world.run_due(after_s=300.0)
    await world.run_due(after_s=1900.0)
    world.happen(EventKind.RESOLVED, number, actor="ann")
    await world.run_due(after_s=1e6)
    assert [kind for kind, _ in world.said(number)] == ["acknowledged", "resolved"]
    assert events(receiver) == ["acknowledged", "resolved"]


async def test_who_answers_between_notice_and_breach_hears_of_no_breach(
    world: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    await world.run_due(after_s=500.0)
    world.happen(EventKind.RESOLVED, number, actor="ann")  # without an acknowledgement
    await world.run_due(after_s=1e6)
    kinds = [kind for kind, _ in world.said(number)]
    assert kinds == ["response_due", "resolved"]


async def test_a_breach_while_nobody_ran_is_told_once_afterwards(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    world.clock.set(world.clock.now() + 700.0)
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")  # late by 100 s
    await world.run_due(after_s=10.0)
    assert [kind for kind, _ in world.said(number)] == ["acknowledged", "response_breached"]
    assert sorted(events(receiver)) == ["acknowledged", "response_breached"]


async def test_a_worker_that_died_over_it_leaves_it_to_the_next_once(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    world.clock.set(world.clock.now() + 480.0)
    (job,) = world.claim()
    assert job.kind == "target"
    await world.run_due()
    assert world.said(number) == []
    await world.run_due(after_s=31.0)
    await world.run_due(after_s=31.0)
    assert [kind for kind, _ in world.said(number)] == ["response_due"]
    assert events(receiver) == ["response_due"]


async def test_a_target_that_moved_is_told_at_its_new_time_only(
    world: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    later = {"response_due_at": world.clock.now() + 5000.0}
    moved = update(incident).where(incident.c.number == number).values(**later)
    world.db.write(lambda c: c.execute(moved))
    await world.run_due(after_s=700.0)
    assert world.said(number) == []


async def test_a_target_that_went_and_came_back_is_told_once(world: Any, notices: Channel) -> None:
    """Its first timers look while there is none: they must not have been the only ones."""
    number = open_with_targets(world, notices)
    opened_at = world.clock.now()
    put(world, number, Severity.SEV4)
    await world.run_due(after_s=700.0)
    assert world.said(number) == []
    for _ in range(2):
        put(world, number, Severity.SEV1)  # P1 has no target of its own
        put(world, number, Severity.SEV2)  # lowered: due as if it had opened so
        await world.run_due(after_s=1.0)
        row = world.db.read(lambda c: incidents.get(c, number))
        assert row["response_due_at"] == opened_at + 600.0
        assert world.said(number) == [BREACHED]


def put(world: Any, number: int, severity: Severity) -> None:
    def work(c: Connection) -> None:
        row = ranking.held(c, number)
        assert row is not None
        ranking.set_severity(c, row, severity, "ann", "seen", world.clock.now(), RULES)

    world.db.write(work)


async def test_a_notice_that_waits_for_its_receiver_is_dropped_when_it_is_moot(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = open_with_targets(world, notices)
    receiver.status = 503
    await world.run_due(after_s=480.0)
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")
    receiver.status = 200
    receiver.got.clear()
    await world.run_due(after_s=60.0)
    assert events(receiver) == ["acknowledged"]


async def test_without_a_channel_it_stands_on_the_timeline(world: Any) -> None:
    number = open_with_targets(world)
    await world.run_due(after_s=480.0)
    assert world.said(number) == [DUE]
