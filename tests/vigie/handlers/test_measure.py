"""What incidents cost, once a minute until it is final; from a ledger that is written by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from fleet import watch
from incidents.model import Event, EventKind
from slo.columns import key_of
from slo.ledger import Row
from slo.outages import Outage
from slo.spec import Service, ServiceState
from vigie.config import Config
from vigie.handlers import on_dead
from vigie.handlers.measure import MOST, WAITS_S, begin
from vigie.reports.impact import Affected, measure
from vigie.reports.read import read
from vigie.store import impact, incidents, jobs, ledger, outages, states
from vigie.store import timeline as entries
from vigie.store.states import Became
from vigie.store.tables import incident

NOW = 1_790_000_000.0  # 20 seconds into a minute
MINUTE = int(NOW // 60)
WATCH = watch("checkout", "availability")
CONFIG = Config(
    services={"checkout": Service("checkout"), "idle": Service("idle")},
    watches={WATCH.slo.id: WATCH},
    targets={},
    channels={},
    runbooks=(),
)
COLUMNS = impact.COLUMNS[:-1]


def measured(world: Any, first: int, last: int, good: int = 100, total: int = 100) -> None:
    """Minutes of the SLO, counted from that of NOW, that are closed."""

    def work(c: Any) -> None:
        ids = ledger.sli_ids(c, [key_of(WATCH.slo.sli, (), WATCH.policy, 10)])
        ints = lambda n: np.array([n], dtype=np.int64)  # noqa: E731 - a row of one column
        rows = [
            Row(60, (MINUTE + at) * 60, 2, ints(good), ints(total), ints(60_000_000))
            for at in range(first, last)
        ]
        ledger.write_slices(c, rows, ids)

    world.db.write(work)


def prepared(world: Any) -> int:
    """An hour of traffic, a service that is up, an incident since a minute, and the chain."""
    world.board.now = replace(world.board.now, config=CONFIG)
    measured(world, -60, -1)
    up = Became("checkout", NOW - 3600.0, ServiceState.UP, "every SLO is met")
    world.db.write(lambda c: states.write(c, [up]))
    number: int = world.open()
    world.db.write(lambda c: begin(c, NOW))
    return number


def kept(world: Any, number: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = world.db.read(lambda c: incidents.get(c, number))
    return found


def told(world: Any, number: int) -> list[str]:
    return [text for kind, text in world.said(number) if kind == "measured"]


async def test_while_it_is_open_it_is_measured_each_minute(world: Any) -> None:
    number = prepared(world)
    assert kept(world, number)["bad_events"] is None
    measured(world, -1, 1, good=60)
    await world.run_due(after_s=60.0)
    found = kept(world, number)
    # Two minutes, 40 of 100 each; the window holds 61 minutes.
    assert (found["bad_events"], found["traffic_share"]) == (80, 0.4)
    assert found["budget_burned"] == pytest.approx(80 / (0.001 * 6_100))
    assert (found["downtime_s"], found["planned_downtime_s"]) == (0.0, 0.0)
    measured(world, 1, 2, good=0)
    await world.run_due(after_s=60.0)
    assert kept(world, number)["bad_events"] == 180
    assert told(world, number) == []


async def test_it_is_final_when_its_last_minute_is_closed_and_said_once(world: Any) -> None:
    number = prepared(world)
    measured(world, -1, 1, good=60)
    world.clock.set(NOW + 130.0)
    world.happen(EventKind.RECOVERED, number)
    world.happen(EventKind.RESOLVED, number)
    await world.run_due()
    assert not kept(world, number)["impact"]["final"]  # that it was open in is not closed
    measured(world, 1, 3, good=90)
    await world.run_due(after_s=60.0)
    found = kept(world, number)
    assert (found["bad_events"], found["impact"]["final"]) == (100, True)
    (text,) = told(world, number)
    assert text == (
        "It cost: 1587.3 % of the 30d budget; 100 of 400 requests failed (25.0 %); "
        "down 0s, planned 0s"
    )
    measured(world, 3, 9, good=0)
    for _ in range(3):
        await world.run_due(after_s=60.0)
    assert (told(world, number), kept(world, number)["bad_events"]) == ([text], 100)
    assert world.db.read(entries.verify).good


async def test_what_is_stored_is_what_the_ledger_says_later_and_a_report_too(world: Any) -> None:
    number = prepared(world)
    measured(world, -1, 8, good=60)
    down = Outage("checkout", NOW - 20.0, NOW + 40.0, "half fails")
    world.db.write(lambda c: outages.write(c, [down]))
    world.clock.set(NOW + 130.0)
    world.happen(EventKind.RESOLVED, number)
    await world.run_due()
    row = kept(world, number)
    assert row["impact"]["final"]
    again = Affected(number, "checkout", "availability", row["started_at"], row["resolved_at"])
    later = NOW + 7 * 86_400.0

    def both(c: Any) -> Any:
        start, end = (MINUTE - 1) * 60.0, (MINUTE + 3) * 60.0
        cost = measure(c, CONFIG, [again], later, slice_s=10)[number]
        return cost, read(c, CONFIG, start, end, slice_s=10, service="checkout")

    cost, report = world.db.read(both)
    assert [getattr(cost, name) for name in COLUMNS] == [row[name] for name in COLUMNS]
    (service,) = report.services
    (slo,) = service.slos
    assert slo.figures.total - slo.figures.good == row["bad_events"] == 160
    assert slo.figures.total == row["impact"]["total"]
    assert (service.counted_s, row["downtime_s"]) == (60.0, 60.0)


async def test_what_goes_on_again_is_measured_on(world: Any) -> None:
    number = prepared(world)
    measured(world, -1, 3, good=60)
    world.clock.set(NOW + 130.0)
    world.happen(EventKind.RECOVERED, number)
    await world.run_due()
    assert kept(world, number)["bad_events"] == 160
    measured(world, 3, 5, good=100)
    await world.run_due(after_s=120.0)
    assert kept(world, number)["bad_events"] == 160  # it ended with the recovery
    world.happen(EventKind.RELAPSED, number)
    measured(world, 5, 6, good=0)
    await world.run_due(after_s=120.0)
    assert kept(world, number)["bad_events"] == 260


async def test_one_about_no_slo_has_the_downtime_and_what_each_slo_lost(world: Any) -> None:
    prepared(world)
    measured(world, -1, 1, good=60)
    number = world.open(key="missed-heartbeat:x", slo="")
    await world.run_due(after_s=60.0)
    found = kept(world, number)
    assert (found["budget_burned"], found["bad_events"], found["downtime_s"]) == (None, None, 0.0)
    (slo,) = found["impact"]["slos"]
    assert (slo["sli"], slo["bad"]) == ("checkout/availability", 80)
    assert found["impact"]["reasons"] == ["it is about no SLO"]


async def test_of_what_is_not_configured_nothing_is_known(world: Any) -> None:
    prepared(world)
    number = world.open(key="slo-burn:gone/x", service="gone", slo="x")
    await world.run_due(after_s=60.0)
    found = kept(world, number)
    assert [found[name] for name in COLUMNS] == [None] * len(COLUMNS)
    said = ["its SLO is not configured any more", "its service is not configured"]
    assert found["impact"]["reasons"] == said


async def test_a_service_that_nobody_watched_is_not_called_up(world: Any) -> None:
    prepared(world)
    number = world.open(key="missed-heartbeat:y", service="idle", slo="")
    await world.run_due(after_s=60.0)
    assert kept(world, number)["downtime_s"] is None


async def test_what_opened_and_ended_between_two_looks_is_not_missed(world: Any) -> None:
    prepared(world)
    measured(world, -1, 9, good=60)
    await world.run_due(after_s=60.0)
    number = world.open(key="slo-burn:second")
    world.db.write(
        lambda c: incidents.apply(c, Event(EventKind.RESOLVED, "slo-burn:second", NOW + 70, number))
    )
    await world.run_due(after_s=60.0)
    assert len(told(world, number)) == 1


async def test_what_was_merged_or_cancelled_is_left_as_it_is(world: Any) -> None:
    number = prepared(world)
    gone = update(incident).where(incident.c.number == number)
    world.db.write(lambda c: c.execute(gone.values(state="merged", open_key=None)))
    await world.run_due(after_s=60.0)
    assert kept(world, number)["impact"] == {}


async def test_a_ledger_that_never_closes_is_not_waited_for_for_ever(world: Any) -> None:
    number = prepared(world)
    world.happen(EventKind.RESOLVED, number)
    await world.run_due(after_s=WAITS_S - 60.0)
    assert told(world, number) == []
    await world.run_due(after_s=120.0)
    (text,) = told(world, number)
    assert text.startswith("It cost: budget unknown; failed requests unknown")


async def test_more_than_fit_into_a_minute_take_turns(world: Any) -> None:
    prepared(world)
    numbers = [world.open(key=f"slo-burn:{at}") for at in range(MOST)]
    await world.run_due(after_s=60.0)
    looked = lambda: sum(bool(kept(world, n)["impact"]) for n in (1, *numbers))  # noqa: E731 - read anew each time
    assert looked() == MOST
    await world.run_due(after_s=60.0)
    assert looked() == MOST + 1


async def test_the_chain_is_begun_once_and_goes_on_after_a_job_was_given_up(world: Any) -> None:
    prepared(world)
    world.db.write(lambda c: begin(c, NOW + 600.0))
    assert world.waiting()["ready"] == 1 + 1  # beside the look at the updates of the incident
    (job,) = world.db.write(
        lambda c: jobs.claim(c, "x", ["measure"], now=NOW + 60, lease_s=30.0, limit=9)
    )
    dead = on_dead(world.board, world.clock)
    world.db.write(lambda c: (jobs.kill(c, job, NOW + 60, "broken"), dead(c, job, "broken")))
    assert await world.run_due(after_s=120.0) == 1


async def test_what_stood_at_the_onset_is_kept(world: Any) -> None:
    number = prepared(world)
    stood = {"redundancy": {"state": "at_risk", "ready": 1}}
    world.db.write(lambda c: impact.onset(c, number, stood))
    for _ in range(2):
        await world.run_due(after_s=60.0)
    assert kept(world, number)["impact"]["redundancy"] == stood["redundancy"]
