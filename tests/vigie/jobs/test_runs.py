"""How the diagnosis of a new incident begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from blank import blank_database
from incidents.model import IncidentType, Severity, Signal, Urgency
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from vigie.jobs.runs import start_runs
from vigie.store import incidents, runs
from vigie.store.db import Database, open_database
from vigie.store.jobs import NewJob

NOW = 1_790_000_000.0
SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout/availability burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)
LOOK = Step("look", StepKind.HTTP, "Look", url="http://h/", read_only=True)
SAY = Step("say", StepKind.MANUAL, "Say")


def runbook(name: str, *steps: Step, mode: Mode = Mode.DIAGNOSE) -> Runbook:
    return Runbook(name, name, Match(), mode, steps)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


def begun(db: Database, number: int, *books: Runbook) -> list[NewJob]:
    return db.write(lambda c: start_runs(c, number, SIGNAL, books, NOW))


@pytest.fixture
def number(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW))
    assert number is not None
    return number


def test_each_fitting_runbook_that_can_look_begins_with_its_first_looking_step(
    db: Database, number: int
) -> None:
    jobs = begun(db, number, runbook("a", SAY, LOOK), runbook("b", LOOK), runbook("c", SAY))
    kept = db.read(lambda c: runs.of_incident(c, number))
    assert [run["runbook"] for run in kept] == ["a", "b"]
    assert [(job.kind, job.dedup, job.incident) for job in jobs] == [
        ("step", f"run:{kept[0]['id']}:look", number),
        ("step", f"run:{kept[1]['id']}:look", number),
    ]
    assert all(job.idempotent for job in jobs)


def test_a_runbook_runs_once_for_an_incident(db: Database, number: int) -> None:
    assert len(begun(db, number, runbook("a", LOOK))) == 1
    assert begun(db, number, runbook("a", LOOK)) == []


def test_the_timeline_says_why_a_runbook_runs(db: Database, number: int) -> None:
    begun(db, number, runbook("a", LOOK))
    entry = db.read(lambda c: incidents.timeline(c, number))[-1]
    assert (entry["kind"], entry["text"]) == ("run_started", "Runbook a: diagnosis begins")
    assert entry["data"]["reason"] == "matches every incident"
