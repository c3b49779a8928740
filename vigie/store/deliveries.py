"""Deliveries: every attempt to reach somebody, and how it went."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from vigie.store import meta
from vigie.store.rows import Reading
from vigie.store.sql import from_json, to_json
from vigie.store.tables import delivery as t

_PRUNED = "deliveries_pruned"
_OF_INCIDENT = Reading(select(t).where(t.c.incident == bindparam("number")).order_by(t.c.id))


def record(  # noqa: PLR0917 - the fields of an attempt, in the order of its columns
    c: Connection,
    dedup: str,
    incident: int | None,
    channel: str,
    kind: str,
    attempt: int,
    at: float,
    outcome: str,
    detail: str,
) -> None:
    """Write down one attempt. `outcome` is `delivered` or `failed`; `detail` what was answered."""
    c.execute(
        t.insert().values(
            dedup=dedup,
            incident=incident,
            channel=channel,
            kind=kind,
            attempt=attempt,
            at=float(at),
            outcome=outcome,
            detail=detail,
        )
    )


def of_incident(c: Connection, number: int) -> list[Mapping[str, Any]]:
    """The attempts made for an incident, oldest first."""
    return list(_OF_INCIDENT.rows(c, number=number))


def counts(c: Connection) -> dict[str, int]:
    """How many attempts had each outcome, ever: pruned ones stay counted, so it never falls."""
    found = c.execute(select(t.c.outcome, func.count()).group_by(t.c.outcome)).all()
    totals = {"delivered": 0, "failed": 0, **_pruned(c)}
    for outcome, count in found:
        totals[outcome] = totals.get(outcome, 0) + count
    return totals


def prune(c: Connection, before: float, limit: int) -> int:
    """Delete up to `limit` attempts made before a time; how many."""
    old = select(t.c.id).where(t.c.at < before).order_by(t.c.id).limit(limit)
    gone = c.execute(t.delete().where(t.c.id.in_(old)).returning(t.c.outcome)).scalars().all()
    if gone:
        pruned = _pruned(c)
        for outcome in gone:
            pruned[outcome] = pruned.get(outcome, 0) + 1
        meta.set_(c, _PRUNED, to_json(pruned))
    return len(gone)


def _pruned(c: Connection) -> dict[str, int]:
    stored: dict[str, int] = from_json(meta.get(c, _PRUNED) or "{}")
    return stored
