"""Heartbeats as they are shown."""

from collectors.heartbeat import Heartbeat, Said
from collectors.keys import Secret
from vigie.store import heartbeats as store
from vigie.store.db import Database
from vigie.views.heartbeats import heartbeats

T0 = 1_790_856_000.0
SYNC = Heartbeat("sync", "shop", every_s=300.0, grace_s=60.0, key=Secret("k" * 20))


def test_a_heartbeat_is_shown_as_it_stands_without_its_key(db: Database) -> None:
    db.write(lambda c: store.beat(c, SYNC, Said.OK, T0))
    (one,) = heartbeats({"sync": SYNC}, db, T0 + 310)["items"]
    assert one == {
        "name": "sync", "service": "shop", "urgency": "high", "labels": {}, "every": "5m",
        "schedule": None, "time_zone": None, "grace": "1m", "runs_for": None, "state": "late",
        "reason": "it is due, and within its grace of 1m", "since": "2026-10-01T12:05:00.000Z",
        "expected_at": "2026-10-01T12:05:00.000Z", "deadline": "2026-10-01T12:06:00.000Z",
        "last_at": "2026-10-01T12:00:00.000Z", "last_state": "ok", "started_at": None,
        "duration_seconds": None, "beats": 1,
    }  # fmt: skip


def test_one_that_nobody_heard_of_is_unknown_and_others_services_are_left_out(db: Database) -> None:
    found = heartbeats({"sync": SYNC}, db, T0, service="shop")["items"]
    assert [(one["state"], one["last_at"]) for one in found] == [("unknown", None)]
    assert heartbeats({"sync": SYNC}, db, T0, service="search")["items"] == []
