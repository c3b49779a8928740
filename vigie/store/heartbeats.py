"""What was heard of every heartbeat, and until when Vigie listened."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from collectors.heartbeat import Beats, Heartbeat, Said, heard, resumed
from vigie.store import meta
from vigie.store.sql import insert
from vigie.store.tables import heartbeat as t

_LISTENED: Final = "heartbeats_listened_until"


def beat(c: Connection, heartbeat: Heartbeat, said: Said, now: float) -> Beats:
    """Take a signal of a heartbeat; what is known of it then."""
    _introduce(c, heartbeat, now)
    # Two signals at once are taken one after the other, on PostgreSQL too.
    row = c.execute(select(t).where(t.c.name == heartbeat.name).with_for_update()).one()
    beats = heard(_beats(row), said, now)
    _write(c, heartbeat.name, beats)
    return beats


def learn(c: Connection, heartbeats: Iterable[Heartbeat], now: float) -> None:
    """Take note of the heartbeats of a configuration. One that is new, or promises to beat at other
    times than before, is known from `now` on; what it said before is kept.
    """
    known = {row.name: row.timing for row in c.execute(select(t.c.name, t.c.timing))}
    for one in heartbeats:
        if one.name not in known:
            _introduce(c, one, now)
        elif known[one.name] != one.timing:
            changed = {"timing": one.timing, "heard_since": float(now)}
            c.execute(update(t).where(t.c.name == one.name).values(changed))


def resume(c: Connection, heartbeats: Iterable[Heartbeat], now: float) -> None:
    """Begin to listen: at a start, and after a time in which nothing could be recorded.

    Call it before `learn`, and before any signal is taken.
    """
    until, known = listened_until(c), read(c)
    if until is not None:
        for one in heartbeats:
            if one.name in known:
                _write(c, one.name, resumed(one, known[one.name], until, now))
    listened(c, now)


def listened(c: Connection, now: float) -> None:
    """Note that Vigie listened until now, in the transaction of a tick."""
    meta.set_(c, _LISTENED, repr(float(now)))


def listened_until(c: Connection) -> float | None:
    """Until when Vigie is known to have listened; None: it never did."""
    found = meta.get(c, _LISTENED)
    return None if found is None else float(found)


def read(c: Connection) -> Mapping[str, Beats]:
    """What is known, by name; also of heartbeats that no file says any more."""
    return {row.name: _beats(row) for row in c.execute(select(t))}


def _introduce(c: Connection, one: Heartbeat, now: float) -> None:
    values = {"name": one.name, "timing": one.timing, "heard_since": float(now), "beats": 0}
    c.execute(insert(c, t).values(values).on_conflict_do_nothing(index_elements=["name"]))


def _write(c: Connection, name: str, beats: Beats) -> None:
    values = {
        "heard_since": beats.heard_since,
        "last_at": beats.last_at,
        "last_state": beats.last_state,
        "started_at": beats.started_at,
        "duration_s": beats.duration_s,
        "beats": beats.beats,
    }
    c.execute(update(t).where(t.c.name == name).values(values))


def _beats(row: Row[Any]) -> Beats:
    return Beats(
        heard_since=row.heard_since,
        last_at=row.last_at,
        last_state=None if row.last_state is None else Said(row.last_state),
        started_at=row.started_at,
        duration_s=row.duration_s,
        beats=row.beats,
    )
