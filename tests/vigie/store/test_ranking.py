"""Priority, its reasons, what a person set and what is due, as they are stored."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, StaticPool, create_engine, text

from incidents.decide import decide
from incidents.matrix import Modifier, Priorities, PriorityMatrix, TimeTarget
from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from incidents.priority import Facts, prioritize
from vigie.store import incidents, jobs, ranking, schema
from vigie.store.db import Database, connect, parsed
from vigie.store.tables import metadata

SIGNAL = Signal(
    key="slo-burn:shop/availability",
    type=IncidentType.SLO_BURN,
    service="shop",
    slo="availability",
    title="shop/availability burns 21x its budget",
    urgency=Urgency.HIGH,
    severity=Severity.SEV3,
    started_at=90.0,
    firing=True,
    clear=False,
    recover_after_s=60.0,
    labels={"team": "web"},
)
MATRIX = PriorityMatrix(
    "m",
    modifiers=(Modifier("service tier 1", {"tier": "1"}, moves=1),),
    response={1: TimeTarget(60.0, 20.0), 2: TimeTarget(300.0, 60.0)},
    resolution={1: TimeTarget(600.0, 0.0), 2: TimeTarget(3600.0, 900.0)},
)
RULES = Priorities((MATRIX,), {"shop": {"tier": "1"}})
SEV1 = replace(SIGNAL, severity=Severity.SEV1)


@pytest.fixture
def opened(db: Database) -> Database:
    """A database with one open incident, number 1: SEV3, raised from P3 to P2."""
    assert db.write(lambda c: incidents.open_incident(c, SIGNAL, 100.0, RULES)) == 1
    return db


def row(db: Database) -> dict[str, Any]:
    found = db.read(lambda c: incidents.get(c, 1))
    assert found is not None
    return dict(found)


def due(db: Database) -> tuple[float | None, float | None]:
    found = row(db)
    return found["response_due_at"], found["resolution_due_at"]


def put(db: Database, severity: Severity | None, at: float, reason: str = "seen") -> None:
    db.write(lambda c: _set(c, severity, at, reason))


def happen(db: Database, kind: EventKind, at: float, signal: Signal = SEV1) -> int | None:
    event = Event(kind, SIGNAL.key, at, 1, signal, actor="ann")
    return db.write(lambda c: incidents.apply(c, event, RULES))


def timers(db: Database) -> list[tuple[str, float]]:
    far = {"now": 1e12, "lease_s": 1.0, "limit": 99}
    claimed = db.write(lambda c: jobs.claim(c, "test", ["target"], **far))
    return [(job.dedup, job.run_at) for job in claimed]


def test_an_incident_opens_with_its_reasons_and_what_is_due(opened: Database) -> None:
    found = row(opened)
    assert (found["severity"], found["priority"], found["measured_severity"]) == (3, 2, 3)
    assert found["priority_reasons"] == ["SEV3 x high urgency: P3", "raised by 1: service tier 1"]
    assert due(opened) == (400.0, 3700.0)
    assert timers(opened) == [
        ("target:1:response:before:400000:100000", 340.0),
        ("target:1:response:breach:400000:100000", 400.0),
        ("target:1:resolution:before:3700000:100000", 2800.0),
        ("target:1:resolution:breach:3700000:100000", 3700.0),
    ]


def test_labels_of_the_incident_come_before_those_of_its_service(db: Database) -> None:
    signal = replace(SIGNAL, labels={"tier": "2"})
    db.write(lambda c: incidents.open_incident(c, signal, 100.0, RULES))
    assert row(db)["priority"] == 3
    assert due(db) == (None, None)
    assert timers(db) == []


def test_one_that_gets_worse_is_ranked_again_and_due_sooner(opened: Database) -> None:
    assert happen(opened, EventKind.UPGRADED, 200.0) == 1
    found = row(opened)
    assert (found["severity"], found["priority"], found["measured_severity"]) == (1, 1, 1)
    assert found["priority_reasons"][0] == "SEV1 x high urgency: P1"
    assert due(opened) == (260.0, 800.0)
    added = [key for key, _ in timers(opened) if key.endswith(":200000")]
    assert added == [
        "target:1:response:before:260000:200000",
        "target:1:response:breach:260000:200000",
        "target:1:resolution:breach:800000:200000",  # no notice before: 0s
    ]


def test_newer_figures_rank_it_again_too(opened: Database) -> None:
    opened.write(lambda c: incidents.refresh(c, 1, Severity.SEV1, {}, 150.0, RULES))
    assert (row(opened)["priority"], due(opened)) == (1, (210.0, 750.0))
    opened.write(lambda c: incidents.refresh(c, 1, Severity.SEV4, {}, 160.0, RULES))
    assert (row(opened)["priority"], due(opened)) == (1, (210.0, 750.0))


def test_what_was_answered_keeps_the_time_it_was_due_at(opened: Database) -> None:
    happen(opened, EventKind.ACKNOWLEDGED, 150.0)
    happen(opened, EventKind.UPGRADED, 200.0)
    assert due(opened) == (400.0, 800.0)


def test_a_person_may_lower_it_and_raise_it(opened: Database) -> None:
    put(opened, Severity.SEV4, 120.0, "only the preview")
    found = row(opened)
    assert (found["severity"], found["priority"], found["measured_severity"]) == (4, 3, 3)
    said = [found[f"severity_set_{name}"] for name in ("at", "by", "for")]
    assert said == [120.0, "ann", "only the preview"]
    assert due(opened) == (None, None)
    put(opened, Severity.SEV1, 130.0)
    assert (row(opened)["priority"], due(opened)) == (1, (190.0, 730.0))


def test_what_a_person_set_stands_whatever_is_measured_later(opened: Database) -> None:
    put(opened, Severity.SEV4, 120.0)
    assert happen(opened, EventKind.UPGRADED, 200.0) == 1
    opened.write(lambda c: incidents.refresh(c, 1, Severity.SEV2, {}, 210.0, RULES))
    found = row(opened)
    assert (found["severity"], found["priority"], found["measured_severity"]) == (4, 3, 1)
    assert due(opened) == (None, None)
    put(opened, None, 300.0)
    found = row(opened)
    assert (found["severity"], found["priority"], found["severity_set_by"]) == (1, 1, None)
    assert due(opened) == (360.0, 900.0)


def test_a_measured_severity_is_decided_once_under_a_person_s_word(opened: Database) -> None:
    """Else the machine would tell of the same upgrade at every tick."""
    put(opened, Severity.SEV4, 120.0)
    for expected in (["measured SEV3 -> SEV1, set by a person"], []):
        events = decide(opened.read(incidents.open_incidents), [SEV1], 200.0)
        told = [event.text.partition(": ")[0] for event in events]
        assert told == expected
        for event in events:
            opened.write(lambda c, e=event: incidents.apply(c, e, RULES))
    assert row(opened)["severity"] == 4


def test_a_word_of_no_severity_changes_no_due_time(opened: Database) -> None:
    before = due(opened)
    put(opened, Severity.SEV3, 120.0)
    assert due(opened) == before
    assert len(timers(opened)) == 4


steps = st.lists(
    st.tuples(
        st.sampled_from(["measure", "refresh", "set", "acknowledge"]),
        st.sampled_from([*Severity, None]),
        st.sampled_from(Urgency),
    ),
    max_size=8,
)


@given(steps)
def test_priority_is_always_what_the_matrix_says_of_the_row(
    story: list[tuple[str, Severity | None, Urgency]],
) -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    measured, said, at = Severity.SEV3, None, 100.0
    with engine.begin() as c:
        metadata.create_all(c)
        incidents.open_incident(c, SIGNAL, at, RULES)
        for what, severity, urgency in story:
            at += 10.0
            worse = severity or Severity.SEV2
            if what == "set":
                said = severity
                _set(c, severity, at)
            elif what == "acknowledge":
                _apply(c, EventKind.ACKNOWLEDGED, at, SIGNAL)
            else:
                measured = min(measured, worse)
                signal = replace(SIGNAL, severity=worse, urgency=urgency)
                if what == "refresh":
                    incidents.refresh(c, 1, worse, {}, at, RULES)
                else:
                    _apply(c, EventKind.UPGRADED, at, signal)
            _check(c, measured, said)
    engine.dispose()


def _apply(c: Connection, kind: EventKind, at: float, signal: Signal) -> None:
    incidents.apply(c, Event(kind, SIGNAL.key, at, 1, signal, actor="ann"), RULES)


def _set(c: Connection, severity: Severity | None, at: float, reason: str = "seen") -> None:
    incident = ranking.held(c, 1)
    assert incident is not None
    ranking.set_severity(c, incident, severity, "ann", reason, at, RULES)


def _check(c: Connection, measured: Severity, said: Severity | None) -> None:
    found = incidents.get(c, 1)
    assert found is not None
    assert found["measured_severity"] == measured
    assert found["severity"] == (said or measured)
    assert found["urgency"] == "high"  # it opened so, and urgency only rises
    facts = Facts(Severity(found["severity"]), Urgency.HIGH, "slo-burn", {"tier": "1"})
    expected = prioritize(MATRIX, facts)
    assert found["priority"] == expected.level
    assert tuple(found["priority_reasons"]) == expected.reasons


def test_what_was_open_before_is_measured(empty_database_url: str) -> None:
    columns = (
        "number, key, open_key, title, type, service, slo, state, severity, urgency, priority, "
        "reporter, labels, detail, started_at, detected_at, reported_at, opened_at"
    )
    values = "1, 'k', 'k', 't', 'slo-burn', 's', 'o', 'triage', 2, 'high', 2, 'vigie', '{}', '{}'"
    with closing(connect(parsed(empty_database_url), read_only=False)) as db:
        db.write(_third)
        add = f"INSERT INTO incident ({columns}) VALUES ({values}, 1.0, 1.0, 1.0, 1.0)"
        db.write(lambda c: c.execute(text(add)))
        assert db.write(schema.migrate)
        found = row(db)
        assert (found["severity"], found["measured_severity"]) == (2, 2)
        assert found["priority_reasons"] == []
        assert (found["severity_set_by"], due(db)) == (None, (None, None))


def _third(c: Connection) -> None:
    """The tables of the third revision."""
    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS))
    config.attributes["connection"] = c
    command.upgrade(config, "0003")
