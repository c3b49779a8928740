"""Incidents that are there for their participants only, and the ways in."""

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.people import Part
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.people import known, person_of
from vigie.commands.record import Incident, change, hold, say, was_done
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import people
from vigie.store.db import Database


def restrict(
    db: Database,
    config: Config,
    number: int,
    reason: str,
    *,
    name: str | None = None,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Show an incident to its participants only. Who does it (`name`; None: whose name the actor
    is) is one from then on; who only watched is none any more, for anybody may watch. Where it is
    restricted already nothing changes. NotFound, Invalid; Conflict when nobody would see it.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        if found["restricted"] or was_done(c, number, key):
            return found
        people.end(c, number, now, role=Part.WATCHER)
        _keep_one(c, number, name or person_of(who), who, now)
        change(c, number, restricted=1)
        text = f"Restricted to its participants by {who}: {why}"
        data = {"restricted": True}
        return say(c, config, number, now, EventKind.RESTRICTED, who, text, data, key=key)

    return db.write(work)


def unrestrict(
    db: Database,
    config: Config,
    number: int,
    reason: str,
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Show an incident to everybody again, with all that was written meanwhile. NotFound,
    Invalid.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        if not found["restricted"] or was_done(c, number, key):
            return found
        change(c, number, restricted=0)
        text = f"Open to all again, by {who}: {why}"
        data = {"restricted": False}
        return say(c, config, number, now, EventKind.RESTRICTED, who, text, data, key=key)

    return db.write(work)


def let_in(
    db: Database,
    config: Config,
    number: int,
    name: str,
    reason: str,
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> str:
    """Make somebody a participant of an incident that who does it may not see: so that none is lost
    whose participants are gone. The timeline says so. Their name. NotFound, Invalid.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> str:
        hold(c, number)
        new = known(c, name)
        if was_done(c, number, key) or not _let_in(c, number, new, who, now, why):
            return new
        text = f"{new} was let in by {who}, from outside: {why}"
        data = {"part": Part.OBSERVER.value, "name": new, "after": None}
        say(c, config, number, now, EventKind.ROLE_TAKEN, who, text, data, key=key)
        return new

    return db.write(work)


def _keep_one(c: Connection, number: int, name: str, who: str, now: float) -> None:
    """Who restricts sees it, or at least somebody does: a token of nobody's is no person."""
    try:
        _let_in(c, number, known(c, name), who, now)
    except Invalid as error:
        if not people.holders(c, number):
            raise Conflict(f"nobody would see it: assign somebody first ({error})") from error


def _let_in(  # noqa: PLR0917 - who, whom, when and why
    c: Connection, number: int, name: str, by: str, now: float, note: str | None = None
) -> bool:
    """Let a known person have some part; False where they have one."""
    if name in {row["name"] for row in people.holders(c, number)}:
        return False
    people.begin(c, number, name, Part.OBSERVER, by, now, note)
    return True
