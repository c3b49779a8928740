"""Incidents in memory go the way that the database has them go."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blank import blank_database
from incidents.decide import decide
from incidents.model import Event, EventKind, IncidentType, OpenIncident, Severity, Signal, Urgency
from vigie.backtest.incidents import Incidents
from vigie.store import incidents as store
from vigie.store.db import Database, open_database


def signal(severity: Severity = Severity.SEV3, urgency: Urgency = Urgency.LOW) -> Signal:
    return Signal(
        key="slo-burn:shop/availability",
        type=IncidentType.SLO_BURN,
        service="shop",
        slo="availability",
        title=f"burns {severity.name}",
        urgency=urgency,
        severity=severity,
        started_at=0.0,
        firing=True,
        clear=False,
        recover_after_s=60.0,
    )


def shown(open_: Mapping[str, OpenIncident]) -> list[OpenIncident]:
    return [replace(one, number=0, state="") for one in open_.values()]


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(blank_database(tmp_path))


SIGNALS = st.builds(
    lambda severity, urgency, state: replace(
        signal(severity, urgency), firing=state == "firing", clear=state == "clear"
    ),
    st.sampled_from(Severity),
    st.sampled_from(Urgency),
    st.sampled_from(["firing", "clear", "undecided"]),
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signals=st.lists(SIGNALS, min_size=1, max_size=25))
def test_they_come_to_what_is_stored(db: Database, signals: list[Signal]) -> None:
    memory = Incidents()
    numbers = []
    for at, one in enumerate(signals):
        now = at * 30.0
        stored = db.read(store.open_incidents)
        assert shown(stored) == shown(memory.open)
        events, same = decide(stored, [one], now), decide(memory.open, [one], now)
        for event in same:
            memory.apply(event)
        memory.refresh({i.number: one for i in memory.open.values()} if at % 2 else {})
        numbers += db.write(lambda c, events=events: [store.apply(c, event) for event in events])
        for number in {i.number for i in db.read(store.open_incidents).values()} if at % 2 else ():
            db.write(lambda c, n=number, one=one, t=now: store.refresh(c, n, one.severity, {}, t))
    rows = [db.read(lambda c, n=n: store.get(c, n)) for n in dict.fromkeys(numbers)]
    names = ("title", "urgency", "severity", "opened_at", "resolved_at")
    assert [tuple(getattr(one, name) for name in names) for one in memory.all] == [
        tuple(row[name] for name in names) for row in rows if row is not None
    ]
    for number in {i.number for i in db.read(store.open_incidents).values()}:
        end = Event(EventKind.RESOLVED, signal().key, 1e9, number, actor="ann")
        db.write(lambda c, end=end: store.apply(c, end))


def test_a_ticket_that_becomes_a_page_pages_from_then_on() -> None:
    memory = Incidents()
    memory.apply(Event(EventKind.OPENED, signal().key, 10.0, None, signal()))
    assert memory.all[0].paged_at is None
    page = signal(Severity.SEV2, Urgency.HIGH)
    for at in (20.0, 30.0):
        memory.apply(Event(EventKind.UPGRADED, page.key, at, 0, page))
    assert (memory.all[0].opened_at, memory.all[0].paged_at) == (10.0, 20.0)
    assert (memory.all[0].urgency, memory.all[0].severity) == (Urgency.HIGH, Severity.SEV2)


def test_what_is_over_or_open_already_is_left_as_it_is() -> None:
    memory = Incidents()
    opened = Event(EventKind.OPENED, signal().key, 10.0, None, signal())
    over = Event(EventKind.RESOLVED, signal().key, 20.0, 0)
    for event in (over, opened, opened, over, replace(over, at=30.0)):
        memory.apply(event)
    assert [(one.opened_at, one.resolved_at) for one in memory.all] == [(10.0, 20.0)]
    assert memory.open == {}
