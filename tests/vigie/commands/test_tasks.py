"""What people do to tasks, on a real database."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from fleet import CONFIG as FLEET
from fleet import burn_signal
from incidents.tasks import DAY_S, TaskKind, TaskSource
from slo.spec import DataSource
from vigie.commands import resolve, tasks
from vigie.commands.errors import CommandError, Conflict, Invalid, NotFound
from vigie.store import incidents, jobs
from vigie.store.db import Database, open_database

NOW = 1_790_000_000.0
PROM = DataSource("prom", "prometheus", "http://127.0.0.1:9")
CONFIG = replace(FLEET, sources={"prom": PROM})
SLO = {"kind": "slo", "slo": "checkout/availability", "window": "1h"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


@pytest.fixture
def number(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, burn_signal(), NOW - 30))
    assert number is not None
    return number


def add(db: Database, number: int, title: str = "raise the limit", **more: Any) -> Any:
    return tasks.add(db, CONFIG, number, title, **{"actor": "ann", "now": NOW, **more})


def edit(db: Database, number: int, task: int, changes: Mapping[str, Any], **more: Any) -> Any:
    given = {"actor": "bob", "now": NOW + 1, **more}
    return tasks.edit(db, CONFIG, number, task, changes, **given)


def said(db: Database, number: int) -> list[tuple[str, str, str]]:
    entries = db.read(lambda c: incidents.timeline(c, number))
    return [(entry["kind"], entry["actor"], entry["text"]) for entry in entries[1:]]


def waiting(db: Database, within_s: float) -> list[tuple[str, float]]:
    """The jobs of tasks that are due by then: what each is about, and when."""
    at = NOW + within_s
    claimed = db.write(lambda c: jobs.claim(c, "t", ["task"], now=at, lease_s=0.0, limit=50))
    return [(job.payload["what"], job.run_at - NOW) for job in claimed]


def test_a_task_is_written_down_and_due_in_a_day(db: Database, number: int) -> None:
    row = add(db, number, " raise the limit\n", owner="cy", priority=2, description="see #3")
    assert (row["number"], row["title"], row["state"]) == (1, "raise the limit", "open")
    assert (row["owner"], row["priority"], row["due_at"]) == ("cy", 2, NOW + DAY_S)
    assert said(db, number) == [("task_added", "ann", "Task 1 for cy: raise the limit")]
    assert waiting(db, DAY_S) == [("remind", 0.75 * DAY_S)]
    assert add(db, number, "another")["number"] == 2


def test_an_action_of_the_review_may_come_when_the_incident_is_over(
    db: Database, number: int
) -> None:
    resolve(db, CONFIG, number, "ann", "done", NOW)
    row = add(db, number, source=TaskSource.REVIEW, kind=TaskKind.PREVENT)
    assert (row["source"], row["kind"], row["due_at"]) == ("review", "prevent", NOW + 7 * DAY_S)


def test_the_same_key_adds_once_and_does_once(db: Database, number: int) -> None:
    first = add(db, number, key="k")
    add(db, number, "other", key="other")
    assert add(db, number, "never", key="k") == first
    assert tasks.do(db, number, 1, actor="ann", now=NOW, key="d")["state"] == "done"
    tasks.undo(db, number, 1, actor="ann", now=NOW)
    assert tasks.do(db, number, 1, actor="ann", now=NOW, key="d")["state"] == "open"
    with pytest.raises(Conflict, match="used on incident #1 for something else"):
        add(db, number, key="d")
    assert len(said(db, number)) == 4


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"title": " "}, "title is empty"),
        ({"title": "a\nb"}, "cannot be shown"),
        ({"title": "x" * 201}, "201 characters"),
        ({"owner": "a\x07"}, "owner holds"),
        ({"priority": 6}, "1 to 5"),
        ({"due_at": NOW}, "is past"),
        ({"due_at": NOW + 1e12}, "five years"),
        ({"check": {"kind": "slo", "slo": "no/such"}}, "no SLO `no/such`"),
        ({"check": {**SLO, "window": "7d"}}, "not measured over 7d: take one of 5m, 1h, 6h, 3d"),
        ({"check": {"kind": "promql", "expr": "up", "source": "x"}}, "no DataSource `x`"),
        ({"check": {"kind": "run", "runbook": "x"}}, "no runbook `x`"),
        ({"check": {"kind": "shell"}}, "cannot be read"),
        ({"colour": "red"}, "has no `colour`"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(
    db: Database, number: int, wrong: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Invalid, match=problem):
        add(db, number, **{"title": "t", **wrong})
    assert said(db, number) == []


def test_an_incident_has_so_many_tasks_and_no_more(
    db: Database, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAX_TASKS", 2)
    add(db, number), add(db, number)
    with pytest.raises(Conflict, match="has 2 tasks"):
        add(db, number)


def test_a_query_that_names_no_source_asks_the_only_one(db: Database, number: int) -> None:
    row = add(db, number, check={"kind": "promql", "expr": "up", "op": "==", "value": 1})
    assert row["check_asked"]["source"] == "prom"
    none = replace(CONFIG, sources={})
    with pytest.raises(Invalid, match="none is the default"):
        tasks.add(db, none, number, "t", actor="a", now=NOW, check={"kind": "promql", "expr": "u"})


def test_an_edit_says_what_it_changed_and_moves_the_reminders(db: Database, number: int) -> None:
    add(db, number)
    row = edit(db, number, 1, {"owner": "cy", "due_at": NOW + 4 * DAY_S + 1, "priority": 1})
    assert (row["owner"], row["version"], row["due_set_at"]) == ("cy", 2, NOW + 1)
    (_, (kind, who, text)) = said(db, number)
    assert (kind, who) == ("task_changed", "bob")
    assert "owner none -> cy; due 2026-" in text
    assert text.endswith("priority none -> P1")
    assert ("remind", 3 * DAY_S + 1) in waiting(db, 4 * DAY_S)
    assert edit(db, number, 1, {"owner": "cy"}) == row  # nothing new is no change
    assert len(said(db, number)) == 2


def test_of_two_who_edit_the_second_is_told_what_the_first_changed(
    db: Database, number: int
) -> None:
    add(db, number)
    edit(db, number, 1, {"owner": "cy"}, seen=1)
    with pytest.raises(Conflict, match=r"changed since you looked \(bob: Task 1 owner none -> cy"):
        edit(db, number, 1, {"title": "else"}, seen=1, actor="dee")
    assert edit(db, number, 1, {"title": "else"}, seen=2)["title"] == "else"


def test_a_task_goes_its_way_and_back(db: Database, number: int) -> None:
    add(db, number)
    assert tasks.start(db, number, 1, actor="bob", now=NOW)["owner"] == "bob"
    row = tasks.do(db, number, 1, actor="bob", now=NOW + 5)
    assert (row["state"], row["done_at"], row["done_by"]) == ("done", NOW + 5, "bob")
    assert tasks.do(db, number, 1, actor="ann", now=NOW + 6) == row
    with pytest.raises(Conflict, match="bob did task 1"):
        tasks.verify(db, number, 1, actor="Bob", now=NOW + 7)
    row = tasks.verify(db, number, 1, actor="ann", now=NOW + 7)
    assert (row["state"], row["verified_by"]) == ("verified", "ann")
    with pytest.raises(Conflict, match="is verified: undo"):
        edit(db, number, 1, {"title": "x"})
    with pytest.raises(Conflict, match="is verified, and cannot become dropped"):
        tasks.drop(db, number, 1, actor="ann", reason="r", now=NOW)
    row = tasks.undo(db, number, 1, actor="ann", now=NOW + 8)
    assert (row["state"], row["reopened"], row["done_at"]) == ("open", 1, None)
    row = tasks.drop(db, number, 1, actor="ann", reason="moot", now=NOW + 9)
    assert (row["state"], row["dropped_for"]) == ("dropped", "moot")
    with pytest.raises(Conflict, match="cannot become done"):
        tasks.do(db, number, 1, actor="ann", now=NOW)
    assert [text for _, _, text in said(db, number)][1:] == [
        "Task 1 begun: raise the limit",
        "Task 1 done: raise the limit",
        "Task 1 verified: raise the limit",
        "Task 1 opened again: raise the limit",
        "Task 1 dropped (moot): raise the limit",
    ]


def test_where_nobody_is_told_apart_anybody_verifies(db: Database, number: int) -> None:
    add(db, number)
    tasks.do(db, number, 1, actor="ann", now=NOW)
    row = tasks.verify(db, number, 1, actor="ann", now=NOW, told_apart=False)
    assert row["state"] == "verified"


def test_what_has_a_check_is_verified_by_nobody_else(db: Database, number: int) -> None:
    add(db, number, check=SLO)
    with pytest.raises(Conflict, match="is open, and cannot become verified"):
        tasks.verify(db, number, 1, actor="bob", now=NOW)
    tasks.do(db, number, 1, actor="ann", now=NOW)
    assert waiting(db, 0.0) == [("look", 0.0)]
    assert tasks.verify(db, number, 1, actor="bob", now=NOW + 60)["state"] == "done"
    assert ("look", 60.0) in waiting(db, 60.0)


def test_another_check_of_what_is_done_looks_anew(db: Database, number: int) -> None:
    add(db, number)
    tasks.do(db, number, 1, actor="ann", now=NOW)
    assert waiting(db, 60.0) == []
    edit(db, number, 1, {"check": SLO}, now=NOW + 60)
    assert waiting(db, 60.0) == [("look", 60.0)]


def test_what_is_not_there_is_not_found(db: Database, number: int) -> None:
    for incident, task in ((99, 1), (number, 1)):
        for command in (tasks.do, tasks.undo, tasks.start, tasks.verify):
            with pytest.raises(NotFound):
                command(db, incident, task, actor="ann", now=NOW)
    with pytest.raises(NotFound, match="no incident #99"):
        add(db, 99)
    assert issubclass(NotFound, CommandError)
