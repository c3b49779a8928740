"""Links of external parties: known by a digest, so that the database opens none."""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from vigie.store.rows import Reading
from vigie.store.tables_guests import guest as t


@dataclass(frozen=True, slots=True)
class Guest:
    """One link, in whatever state it is."""

    id: int
    incident: int
    name: str
    role: str
    created_at: float
    created_by: str
    expires_at: float
    opened: int
    first_used_at: float | None
    last_used_at: float | None
    revoked_at: float | None
    revoked_by: str | None


def add(
    c: Connection,
    digest: str,
    *,
    incident: int,
    name: str,
    role: str,
    by: str,
    now: float,
    expires_at: float,
) -> int:
    """The id of the new link."""
    row = {"incident": incident, "name": name, "role": role, "created_by": by}
    times = {"created_at": float(now), "expires_at": float(expires_at)}
    made = t.insert().values(digest=digest, **row, **times).returning(t.c.id)
    return int(c.execute(made).scalar_one())


def find(c: Connection, digest: str) -> Guest | None:
    row = c.execute(select(*_COLUMNS).where(t.c.digest == digest)).mappings().first()
    return _guest(row) if row is not None else None


def get(c: Connection, incident: int, number: int) -> Guest | None:
    """A link of this incident."""
    mine = (t.c.id == number, t.c.incident == incident)
    row = c.execute(select(*_COLUMNS).where(*mine)).mappings().first()
    return _guest(row) if row is not None else None


def of_incident(c: Connection, incident: int) -> list[Guest]:
    """Every link of an incident, oldest first, also those that are over."""
    return [Guest(**row) for row in _OF_INCIDENT.rows(c, incident=incident)]


def live(c: Connection, incident: int, now: float) -> int:
    """How many links of an incident can still be used."""
    usable = (t.c.incident == incident, t.c.revoked_at.is_(None), t.c.expires_at > now)
    return int(c.execute(select(func.count()).select_from(t).where(*usable)).scalar_one())


def used(c: Connection, number: int, now: float, *, opened: bool) -> None:
    """Write that a link was used; `opened`: by following it."""
    first = func.coalesce(t.c.first_used_at, float(now))
    count = t.c.opened + 1 if opened else t.c.opened
    one = update(t).where(t.c.id == number)
    c.execute(one.values(first_used_at=first, last_used_at=float(now), opened=count))


def revoke(c: Connection, number: int, by: str, now: float) -> bool:
    """False where it was revoked before."""
    one = update(t).where(t.c.id == number, t.c.revoked_at.is_(None))
    return bool(c.execute(one.values(revoked_at=float(now), revoked_by=by)).rowcount)


_COLUMNS = [t.c[name] for name in Guest.__dataclass_fields__]
_OF_INCIDENT = Reading(
    select(*_COLUMNS).where(t.c.incident == bindparam("incident")).order_by(t.c.id)
)


def _guest(row: RowMapping) -> Guest:
    return Guest(**{name: row[name] for name in Guest.__dataclass_fields__})
