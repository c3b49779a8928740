"""Incidents: every event does its work once, on either database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from incidents.lifecycle import after, is_open
from incidents.model import (
    Event,
    EventKind,
    IncidentState,
    IncidentType,
    Severity,
    Signal,
    Urgency,
)
from vigie.store import incidents
from vigie.store.db import Database
from vigie.store.tables import incident
from vigie.store.visibility import EVERYTHING

KEY = "slo-burn:shop/availability"
SIGNAL = Signal(
    key=KEY,
    type=IncidentType.SLO_BURN,
    service="shop",
    slo="availability",
    title="shop/availability burns 21x its budget",
    urgency=Urgency.LOW,
    severity=Severity.SEV3,
    started_at=90.0,
    firing=True,
    clear=False,
    recover_after_s=60.0,
    labels={"team": "web"},
    detail={"arms": [{"name": "page", "burn": 21.5}]},
)


def event(kind: EventKind, at: float = 200.0, number: int | None = 1, **more: Any) -> Event:
    return Event(kind, KEY, at, number, **more)


@pytest.fixture
def opened(db: Database) -> Database:
    """A database with one open incident, number 1."""
    assert db.write(lambda c: incidents.open_incident(c, SIGNAL, 100.0)) == 1
    return db


def apply(db: Database, *events: Event) -> list[int | None]:
    return [db.write(lambda c, e=e: incidents.apply(c, e)) for e in events]


def row(db: Database) -> dict[str, Any]:
    found = db.read(lambda c: incidents.get(c, 1))
    assert found is not None
    return dict(found)


def kinds(db: Database) -> list[str]:
    return [entry["kind"] for entry in db.read(lambda c: incidents.timeline(c, 1))]


def test_an_opened_incident_says_everything_it_knows(opened: Database) -> None:
    expected = {
        "number": 1,
        "key": KEY,
        "title": SIGNAL.title,
        "type": "slo-burn",
        "service": "shop",
        "slo": "availability",
        "state": "triage",
        "severity": 3,
        "urgency": "low",
        "priority": 4,
        "labels": {"team": "web"},
        "detail": {"arms": [{"name": "page", "burn": 21.5}]},
        "started_at": 90.0,
        "detected_at": 100.0,
        "opened_at": 100.0,
        "acknowledged_at": None,
        "resolved_at": None,
    }
    found = row(opened)
    assert {name: found[name] for name in expected} == expected
    (entry,) = opened.read(lambda c: incidents.timeline(c, 1))
    assert (entry["kind"], entry["actor"], entry["occurred_at"]) == ("opened", "vigie", 100.0)
    assert entry["text"] == "Opened by vigie: shop/availability burns 21x its budget"
    assert entry["data"]["severity"] == "SEV3"


def test_a_key_has_one_open_incident_at_a_time(opened: Database) -> None:
    assert apply(opened, event(EventKind.OPENED, number=None, signal=SIGNAL)) == [None]
    assert kinds(opened) == ["opened"]
    assert apply(opened, event(EventKind.RESOLVED)) == [1]
    assert apply(opened, event(EventKind.OPENED, number=None, signal=SIGNAL)) == [2]


def test_of_many_that_race_to_open_one_key_one_wins(db: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        opens = [
            threads.submit(db.write, lambda c: incidents.open_incident(c, SIGNAL, 100.0))
            for _ in range(16)
        ]
    numbers = [one.result() for one in opens]
    assert sum(number is not None for number in numbers) == 1
    assert len(db.read(incidents.open_incidents)) == 1


def test_an_incident_that_began_after_it_was_seen_began_when_it_was_seen(db: Database) -> None:
    """The clock of a target may be ahead of ours."""
    late = replace(SIGNAL, started_at=500.0)
    db.write(lambda c: incidents.open_incident(c, late, 100.0))
    assert row(db)["started_at"] == 100.0


GUARDED = [
    (EventKind.ACKNOWLEDGED, {"acknowledged_at": 200.0, "acknowledged_by": "ada"}),
    (EventKind.CLEARING, {"clear_since": 200.0}),
    (EventKind.RECOVERED, {"recovered_at": 200.0}),
    (EventKind.RESOLVED, {"resolved_at": 200.0, "resolved_by": "ada", "open_key": None}),
]


@pytest.mark.parametrize(("kind", "changed"), GUARDED)
def test_an_event_does_its_work_once(
    opened: Database, kind: EventKind, changed: dict[str, Any]
) -> None:
    assert apply(opened, event(kind, actor="ada"), event(kind, 300.0, actor="bob")) == [1, None]
    found = row(opened)
    assert {name: found[name] for name in changed} == changed


@pytest.mark.parametrize("kind", [k for k, _ in GUARDED] + [EventKind.RELAPSED, EventKind.UPGRADED])
def test_nothing_is_done_to_an_incident_that_is_over(opened: Database, kind: EventKind) -> None:
    apply(opened, event(EventKind.CLEARING), event(EventKind.RESOLVED))
    before = row(opened)
    worse = replace(SIGNAL, severity=Severity.SEV1)
    assert apply(opened, event(kind, 300.0, signal=worse)) == [None]
    assert row(opened) == before
    assert kinds(opened) == ["opened", "resolved"]


@pytest.mark.parametrize(
    "kind", [EventKind.ACKNOWLEDGED, EventKind.RECOVERED, EventKind.RELAPSED, EventKind.RESOLVED]
)
def test_states_move_as_the_lifecycle_says(opened: Database, kind: EventKind) -> None:
    def moved(c: Connection) -> dict[IncidentState, str]:
        found = {}
        for state in IncidentState:
            cleared = 150.0 if kind is EventKind.RELAPSED else None
            place = incident.update().values(
                state=state,
                open_key=KEY if is_open(state) else None,
                acknowledged_at=None,
                clear_since=cleared,
                recovered_at=None,
            )
            c.execute(place)
            incidents.apply(c, event(kind))
            found[state] = c.execute(select(incident.c.state)).scalar_one()
        return found

    assert opened.write(moved) == {state: after(kind, state) for state in IncidentState}


def test_clearing_and_its_end_leave_no_trace_on_the_timeline(opened: Database) -> None:
    assert apply(opened, event(EventKind.CLEARING), event(EventKind.UNSETTLED)) == [1, 1]
    assert row(opened)["clear_since"] is None
    assert kinds(opened) == ["opened"]
    assert apply(opened, event(EventKind.UNSETTLED)) == [None]


def test_a_relapse_takes_the_recovery_back(opened: Database) -> None:
    apply(opened, event(EventKind.CLEARING), event(EventKind.RECOVERED))
    assert apply(opened, event(EventKind.UNSETTLED)) == [None]
    assert apply(opened, event(EventKind.RELAPSED, text="Burns again: 30x")) == [1]
    assert (row(opened)["clear_since"], row(opened)["recovered_at"]) == (None, None)
    assert kinds(opened) == ["opened", "recovered", "relapsed"]


def test_an_upgrade_only_raises(opened: Database) -> None:
    worse = replace(SIGNAL, severity=Severity.SEV2, urgency=Urgency.HIGH, detail={"burn": 99})
    assert apply(opened, event(EventKind.UPGRADED, signal=worse, text="SEV3 -> SEV2")) == [1]
    found = row(opened)
    assert (found["severity"], found["urgency"], found["priority"]) == (2, "high", 2)
    assert found["detail"] == {"burn": 99}
    assert apply(opened, event(EventKind.UPGRADED, signal=SIGNAL)) == [None]
    assert row(opened)["priority"] == 2


def test_new_figures_are_taken_over_and_a_lower_severity_is_not(opened: Database) -> None:
    opened.write(lambda c: incidents.refresh(c, 1, Severity.SEV4, {"burn": 3}, 150.0))
    assert (row(opened)["severity"], row(opened)["detail"]) == (3, {"burn": 3})
    opened.write(lambda c: incidents.refresh(c, 1, Severity.SEV1, {"burn": 90}, 160.0))
    assert (row(opened)["severity"], row(opened)["priority"]) == (1, 2)
    apply(opened, event(EventKind.RESOLVED))
    opened.write(lambda c: incidents.refresh(c, 1, Severity.SEV1, {"burn": 0}, 170.0))
    assert row(opened)["detail"] == {"burn": 90}


def test_anybody_may_say_something_about_an_incident_that_is_over(opened: Database) -> None:
    apply(opened, event(EventKind.RESOLVED))
    assert apply(opened, event(EventKind.COMMENTED, actor="ada", text="was DNS")) == [1]
    assert apply(opened, event(EventKind.COMMENTED, number=99, text="lost")) == [None]
    last = opened.read(lambda c: incidents.timeline(c, 1))[-1]
    assert (last["kind"], last["actor"], last["text"]) == ("commented", "ada", "was DNS")


def test_a_resolution_after_the_clock_was_set_back_still_resolves(opened: Database) -> None:
    assert apply(opened, event(EventKind.RESOLVED, at=50.0)) == [1]
    assert row(opened)["resolved_at"] == 100.0


def test_an_event_without_a_number_goes_to_the_open_incident_of_its_key(opened: Database) -> None:
    assert apply(opened, event(EventKind.ACKNOWLEDGED, number=None)) == [1]


def test_texts_name_who_did_it(opened: Database) -> None:
    apply(
        opened,
        event(EventKind.ACKNOWLEDGED, actor="ada"),
        event(EventKind.RESOLVED, actor="bob", text="rolled back"),
    )
    texts = [entry["text"] for entry in opened.read(lambda c: incidents.timeline(c, 1, after=1))]
    assert texts == ["Acknowledged by ada", "Resolved by bob: rolled back"]


def test_words_from_outside_cannot_keep_a_fact_from_being_recorded(opened: Database) -> None:
    said = "nul \x00 and half a pair \ud800 and 😀"
    opened.write(lambda c: incidents.append(c, 1, 1.0, EventKind.COMMENTED, "x", said, {}))
    last = opened.read(lambda c: incidents.timeline(c, 1))[-1]
    assert last["text"] == "nul \ufffd and half a pair \ufffd and 😀"


def test_open_incidents_are_what_decide_needs(opened: Database) -> None:
    apply(opened, event(EventKind.ACKNOWLEDGED), event(EventKind.CLEARING))
    (found,) = opened.read(incidents.open_incidents).values()
    assert (found.number, found.key, found.state) == (1, KEY, IncidentState.INVESTIGATING)
    assert (found.urgency, found.severity) == (Urgency.LOW, Severity.SEV3)
    assert (found.acknowledged, found.clear_since, found.recovered_at) == (True, 200.0, None)


def test_pages_are_newest_first_and_filtered(db: Database) -> None:
    def fill(c: Connection) -> None:
        for n in range(6):
            signal = replace(SIGNAL, key=f"k{n}", service="ab"[n % 2])
            incidents.open_incident(c, signal, 100.0 + n)
        incidents.apply(c, Event(EventKind.RESOLVED, "k5", 200.0, 6))

    db.write(fill)

    def numbers(**asked: Any) -> list[int]:
        given = {"state": None, "service": None, "before": None, "limit": 10, **asked}
        given["viewer"] = EVERYTHING
        return [one["number"] for one in db.read(lambda c: incidents.page(c, **given))]

    assert numbers(limit=2) == [6, 5]
    assert numbers(limit=2, before=5) == [4, 3]
    assert numbers(state="open") == [5, 4, 3, 2, 1]
    assert numbers(state="resolved") == [6]
    assert numbers(service="a") == [5, 3, 1]


def test_counts_tell_open_from_over(opened: Database) -> None:
    opened.write(lambda c: incidents.open_incident(c, replace(SIGNAL, key="other"), 100.0))
    apply(opened, event(EventKind.RESOLVED))
    base = {"type": "slo-burn", "severity": 3, "priority": 4, "count": 1}
    assert opened.read(incidents.counts) == [base | {"open": False}, base | {"open": True}]


def test_an_event_that_needs_its_signal_says_so(opened: Database) -> None:
    with pytest.raises(ValueError, match="needs its signal"):
        apply(opened, event(EventKind.UPGRADED))
