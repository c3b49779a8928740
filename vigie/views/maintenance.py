"""Time that does not count as every reader sees it: maintenance, done and to come; corrections."""

from slo.exclusions import MaintenanceWindow, occurrences
from vigie.config import Config
from vigie.store import exclusions
from vigie.store.db import Database
from vigie.store.exclusions import Stored
from vigie.views.shape import Object, listing, when


def maintenance(
    config: Config,
    db: Database,
    start: float,
    end: float,
    *,
    service: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> Object:
    """What lies in [start, end), by its beginning, from number `after` on; `service` leaves out
    what says that it is for others. Corrections that were removed are shown as such.
    """
    found = [
        _occurrence(window, begin, finish)
        for window in config.maintenance
        if service is None or not window.services or service in window.services
        for begin, finish in occurrences(window, start, end)
    ]
    stored = db.read(lambda c: exclusions.read(c, start, end, service=service, removed=True))
    items = sorted([*found, *map(correction, stored)], key=lambda one: (one["from"], one["to"]))
    more = len(items) > after + limit
    return listing(items[after : after + limit], str(after + limit) if more else None)


def correction(stored: Stored) -> Object:
    """One correction; `figures` are the counts that it took out when it was made."""
    said = stored.excluded
    return {
        "kind": "correction",
        "id": stored.id,
        "name": None,
        "services": [said.service],
        "slos": [said.slo] if said.slo else [],
        "labels": {},
        "from": when(said.start),
        "to": when(said.end),
        "by": said.author,
        "reason": said.reason,
        "recurrence": None,
        "figures": {slo: {"good": g, "total": t} for slo, (g, t) in stored.figures.items()},
        "created_at": when(stored.created_at),
        "removed_at": when(stored.removed_at),
        "removed_by": stored.removed_by,
        "removed_for": stored.removed_for,
    }


def _occurrence(window: MaintenanceWindow, start: float, end: float) -> Object:
    return {
        "kind": "maintenance",
        "id": None,
        "name": window.name,
        "services": list(window.services),
        "slos": list(window.slos),
        "labels": dict(window.labels),
        "from": when(start),
        "to": when(end),
        "by": window.owner,
        "reason": window.reason,
        "recurrence": window.recurrence or None,
        "figures": {},
        "created_at": None,
        "removed_at": None,
        "removed_by": None,
        "removed_for": None,
    }
