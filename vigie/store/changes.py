"""Changes that were told: one row each, brought forward by every later telling of the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from collectors.changes import Change, Kind, Status, merged
from slo.redundancy import Rollout
from vigie.store.rows import Reading
from vigie.store.sql import from_json, insert, to_json
from vigie.store.tables import change as t
from vigie.store.tables import change_service as of

# How long a change that nobody said the end of counts as under way.
UNENDED_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A change with its number, and when Vigie was first told."""

    number: int
    change: Change
    recorded_at: float


def record(c: Connection, told: Change, now: float) -> tuple[int, bool]:
    """Write a change, or bring the one with its source and id forward; its number, and whether it
    is new.
    """
    added = insert(c, t).values({**_values(told), "recorded_at": float(now)})
    added = added.on_conflict_do_nothing(index_elements=["source", "id"])
    number = c.execute(added.returning(t.c.number)).scalar()
    if number is not None:
        _write_services(c, number, told.services)
        return int(number), True
    same = select(t).where(t.c.source == told.source, t.c.id == told.id)
    # Two tellings at once are merged one after the other, on PostgreSQL too.
    row = c.execute(same.with_for_update()).one()
    after = merged(_change(row, _services(c, [row.number]).get(row.number, ())), told)
    c.execute(update(t).where(t.c.number == row.number).values(_values(after)))
    _write_services(c, row.number, after.services)
    return int(row.number), False


def get(c: Connection, number: int) -> Stored | None:
    """One change; None if there is none."""
    return next(iter(_stored(c, select(t).where(t.c.number == number))), None)


def page(
    c: Connection,
    start: float | None = None,
    end: float | None = None,
    *,
    service: str | None = None,
    before: tuple[float, int] | None = None,
    limit: int = 50,
) -> list[Stored]:
    """The changes that were under way in [start, end), newest first, by start and number; those
    after the place `before` in that order.
    """
    found = select(t).order_by(*_NEWEST).limit(limit)
    if start is not None:
        found = found.where(_lasts(start))
    if end is not None:
        found = found.where(t.c.started_at < end)
    if service is not None:
        found = found.where(t.c.number.in_(select(of.c.change).where(of.c.service == service)))
    if before is not None:
        found = found.where(tuple_(t.c.started_at, t.c.number) < tuple_(*before))
    return _stored(c, found)


def of_service(
    c: Connection, service: str, start: float, end: float, *, limit: int
) -> list[Stored]:
    """The first `page` of one service, for every look at an incident: most have none."""
    asked = {"service": service, "start": start, "end": end, "limit": limit}
    numbers = [row["number"] for row in _OF_SERVICE.rows(c, **asked)]
    if not numbers:
        return []
    return _stored(c, select(t).where(t.c.number.in_(numbers)).order_by(*_NEWEST))


def rollouts(c: Connection, now: float) -> dict[str, Rollout]:
    """By service: the deploy that is under way, of several the one that began last."""
    runs = select(t).where(
        t.c.status == Status.RUNNING.value,
        t.c.kind == Kind.DEPLOY.value,
        t.c.started_at >= now - UNENDED_S,
    )
    return {
        service: Rollout(one.change.started_at, one.change.stated_at)
        for one in _stored(c, runs.order_by(t.c.started_at, t.c.number))
        for service in one.change.services
    }


def prune(c: Connection, before: float, batch: int) -> int:
    """Delete one batch of what was over before a time; how many."""
    old = select(t.c.number).where(func.coalesce(t.c.finished_at, t.c.started_at) < before)
    numbers = [row.number for row in c.execute(old.limit(batch))]
    if numbers:
        c.execute(delete(of).where(of.c.change.in_(numbers)))
        c.execute(delete(t).where(t.c.number.in_(numbers)))
    return len(numbers)


def _lasts(start: Any) -> ColumnElement[bool]:
    """Under way at `start`, or begun later."""
    runs = and_(t.c.status == Status.RUNNING.value, t.c.started_at >= start - UNENDED_S)
    return or_(t.c.started_at >= start, t.c.finished_at >= start, runs)


_NEWEST: Final = (t.c.started_at.desc(), t.c.number.desc())
_OF_SERVICE: Final = Reading(
    select(t.c.number)
    .where(
        _lasts(bindparam("start", type_=Double)),
        t.c.started_at < bindparam("end", type_=Double),
        t.c.number.in_(select(of.c.change).where(of.c.service == bindparam("service"))),
    )
    .order_by(*_NEWEST)
    .limit(bindparam("limit", type_=Integer))
)


def _values(change: Change) -> dict[str, Any]:
    return {
        "source": change.source,
        "id": change.id,
        "title": change.title,
        "kind": change.kind.value,
        "status": change.status.value,
        "started_at": change.started_at,
        "finished_at": change.finished_at,
        "stated_at": change.stated_at,
        "version": change.version,
        "actor": change.actor,
        "url": change.url,
        "environment": change.environment,
        "labels": to_json(dict(change.labels)),
    }


def _write_services(c: Connection, number: int, services: Iterable[str]) -> None:
    rows = [
        {"change": number, "service": name, "position": position}
        for position, name in enumerate(services)
    ]
    if rows:
        added = insert(c, of).on_conflict_do_nothing(index_elements=["change", "service"])
        c.execute(added, rows)


def _stored(c: Connection, found: Select[Any]) -> list[Stored]:
    rows = c.execute(found).all()
    services = _services(c, [row.number for row in rows])
    return [
        Stored(row.number, _change(row, services.get(row.number, ())), row.recorded_at)
        for row in rows
    ]


def _services(c: Connection, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The services of changes, in the order in which they were named."""
    found: dict[int, tuple[str, ...]] = {}
    chosen = select(of).where(of.c.change.in_(numbers)).order_by(of.c.change, of.c.position)
    for row in c.execute(chosen) if numbers else ():
        found[row.change] = (*found.get(row.change, ()), row.service)
    return found


def _change(row: Row[Any], services: tuple[str, ...]) -> Change:
    return Change(
        source=row.source,
        id=row.id,
        title=row.title,
        kind=Kind(row.kind),
        status=Status(row.status),
        started_at=row.started_at,
        stated_at=row.stated_at,
        finished_at=row.finished_at,
        services=services,
        version=row.version,
        actor=row.actor,
        url=row.url,
        environment=row.environment,
        labels=from_json(row.labels),
    )
