"""What people say about a severity, on a real database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from incidents.matrix import Modifier, Priorities, PriorityMatrix
from incidents.model import IncidentType, Severity, Signal, Urgency
from vigie.commands import resolve, set_severity
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.config import Channel, Config
from vigie.store import incidents, jobs
from vigie.store.db import Database, open_database

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://h/")
RULES = Priorities((PriorityMatrix("m", modifiers=(Modifier("tier 1", {"tier": "1"}, moves=1),)),))
CONFIG = replace(Config({}, {}, {}, {"team": TEAM}, ()), priorities=RULES)
SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout/availability burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
    labels={"tier": "1"},
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


@pytest.fixture
def number(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW - 30, RULES))
    assert number is not None
    return number


def put(db: Database, number: int, severity: Severity | None, **more: Any) -> Any:
    given = {"actor": "ann", "reason": "seen", "now": NOW, **more}
    return set_severity(db, CONFIG, number, severity, **given)


def said(db: Database, number: int) -> list[tuple[str, str, str]]:
    entries = db.read(lambda c: incidents.timeline(c, number))
    return [(entry["kind"], entry["actor"], entry["text"]) for entry in entries[1:]]


def told(db: Database) -> list[tuple[str, str]]:
    claimed = db.write(
        lambda c: jobs.claim(c, "test", ["notify"], now=NOW + 9, lease_s=30.0, limit=10)
    )
    return [(job.payload["event"], job.payload["kind"]) for job in claimed]


def test_it_is_written_down_with_its_reason_and_told(db: Database, number: int) -> None:
    incident = put(db, number, Severity.SEV4, reason=" only the preview\n")
    assert (incident["severity"], incident["priority"]) == (4, 3)
    assert incident["severity_set_for"] == "only the preview"
    text = "Severity SEV2 -> SEV4, by ann (P1 -> P3): only the preview"
    assert said(db, number) == [("severity_set", "ann", text)]
    assert told(db) == [("severity_set", "notice")]


def test_it_is_given_back_to_what_is_measured(db: Database, number: int) -> None:
    put(db, number, Severity.SEV4)
    incident = put(db, number, None, reason="it spreads", now=NOW + 1)
    assert (incident["severity"], incident["severity_set_at"]) == (2, None)
    text = "Severity SEV4 -> SEV2, as measured, by ann (P3 -> P1): it spreads"
    assert said(db, number)[1] == ("severity_set", "ann", text)


def test_the_same_key_is_done_once(db: Database, number: int) -> None:
    first = put(db, number, Severity.SEV1, key="k")
    put(db, number, Severity.SEV3, key="other", now=NOW + 1)
    again = put(db, number, Severity.SEV1, key="k", now=NOW + 2)
    assert (first["severity"], again["severity"]) == (1, 3)
    assert len(said(db, number)) == 2


def test_what_cannot_be_is_refused_by_name(db: Database, number: int) -> None:
    with pytest.raises(NotFound, match="no incident #99"):
        put(db, 99, Severity.SEV1)
    for wrong in ({"reason": "  "}, {"actor": ""}, {"reason": "x" * 1001}):
        with pytest.raises(Invalid):
            put(db, number, Severity.SEV1, **wrong)
    resolve(db, CONFIG, number, "ann", "done", NOW)
    with pytest.raises(Conflict, match="resolved already"):
        put(db, number, Severity.SEV1)
    assert [kind for kind, _, _ in said(db, number)] == ["resolved"]
