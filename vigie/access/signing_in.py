"""Signing in with name and password, choosing another password, signing out.

Everything here hashes or waits for the database: call it from a thread.
"""

import logging
from dataclasses import dataclass, field

from sqlalchemy import Connection

from vigie.access import passwords, proofs
from vigie.access.accounts import of_session
from vigie.access.gate import Gate
from vigie.access.identity import Identity
from vigie.access.users import is_name
from vigie.commands.errors import Conflict, Invalid
from vigie.store import sessions, users
from vigie.store.db import Database
from vigie.store.users import User

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun; `secret` is for the cookie, which lasts `lasts_s` seconds."""

    secret: str = field(repr=False)
    who: Identity
    lasts_s: float = proofs.SESSION_S


class Unproven(Exception):  # noqa: N818 - read as the answer it is
    """Nobody was signed in; `wait_s` over 0: too many tries, and these seconds to wait."""

    def __init__(self, wait_s: int = 0) -> None:
        self.wait_s = wait_s
        tried = f"Too many tries. Try again in {wait_s} s."
        super().__init__(tried if wait_s else "That name and password do not fit.")


class SignIn:
    """The one way in. Tries are counted by client and by user, before they are known to fail.

    Whoever guesses a user's password from many addresses makes that user wait too, a minute at
    most; not where they signed in from before.
    """

    def __init__(self, gate: Gate, db: Database) -> None:
        self._gate, self._db = gate, db

    def enter(
        self, client: str, name: str, password: str, now: float, before: str | None = None
    ) -> SignedIn:
        """Begin a session under a new id; `before` is the one that this browser had, which ends.
        Unproven, passwords.Busy.
        """
        asked = name.strip().lower()
        user = self._proven(client, asked, password, now)
        began = _begin(self._db, user, now, before)
        if passwords.is_outdated(user.password) and user.password_until is None:
            stored = passwords.hashed(password)
            self._db.write(lambda c: users.rehash(c, user.id, user.password, stored))
        log.info("user %s signed in from %s", user.name, client)
        return began

    def change_password(
        self, who: Identity, client: str, current: str, new: str, now: float
    ) -> SignedIn:
        """Another password of one's own: every session ends, and a new one begins here. Unproven,
        passwords.Busy; Invalid when the new one will not do.
        """
        if problem := passwords.problem_of(new, who.name):
            raise Invalid(problem)
        user = self._proven(client, who.name, current, now)
        if new == current:
            raise Invalid("the new password is the old one")
        stored, secret = passwords.hashed(new), proofs.new_session()

        def work(c: Connection) -> Identity:
            _still(c, user)
            users.set_password(c, user.id, stored, None)
            return _begun(c, secret, user.id, now)

        who = self._db.write(work)
        log.warning("user %s has a new password", user.name)
        return SignedIn(secret, who)

    def _proven(self, client: str, name: str, password: str, now: float) -> User:
        """The user whose password this is; the same time and answer for whatever is wrong."""
        throttles = [(self._gate.throttle, client)]
        if is_name(name) and (name, client) not in self._gate.known:
            throttles.append((self._gate.by_user, name))
        for at, (throttle, key) in enumerate(throttles):
            if seconds := throttle.enter(key):
                for passed, counted in throttles[:at]:
                    passed.succeeded(counted)
                raise Unproven(seconds)
        user = self._db.read(lambda c: users.get(c, name)) if is_name(name) else None
        try:
            fits = passwords.verify(user.password if user is not None else None, password)
        except passwords.Busy:  # nothing was tried
            for throttle, key in throttles:
                throttle.succeeded(key)
            raise
        if user is None or not fits or not _usable(user, now):
            if user is not None:  # another name may be a password in the wrong field: not logged
                log.warning("sign-in as %s from %s refused", user.name, client)
            raise Unproven
        for throttle, key in throttles:
            throttle.succeeded(key)
        self._gate.known.add(user.name, client)
        return user


def sign_out(db: Database, who: Identity) -> None:
    """End this session."""
    digest = who.session
    if digest is not None:
        db.write(lambda c: sessions.end(c, digest))


def _usable(user: User, now: float) -> bool:
    if user.disabled_at is not None:
        return False
    return user.password_until is None or now < user.password_until


def _begin(db: Database, user: User, now: float, before: str | None) -> SignedIn:
    secret = proofs.new_session()

    def work(c: Connection) -> Identity:
        _still(c, user)
        if before is not None:
            sessions.end(c, proofs.digest(before))
        return _begun(c, secret, user.id, now)

    return SignedIn(secret, db.write(work))


def _still(c: Connection, user: User) -> None:
    """Conflict when the user was disabled or has another password since it was checked."""
    now = users.get(c, user.name)
    if now is None or now.password != user.password or now.disabled_at is not None:
        raise Conflict("the user was changed in this moment: sign in again")


def _begun(c: Connection, secret: str, user: int, now: float) -> Identity:
    digest, expires_at = proofs.digest(secret), now + proofs.SESSION_S
    sessions.begin(c, digest, user, now=now, expires_at=expires_at)
    found = sessions.find(c, digest, now=now, idle_s=proofs.IDLE_S)
    assert found is not None, "it has just begun"
    return of_session(found, secret)
