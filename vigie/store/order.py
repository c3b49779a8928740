"""In which order incidents are listed, and where a page of such a list goes on."""

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, or_, select, tuple_

from vigie.store.tables import incident as t
from vigie.store.visibility import Viewer, visible

_NEVER: Final = 1e18  # due after everything that is


class Order(StrEnum):
    """`newest`: by falling number. `priority`: what to do first: by priority, then what is due
    next, then the oldest.
    """

    NEWEST = "newest"
    PRIORITY = "priority"


def ordered(order: Order) -> tuple[ColumnElement[Any], ...]:
    """What to sort by."""
    return (t.c.number.desc(),) if order is Order.NEWEST else _by_priority()


def following(order: Order, number: int, viewer: Viewer) -> ColumnElement[bool]:
    """What comes after the incident of this number, as it stands now. After one that the viewer
    does not see nothing does, else its place would show.
    """
    if order is Order.NEWEST:
        return t.c.number < number
    keys = _by_priority()
    last = select(*keys).where(t.c.number == number, visible(viewer)).subquery()
    place = [select(column).scalar_subquery() for column in last.c]
    return tuple_(*keys) > tuple_(*place)


def _by_priority() -> tuple[ColumnElement[Any], ...]:
    return (
        t.c.priority.label("priority"),
        _next_due().label("due"),
        t.c.opened_at.label("opened"),
        t.c.number.label("last"),
    )


def _next_due() -> ColumnElement[float]:
    """When the nearest promise is due that nobody has kept yet; _NEVER where there is none.

    That of a breach lies in the past, so what is late comes before what is not yet.
    """
    response = case(
        (and_(t.c.acknowledged_at.is_(None), t.c.resolved_at.is_(None)), t.c.response_due_at)
    )
    response_at = func.coalesce(response, _NEVER)
    resolution_at = func.coalesce(case((t.c.resolved_at.is_(None), t.c.resolution_due_at)), _NEVER)
    return case((or_(response_at <= resolution_at), response_at), else_=resolution_at)
