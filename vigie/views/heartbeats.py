"""Heartbeats as every reader sees them: what each promises, and where it stands. Never a key."""

from collections.abc import Mapping
from math import isinf

from collectors.heartbeat import Beats, Heartbeat, due
from slo import windows
from vigie.store import heartbeats as store
from vigie.store.db import Database
from vigie.views.shape import Object, listing, when


def heartbeats(
    configured: Mapping[str, Heartbeat], db: Database, now: float, service: str | None = None
) -> Object:
    """Every heartbeat now, by name."""
    beats = db.read(store.read)
    chosen = [configured[name] for name in sorted(configured)]
    return listing(
        [
            heartbeat(one, beats.get(one.name, Beats(now)), now)
            for one in chosen
            if service is None or one.service == service
        ]
    )


def heartbeat(one: Heartbeat, beats: Beats, now: float) -> Object:
    """One heartbeat; `state` is ok, late, missed, failed or unknown."""
    standing = due(one, beats, now)
    return {
        "name": one.name,
        "service": one.service,
        "urgency": one.urgency,
        "labels": dict(one.labels),
        "every": windows.show(one.every_s) if one.every_s else None,
        "schedule": one.schedule or None,
        "time_zone": one.zone if one.schedule else None,
        "grace": windows.show(one.grace_s),
        "runs_for": None if one.runs_for_s is None else windows.show(one.runs_for_s),
        "state": standing.state.value,
        "reason": standing.reason,
        "since": when(standing.since),
        "expected_at": _maybe(standing.expected_at),
        "deadline": _maybe(standing.deadline),
        "last_at": when(beats.last_at),
        "last_state": beats.last_state.value if beats.last_state is not None else None,
        "started_at": when(beats.started_at),
        "duration_seconds": beats.duration_s,
        "beats": beats.beats,
    }


def _maybe(at: float) -> str | None:
    return None if isinf(at) else when(at)
