"""Outages: the intervals in which services were down, written when they begin and when they end."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from slo.status import Outage
from vigie.store.sql import put
from vigie.store.tables import outage as t


def write(c: Connection, outages: Iterable[Outage]) -> None:
    """Store outages; one that is stored (same service and start) gets its new values."""
    rows = [
        {
            "service": one.service,
            "started_at": float(one.started_at),
            "ended_at": None if one.ended_at is None else float(one.ended_at),
            "cause": one.cause,
            "planned": int(one.planned),
        }
        for one in outages
    ]
    put(c, t, rows, by=("service", "started_at"))


def read(c: Connection, since: float | None = None, service: str | None = None) -> list[Outage]:
    """The outages that lasted past `since`, of one service or all, in the order of their starts."""
    found = select(t).order_by(t.c.started_at, t.c.id)
    if since is not None:
        found = found.where(or_(t.c.ended_at.is_(None), t.c.ended_at > since))
    if service is not None:
        found = found.where(t.c.service == service)
    return [_outage(row) for row in c.execute(found)]


def ongoing(c: Connection) -> dict[str, Outage]:
    """The outage that has not ended, by service."""
    found = c.execute(select(t).where(t.c.ended_at.is_(None)).order_by(t.c.started_at))
    return {row.service: _outage(row) for row in found}


def _outage(row: Row[Any]) -> Outage:
    return Outage(row.service, row.started_at, row.ended_at, row.cause or "", bool(row.planned))
