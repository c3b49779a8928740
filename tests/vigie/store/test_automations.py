"""What automations wait for and did, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, select

from incidents.model import EventKind, IncidentType, Severity, Signal, Urgency
from vigie.store import automations, incidents, timeline
from vigie.store.automations import RunState
from vigie.store.db import Database
from vigie.store.tables import incident, job
from vigie.store.visibility import EVERYTHING, Viewer

SIGNAL = Signal(
    key="a",
    type=IncidentType.NO_DATA,
    service="s",
    slo="",
    title="no data",
    urgency=Urgency.LOW,
    severity=Severity.SEV2,
    started_at=1.0,
    firing=True,
    clear=False,
    recover_after_s=1.0,
)
DO = [{"do": "comment", "given": {"text": "a"}}, {"do": "page", "given": {}}]


def opened(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, 10.0))
    assert number is not None
    return number


def begin(
    c: Connection, number: int, position: int, chain: Sequence[str], at: float, **more: Any
) -> int | None:
    state = more.get("state", RunState.RUNNING)
    why, plan = more.get("why", "w"), more.get("plan", DO)
    return automations.begin(c, number, position, chain[-1], chain, state, why, plan, at)


def waiting(db: Database) -> list[str]:
    found = select(job.c.dedup).where(job.c.kind == automations.JOB).order_by(job.c.id)
    return db.read(lambda c: list(c.execute(found).scalars()))


def test_an_entry_that_is_waited_for_has_its_job_and_no_other(db: Database) -> None:
    opened(db)
    db.write(lambda c: automations.wait_for(c, {"commented", "resolved"}))
    db.write(lambda c: timeline.append(c, 1, 20.0, EventKind.COMMENTED, "ada", "a", {}))
    db.write(lambda c: timeline.append(c, 1, 21.0, EventKind.FIELD_SET, "ada", "a", {}))
    db.write(lambda c: automations.wait_for(c, {"field_set"}))
    db.write(lambda c: timeline.append(c, 1, 22.0, EventKind.FIELD_SET, "ada", "a", {}))
    db.write(lambda c: timeline.append(c, 1, 23.0, EventKind.COMMENTED, "ada", "a", {}))
    db.write(lambda c: automations.wait_for(c, ()))
    db.write(lambda c: timeline.append(c, 1, 24.0, EventKind.FIELD_SET, "ada", "a", {}))
    assert waiting(db) == ["automate:1:2", "automate:1:4"]


def test_an_entry_that_is_not_kept_leaves_no_job(db: Database) -> None:
    opened(db)
    db.write(lambda c: automations.wait_for(c, {"commented"}))

    def fails(c: Connection) -> None:
        timeline.append(c, 1, 20.0, EventKind.COMMENTED, "ada", "a", {})
        raise LookupError

    with pytest.raises(LookupError):
        db.write(fails)
    assert waiting(db) == []


def test_a_run_is_written_once_and_goes_on_by_one_worker(db: Database) -> None:
    number = opened(db)
    id_ = db.write(lambda c: begin(c, number, 1, ["a"], 20.0))
    assert id_ is not None
    assert db.write(lambda c: begin(c, number, 1, ["a"], 21.0)) is None
    run = db.read(lambda c: automations.get(c, id_))
    assert run is not None
    assert (run["chain"], run["plan"], run["results"]) == (["a"], DO, [])
    done, failed = {"ok": True, "text": ""}, {"ok": False, "text": "no\x00"}
    assert db.write(lambda c: automations.note(c, run, done))
    assert not db.write(lambda c: automations.note(c, run, failed))
    after = db.read(lambda c: automations.get(c, id_))
    assert after is not None
    assert db.write(lambda c: automations.note(c, after, failed))
    last = db.read(lambda c: automations.get(c, id_))
    assert last is not None
    assert (last["failures"], len(last["results"])) == (1, 2)
    assert db.write(lambda c: automations.finish(c, last, 30.0))
    assert not db.write(lambda c: automations.finish(c, last, 31.0))
    (ended,) = db.read(lambda c: automations.of_entry(c, number, 1))
    assert (ended["state"], ended["finished_at"]) == ("failed", 30.0)


def test_what_ran_and_what_was_refused_lately_is_told_apart(db: Database) -> None:
    number, refused = opened(db), RunState.REFUSED
    db.write(lambda c: begin(c, number, 1, ["a"], 20.0))
    db.write(lambda c: begin(c, number, 2, ["a"], 30.0))
    db.write(lambda c: begin(c, number, 3, ["a"], 30.0, state=refused, why="too many"))
    assert db.read(lambda c: automations.ran_since(c, number, 20.0)) == 1
    assert db.read(lambda c: automations.ran_since(c, number, 19.0)) == 2
    assert db.read(lambda c: automations.was_refused(c, number, "too many", 29.0))
    assert not db.read(lambda c: automations.was_refused(c, number, "too many", 30.0))
    assert not db.read(lambda c: automations.was_refused(c, number, "other", 29.0))


def test_the_cause_is_the_deepest_run_that_can_be_it(db: Database) -> None:
    number = opened(db)
    db.write(lambda c: begin(c, number, 1, ["a"], 20.0))
    db.write(lambda c: begin(c, number, 2, ["b", "a"], 20.0))
    db.write(lambda c: begin(c, number, 7, ["b", "c", "a"], 20.0))
    deepest = db.read(lambda c: automations.cause(c, number, "a", 5, 25.0))
    assert deepest is not None
    assert deepest["chain"] == ["b", "a"]
    assert db.write(lambda c: automations.finish(c, deepest, 22.0))
    first = db.read(lambda c: automations.cause(c, number, "a", 5, 25.0))
    assert first is not None
    assert first["chain"] == ["a"]
    assert db.read(lambda c: automations.cause(c, number, "x", 5, 25.0)) is None


def test_counts_are_of_what_the_viewer_sees(db: Database) -> None:
    number = opened(db)
    db.write(lambda c: begin(c, number, 1, ["a"], 20.0))
    db.write(lambda c: begin(c, number, 2, ["a"], 30.0, plan=[]))
    db.write(lambda c: begin(c, number, 3, ["a"], 40.0, state=RunState.REFUSED))
    seen = db.read(lambda c: automations.counts(c, EVERYTHING))["a"]
    assert (seen["runs"], seen["refused"], seen["failures"]) == (2, 1, 0)
    assert (seen["last_run_at"], seen["last_incident"]) == (30.0, number)
    db.write(lambda c: c.execute(incident.update().values(restricted=1)))
    assert db.read(lambda c: automations.counts(c, Viewer("ada"))) == {}
