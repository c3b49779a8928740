"""Outages: intervals in which services were down, written when they begin and when they end."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, func, or_, select, update

from incidents.model import IncidentState, IncidentType
from slo.outages import Outage
from vigie.store.sql import put
from vigie.store.tables import incident
from vigie.store.tables import outage as t

LINKED_S: Final = 900.0  # how long after an outage an incident may be opened about it
_OF_NO_OUTAGE: Final = (
    IncidentType.BUDGET,
    IncidentType.CERTIFICATE_EXPIRY,
    IncidentType.MISSED_HEARTBEAT,
)


def write(c: Connection, outages: Iterable[Outage]) -> None:
    """Store outages; one that is stored (same service and start) gets its new values. Which
    incident it has only `link` says.
    """
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


def link(c: Connection, services: Iterable[str], now: float) -> None:
    """Give the newest outages of these services their incident: the worst one, of alike ones the
    first, that was open while they lasted, or was opened soon after.
    """
    named = list(services)
    if not named:
        return
    opened = (
        select(incident.c.number)
        .where(
            incident.c.service == t.c.service,
            incident.c.state.not_in([IncidentState.CANCELLED, IncidentState.MERGED]),
            incident.c.type.not_in(_OF_NO_OUTAGE),
            incident.c.opened_at <= func.coalesce(t.c.ended_at, float(now)) + LINKED_S,
            func.coalesce(incident.c.resolved_at, float(now)) >= t.c.started_at,
        )
        .order_by(incident.c.severity, incident.c.number)
        .limit(1)
        .scalar_subquery()
    )
    newest = or_(t.c.ended_at.is_(None), t.c.ended_at > now - LINKED_S)
    c.execute(update(t).where(t.c.service.in_(named), newest).values(incident=opened))


def ongoing(c: Connection) -> dict[str, Outage]:
    """The outage that has not ended, by service."""
    found = c.execute(select(t).where(t.c.ended_at.is_(None)).order_by(t.c.started_at))
    return {row.service: _outage(row) for row in found}


def _outage(row: Row[Any]) -> Outage:
    return Outage(
        row.service,
        row.started_at,
        row.ended_at,
        row.cause or "",
        bool(row.planned),
        row.incident,
    )
