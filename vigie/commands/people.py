"""Who does what on an incident: parts taken, handed over, given and left; teams called in.

A part that one person holds at a time goes over from who held it, with the time, so that the record
always says who was responsible when.
"""

import re
from typing import Final

from sqlalchemy import Connection

from incidents.model import EventKind
from incidents.people import SINGLE, TIERS, Part
from slo.load.yaml import did_you_mean
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.record import Incident, hold, say, was_done
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import people, users
from vigie.store.db import Database

MOST: Final = 200  # people of one incident at once, in all parts
# Actors that are no people; vigie.access.users keeps users from having such a name.
_NO_PEOPLE: Final = frozenset({"anyone", "api", "automation", "system", "token", "vigie"})
_FOR_ANOTHER: Final = re.compile(r"(?P<name>.+) \(by .+\)")


def take(
    db: Database,
    config: Config,
    number: int,
    part: Part,
    *,
    name: str | None = None,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Take a part oneself (`name`; None: whose name the actor is), from whoever held it. Who holds
    it already changes nothing. NotFound, Invalid.
    """
    return assign(db, config, number, name or person_of(actor), part, actor=actor, now=now, key=key)


def assign(
    db: Database,
    config: Config,
    number: int,
    to: str,
    part: Part,
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Give a part to somebody. NotFound, Invalid: nobody goes by that name."""
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        name = known(c, to)
        if was_done(c, number, key):
            return found
        return give(c, config, found, name, part, who=who, now=now, key=key)

    return db.write(work)


def hand_over(  # noqa: PLR0917 - from here on as `assign`, with what is said
    db: Database,
    config: Config,
    number: int,
    part: Part,
    to: str,
    note: str,
    *,
    name: str | None = None,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Give one's own part to somebody, with what they have to know. NotFound, Invalid; Conflict
    where one does not hold it.
    """
    who, said = line_of("name", actor, MAX_ACTOR), text_of("note", note, MAX_REASON)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        new, old = known(c, to), name or person_of(who)
        if was_done(c, number, key):
            return found
        _require(c, number, part, old)
        if new == old:
            raise Conflict(f"{old} is {words(part)} already")
        people.end(c, number, now, role=part, name=old)
        return give(c, config, found, new, part, who=who, now=now, key=key, note=said, old=old)

    return db.write(work)


def leave(
    db: Database,
    config: Config,
    number: int,
    part: Part,
    *,
    name: str | None = None,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Give a part of one's own up; nobody has it then, or the others who do. NotFound; Conflict
    where one does not hold it, or is the last who sees a restricted incident.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        if was_done(c, number, key):
            return found
        old = name or person_of(who)
        _require(c, number, part, old)
        people.end(c, number, now, role=part, name=old)
        if found["restricted"] and not people.holders(c, number):
            raise Conflict("nobody would see the restricted incident any more: hand it over")
        data = {"part": part.value, "name": old}
        text = f"{old} is no longer {words(part)}"
        return say(c, config, number, now, EventKind.ROLE_LEFT, who, text, data, key=key)

    return db.write(work)


def watch(db: Database, number: int, *, name: str, actor: str, now: float) -> Incident:
    """Be told of an incident, which is no event of it: the timeline says nothing. NotFound,
    Invalid.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        watcher = known(c, name)
        held = people.holders(c, number, Part.WATCHER)
        if watcher not in {row["name"] for row in held}:
            _begin(c, number, watcher, Part.WATCHER, who, now, None)
        return found

    return db.write(work)


def unwatch(db: Database, number: int, *, name: str, now: float) -> Incident:
    """No longer be told; who does not watch changes nothing. NotFound; Conflict for the last who
    sees a restricted incident.
    """

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        people.end(c, number, now, role=Part.WATCHER, name=name)
        if found["restricted"] and not people.holders(c, number):
            raise Conflict("nobody would see the restricted incident any more: hand it over")
        return found

    return db.write(work)


def call_team(
    db: Database,
    config: Config,
    number: int,
    team: str,
    note: str = "",
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Pull another team in: on the record, and told to everybody who gets notices. NotFound,
    Invalid.
    """
    who, called = line_of("name", actor, MAX_ACTOR), line_of("team", team, MAX_ACTOR)
    said = text_of("note", note, MAX_REASON) if note else ""

    def work(c: Connection) -> Incident:
        found = hold(c, number)
        if was_done(c, number, key):
            return found
        text = f"Team {called} called in by {who}" + (f": {said}" if said else "")
        data = {"team": called, "note": said}
        return say(c, config, number, now, EventKind.TEAM_CALLED, who, text, data, key=key)

    return db.write(work)


def acknowledged(c: Connection, incident: Incident, actor: str, now: float) -> None:
    """Who acknowledges answers for the tier that the incident is at, if nobody does. The timeline
    says already that they do. Who is no person of ours (a program, a name that is no user) gets no
    part.
    """
    part, name = TIERS[int(incident["tier"]) - 1], person_of(actor)
    number = incident["number"]
    if name.casefold() in _NO_PEOPLE or people.holders(c, number, part):
        return
    try:
        people.begin(c, number, known(c, name), part, actor, now)
    except Invalid:
        return


def give(
    c: Connection,
    config: Config,
    incident: Incident,
    name: str,
    part: Part,
    *,
    who: str,
    now: float,
    key: str | None = None,
    note: str | None = None,
    old: str | None = None,
) -> Incident:
    """Let somebody (a known name) have a part of an incident that is held; the incident as it is
    then. `old` is who handed it over.
    """
    number = int(incident["number"])
    held = [row["name"] for row in people.holders(c, number, part)]
    if name in held and old is None:
        return incident
    if part in SINGLE and held:
        old = held[0]
        people.end(c, number, now, role=part)
    if name not in held:
        _begin(c, number, name, part, who, now, note)
    text = f"{name} is {words(part)}" + (f", after {old}" if old else "")
    text += f": {note}" if note else ""
    data = {"part": part.value, "name": name, "after": old}
    return say(c, config, number, now, EventKind.ROLE_TAKEN, who, text, data, key=key)


def known(c: Connection, given: str) -> str:
    """The name of a person: a user's where there are users, else any. Invalid."""
    name = line_of("name", given, MAX_ACTOR)
    if not users.any_exist(c):
        return name
    user = users.get(c, name) or users.get(c, name.lower())
    if user is None:
        hint = did_you_mean(name, (one.name for one in users.every(c)))
        raise Invalid(f"there is no user `{name}`{hint}")
    if user.disabled_at is not None:
        raise Invalid(f"user `{user.name}` is disabled")
    return user.name


def person_of(actor: str) -> str:
    """Whose name an actor is: `ada` of `ada/ci`, `bob` of `bob (by ada/ci)`."""
    told = _FOR_ANOTHER.fullmatch(actor)
    name = told["name"] if told is not None else actor
    return name.partition("/")[0] or name


def words(part: Part) -> str:
    """A part as it is read: `incident manager`, `L2`."""
    return part.value.upper() if part in TIERS else part.value.replace("_", " ")


def _begin(  # noqa: PLR0917 - the columns of a row
    c: Connection, number: int, name: str, part: Part, by: str, now: float, note: str | None
) -> None:
    if len(people.holders(c, number)) >= MOST:
        raise Conflict(f"incident #{number} has {MOST} people already")
    people.begin(c, number, name, part, by, now, note)


def _require(c: Connection, number: int, part: Part, name: str) -> None:
    held = [row["name"] for row in people.holders(c, number, part)]
    if name not in held:
        now = f"; now it is {', '.join(held)}" if held else ""
        raise Conflict(f"{name} is not {words(part)} of incident #{number}{now}")
