"""Deliveries."""

from vigie.store import deliveries
from vigie.store.db import Database


def record(db: Database, at: float, outcome: str, incident: int | None = 1) -> None:
    args = ("notify:1:page:oncall", incident, "oncall", "page", 1, at, outcome, "HTTP 200 \x00")
    db.write(lambda c: deliveries.record(c, *args))


def test_attempts_are_kept_in_order_with_what_was_answered(db: Database) -> None:
    record(db, 1.0, "failed")
    record(db, 2.0, "delivered")
    record(db, 3.0, "delivered", incident=None)
    found = db.read(lambda c: deliveries.of_incident(c, 1))
    assert [(one["at"], one["outcome"]) for one in found] == [(1.0, "failed"), (2.0, "delivered")]
    assert found[0]["dedup"] == "notify:1:page:oncall"
    assert found[0]["detail"] == "HTTP 200 \ufffd"


def test_counts_never_fall_though_old_attempts_are_deleted(db: Database) -> None:
    assert db.read(deliveries.counts) == {"delivered": 0, "failed": 0}
    for at in (1.0, 2.0, 3.0):
        record(db, at, "delivered")
    record(db, 4.0, "failed")
    before = db.read(deliveries.counts)
    assert db.write(lambda c: deliveries.prune(c, 10.0, 3)) == 3
    assert db.write(lambda c: deliveries.prune(c, 10.0, 3)) == 1
    assert db.write(lambda c: deliveries.prune(c, 10.0, 3)) == 0
    assert db.read(deliveries.counts) == before == {"delivered": 3, "failed": 1}
