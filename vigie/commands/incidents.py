"""What people do to incidents: acknowledge, resolve. Each is one transaction: the event,
its timeline entry and the jobs that tell others.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from incidents import lifecycle
from incidents.closing import unfilled
from incidents.model import Event, EventKind, IncidentState
from vigie.commands import people
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify.outbox import jobs_for
from vigie.store import incidents, jobs
from vigie.store.db import Database


def acknowledge(
    db: Database, config: Config, number: int, actor: str, now: float
) -> Mapping[str, Any]:
    """Say that somebody works on it. The incident as it is then.

    Whoever comes second changes nothing and sees who came first. Conflict when it is over.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Mapping[str, Any]:
        incident = _open(c, number)
        if incident["acknowledged_at"] is not None:
            return incident
        return acknowledged(c, config, incident, who, now)

    return db.write(work)


def acknowledged(
    c: Connection, config: Config, incident: Mapping[str, Any], who: str, now: float
) -> Mapping[str, Any]:
    """Let an open incident, which nobody has acknowledged, be acknowledged."""
    event = Event(EventKind.ACKNOWLEDGED, incident["key"], now, incident["number"], actor=who)
    after = _happen(c, config, event)
    people.acknowledged(c, after, who, now)
    return after


def resolve(  # noqa: PLR0917 - the order of `acknowledge`, with the reason where it is said
    db: Database, config: Config, number: int, actor: str, reason: str, now: float
) -> Mapping[str, Any]:
    """End an incident, from any open state. Conflict when it is over already; Invalid names what
    its type wants filled in first.

    Should the SLO still burn, the next tick opens a new one.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Mapping[str, Any]:
        return resolved(c, config, _open(c, number), who, why, now)

    return db.write(work)


def resolved(  # noqa: PLR0917 - as `resolve`
    c: Connection, config: Config, incident: Mapping[str, Any], who: str, why: str, now: float
) -> Mapping[str, Any]:
    """Let an open incident be resolved by a person. Invalid: fields are not filled in."""
    require_filled(config, incident, IncidentState.RESOLVED)
    number = incident["number"]
    event = Event(EventKind.RESOLVED, incident["key"], now, number, text=why, actor=who)
    return _happen(c, config, event)


def require_filled(config: Config, incident: Mapping[str, Any], state: IncidentState) -> None:
    """Invalid, with the names of the fields that must be filled in at a state and are not."""
    if empty := unfilled(config.types.of(incident["type"]), incident, state):
        raise Invalid(
            f"incident #{incident['number']} cannot be {state.value} yet: "
            f"fill in {', '.join(empty)}"
        )


def _happen(c: Connection, config: Config, event: Event) -> Mapping[str, Any]:
    """Apply the event and enqueue what tells others of it."""
    number = incidents.apply(c, event, config.priorities)
    if number is None:
        raise Conflict(f"incident #{event.number} changed in this moment: look again")
    after = _get(c, number)
    for job in jobs_for(event.kind, after, config.channels.values(), event.at, event.text):
        jobs.enqueue(c, job, event.at)
    return after


def _get(c: Connection, number: int) -> Mapping[str, Any]:
    incident = incidents.get(c, number)
    if incident is None:
        raise NotFound(f"there is no incident #{number}")
    return incident


def _open(c: Connection, number: int) -> Mapping[str, Any]:
    incident = _get(c, number)
    state = IncidentState(incident["state"])
    if not lifecycle.is_open(state):
        by = f" by {incident['resolved_by']}" if incident.get("resolved_by") else ""
        raise Conflict(f"incident #{number} is {state.value} already{by}")
    return incident
