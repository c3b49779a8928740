"""Incidents that people open: added once, found again, counted by who reports them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, func, select

from incidents.matrix import Priorities
from incidents.model import EventKind
from incidents.people import Part
from incidents.priority import Facts
from vigie.store import incidents, ranking
from vigie.store.order import Order, ordered
from vigie.store.tables import incident as t
from vigie.store.tables import timeline
from vigie.store.tables_people import participant as p
from vigie.store.visibility import Viewer, visible

SHOWN = ("number", "title", "severity", "priority", "state", "opened_at")


def add(
    c: Connection, values: Mapping[str, Any], facts: Facts, at: float, priorities: Priorities
) -> int | None:
    """Open an incident with these columns, ranked, and its timers; its number, or None if one with
    its key is open. Nothing is said on its timeline yet.
    """
    ranked = ranking.opening(priorities, values["service"], facts, at)
    number = incidents.add_open(c, {**values, **ranked.values})
    if number is not None:
        ranking.watch(c, number, ranked, at)
    return number


def take_part(c: Connection, number: int, names: tuple[str, ...], by: str, at: float) -> None:
    """Write down for whom an incident was reported, and who did."""
    row = {"incident": number, "role": Part.REQUESTER.value, "since": float(at), "given_by": by}
    c.execute(p.insert(), [{**row, "name": name} for name in names])


def by_key(c: Connection, person: str, key: str) -> int | None:
    """The incident that a person reported under a key, also one that is over."""
    found = (
        select(t.c.number)
        .join(p, p.c.incident == t.c.number)
        .where(p.c.name == person, t.c.key == key)
        .order_by(t.c.number)
        .limit(1)
    )
    number = c.execute(found).scalar()
    return None if number is None else int(number)


def count_since(c: Connection, person: str, since: float) -> int:
    """How many incidents were reported by or for a person since a time."""
    mine = and_(p.c.name == person, p.c.role == Part.REQUESTER.value, p.c.since > since)
    found = select(func.count(p.c.incident.distinct())).where(mine)
    return int(c.execute(found).scalar() or 0)


def takes_part(c: Connection, number: int, person: str) -> bool:
    """Whether a person has a part in an incident now; False where there is none."""
    found = select(p.c.id).where(p.c.incident == number, p.c.name == person, p.c.until.is_(None))
    return c.execute(found.limit(1)).first() is not None


def comments_since(c: Connection, number: int, actor: str, since: float) -> int:
    """How many comments somebody wrote on an incident since a time."""
    found = select(func.count()).where(
        timeline.c.incident == number,
        timeline.c.kind == EventKind.COMMENTED.value,
        timeline.c.actor == actor,
        timeline.c.recorded_at > since,
    )
    return int(c.execute(found).scalar() or 0)


def open_of(
    c: Connection, service: str, *, viewer: Viewer, besides: int | None = None, limit: int = 5
) -> list[Mapping[str, Any]]:
    """What is open of a service as far as a viewer sees it, what to do first before the rest."""
    found = select(*(t.c[name] for name in SHOWN)).where(
        t.c.service == service, t.c.open_key.is_not(None), visible(viewer)
    )
    if besides is not None:
        found = found.where(t.c.number != besides)
    ranked = found.order_by(*ordered(Order.PRIORITY)).limit(limit)
    return [dict(row) for row in c.execute(ranked).mappings()]
