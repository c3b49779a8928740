"""External parties on one incident: let in by a link, and shown out."""

import hashlib
import secrets
from typing import Any, Final

from sqlalchemy import Connection

from incidents.model import EventKind
from slo import windows
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.record import hold, say
from vigie.commands.words import MAX_ACTOR, line_of
from vigie.config import Config
from vigie.store import guests as store
from vigie.store.db import Database
from vigie.store.guests import Guest

PREFIX: Final = "vgg_"  # marks links, for people and for scanners of leaks
DEFAULT_S: Final = 7 * 86_400.0
LONGEST_S: Final = 30 * 86_400.0
MOST: Final = 50  # usable links of one incident
MAX_NAME: Final = 80
ROLES: Final = ("viewer", "responder")
SUFFIX: Final = " (guest)"  # of the name under what they write; no user's name can end so


def invite(  # noqa: PLR0917 - which incident, who, as what, for how long
    db: Database,
    config: Config,
    number: int,
    name: str,
    role: str,
    lasts_s: float,
    *,
    actor: str,
    now: float,
) -> tuple[Guest, str]:
    """Make a link to one incident; it, and what the link holds, which is shown this once. NotFound,
    Invalid, Conflict.
    """
    who, called = line_of("name", actor, MAX_ACTOR), line_of("name", name, MAX_NAME)
    if role not in ROLES:
        raise Invalid(f"a guest is one of {', '.join(ROLES)}")
    if not 0.0 < lasts_s <= LONGEST_S:
        raise Invalid(f"a link lasts longer than 0s and at most {windows.show(LONGEST_S)}")
    secret = PREFIX + secrets.token_urlsafe(32)

    def work(c: Connection) -> Guest:
        hold(c, number)
        if store.live(c, number, now) >= MOST:
            raise Conflict(f"{MOST} guests of incident #{number} have links: revoke one first")
        facts: dict[str, Any] = {"incident": number, "name": called, "role": role, "by": who}
        expires_at = now + lasts_s
        made = store.add(c, digest(secret), **facts, now=now, expires_at=expires_at)
        text = f"{called}{SUFFIX} is let in as {role} by {who}, for {windows.show(lasts_s)}"
        data = {"guest": made, "name": called, "part": f"guest {role}"}
        say(c, config, number, now, EventKind.ROLE_TAKEN, who, text, data)
        return _get(c, number, made)

    return db.write(work), secret


def revoke(
    db: Database, config: Config, number: int, guest: int, *, actor: str, now: float
) -> Guest:
    """End a link at once; again, it changes nothing. NotFound."""
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Guest:
        hold(c, number)
        found = _get(c, number, guest)
        if store.revoke(c, guest, who, now):
            text = f"The link of {found.name}{SUFFIX} was revoked by {who}"
            data = {"guest": guest, "name": found.name, "part": f"guest {found.role}"}
            say(c, config, number, now, EventKind.ROLE_LEFT, who, text, data)
        return _get(c, number, guest)

    return db.write(work)


def digest(secret: str) -> str:
    """What the database knows of a link: a fast digest is enough for 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def over(guest: Guest, now: float) -> str | None:
    """Why a link opens nothing any more."""
    if guest.revoked_at is not None:
        return "This link was revoked"
    return "This link has expired" if guest.expires_at <= now else None


def _get(c: Connection, number: int, guest: int) -> Guest:
    found = store.get(c, number, guest)
    if found is None:
        raise NotFound(f"there is no guest {guest} of incident #{number}")
    return found
