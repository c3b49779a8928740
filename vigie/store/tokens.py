"""Tokens of programs: known by a digest; kept when they are over, as the record of who had one."""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, Select, func, select, update

from vigie.store.tables_access import api_token as t
from vigie.store.tables_access import user_account as u
from vigie.store.users import Grant, grants


@dataclass(frozen=True, slots=True)
class Token:
    """One token, with its user as of now (`user` null: of nobody)."""

    id: int
    name: str
    user: str | None
    role: str
    scope: str
    created_at: float
    created_by: str
    expires_at: float
    last_used_at: float | None
    revoked_at: float | None
    revoked_by: str | None
    user_role: str | None
    user_disabled_at: float | None


def add(
    c: Connection,
    digest: str,
    *,
    name: str,
    user: int | None,
    role: str,
    scope: str,
    by: str,
    now: float,
    expires_at: float,
) -> int:
    """The id of the new token."""
    row = t.insert().values(
        digest=digest,
        name=name,
        user=user,
        role=role,
        scope=scope,
        created_at=float(now),
        created_by=by,
        expires_at=float(expires_at),
    )
    return int(c.execute(row.returning(t.c.id)).scalar_one())


def find(c: Connection, digest: str) -> tuple[Token, tuple[Grant, ...]] | None:
    """A token in whatever state it is, and what its user may do on one thing each."""
    row = c.execute(_tokens().where(t.c.digest == digest)).mappings().first()
    if row is None:
        return None
    return _token(row), grants(c, row["user_id"]) if row["user_id"] is not None else ()


def get(c: Connection, number: int) -> Token | None:
    row = c.execute(_tokens().where(t.c.id == number)).mappings().first()
    return _token(row) if row is not None else None


def page(c: Connection, *, before: int | None, limit: int) -> list[Token]:
    """Tokens, newest first: those with an id under `before`."""
    query = _tokens().order_by(t.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(t.c.id < before)
    return [_token(row) for row in c.execute(query).mappings()]


def live(c: Connection, now: float) -> int:
    """How many tokens can still be used."""
    usable = (t.c.revoked_at.is_(None), t.c.expires_at > now)
    return int(c.execute(select(func.count()).select_from(t).where(*usable)).scalar_one())


def used(c: Connection, number: int, now: float) -> None:
    c.execute(update(t).where(t.c.id == number).values(last_used_at=now))


def revoke(c: Connection, number: int, by: str, now: float) -> bool:
    """False where it was revoked before, or is not there."""
    one = update(t).where(t.c.id == number, t.c.revoked_at.is_(None))
    return bool(c.execute(one.values(revoked_at=float(now), revoked_by=by)).rowcount)


def _tokens() -> Select[tuple[object, ...]]:
    columns = [column for column in t.c if column.name not in {"digest", "user"}]
    return select(
        *columns,
        t.c.user.label("user_id"),
        u.c.name.label("user"),
        u.c.role.label("user_role"),
        u.c.disabled_at.label("user_disabled_at"),
    ).join_from(t, u, u.c.id == t.c.user, isouter=True)


def _token(row: RowMapping) -> Token:
    return Token(**{name: row[name] for name in Token.__dataclass_fields__})
