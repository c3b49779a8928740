"""Making and changing users, one transaction each. Somebody always remains who may do it."""

import logging
import re
from typing import Final

from sqlalchemy import Connection

from incidents.model import EventKind
from vigie.access import passwords
from vigie.access.roles import Role
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.store import incidents, timeline
from vigie.store import users as store
from vigie.store.db import Database
from vigie.store.users import INCIDENT, Grant, User

log = logging.getLogger(__name__)

FIRST: Final = "admin"  # the name of the first user that the server makes itself
MOST: Final = 10_000
LONGEST_NAME: Final = 40
# As login names of machines: what looks alike is alike.
_NAME: Final = re.compile(rf"[a-z][a-z0-9._-]{{0,{LONGEST_NAME - 1}}}", re.ASCII)
# Actors that are no people.
RESERVED: Final = frozenset({"anyone", "api", "automation", "system", "token", "vigie"})


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in RESERVED


def add(db: Database, name: str, role: Role, *, by: str, now: float) -> str:
    """Make a user; their one-time password. Invalid, Conflict."""
    if not is_name(name):
        raise Invalid(
            f"the name is not usable: write a letter a-z, then at most {LONGEST_NAME - 1} of "
            "a-z 0-9 . _ -"
        )
    password = passwords.one_time()
    stored, until = passwords.hashed(password), now + passwords.ONE_TIME_S

    def work(c: Connection) -> None:
        if role is not Role.ADMIN and not store.any_exist(c):
            raise Invalid("the first user is an admin: nobody else could add others")
        if store.count(c) >= MOST:
            raise Conflict(f"there are {MOST} users: no more are kept")
        if not store.add(c, name, role, stored, until, by=by, now=now):
            raise Conflict(f"there is a user `{name}` already")

    db.write(work)
    log.warning("user %s added as %s by %s", name, role, by)
    return password


def first(db: Database, now: float) -> str | None:
    """Make the first admin where there is no user: the one-time password; None where there is."""
    if db.read(store.any_exist):
        return None
    return add(db, FIRST, Role.ADMIN, by="vigie", now=now)


def change(
    db: Database, name: str, *, role: Role | None, disabled: bool | None, by: str, now: float
) -> User:
    """Give another role, disable or enable: whoever is disabled is signed out, and their tokens
    open nothing. NotFound; Conflict for the last admin.
    """

    def work(c: Connection) -> User:
        user = get(c, name)
        loses = (role is not None and role is not Role.ADMIN) or disabled is True
        is_admin = user.role == Role.ADMIN and user.disabled_at is None
        if loses and is_admin and store.enabled_with(c, Role.ADMIN) == 1:
            raise Conflict(f"{name} is the last admin: make another one first")
        if role is not None:
            store.set_role(c, user.id, role)
        if disabled is not None and disabled != (user.disabled_at is not None):
            store.set_disabled(c, user.id, now if disabled else None)
        return get(c, name)

    changed = db.write(work)
    state = "disabled" if changed.disabled_at is not None else "enabled"
    log.warning("user %s is %s, %s, by %s", name, changed.role, state, by)
    return changed


def reset(db: Database, name: str, *, by: str, now: float) -> str:
    """A one-time password instead of the user's own, which ends their sessions. NotFound."""
    password = passwords.one_time()
    stored, until = passwords.hashed(password), now + passwords.ONE_TIME_S
    db.write(lambda c: store.set_password(c, get(c, name).id, stored, until))
    log.warning("user %s got a one-time password by %s", name, by)
    return password


def grant(db: Database, name: str, incident: int, role: Role, *, by: str, now: float) -> None:
    """Give a user a role on one incident. NotFound.

    It lets in to a restricted incident, also by somebody who does not see it: its timeline says so.
    """
    given = Grant(INCIDENT, str(incident), role)

    def work(c: Connection) -> None:
        store.grant(c, get(c, name).id, given, by=by, now=now)
        row = incidents.get(c, incident)
        if row is not None and row["restricted"]:
            text = f"{name} may act as {role} on it, by a right that {by} gave"
            data = {"name": name, "part": f"right {role}"}
            timeline.append(c, incident, now, EventKind.ROLE_TAKEN, by, text, data)

    db.write(work)
    log.warning("user %s is %s of incident %d by %s", name, role, incident, by)


def take_back(db: Database, name: str, incident: int, *, by: str) -> None:
    """Take the role on one incident back; where none was given nothing changes. NotFound."""
    if db.write(lambda c: store.take_back(c, get(c, name).id, INCIDENT, str(incident))):
        log.warning("user %s lost the role on incident %d by %s", name, incident, by)


def get(c: Connection, name: str) -> User:
    """NotFound."""
    found = store.get(c, name)
    if found is None:
        raise NotFound(f"There is no user `{name}`; /api/v1/users lists them.")
    return found
