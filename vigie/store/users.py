"""Users and their rights on one thing. Users are never deleted: what they did bears their name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, func, select, update

from vigie.store.sql import exists, insert, put
from vigie.store.tables_access import access_grant as g
from vigie.store.tables_access import user_account as t
from vigie.store.tables_access import user_session as s

INCIDENT = "incident"  # the kind of thing that a right can be on


@dataclass(frozen=True, slots=True)
class User:
    """One row. `password_until` is set while the password is a one-time one."""

    id: int
    name: str
    role: str
    password: str = field(repr=False)
    password_until: float | None
    disabled_at: float | None
    created_at: float
    created_by: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on one thing, e.g. incident 7."""

    kind: str
    subject: str
    role: str


def any_exist(c: Connection) -> bool:
    return exists(c, t)


def add(
    c: Connection, name: str, role: str, password: str, until: float | None, *, by: str, now: float
) -> bool:
    """False where there is a user of this name: nothing changes."""
    row = insert(c, t).values(
        name=name,
        role=role,
        password=password,
        password_until=until,
        created_at=float(now),
        created_by=by,
    )
    added = row.on_conflict_do_nothing(index_elements=["name"]).returning(t.c.id)
    return c.execute(added).scalar() is not None


def get(c: Connection, name: str) -> User | None:
    row = c.execute(select(t).where(t.c.name == name)).mappings().first()
    return _user(row) if row is not None else None


def every(c: Connection) -> list[User]:
    """All users by name."""
    return [_user(row) for row in c.execute(select(t).order_by(t.c.name)).mappings()]


def count(c: Connection) -> int:
    return int(c.execute(select(func.count()).select_from(t)).scalar_one())


def enabled_with(c: Connection, role: str) -> int:
    """How many users of a role are not disabled; the rows are locked where others write too."""
    mine = select(t.c.id).where(t.c.role == role, t.c.disabled_at.is_(None)).with_for_update()
    return len(c.execute(mine).all())


def set_role(c: Connection, user: int, role: str) -> None:
    c.execute(update(t).where(t.c.id == user).values(role=role))


def set_disabled(c: Connection, user: int, at: float | None) -> None:
    """Disable a user, which ends every session, or enable one again."""
    c.execute(update(t).where(t.c.id == user).values(disabled_at=at))
    if at is not None:
        c.execute(s.delete().where(s.c.user == user))


def set_password(c: Connection, user: int, password: str, until: float | None) -> None:
    """Another password ends every session."""
    c.execute(update(t).where(t.c.id == user).values(password=password, password_until=until))
    c.execute(s.delete().where(s.c.user == user))


def rehash(c: Connection, user: int, before: str, after: str) -> None:
    """The same password under other parameters, unless it was changed meanwhile."""
    same = update(t).where(t.c.id == user, t.c.password == before)
    c.execute(same.values(password=after))


def grant(c: Connection, user: int, given: Grant, *, by: str, now: float) -> None:
    """Give a role on one thing, instead of the one that was given there before."""
    row = {"user": user, "kind": given.kind, "subject": given.subject, "role": given.role}
    row |= {"granted_at": float(now), "granted_by": by}
    put(c, g, [row], ("user", "kind", "subject"))


def take_back(c: Connection, user: int, kind: str, subject: str) -> bool:
    """False where nothing was given."""
    here = (g.c.user == user, g.c.kind == kind, g.c.subject == subject)
    return bool(c.execute(g.delete().where(*here)).rowcount)


def grants(c: Connection, user: int) -> tuple[Grant, ...]:
    """What a user may do on one thing each."""
    mine = select(g.c.kind, g.c.subject, g.c.role).where(g.c.user == user)
    rows: Sequence[RowMapping] = c.execute(mine.order_by(g.c.kind, g.c.subject)).mappings().all()
    return tuple(Grant(row["kind"], row["subject"], row["role"]) for row in rows)


def every_grant(c: Connection) -> dict[int, tuple[Grant, ...]]:
    """The same of every user that has any."""
    found: dict[int, tuple[Grant, ...]] = {}
    for row in c.execute(select(g).order_by(g.c.kind, g.c.subject)).mappings():
        given = Grant(row["kind"], row["subject"], row["role"])
        found[row["user"]] = (*found.get(row["user"], ()), given)
    return found


def _user(row: RowMapping) -> User:
    return User(**{name: row[name] for name in User.__dataclass_fields__})
