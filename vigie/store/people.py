"""Who has which part in an incident, now and before. Rows are ended, never removed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, select, update

from vigie.store.rows import Reading
from vigie.store.tables_people import participant as t

Row = Mapping[str, Any]

_OF_INCIDENT = Reading(select(t).where(t.c.incident == bindparam("number")).order_by(t.c.id))


def of_incident(c: Connection, number: int) -> list[Row]:
    """Every holder of every part, in the order in which they took it; `until` is None of who holds
    it now.
    """
    return list(_OF_INCIDENT.rows(c, number=number))


def holders(c: Connection, number: int, role: str | None = None) -> list[Row]:
    """Who holds a part now, or any."""
    found = select(t).where(_now(number, role)).order_by(t.c.id)
    return [dict(row) for row in c.execute(found).mappings()]


def begin(  # noqa: PLR0917 - the columns of a row
    c: Connection, number: int, name: str, role: str, by: str, now: float, note: str | None = None
) -> None:
    """Give a part to somebody, who holds it from now on."""
    row = {"incident": number, "name": name, "role": role, "given_by": by, "note": note}
    c.execute(t.insert().values(**row, since=float(now)))


def end(c: Connection, number: int, now: float, *, role: str, name: str | None = None) -> bool:
    """Nobody, or not this one, holds the part any more; False where nobody did. A clock that was
    set back ends nothing before it began.
    """
    mine = _now(number, role) if name is None else and_(_now(number, role), t.c.name == name)
    until = case((t.c.since > float(now), t.c.since), else_=float(now))
    return bool(c.execute(update(t).where(mine).values(until=until)).rowcount)


def _now(number: int, role: str | None) -> ColumnElement[bool]:
    held = and_(t.c.incident == number, t.c.until.is_(None))
    return held if role is None else and_(held, t.c.role == role)
