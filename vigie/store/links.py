"""What incidents are connected with, and which were merged into which. Rows are ended, never
removed.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from incidents.links import LinkKind
from vigie.store.rows import Reading
from vigie.store.sql import insert
from vigie.store.tables import incident
from vigie.store.tables_links import HELD
from vigie.store.tables_links import incident_link as t
from vigie.store.visibility import Viewer, visible

Row = Mapping[str, Any]

_NUMBER: BindParameter[int] = bindparam("number", type_=BigInteger)
_OF_INCIDENT = Reading(
    select(t)
    .where(or_(t.c.incident == _NUMBER, t.c.target == _NUMBER), t.c.removed_at.is_(None))
    .order_by(t.c.id)
)


def add(c: Connection, row: Row) -> int | None:
    """Add a link; its id, or None where it stands already."""
    added = insert(c, t).values(dict(row))
    added = added.on_conflict_do_nothing(
        index_elements=["incident", "kind", "ref"], index_where=HELD
    )
    found = c.execute(added.returning(t.c.id)).scalar()
    return None if found is None else int(found)


def of_incident(c: Connection, number: int) -> list[Row]:
    """The links from and to an incident that stand, oldest first."""
    return list(_OF_INCIDENT.rows(c, number=number))


def get(c: Connection, number: int, id_: int) -> Row | None:
    """One link of an incident, from either end, also one that was taken away."""
    here = or_(t.c.incident == number, t.c.target == number)
    row = c.execute(select(t).where(t.c.id == id_, here)).mappings().first()
    return None if row is None else dict(row)


def count(c: Connection, number: int) -> int:
    """How many links lead from an incident now."""
    found = select(func.count()).where(t.c.incident == number, t.c.removed_at.is_(None))
    return int(c.execute(found).scalar_one())


def end(c: Connection, id_: int, by: str, now: float) -> None:
    c.execute(update(t).where(t.c.id == id_).values(removed_at=float(now), removed_by=by))


def joined(c: Connection, number: int, other: int, kind: LinkKind) -> Row | None:
    """The link of a kind between two incidents, whichever way it leads."""
    ways = or_(
        and_(t.c.incident == number, t.c.target == other),
        and_(t.c.incident == other, t.c.target == number),
    )
    found = select(t).where(ways, t.c.kind == kind.value, t.c.removed_at.is_(None))
    row = c.execute(found).mappings().first()
    return None if row is None else dict(row)


def merged(c: Connection, number: int) -> list[int]:
    """The numbers of the incidents that were merged into one."""
    found = select(incident.c.number).where(incident.c.merged_into == number)
    return [row.number for row in c.execute(found.order_by(incident.c.number))]


def rehang(c: Connection, number: int, into: int) -> None:
    """What was merged into one incident is from now on merged into another."""
    mine = update(incident).where(incident.c.merged_into == number)
    c.execute(mine.values(merged_into=into))


def seen(c: Connection, numbers: set[int], viewer: Viewer) -> dict[int, Row]:
    """Title and state of those of the incidents that a viewer may see, by number."""
    named = (incident.c.number, incident.c.title, incident.c.state, incident.c.severity)
    found = select(*named).where(incident.c.number.in_(numbers), visible(viewer))
    return {row["number"]: dict(row) for row in c.execute(found).mappings()} if numbers else {}
