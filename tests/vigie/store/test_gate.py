"""Overrides of deploy gates."""

from slo.gate import Override
from vigie.store import gate
from vigie.store.db import Database

NOW = 1_790_000_000.25


def add(db: Database, service: str = "shop", at: float = NOW, key: str | None = None) -> int | None:
    return db.write(
        lambda c: gate.add(
            c, service, author="ann", reason="the fix", now=at, expires_at=at + 60, key=key
        )
    )


def test_an_override_is_in_force_until_it_expires(db: Database) -> None:
    assert add(db) == 1
    made = Override(1, "shop", "ann", "the fix", NOW, NOW + 60)
    assert db.read(lambda c: gate.in_force(c, "shop", NOW)) == [made]
    assert db.read(lambda c: gate.in_force(c, "shop", NOW + 59.9)) == [made]
    assert db.read(lambda c: gate.in_force(c, "shop", NOW + 60)) == []
    assert db.read(lambda c: gate.in_force(c, "other", NOW)) == []


def test_withdrawing_ends_all_that_are_in_force_once(db: Database) -> None:
    add(db, at=NOW - 100)  # expired by itself
    add(db)
    add(db, at=NOW + 1)
    add(db, service="other")
    assert db.write(lambda c: gate.withdraw(c, "shop", "bob", NOW + 2)) == [2, 3]
    assert db.write(lambda c: gate.withdraw(c, "shop", "cem", NOW + 3)) == []
    assert db.read(lambda c: gate.in_force(c, "shop", NOW + 2)) == []
    assert len(db.read(lambda c: gate.in_force(c, "other", NOW + 2))) == 1


def test_none_is_ever_deleted(db: Database) -> None:
    for number in range(3):
        add(db, at=NOW + number)
    add(db, service="other")
    db.write(lambda c: gate.withdraw(c, "shop", "bob", NOW + 30))
    pages = [db.read(lambda c, b=b: gate.page(c, "shop", before=b, limit=2)) for b in (None, 2, 1)]
    assert [[one.id for one in page] for page in pages] == [[3, 2], [1], []]
    assert {(one.withdrawn_at, one.withdrawn_by) for page in pages for one in page} == {
        (NOW + 30, "bob")
    }


def test_the_same_key_twice_writes_once_even_after_a_withdrawal(db: Database) -> None:
    assert add(db, key="k") == 1
    assert add(db, key="k", at=NOW + 5) is None
    db.write(lambda c: gate.withdraw(c, "shop", "bob", NOW + 6))
    assert add(db, key="k", at=NOW + 7) is None
    assert db.read(lambda c: gate.in_force(c, "shop", NOW + 8)) == []
    assert add(db, service="other", key="k") is not None
    assert add(db) is not None
    assert add(db) is not None  # no key is nobody's key


def test_words_that_a_database_refuses_are_kept_as_well_as_can_be(db: Database) -> None:
    db.write(
        lambda c: gate.add(c, "shop", author="a\x00", reason="\ud800", now=NOW, expires_at=NOW + 1)
    )
    (made,) = db.read(lambda c: gate.in_force(c, "shop", NOW))
    assert (made.author, made.reason) == ("a\ufffd", "\ufffd")
