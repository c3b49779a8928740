"""Tasks of a type, and actions of reviews that did not help, on both databases."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, update

from fleet import ONCALL, burn_signal
from incidents.tasks import DAY_S, TaskKind, TaskSource
from incidents.types import TypeRules, Types
from vigie.commands import fields, reporting
from vigie.config import Channel, Config
from vigie.notify import tasks
from vigie.store import incidents, jobs
from vigie.store import tasks as store
from vigie.store.db import Database
from vigie.store.tables import incident
from vigie.store.tables_tasks import task
from vigie.store.visibility import EVERYTHING, Viewer

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://h/")
TYPES = Types({"slo-burn": TypeRules("slo-burn", tasks=("tell support", "freeze deploys"))})
CONFIG = replace(Config({}, {}, {}, {"team": TEAM, "oncall": ONCALL}, ()), types=TYPES)


def opened(db: Database, service: str = "checkout", at: float = NOW) -> int:
    def work(c: Connection) -> int:
        number = incidents.open_incident(c, burn_signal(service), at)
        assert number is not None
        return number

    return db.write(work)


def over(db: Database, number: int, **more: Any) -> None:
    values = {"open_key": None, "state": "resolved", "resolved_at": NOW + 60, **more}
    changed = update(incident).where(incident.c.number == number).values(**values)
    db.write(lambda c: c.execute(changed))


def action(db: Database, number: int, verified_at: float = NOW + DAY_S, **more: Any) -> int:
    """A verified action of a review; its id."""
    said = {"source": TaskSource.REVIEW, "kind": TaskKind.PREVENT, **more}

    def work(c: Connection) -> int:
        row = store.add(c, number, title="cap retries", due_at=NOW, now=NOW, by="ann", **said)
        done = {"done_at": verified_at, "done_by": "ann", "state": "verified"}
        store.change(c, row, **done, verified_at=verified_at, verified_by="bob")
        return int(row["id"])

    return db.write(work)


def recurred(db: Database, number: int, now: float) -> list[Mapping[str, Any]]:
    def work(c: Connection) -> list[Mapping[str, Any]]:
        row = incidents.get(c, number)
        assert row is not None
        return tasks.recurred(c, CONFIG, row, now)

    return db.write(work)


def test_the_tasks_of_a_type_are_added_once(db: Database) -> None:
    number = opened(db)

    def work(c: Connection) -> list[Any]:
        row = incidents.get(c, number)
        assert row is not None
        return tasks.of_type(c, CONFIG, row, NOW)

    assert [row["title"] for row in db.write(work)] == ["tell support", "freeze deploys"]
    assert db.write(work) == []
    rows = db.read(lambda c: store.of_incident(c, number))
    assert [(r["number"], r["source"], r["due_at"] - NOW) for r in rows] == [
        (1, "type", DAY_S),
        (2, "type", DAY_S),
    ]


def test_the_same_alarm_again_reopens_what_was_to_keep_it_away(db: Database) -> None:
    first = opened(db)
    id_ = action(db, first)
    over(db, first)
    second = opened(db, at=NOW + 60 * DAY_S)
    (row,) = recurred(db, second, NOW + 60 * DAY_S)
    assert (row["id"], row["state"], row["reopened"], row["verified_at"]) == (id_, "open", 1, None)
    assert row["due_at"] == NOW + 67 * DAY_S
    assert recurred(db, second, NOW + 60 * DAY_S) == []
    entry = db.read(lambda c: incidents.timeline(c, first))[-1]
    text = "Task 1 reopened: incident #2 of the same kind opened after it was verified: cap retries"
    assert (entry["kind"], entry["actor"], entry["text"]) == ("task_changed", "vigie", text)
    told = db.write(lambda c: jobs.claim(c, "t", ["notify"], now=NOW + 1e9, lease_s=1.0, limit=9))
    assert {job.payload["channel"] for job in told} == {"team", "oncall"}
    assert {(job.payload["event"], job.payload["text"]) for job in told} == {("task_changed", text)}


def test_another_alarm_of_the_same_cause_does_too_once_that_is_known(db: Database) -> None:
    first = opened(db)
    action(db, first)
    over(db, first, cause="retry-storm", key="person:1")
    second = opened(db, at=NOW + 60 * DAY_S)
    assert recurred(db, second, NOW + 60 * DAY_S) == []
    over(db, second, cause="retry-storm", resolved_at=NOW + 61 * DAY_S)
    assert len(recurred(db, second, NOW + 61 * DAY_S)) == 1


@pytest.mark.parametrize(
    ("changed", "verified_after_s", "service"),
    [
        ({"kind": TaskKind.WORK}, DAY_S, "checkout"),  # work of that day
        ({"source": TaskSource.INCIDENT}, DAY_S, "checkout"),
        ({}, 61 * DAY_S, "checkout"),  # the second was open by then
        ({}, -31 * DAY_S, "checkout"),  # 91 days before
        ({}, DAY_S, "payments"),
    ],
)
def test_what_a_recurrence_says_nothing_against_stays_verified(
    db: Database, changed: dict[str, Any], verified_after_s: float, service: str
) -> None:
    first = opened(db)
    action(db, first, NOW + verified_after_s, **changed)
    over(db, first)
    second = opened(db, service, NOW + 60 * DAY_S)
    assert recurred(db, second, NOW + 62 * DAY_S) == []


def listed(db: Database, viewer: Viewer = EVERYTHING, **asked: Any) -> list[tuple[int, int]]:
    given = {"state": "left", "limit": 50, "now": NOW + 10, **asked}
    rows = db.read(lambda c: store.page(c, viewer, **given))
    return [(row["incident"], row["number"]) for row in rows]


def test_all_that_is_left_is_listed_by_due_date(db: Database) -> None:
    one, two = opened(db), opened(db, "payments")

    def work(c: Connection) -> None:
        for number, due_at, owner in (
            (one, 30.0, "Ada"), (two, 5.0, None), (two, 30.0, "bob"), (one, 20.0, "ada"),
        ):  # fmt: skip
            said: dict[str, Any] = {
                "source": TaskSource.INCIDENT,
                "kind": TaskKind.WORK,
                "title": "t",
            }
            store.add(c, number, due_at=NOW + due_at, now=NOW, by="ann", owner=owner, **said)

    db.write(work)
    every = [(two, 1), (one, 2), (one, 1), (two, 2)]
    assert listed(db) == every
    assert listed(db, owner="ADA") == [(one, 2), (one, 1)]
    assert listed(db, not_owner="ada") == [(two, 1), (two, 2)]
    assert listed(db, overdue=True) == [(two, 1)]
    assert listed(db, overdue=False) == every[1:]
    assert listed(db, state="done") == []
    rows = db.read(lambda c: store.page(c, EVERYTHING, state=None, limit=2, now=NOW))
    assert listed(db, after=rows[-1]["id"]) == every[2:]
    assert db.read(lambda c: store.open_counts(c, NOW + 10)) == {False: 3, True: 1}


def test_tasks_of_a_restricted_incident_are_there_for_its_people_only(db: Database) -> None:
    one, two = opened(db), opened(db, "payments")
    for number in (one, two):
        action(db, number)
    hidden = update(incident).where(incident.c.number == one).values(restricted=1)
    db.write(lambda c: c.execute(hidden))
    given: dict[str, Any] = {"state": "verified"}
    assert listed(db, **given) == [(one, 1), (two, 1)]
    assert listed(db, Viewer("eve"), **given) == [(two, 1)]
    assert listed(db, Viewer("eve", frozenset({one})), **given) == [(one, 1), (two, 1)]
    # Nor does the place of one that cannot be seen show.
    last = db.read(lambda c: c.execute(task.select().where(task.c.incident == one))).first()
    assert last is not None
    assert listed(db, Viewer("eve"), **given, after=last.id) == []


def test_an_incident_that_somebody_reports_gets_the_tasks_of_its_type(db: Database) -> None:
    types = Types({"outage": TypeRules("outage", tasks=("call the provider",))})
    config = replace(CONFIG, types=types)
    said = reporting.Report("the mail is gone", type="outage")
    incident = reporting.report(db, config, said, actor="ann", now=NOW)
    rows = db.read(lambda c: store.of_incident(c, incident["number"]))
    assert [(row["source"], row["title"]) for row in rows] == [("type", "call the provider")]


def test_a_cause_that_is_set_later_reopens_what_was_to_prevent_it(db: Database) -> None:
    first = opened(db)
    action(db, first)
    over(db, first, cause="retry-storm", key="person:1")
    second = opened(db, at=NOW + 60 * DAY_S)
    changes, now = {"cause": "retry-storm"}, NOW + 60 * DAY_S + 1
    fields.edit(db, CONFIG, second, changes, actor="ann", now=now)
    (row,) = db.read(lambda c: store.of_incident(c, first))
    assert (row["state"], row["reopened"]) == ("open", 1)
