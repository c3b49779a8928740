"""For whom a request speaks about one incident: for whoever reported it, or as a responder."""

from sqlalchemy import Connection

from vigie.access.identity import NOT_SAID, Forbidden, Identity, Kind, acting, current
from vigie.access.roles import Permission
from vigie.commands import record
from vigie.commands.people import person_of
from vigie.commands.reopening import requesters
from vigie.store.db import Database
from vigie.store.users import INCIDENT


def roles_on(number: int) -> frozenset[str] | None:
    """The roles that whoever asks has on an incident; None where nobody is told apart."""
    who = current()
    if who.kind in (Kind.ANYONE, Kind.SHARED):
        return None
    granted = (g.role for g in who.grants if g.kind == INCIDENT and g.subject == str(number))
    return frozenset([*([] if who.role is None else [who.role.value]), *map(str, granted)])


def confirming(db: Database, number: int, given: str) -> str:
    """The actor who says whether an incident is over: the requester, or a responder for them, who
    is recorded too (`rita (by ada)`). `given` is a name that was said, empty without. Forbidden for
    all others; NotFound.
    """
    who, asked = current(), _asked(db, number)
    said = "" if given == NOT_SAID else given.strip()
    if _is_one_of(who, asked) and (not said or _is_one_of(who, [said])):
        return who.name
    if not who.may(Permission.RESPOND, number):
        raise _refused(asked, "says whether it is over")
    return acting(said or next(iter(asked), None), for_others=True)


def reopening(db: Database, number: int, given: str) -> str:
    """The actor who opens an incident again: whoever responds to it, and the requester. Forbidden
    for all others; NotFound.
    """
    who, asked = current(), _asked(db, number)
    if who.may(Permission.RESPOND, number) or _is_one_of(who, asked):
        return acting(given)
    raise _refused(asked, "opens it again")


def commenting(db: Database, number: int, given: str) -> str:
    """The actor who adds words to an incident: whoever responds to it, its guests, and the
    requester. Forbidden for all others; NotFound.
    """
    who = current()
    if who.kind is Kind.GUEST or who.may(Permission.RESPOND, number):
        return acting(given)
    if _is_one_of(who, asked := _asked(db, number)):
        return acting(given)
    raise _refused(asked, "adds to it")


def _asked(db: Database, number: int) -> list[str]:
    def read(c: Connection) -> list[str]:
        return requesters(c, record.find(c, number))

    return db.read(read)


def _is_one_of(who: Identity, names: list[str]) -> bool:
    if who.kind not in (Kind.PERSON, Kind.TOKEN) or who.name.startswith("token/"):
        return False
    own = person_of(who.name).casefold()
    return any(own == name.casefold() for name in names)


def _refused(asked: list[str], what: str) -> Forbidden:
    names = ", ".join(asked)
    return Forbidden(f"Only {names + ', or ' if names else ''}whoever may `respond` {what}.")
