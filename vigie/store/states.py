"""What services were found to be: a row wherever the state of one changed."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from slo.spec import ServiceState
from vigie.store.sql import put
from vigie.store.tables import service_state as t


@dataclass(frozen=True, slots=True)
class Became:
    """What a service is from a time on, and why."""

    service: str
    at: float
    state: ServiceState
    reason: str


def write(c: Connection, found: Iterable[Became]) -> None:
    """Store changes of state; a second one at the same time replaces the first."""
    rows = [
        {
            "service": one.service,
            "started_at": float(one.at),
            "state": int(one.state),
            "reason": one.reason,
        }
        for one in found
    ]
    put(c, t, rows, by=("service", "started_at"))


def read(c: Connection, since: float | None = None, service: str | None = None) -> list[Became]:
    """The changes of state from `since` on, of one service or all, by time; and before them, what
    each was found to be last.
    """
    found = select(t).order_by(t.c.started_at, t.c.service)
    if service is not None:
        found = found.where(t.c.service == service)
    if since is not None:
        inner = t.alias()
        last = (
            select(func.max(inner.c.started_at))
            .where(inner.c.service == t.c.service, inner.c.started_at <= since)
            .scalar_subquery()
        )
        found = found.where(t.c.started_at >= func.coalesce(last, since))
    return [
        Became(row.service, row.started_at, ServiceState(row.state), row.reason)
        for row in c.execute(found)
    ]


def known_from(c: Connection) -> dict[str, float]:
    """By service: since when something is known of it, at the earliest."""
    known = select(t.c.service, func.min(t.c.started_at).label("at"))
    known = known.where(t.c.state != int(ServiceState.UNKNOWN)).group_by(t.c.service)
    return {row.service: row.at for row in c.execute(known)}


def prune(c: Connection, before: float, batch: int) -> int:
    """Delete one batch of what was over before a time; how many. What a service was then stays."""
    later = t.alias()
    over = (
        select(later.c.started_at)
        .where(
            later.c.service == t.c.service,
            later.c.started_at > t.c.started_at,
            later.c.started_at <= before,
        )
        .exists()
    )
    old = select(t.c.service, t.c.started_at).where(over).limit(batch)
    rows = [(row.service, row.started_at) for row in c.execute(old)]
    for service, started_at in rows:
        c.execute(delete(t).where(t.c.service == service, t.c.started_at == started_at))
    return len(rows)
