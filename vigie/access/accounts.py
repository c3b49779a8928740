"""Finds who a session or a token stands for, anew for every request: what is revoked ends at once,
on every replica.
"""

import logging
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from vigie.access import proofs
from vigie.access.identity import Identity, Kind
from vigie.access.roles import ALL, ROLES, SCOPES, Permission, Role, Scope
from vigie.clock import Clock
from vigie.commands import guests
from vigie.store import guests as links
from vigie.store import sessions, tokens, users
from vigie.store.db import Database
from vigie.store.errors import StoreError
from vigie.store.guests import Guest
from vigie.store.sessions import Session
from vigie.store.tokens import Token
from vigie.store.users import INCIDENT, Grant
from vigie.store.visibility import Viewer, sees

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0  # for a first user that another replica made
NO_PERMISSIONS: Final[frozenset[Permission]] = frozenset()


class Accounts:
    """The users of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._looked_at: float | None = None
        self.in_force = False

    async def look(self) -> bool:
        """Whether there are users. Once there are, there are for ever: none is deleted."""
        now = self._clock.now()
        if not self.in_force and self._is_due(now):
            # Who comes meanwhile looks too: until it is known nobody is let in on trust.
            self.in_force = await self._db.aread(users.any_exist) or self.in_force
            self._looked_at = now
        return self.in_force

    def look_now(self) -> bool:
        """The same from a thread or, in a millisecond, from a loop that cannot wait."""
        now = self._clock.now()
        if not self.in_force and self._is_due(now):
            self.in_force = self._db.read(users.any_exist) or self.in_force
            self._looked_at = now
        return self.in_force

    def _is_due(self, now: float) -> bool:
        return self._looked_at is None or abs(now - self._looked_at) >= LOOK_EVERY_S

    async def by_session(self, secret: str) -> Identity | None:
        """Who a browser is signed in as; None: nobody, or no longer."""
        now, digest = self._clock.now(), proofs.digest(secret)
        found = await self._db.aread(
            lambda c: sessions.find(c, digest, now=now, idle_s=proofs.IDLE_S)
        )
        if found is None:
            return None
        if now - found.seen_at >= proofs.SEEN_EVERY_S:
            with suppress(StoreError):  # a full disk keeps nobody from reading
                await self._db.awrite(lambda c: sessions.seen(c, digest, now))
        return of_session(found, secret)

    async def by_token(self, secret: str) -> Identity | str | None:
        """Whose token this is; why it opens nothing any more; None: it is none of ours."""
        now = self._clock.now()
        found = await self._db.aread(lambda c: tokens.find(c, proofs.digest(secret)))
        if found is None:
            return None
        token, granted = found
        if why := over(token, now):
            return why
        if token.last_used_at is None or now - token.last_used_at >= proofs.SEEN_EVERY_S:
            with suppress(StoreError):
                await self._db.awrite(lambda c: tokens.used(c, token.id, now))
        return of_token(token, granted)

    def by_token_now(self, secret: str) -> Identity | str | None:
        """The same, where `look_now` is for; that it was used is not written."""
        now = self._clock.now()

        def work(c: Connection) -> Identity | str | None:
            found = tokens.find(c, proofs.digest(secret))
            if found is None:
                return None
            return over(found[0], now) or of_token(*found)

        return self._db.read(work)

    async def by_guest(self, secret: str, *, opened: bool = False) -> Identity | str | None:
        """Which guest a link stands for, why it opens nothing any more, or None: it is no link.
        `opened`: it was just followed. That it was used is written down.
        """
        if not secret.startswith(guests.PREFIX):
            return None
        now = self._clock.now()
        found = await self._db.aread(lambda c: links.find(c, guests.digest(secret)))
        if found is None:
            return None
        if why := guests.over(found, now):
            return why
        last, number = found.last_used_at, found.id
        if opened or last is None or now - last >= proofs.SEEN_EVERY_S:
            with suppress(StoreError):
                await self._db.awrite(lambda c: links.used(c, number, now, opened=opened))
        return of_guest(found, secret)

    async def sees(self, viewer: Viewer, number: int) -> bool:
        """Whether there is an incident of this number for them. Nothing is read where nobody is
        told apart.
        """
        return viewer.everything or await self._db.aread(lambda c: sees(c, viewer, number))


def of_session(found: Session, secret: str) -> Identity:
    """A person at a browser."""
    role = Role(found.role)
    return Identity(
        Kind.PERSON,
        found.name,
        role,
        ROLES[role],
        ALL if not found.must_change else NO_PERMISSIONS,
        found.grants,
        must_change=found.must_change,
        session=found.digest,
        csrf=proofs.csrf_of(secret),
    )


def of_token(token: Token, granted: tuple[Grant, ...]) -> Identity:
    """A program. It never may more than whose it is may now."""
    role = Role(token.role)
    may = ROLES[role]
    if token.user_role is not None:
        may &= ROLES[Role(token.user_role)]
    name = f"{token.user}/{token.name}" if token.user is not None else f"token/{token.name}"
    within = SCOPES[Scope(token.scope)] & ROLES[role]
    return Identity(Kind.TOKEN, name, role, may, within, granted)


def of_guest(found: Guest, secret: str) -> Identity:
    """An external party: what its role may on the one incident, on routes that are for guests."""
    role = Role(found.role)
    return Identity(
        Kind.GUEST,
        found.name + guests.SUFFIX,
        role,
        within=ROLES[role],
        grants=(Grant(INCIDENT, str(found.incident), role),),
        csrf=proofs.csrf_of(secret),
    )


def over(token: Token, now: float) -> str | None:
    """Why a token opens nothing any more."""
    if token.revoked_at is not None:
        return "This token was revoked"
    if token.expires_at <= now:
        return "This token has expired"
    if token.user_disabled_at is not None:
        return "Whose token this is was disabled"
    return None
