"""Who a request is from, what they may do, and whose name is written under what they do."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from vigie.access.roles import ALL, ROLES, Permission, Role
from vigie.store.users import INCIDENT, Grant
from vigie.store.visibility import EVERYTHING, Viewer


class Forbidden(Exception):  # noqa: N818 - read as the answer it is
    """Whoever asks is known, and may not; the message is for them."""


class Kind(StrEnum):
    """How somebody is known."""

    ANYONE = "anyone"  # no users, no token: everybody on this machine
    SHARED = "shared token"
    PERSON = "person"
    GUEST = "guest"  # an external party, by a link to one incident
    TOKEN = "token"  # noqa: S105 - a kind, no secret
    NOBODY = "nobody"  # where no proof is asked for


@dataclass(frozen=True, slots=True)
class Identity:
    """`name` is what is written as actor, empty where people type one. `within` narrows everything,
    also rights on one thing. `session` and `csrf` are of browsers: the digest of the session, and
    what its forms hold.
    """

    kind: Kind
    name: str = ""
    role: Role | None = None
    permissions: frozenset[Permission] = frozenset()
    within: frozenset[Permission] = ALL
    grants: tuple[Grant, ...] = ()
    must_change: bool = False
    session: str | None = field(default=None, repr=False)
    csrf: str | None = field(default=None, repr=False)

    def may(self, permission: Permission, incident: int | None = None) -> bool:
        """Whether they may, everywhere or on this incident."""
        if permission in self.permissions & self.within:
            return True
        return permission in self.within and any(
            grant.kind == INCIDENT
            and grant.subject == str(incident)
            and permission in ROLES[Role(grant.role)]
            for grant in self.grants
        )


ANYONE: Final = Identity(Kind.ANYONE, permissions=ALL)
SHARED: Final = Identity(Kind.SHARED, permissions=ALL)
NOBODY: Final = Identity(Kind.NOBODY)
NOT_SAID: Final = "api"  # the actor of a write that names none; no user can have this name

# One request is served by one task, and what it hands to threads takes its context along: pages and
# commands need no argument through every layer for what is the same in all of them.
_current: ContextVar[Identity] = ContextVar("vigie_identity", default=NOBODY)


def current() -> Identity:
    """Who the request is from that is being served."""
    return _current.get()


def viewing() -> Viewer:
    """As whom the request that is being served sees incidents.

    A token of a user sees what the user does. Where nobody is told apart, nothing is hidden: who
    holds the token of the server holds its database.
    """
    who = current()
    if who.kind in (Kind.ANYONE, Kind.SHARED):
        return EVERYTHING
    granted = (grant.subject for grant in who.grants if grant.kind == INCIDENT)
    user = "" if who.name.startswith("token/") else who.name.partition("/")[0]
    numbers = frozenset(int(one) for one in granted if one.isdecimal())
    if who.kind is Kind.GUEST:
        return Viewer(numbers=numbers, others=False)
    return Viewer(user, numbers)


@contextmanager
def serving(who: Identity) -> Iterator[None]:
    """Serve a request of somebody."""
    token = _current.set(who)
    try:
        yield
    finally:
        _current.reset(token)


def acting(given: str | None, otherwise: str = NOT_SAID, *, for_others: bool = False) -> str:
    """The actor of a write: who is signed in; where nobody is, the name that is `given`, if one is.

    A person acts under no other name (Forbidden), but may tell of what others did (`for_others`).
    A program that acts for somebody says so. Then both are recorded: `ada (by ci)`.
    """
    who = current()
    if not who.name:
        return otherwise if given is None else given
    if given is None or given in {"", NOT_SAID} or given.strip().casefold() == who.name.casefold():
        return who.name
    if who.kind is Kind.TOKEN or for_others:
        return f"{given} (by {who.name})"
    raise Forbidden(f"You are signed in as {who.name}: leave `actor` out, or sign in as them.")
