"""Corrections after the fact: time that people took out of the figures. Append-only: a correction
that is removed stays, with who removed it and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from slo.spec import Excluded, SloId
from vigie.store.sql import from_json, insert, to_json
from vigie.store.tables import exclusion as t


@dataclass(frozen=True, slots=True)
class Stored:
    """One correction as it was recorded; `figures` are the good and total counts that it took out
    of each SLO at that moment. `removed_at` is None while it holds.
    """

    id: int
    excluded: Excluded
    figures: Mapping[str, tuple[int, int]]
    created_at: float
    removed_at: float | None
    removed_by: str | None
    removed_for: str | None


def add(
    c: Connection,
    excluded: Excluded,
    figures: Mapping[SloId, tuple[int, int]],
    now: float,
    *,
    key: str | None = None,
) -> int:
    """Record a correction; its id. One that comes again under the same `key` is the first one."""
    values = {
        "service": excluded.service,
        "slo": excluded.slo,
        "started_at": float(excluded.start),
        "ended_at": float(excluded.end),
        "reason": excluded.reason,
        "author": excluded.author,
        "planned": int(excluded.planned),
        "figures": to_json({slo: list(pair) for slo, pair in sorted(figures.items())}),
        "idempotency_key": key,
        "created_at": float(now),
    }
    added = insert(c, t).values(values).on_conflict_do_nothing(index_elements=["idempotency_key"])
    number = c.execute(added.returning(t.c.id)).scalar()
    if number is None:
        number = c.execute(select(t.c.id).where(t.c.idempotency_key == key)).scalar_one()
    return int(number)


def get(c: Connection, number: int) -> Stored | None:
    """One correction, whether it holds or was removed; None if there never was one."""
    row = c.execute(select(t).where(t.c.id == number)).first()
    return None if row is None else _stored(row)


def read(
    c: Connection,
    start: float | None = None,
    end: float | None = None,
    *,
    service: str | None = None,
    removed: bool = False,
) -> list[Stored]:
    """The corrections of a time, by their beginning; with `removed` also those that no longer
    hold.
    """
    found = select(t).order_by(t.c.started_at, t.c.id)
    if start is not None:
        found = found.where(t.c.ended_at > start)
    if end is not None:
        found = found.where(t.c.started_at < end)
    if service is not None:
        found = found.where(t.c.service == service)
    if not removed:
        found = found.where(t.c.removed_at.is_(None))
    return [_stored(row) for row in c.execute(found)]


def in_force(c: Connection) -> tuple[Excluded, ...]:
    """Every correction that holds."""
    return tuple(one.excluded for one in read(c))


def remove(c: Connection, number: int, actor: str, reason: str, now: float) -> bool:
    """Say that a correction no longer holds; False when it did not hold any more."""
    holding = update(t).where(t.c.id == number, t.c.removed_at.is_(None))
    values = {"removed_at": float(now), "removed_by": actor, "removed_for": reason}
    return c.execute(holding.values(values)).rowcount == 1


def _stored(row: Row[Any]) -> Stored:
    excluded = Excluded(
        service=row.service,
        slo=row.slo,
        start=row.started_at,
        end=row.ended_at,
        reason=row.reason,
        author=row.author,
        planned=bool(row.planned),
    )
    return Stored(
        id=row.id,
        excluded=excluded,
        figures={slo: (good, total) for slo, (good, total) in from_json(row.figures).items()},
        created_at=row.created_at,
        removed_at=row.removed_at,
        removed_by=row.removed_by,
        removed_for=row.removed_for,
    )
