"""Changes as every reader sees them: the list, one of them, and those before an incident began."""

from typing import Final

from vigie.store import changes as store
from vigie.store.changes import Stored
from vigie.store.db import Database
from vigie.views.shape import Object, listing, when

BEFORE_S: Final = 2 * 3600.0  # how long before an incident a change may have caused it
# An onset is an estimate: a change this much after it may still be its cause.
AFTER_S: Final = 60.0
MOST_BEFORE: Final = 20


def changes(
    db: Database,
    start: float | None = None,
    end: float | None = None,
    *,
    service: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Object:
    """One page of the changes that were under way in [start, end), newest first. `cursor` is the
    `next` of the page before; ValueError when it is none.
    """
    place = None if cursor is None else _place(cursor)
    found = db.read(
        lambda c: store.page(c, start, end, service=service, before=place, limit=limit + 1)
    )
    last = found[limit - 1] if len(found) > limit else None
    following = None if last is None else f"{last.change.started_at!r}_{last.number}"
    return listing([shown(one) for one in found[:limit]], following)


def change(db: Database, number: int) -> Object | None:
    """One change; None if there is none."""
    found = db.read(lambda c: store.get(c, number))
    return None if found is None else shown(found)


def before(db: Database, service: str, onset: float, within_s: float = BEFORE_S) -> list[Object]:
    """The changes of a service that began, or were under way, in the time before `onset`, newest
    first; `before_seconds` is how long before (negative: the onset is an estimate).
    """
    found = db.read(
        lambda c: store.of_service(c, service, onset - within_s, onset + AFTER_S, limit=MOST_BEFORE)
    )
    return [
        {**shown(one), "before_seconds": round(onset - one.change.started_at, 3)} for one in found
    ]


def shown(stored: Stored) -> Object:
    """One change as it goes out; `source` is `api`, `kubernetes` or the name of an Integration."""
    told = stored.change
    return {
        "number": stored.number,
        "source": told.source,
        "id": told.id,
        "title": told.title,
        "services": list(told.services),
        "kind": told.kind.value,
        "status": told.status.value,
        "started_at": when(told.started_at),
        "finished_at": when(told.finished_at),
        "version": told.version or None,
        "actor": told.actor or None,
        "url": told.url or None,
        "environment": told.environment or None,
        "labels": dict(told.labels),
        "recorded_at": when(stored.recorded_at),
    }


def _place(cursor: str) -> tuple[float, int]:
    at, _, number = cursor.partition("_")
    return float(at), int(number)
