"""Corrections: recorded once, found by time, removed only by saying so."""

from slo.spec import Excluded, SloId
from vigie.store import exclusions
from vigie.store.db import Database

A = Excluded("shop", "answers", 100.0, 200.0, "probe was wrong", "ada", planned=False)
FIGURES = {SloId("shop/answers"): (5, 7)}


def add(db: Database, one: Excluded = A, key: str | None = None) -> int:
    return db.write(lambda c: exclusions.add(c, one, FIGURES, 300.0, key=key))


def test_a_correction_is_read_as_it_was_recorded_with_what_it_took_out(db: Database) -> None:
    number = add(db)
    (found,) = db.read(exclusions.read)
    assert found.excluded == A
    assert (found.id, found.figures, found.created_at) == (number, {"shop/answers": (5, 7)}, 300.0)
    assert found.removed_at is None


def test_the_same_key_twice_records_once(db: Database) -> None:
    assert add(db, key="k") == add(db, key="k")
    assert add(db) != add(db)
    assert len(db.read(exclusions.read)) == 3


def test_corrections_are_found_by_the_time_that_they_touch_and_by_service(db: Database) -> None:
    add(db)
    add(db, Excluded("search", "", 50.0, 60.0, "r", "b", planned=False))

    def between(start: float, end: float, **only: str) -> int:
        return len(db.read(lambda c: exclusions.read(c, start, end, **only)))

    assert between(0.0, 50.0) == 0
    assert between(60.0, 100.0) == 0
    assert between(59.0, 101.0) == 2
    assert between(199.0, 500.0, service="shop") == 1
    assert between(199.0, 500.0, service="search") == 0


def test_what_is_removed_no_longer_holds_and_stays_on_record(db: Database) -> None:
    number = add(db)
    assert db.write(lambda c: exclusions.remove(c, number, "bob", "it was right", 400.0))
    assert not db.write(lambda c: exclusions.remove(c, number, "eve", "again", 500.0))
    assert db.read(exclusions.read) == []
    (found,) = db.read(lambda c: exclusions.read(c, removed=True))
    assert (found.removed_at, found.removed_by, found.removed_for) == (400.0, "bob", "it was right")
    assert db.read(lambda c: exclusions.get(c, number)) == found
    assert db.read(lambda c: exclusions.get(c, number + 1)) is None
