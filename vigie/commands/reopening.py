"""What comes after an end: the requester says whether it is over, and it is opened again."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from incidents.closing import is_reported
from incidents.model import EventKind, IncidentState
from incidents.people import Part
from slo import windows
from vigie.commands import record
from vigie.commands.errors import Conflict, Invalid
from vigie.commands.people import person_of
from vigie.commands.record import Incident
from vigie.commands.status import no_earlier
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.store import ranking
from vigie.store.db import Database
from vigie.store.tables import incident as t
from vigie.store.tables_people import participant

BEST: Final = 5  # of satisfaction; 1 is the worst
_ENDED: Final = frozenset({IncidentState.RESOLVED, IncidentState.REVIEW, IncidentState.CLOSED})
_FOR_GOOD: Final = frozenset({IncidentState.CANCELLED, IncidentState.MERGED})
_WITHDRAWN: Final = (
    "resolved_at", "resolved_by", "closed_at", "closed_by", "recovered_at", "mitigated_at",
    "confirmed_at", "satisfaction",
)  # fmt: skip


def reopen(
    db: Database,
    config: Config,
    number: int,
    *,
    actor: str,
    reason: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Open an incident again that ended not long ago (`reopen_within` of its type): it is being
    investigated, and due anew. NotFound, Invalid; Conflict when it is open, ended too long ago, or
    the same is open under another number.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Incident:
        found = record.hold(c, number)
        if record.was_done(c, number, key):
            return found
        return _again(c, config, found, who=who, why=why, now=now, key=key)

    return db.write(work)


def confirm(
    db: Database,
    config: Config,
    number: int,
    *,
    over: bool,
    satisfaction: int | None = None,
    words: str = "",
    actor: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Say for the requester that it is over, with how content they are (1..5, the best); or that it
    is not, in their words: then it is opened again. NotFound, Invalid; Conflict as `reopen`, when
    it has not ended, and when it was confirmed already.
    """
    who = line_of("name", actor, MAX_ACTOR)
    said = text_of("words", words, MAX_REASON) if words.strip() else ""
    if satisfaction is not None and not (over and 1 <= satisfaction <= BEST):
        raise Invalid(f"satisfaction is 1 to {BEST}, and only said of what is over")
    if not over and not said:
        raise Invalid("say what is not over")

    def work(c: Connection) -> Incident:
        found = record.hold(c, number)
        if record.was_done(c, number, key):
            return found
        _require_ended(found)
        if not over:
            return _again(c, config, found, who=who, why=said, now=now, key=key)
        if found["confirmed_at"] is not None:
            raise Conflict(f"incident #{number} was confirmed already")
        at = no_earlier(now, found, "resolved_at")
        record.change(c, number, confirmed_at=at, satisfaction=satisfaction)
        content = f", satisfaction {satisfaction} of {BEST}" if satisfaction is not None else ""
        text = f"{who} confirms that it is over{content}{f': {said}' if said else ''}"
        data = {} if satisfaction is None else {"satisfaction": satisfaction}
        return record.say(c, config, number, now, EventKind.CONFIRMED, who, text, data, key=key)

    return db.write(work)


def requesters(c: Connection, incident: Incident) -> list[str]:
    """Who is asked whether it is over: whoever has that part, and the person who reported it."""
    asked = select(participant.c.name).where(
        participant.c.incident == incident["number"],
        participant.c.role == Part.REQUESTER,
        participant.c.until.is_(None),
    )
    names = list(c.execute(asked.order_by(participant.c.id)).scalars())
    if is_reported(incident):
        names.append(person_of(incident["reporter"]))
    return [*dict.fromkeys(names)]


def _again(
    c: Connection,
    config: Config,
    found: Incident,
    *,
    who: str,
    why: str,
    now: float,
    key: str | None,
) -> Incident:
    number, state = found["number"], IncidentState(found["state"])
    _require_ended(found)
    _require_recent(config, found, now)
    _take_key(c, found)
    ranked = ranking.anew(config.priorities, found, now)
    withdrawn: Mapping[str, Any] = dict.fromkeys(_WITHDRAWN)
    record.change(
        c,
        number,
        state=IncidentState.INVESTIGATING,
        reopened=found["reopened"] + 1,
        clear_since=None,
        sub_status=None,
        **withdrawn,
        **ranked.values,
    )
    ranking.watch(c, number, ranked, now)
    was = {name: found[name] for name in _WITHDRAWN if found[name] is not None}
    said = {"from": state.value, "reason": why, "withdrawn": was}
    text = f"Opened again by {who}: {why}"
    return record.say(c, config, number, now, EventKind.REOPENED, who, text, said, key=key)


def _require_ended(found: Incident) -> None:
    state = IncidentState(found["state"])
    if state not in _ENDED:
        why = "it stays so" if state in _FOR_GOOD else "it has not ended"
        raise Conflict(f"incident #{found['number']} is {state.value}: {why}")


def _require_recent(config: Config, found: Incident, now: float) -> None:
    within_s = config.types.of(found["type"]).reopen_within_s
    ended_at = found["closed_at"] if found["closed_at"] is not None else found["resolved_at"]
    if now - ended_at > within_s:
        ago, within = windows.show(round(now - ended_at)), windows.show(round(within_s))
        raise Conflict(
            f"incident #{found['number']} ended {ago} ago and can be opened again for {within}: "
            "open a new one and link the two"
        )


def _take_key(c: Connection, found: Incident) -> None:
    """Hold the incident's key again; Conflict while another one holds it."""
    number, key = found["number"], found["key"]
    other = c.execute(select(t.c.number).where(t.c.open_key == key)).scalar()
    if other is not None:
        raise Conflict(f"incident #{other} is open for the same cause: go on there")
    try:
        record.change(c, number, open_key=key)
    except IntegrityError as error:
        raise Conflict("another incident opened for the same cause: look again") from error
