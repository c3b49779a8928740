"""Heartbeats in the database: what was heard lasts, and a silence of Vigie's own is known."""

from dataclasses import replace

from collectors.heartbeat import Beats, Heartbeat, HeartbeatState, Said, due
from vigie.store import heartbeats
from vigie.store.db import Database

SYNC = Heartbeat("sync", "shop", every_s=300.0, grace_s=60.0)
OTHER = Heartbeat("other", "shop", every_s=300.0)


def beat(db: Database, said: Said, at: float) -> Beats:
    return db.write(lambda c: heartbeats.beat(c, SYNC, said, at))


def known(db: Database) -> Beats:
    return db.read(heartbeats.read)["sync"]


def test_signals_are_kept_one_after_another(db: Database) -> None:
    assert beat(db, Said.START, 1000.0) == Beats(1000.0, started_at=1000.0)
    assert (
        beat(db, Said.OK, 1060.5)
        == known(db)
        == Beats(1000.0, 1060.5, Said.OK, None, 60.5, beats=1)
    )
    assert beat(db, Said.FAIL, 1100.0) == Beats(1000.0, 1100.0, Said.FAIL, beats=2)


def test_a_heartbeat_is_known_from_when_its_file_was_first_read(db: Database) -> None:
    db.write(lambda c: heartbeats.learn(c, [SYNC, OTHER], 500.0))
    db.write(lambda c: heartbeats.learn(c, [SYNC], 900.0))
    assert db.read(heartbeats.read) == {"sync": Beats(500.0), "other": Beats(500.0)}


def test_another_timing_is_another_promise_and_keeps_what_was_said(db: Database) -> None:
    db.write(lambda c: heartbeats.learn(c, [replace(SYNC, every_s=86_400.0)], 500.0))
    beat(db, Said.OK, 600.0)
    db.write(lambda c: heartbeats.learn(c, [SYNC], 50_000.0))
    assert known(db) == Beats(50_000.0, 600.0, Said.OK, beats=1)
    assert due(SYNC, known(db), 50_000.0).state is HeartbeatState.UNKNOWN


def test_a_start_after_a_silence_doubts_what_was_not_missed_before(db: Database) -> None:
    db.write(lambda c: heartbeats.resume(c, [SYNC], 900.0))
    db.write(lambda c: heartbeats.learn(c, [SYNC], 900.0))
    beat(db, Said.OK, 1000.0)
    db.write(lambda c: heartbeats.listened(c, 1200.0))
    db.write(lambda c: heartbeats.resume(c, [SYNC, OTHER], 5000.0))
    assert known(db).heard_since == 5000.0
    assert db.read(heartbeats.listened_until) == 5000.0
    assert due(SYNC, known(db), 5359.0).state is HeartbeatState.UNKNOWN
    assert due(SYNC, known(db), 5360.0).state is HeartbeatState.MISSED
    # From here on it is missed, whatever Vigie does.
    db.write(lambda c: heartbeats.listened(c, 5400.0))
    db.write(lambda c: heartbeats.resume(c, [SYNC], 9000.0))
    assert due(SYNC, known(db), 9000.0).state is HeartbeatState.MISSED


def test_a_first_start_has_no_silence_behind_it(db: Database) -> None:
    assert db.read(heartbeats.listened_until) is None
    db.write(lambda c: heartbeats.resume(c, [SYNC], 900.0))
    assert db.read(heartbeats.listened_until) == 900.0
