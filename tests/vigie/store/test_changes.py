"""Changes in the database: told once or again, found by time and service."""

from dataclasses import replace
from functools import partial
from typing import Any

from collectors.changes import Change, Kind, Status
from vigie.store import changes
from vigie.store.changes import Stored
from vigie.store.db import Database

RUNNING = Change(
    "gh", "deployment/1", "deploy\x00", Kind.DEPLOY, Status.RUNNING, 1000.0, 1000.0,
    services=("checkout", "payments"), version="abc", actor="ann", url="https://ci.example/1",
    environment="production", labels={"ref": "main"},
)  # fmt: skip
DONE = replace(RUNNING, status=Status.SUCCEEDED, stated_at=1060.0, finished_at=1060.0)


def tell(db: Database, told: Change, now: float = 2000.0) -> tuple[int, bool]:
    return db.write(lambda c: changes.record(c, told, now))


def found(
    db: Database, start: float | None = None, end: float | None = None, **by: Any
) -> list[str]:
    stored = db.read(lambda c: changes.page(c, start, end, **by))
    return [one.change.title for one in stored]


def at(title: str, start: float, **more: Any) -> Change:
    change = Change("api", None, title, Kind.CONFIG, Status.SUCCEEDED, start, start, start)
    return replace(change, services=("checkout",), **more)


def test_a_change_is_read_as_it_was_told(db: Database) -> None:
    number, is_new = tell(db, RUNNING)
    assert is_new
    stored = db.read(lambda c: changes.get(c, number))
    assert stored == Stored(number, replace(RUNNING, title="deploy\ufffd"), 2000.0)
    assert db.read(lambda c: changes.get(c, number + 1)) is None


def test_told_again_it_goes_forward_and_never_back(db: Database) -> None:
    number, _ = tell(db, DONE)
    more = replace(RUNNING, services=("search",), started_at=990.0)
    assert tell(db, more) == (number, False)
    stored = db.read(lambda c: changes.get(c, number))
    assert stored is not None
    assert (stored.change.status, stored.change.started_at) == (Status.SUCCEEDED, 990.0)
    assert stored.change.finished_at == 1060.0
    assert set(stored.change.services) == {"checkout", "payments", "search"}


def test_the_same_id_of_two_senders_is_two_changes_and_without_one_each_is_its_own(
    db: Database,
) -> None:
    assert tell(db, RUNNING)[0] != tell(db, replace(RUNNING, source="gl"))[0]
    assert tell(db, replace(RUNNING, id=None))[0] != tell(db, replace(RUNNING, id=None))[0]


def test_changes_are_found_by_the_time_that_they_touch(db: Database) -> None:
    for change in (at("a", 100.0), at("b", 200.0, finished_at=300.0), at("c", 400.0)):
        tell(db, change)
    assert found(db) == ["c", "b", "a"]
    assert found(db, 150.0, 400.0) == ["b"]
    assert found(db, 250.0, 401.0) == ["c", "b"]  # under way when the time began
    assert found(db, 300.1, 399.0) == []


def test_what_runs_is_under_way_for_a_day_at_most(db: Database) -> None:
    tell(db, at("runs", 1000.0, status=Status.RUNNING, finished_at=None))
    tell(db, at("waits", 1000.0, status=Status.PENDING, finished_at=None))
    assert found(db, 5000.0) == ["runs"]
    assert found(db, 1000.0 + changes.UNENDED_S + 1.0) == []


def test_pages_go_on_where_the_last_one_ended_also_within_one_second(db: Database) -> None:
    for n in range(5):
        tell(db, at(str(n), 100.0 + n // 2))
    seen: list[str] = []
    before: tuple[float, int] | None = None
    while stored := db.read(partial(changes.page, before=before, limit=2)):
        seen += [one.change.title for one in stored]
        before = (stored[-1].change.started_at, stored[-1].number)
    assert seen == ["4", "3", "2", "1", "0"]


def test_changes_are_found_by_each_of_their_services(db: Database) -> None:
    tell(db, RUNNING)
    tell(db, at("mine", 500.0))
    assert found(db, service="payments") == ["deploy\ufffd"]
    assert found(db, service="checkout") == ["deploy\ufffd", "mine"]
    assert found(db, service="nobody") == []


def test_old_changes_go_in_batches_with_their_services(db: Database) -> None:
    for n in range(3):
        tell(db, at(str(n), 100.0 + n))
    tell(db, DONE)
    assert db.write(lambda c: changes.prune(c, 1000.0, 2)) == 2
    assert db.write(lambda c: changes.prune(c, 1000.0, 2)) == 1
    assert db.write(lambda c: changes.prune(c, 1000.0, 2)) == 0
    assert found(db, service="checkout") == ["deploy\ufffd"]
