"""What people do to incidents: acknowledge, resolve, comment. Each is one transaction: the event,
its timeline entry and the jobs that tell others.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from incidents import lifecycle
from incidents.model import Event, EventKind, IncidentState
from vigie.commands.errors import Conflict, NotFound
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify.outbox import jobs_for
from vigie.store import incidents, jobs, timeline
from vigie.store.db import Database

MAX_COMMENT: Final = 10_000


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
        event = Event(EventKind.ACKNOWLEDGED, incident["key"], now, number, actor=who)
        return _happen(c, config, event)

    return db.write(work)


def resolve(  # noqa: PLR0917 - the order of `acknowledge`, with the reason where it is said
    db: Database, config: Config, number: int, actor: str, reason: str, now: float
) -> Mapping[str, Any]:
    """End an incident, from any open state. Conflict when it is over already.

    Should the SLO still burn, the next tick opens a new one.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Mapping[str, Any]:
        key = _open(c, number)["key"]
        event = Event(EventKind.RESOLVED, key, now, number, text=why, actor=who)
        return _happen(c, config, event)

    return db.write(work)


def comment(
    db: Database, number: int, actor: str, text: str, now: float, *, key: str | None = None
) -> Mapping[str, Any]:
    """Add words to the timeline, also of an incident that is over: reviews come later.

    Words that come again under the same `key` (a client that was not sure) are written once.
    """
    who, said = line_of("name", actor, MAX_ACTOR), text_of("comment", text, MAX_COMMENT)

    def work(c: Connection) -> Mapping[str, Any]:
        found = _get(c, number)
        if key is None or not timeline.was_written(c, number, key):
            data = {} if key is None else {"idempotency_key": key}
            incidents.append(c, number, now, EventKind.COMMENTED, who, said, data)
        return found

    return db.write(work)


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
