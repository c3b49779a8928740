"""Tasks: who is reminded when, and what a check verifies, on a real database and clock."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from fleet import BROKEN, CALM, RUNBOOK, burn_signal
from fleet import CONFIG as FLEET
from incidents.model import EventKind
from incidents.tasks import DAY_S
from slo.spec import DataSource
from vigie.commands import tasks
from vigie.config import Channel
from vigie.live import Live
from vigie.store import incidents, runs
from vigie.store import tasks as store

SIGNAL = burn_signal()
SLO = {"kind": "slo", "slo": "checkout/availability", "window": "1h", "burn_below": 1.0}


@pytest.fixture
def notices(receiver: Any) -> Channel:
    """The receiver, as a channel that hears of everything and is never paged."""
    channel: Channel = receiver.channel()
    return replace(channel, name="team", receives=frozenset({"notice"}))


def opened(world: Any, *channels: Channel, **more: Any) -> int:
    """An incident of a server with the fleet's files."""
    config = replace(FLEET, runbooks=(), channels={c.name: c for c in channels}, **more)
    world.board.now = Live(config, started_at=0.0, status=replace(CALM, at=world.clock.now()))
    now = world.clock.now()
    number = world.db.write(lambda c: incidents.open_incident(c, SIGNAL, now))
    assert number is not None
    return int(number)


def add(world: Any, number: int, **more: Any) -> Any:
    said = {"actor": "ann", "now": world.clock.now(), **more}
    return tasks.add(world.db, world.board.now.config, number, "raise the limit", **said)


def do(world: Any, number: int) -> None:
    tasks.do(world.db, number, 1, actor="ann", now=world.clock.now())


def task_of(world: Any, number: int) -> Mapping[str, Any]:
    row = world.db.read(lambda c: store.get(c, number, 1))
    assert row is not None
    return dict(row)


def told(receiver: Any) -> list[str]:
    bodies = [orjson.loads(body) for _, body in receiver.got]
    return [body["text"] for body in bodies if body["event"].startswith("task_")]


def due_entries(world: Any, number: int) -> list[str]:
    return [text for kind, text in world.said(number) if kind == EventKind.TASK_DUE]


async def test_who_has_a_task_is_reminded_before_at_and_daily_after(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number, owner="cy", due_at=world.clock.now() + 4 * DAY_S)
    story = []
    for after_s, expected in (
        (3 * DAY_S - 1, None),
        (1.0, "Task 1 of cy is due in 24h: raise the limit"),
        (DAY_S, "Task 1 of cy is due now: raise the limit"),
        (DAY_S, "Task 1 of cy is late by 24h: raise the limit"),
        (DAY_S / 2, None),
        (DAY_S / 2, "Task 1 of cy is late by 2d: raise the limit"),
    ):
        await world.run_due(after_s=after_s)
        story += [expected.replace("24h", "1d")] if expected else []
        assert told(receiver) == story
    assert due_entries(world, number) == story[:2]  # once before, once at the breach
    for _ in range(20):
        await world.run_due(after_s=DAY_S)
    assert len(told(receiver)) == 16  # bounded: two weeks of days
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.got}) == len(receiver.got)


async def test_two_tasks_that_are_due_together_are_both_told(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number), add(world, number)
    await world.run_due(after_s=0.75 * DAY_S)
    assert sorted(text[:6] for text in told(receiver)) == ["Task 1", "Task 2"]


async def test_nobody_is_reminded_of_what_is_done_or_dropped(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number), add(world, number)
    do(world, number)
    tasks.drop(world.db, number, 2, actor="ann", reason="moot", now=world.clock.now())
    for _ in range(4):
        await world.run_due(after_s=DAY_S)
    assert told(receiver) == []
    assert due_entries(world, number) == []


async def test_a_task_that_is_moved_is_told_of_at_its_new_time_only(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number)
    later = {"due_at": world.clock.now() + 8 * DAY_S}
    config, now = world.board.now.config, world.clock.now()
    tasks.edit(world.db, config, number, 1, later, actor="ann", now=now)
    await world.run_due(after_s=2 * DAY_S)
    assert told(receiver) == []
    await world.run_due(after_s=4 * DAY_S)
    assert told(receiver) == ["Task 1, which nobody owns, is due in 2d: raise the limit"]


async def test_a_task_that_is_opened_again_is_reminded_of_anew(world: Any) -> None:
    number = opened(world)
    add(world, number)
    do(world, number)
    await world.run_due(after_s=2 * DAY_S)
    tasks.undo(world.db, number, 1, actor="ann", now=world.clock.now())
    await world.run_due()
    assert due_entries(world, number) == [
        "Task 1, which nobody owns, is late by 1d: raise the limit"
    ]


async def test_a_worker_that_died_over_a_reminder_leaves_it_to_the_next_once(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number)
    world.clock.set(world.clock.now() + 0.75 * DAY_S)
    (job,) = world.claim()
    assert job.kind == "task"
    await world.run_due()
    assert due_entries(world, number) == []
    await world.run_due(after_s=31.0)
    await world.run_due(after_s=31.0)
    assert len(due_entries(world, number)) == 1
    assert len(told(receiver)) == 1


async def test_what_came_due_while_nobody_ran_is_told_once(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number)
    await world.run_due(after_s=3.5 * DAY_S)
    assert told(receiver) == ["Task 1, which nobody owns, is late by 2d12h: raise the limit"]
    await world.run_due(after_s=DAY_S / 2)
    assert len(told(receiver)) == 2


async def test_an_slo_that_is_met_verifies_at_once(world: Any) -> None:
    number = opened(world)
    add(world, number, check=SLO)
    world.board.now = replace(world.board.now, status=replace(BROKEN, at=world.clock.now()))
    do(world, number)
    await world.run_due()
    row = task_of(world, number)
    assert row["state"] == "done"
    assert row["check_result"] == "not yet: burns at 180x over 1h, below 1x asked"
    world.board.now = replace(world.board.now, status=replace(CALM, at=world.clock.now() + 300))
    calm = {"kind": "slo", "slo": "frontend/availability"}
    config, now = world.board.now.config, world.clock.now()
    tasks.edit(world.db, config, number, 1, {"check": calm}, actor="ann", now=now)
    await world.run_due()
    row = task_of(world, number)
    assert (row["state"], row["verified_by"], row["verified_at"]) == ("verified", "vigie", now)
    text = "Task 1 verified by its check, 99.9997% good over its window, 99.9000% promised"
    assert world.said(number)[-1] == ("task_changed", f"{text}: raise the limit")


async def test_no_data_verifies_nothing_and_says_so(world: Any, notices: Channel) -> None:
    number = opened(world, notices)
    add(world, number, check={"kind": "slo", "slo": "payments/availability"})
    do(world, number)
    await world.run_due()
    assert "not known: no data" in task_of(world, number)["check_result"]
    world.board.now = replace(world.board.now, status=replace(CALM, at=world.clock.now() - 601))
    await world.run_due(after_s=300.0)
    assert task_of(world, number)["check_result"] == (
        "not known: no data: nothing was measured lately"
    )
    assert task_of(world, number)["state"] == "done"


async def test_a_check_that_never_holds_is_given_up_after_thirty_days_aloud(
    world: Any, receiver: Any, notices: Channel
) -> None:
    number = opened(world, notices)
    add(world, number, check={"kind": "slo", "slo": "payments/availability"})
    do(world, number)
    ran = 0
    for _ in range(31 * 2):
        ran += await world.run_due(after_s=DAY_S / 2)
    assert ran == 31 + 1 + 1  # one late and 30 daily; a reminder of what is done; the notice
    row = task_of(world, number)
    assert row["state"] == "done"
    assert len(told(receiver)) == 1
    assert told(receiver)[0].startswith("Task 1 not verified within 30 days of being done, no data")
    assert await world.run_due(after_s=90 * DAY_S) == 0


async def test_a_runbook_that_ended_well_on_the_incident_verifies(world: Any) -> None:
    number = opened(world)
    config = replace(world.board.now.config, runbooks=(RUNBOOK,))
    world.board.now = replace(world.board.now, config=config)
    add(world, number, check={"kind": "run", "runbook": RUNBOOK.name})
    do(world, number)
    await world.run_due()
    assert "has not run on this incident" in task_of(world, number)["check_result"]
    now = world.clock.now()
    run = world.db.write(lambda c: runs.start(c, number, RUNBOOK, now))
    world.db.write(lambda c: runs.finish(c, run, "done", now))
    tasks.verify(world.db, number, 1, actor="bob", now=now)  # look now
    await world.run_due()
    assert task_of(world, number)["state"] == "verified"


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_a_query_is_asked_of_its_source(world: Any) -> None:
    answers: list[Any] = []

    async def query(request: web.Request) -> web.Response:
        assert request.query["query"] == 'rate(errors{a="b"}[5m])'
        answer = answers.pop(0)
        if isinstance(answer, int):
            return web.Response(status=answer, text="no")
        result = [{"metric": {}, "value": [1, value]} for value in answer]
        data = {"resultType": "vector", "result": result}
        return web.json_response({"status": "success", "data": data})

    app = web.Application()
    app.router.add_get("/api/v1/query", query)
    async with served(app) as url:
        source = DataSource("prom", "prometheus", url)
        number = opened(world, sources={"prom": source})
        expr = 'rate(errors{a="b"}[5m])'
        add(world, number, check={"kind": "promql", "expr": expr, "op": "<", "value": 0.5})
        do(world, number)
        answers += [[], 503, ["0.7"], ["0.1", "0.2"]]
        for after_s, words in (
            (0.0, "not known: no data: the expression gives no series"),
            (300.0, "not known: no answer of prom: status 503"),
            (1500.0, "not yet: 1 of 1 series not < 0.5, e.g. 0.7"),
            (5400.0, "2 series < 0.5"),
        ):
            await world.run_due(after_s=after_s)
            assert words in task_of(world, number)["check_result"]
    assert task_of(world, number)["state"] == "verified"


async def test_what_is_opened_again_meanwhile_is_not_verified(world: Any) -> None:
    number = opened(world)
    add(world, number, check={"kind": "slo", "slo": "frontend/availability"})
    do(world, number)
    tasks.undo(world.db, number, 1, actor="ann", now=world.clock.now())
    await world.run_due()
    row = task_of(world, number)
    assert (row["state"], row["checked_at"]) == ("open", None)


async def test_a_look_that_kills_its_worker_again_and_again_goes_on_another_day(
    world: Any,
) -> None:
    number = opened(world)
    add(world, number, check={"kind": "slo", "slo": "frontend/availability"})
    do(world, number)
    for _ in range(30):
        assert [job.payload["what"] for job in world.claim()] == ["look"]
        world.clock.set(world.clock.now() + 31.0)
    await world.run_due()
    assert "the check could not be run" in task_of(world, number)["check_result"]
    world.board.now = replace(world.board.now, status=replace(CALM, at=world.clock.now() + 3600))
    await world.run_due(after_s=3600.0)
    assert task_of(world, number)["state"] == "verified"
