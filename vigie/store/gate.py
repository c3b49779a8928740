"""Overrides of deploy gates: written once, withdrawn at most once, kept for ever as the audit."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from slo.gate import Override
from vigie.store.sql import insert
from vigie.store.tables import gate_override as t


def add(
    c: Connection,
    service: str,
    *,
    author: str,
    reason: str,
    now: float,
    expires_at: float,
    key: str | None = None,
) -> int | None:
    """Override the gate of a service; the override's id. None where one with this idempotency key
    was written before, which changes nothing.
    """
    added = insert(c, t).values(
        service=service,
        author=author,
        reason=reason,
        idempotency_key=key,
        created_at=float(now),
        expires_at=float(expires_at),
    )
    added = added.on_conflict_do_nothing(index_elements=["service", "idempotency_key"])
    return c.execute(added.returning(t.c.id)).scalar()


def withdraw(c: Connection, service: str, by: str, now: float) -> Sequence[int]:
    """End every override of a service that is in force; their ids."""
    in_force = update(t).where(
        t.c.service == service, t.c.withdrawn_at.is_(None), t.c.expires_at > float(now)
    )
    ended = in_force.values(withdrawn_at=float(now), withdrawn_by=by).returning(t.c.id)
    return sorted(row.id for row in c.execute(ended))


def in_force(c: Connection, service: str, now: float) -> list[Override]:
    """The overrides of a service that were neither withdrawn nor have expired, oldest first."""
    found = select(t).where(
        t.c.service == service, t.c.withdrawn_at.is_(None), t.c.expires_at > float(now)
    )
    return [_override(row) for row in c.execute(found.order_by(t.c.id)).mappings()]


def page(c: Connection, service: str, *, before: int | None, limit: int) -> list[Override]:
    """All overrides that there ever were of a service, newest first: those with an id under
    `before`.
    """
    found = select(t).where(t.c.service == service).order_by(t.c.id.desc()).limit(limit)
    if before is not None:
        found = found.where(t.c.id < before)
    return [_override(row) for row in c.execute(found).mappings()]


def _override(row: RowMapping) -> Override:
    fields: dict[str, Any] = {name: row[name] for name in row if name != "idempotency_key"}
    return Override(**fields)
