"""Runs of runbooks."""

from typing import Any

import pytest

from incidents.model import IncidentType, Severity, Signal, Urgency
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from vigie.store import incidents, runs
from vigie.store.db import Database

RUNBOOK = Runbook(
    name="errors",
    title="Errors in checkout",
    match=Match(services=("checkout",), labels={"tier": "1"}),
    mode=Mode.DIAGNOSE,
    steps=(
        Step("look", StepKind.HTTP, "Look", url="http://127.0.0.1/errors", read_only=True),
        Step("ask", StepKind.MANUAL, "Ask", text="Who deployed?"),
        Step("look-again", StepKind.HTTP, "Look again", url="http://127.0.0.1/", read_only=True),
    ),
)


@pytest.fixture
def run(db: Database) -> int:
    """A run of the runbook for incident 1."""
    signal = Signal(
        key="k",
        type=IncidentType.SLO_BURN,
        service="checkout",
        slo="errors",
        title="t",
        urgency=Urgency.HIGH,
        severity=Severity.SEV1,
        started_at=1.0,
        firing=True,
        clear=False,
        recover_after_s=1.0,
    )
    db.write(lambda c: incidents.open_incident(c, signal, 1.0))
    started = db.write(lambda c: runs.start(c, 1, RUNBOOK, 2.0))
    assert started is not None
    return started


def one(db: Database) -> dict[str, Any]:
    (found,) = db.read(lambda c: runs.of_incident(c, 1))
    return dict(found)


def test_a_run_keeps_the_runbook_as_it_was(db: Database, run: int) -> None:
    found = one(db)
    assert (found["id"], found["runbook"], found["mode"]) == (run, "errors", "diagnose")
    assert (found["state"], found["started_at"], found["finished_at"]) == ("running", 2.0, None)
    snapshot = found["snapshot"]
    assert (snapshot["title"], snapshot["match"]["labels"]) == (RUNBOOK.title, {"tier": "1"})
    assert [step["kind"] for step in snapshot["steps"]] == ["http", "manual", "http"]
    assert [(s["step"], s["state"]) for s in found["steps"]] == [
        ("look", "waiting"),
        ("ask", "manual"),
        ("look-again", "waiting"),
    ]
    assert found["steps"][0]["definition"]["url"] == "http://127.0.0.1/errors"


def test_a_runbook_runs_once_for_an_incident(db: Database, run: int) -> None:
    assert db.write(lambda c: runs.start(c, 1, RUNBOOK, 9.0)) is None
    assert one(db)["id"] == run


def test_steps_run_in_order_and_end_once(db: Database, run: int) -> None:
    waiting = db.read(lambda c: runs.next_waiting(c, run))
    assert waiting is not None
    assert waiting["step"] == "look"
    assert db.write(lambda c: runs.step_started(c, run, "look", 3.0))
    assert db.write(lambda c: runs.step_started(c, run, "look", 3.5))  # its worker died
    end = (run, "look", "done", 4.0, "12 errors \x00", None)
    assert db.write(lambda c: runs.step_finished(c, *end))
    assert not db.write(lambda c: runs.step_finished(c, *end))
    assert not db.write(lambda c: runs.step_started(c, run, "look", 5.0))
    step = one(db)["steps"][0]
    assert (step["state"], step["output"], step["error"]) == ("done", "12 errors \ufffd", None)
    assert (step["started_at"], step["finished_at"]) == (3.5, 4.0)
    again = db.read(lambda c: runs.next_waiting(c, run))
    assert again is not None
    assert again["step"] == "look-again"


def test_a_run_ends_once(db: Database, run: int) -> None:
    assert db.write(lambda c: runs.finish(c, run, "done", 9.0))
    assert not db.write(lambda c: runs.finish(c, run, "failed", 10.0))
    assert (one(db)["state"], one(db)["finished_at"]) == ("done", 9.0)


def test_old_output_is_emptied_and_the_step_stays(db: Database, run: int) -> None:
    db.write(lambda c: runs.step_finished(c, run, "look", "failed", 4.0, "long", "timeout"))
    assert db.write(lambda c: runs.prune(c, 4.0, 10)) == 0
    assert db.write(lambda c: runs.prune(c, 5.0, 10)) == 1
    assert db.write(lambda c: runs.prune(c, 5.0, 10)) == 0
    step = one(db)["steps"][0]
    assert (step["output"], step["state"], step["error"]) == ("", "failed", "timeout")


def test_no_run_is_none(db: Database) -> None:
    assert db.read(lambda c: runs.get(c, 1)) is None
    assert db.read(lambda c: runs.next_waiting(c, 1)) is None
    assert db.read(lambda c: runs.of_incident(c, 1)) == []
