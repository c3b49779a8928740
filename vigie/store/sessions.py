"""Sessions of signed-in people: known by a digest, so that the database opens none."""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from vigie.store.tables_access import user_account as u
from vigie.store.tables_access import user_session as t
from vigie.store.users import Grant, grants

MOST = 20  # sessions of one user at once; the one not seen for longest ends for another


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has not ended, with the user as of now."""

    digest: str
    user: int
    name: str
    role: str
    must_change: bool
    seen_at: float
    grants: tuple[Grant, ...] = ()


def begin(c: Connection, digest: str, user: int, *, now: float, expires_at: float) -> None:
    """Begin a session; what is over is forgotten on the way."""
    c.execute(t.delete().where(t.c.expires_at <= now))
    newest = select(t.c.digest).where(t.c.user == user)
    newest = newest.order_by(t.c.seen_at.desc(), t.c.digest).limit(MOST - 1)
    kept = c.execute(newest).scalars().all()
    c.execute(t.delete().where(t.c.user == user, t.c.digest.not_in(kept)))
    row = {"digest": digest, "user": user, "created_at": now, "seen_at": now}
    c.execute(t.insert().values(**row, expires_at=expires_at))


def find(c: Connection, digest: str, *, now: float, idle_s: float) -> Session | None:
    """The session, unless it is over by its age or for want of use, or its user is disabled."""
    query = (
        select(t.c.digest, t.c.user, t.c.seen_at, u.c.name, u.c.role, u.c.password_until)
        .join(u, u.c.id == t.c.user)
        .where(t.c.digest == digest, t.c.expires_at > now, t.c.seen_at > now - idle_s)
        .where(u.c.disabled_at.is_(None))
        # A one-time password opens nothing for longer than it lasts.
        .where(or_(u.c.password_until.is_(None), u.c.password_until > now))
    )
    row = c.execute(query).mappings().first()
    if row is None:
        return None
    return Session(
        row["digest"],
        row["user"],
        row["name"],
        row["role"],
        row["password_until"] is not None,
        row["seen_at"],
        grants(c, row["user"]),
    )


def seen(c: Connection, digest: str, now: float) -> None:
    c.execute(update(t).where(t.c.digest == digest).values(seen_at=now))


def end(c: Connection, digest: str) -> None:
    c.execute(t.delete().where(t.c.digest == digest))
