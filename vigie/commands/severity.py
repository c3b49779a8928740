"""What people say about the severity of an incident, over what was measured."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from incidents import lifecycle
from incidents.model import EventKind, IncidentState, Severity
from vigie.commands.errors import Conflict, NotFound
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify.outbox import jobs_for
from vigie.store import incidents, jobs, ranking, timeline
from vigie.store.db import Database

Incident = Mapping[str, Any]


def set_severity(
    db: Database,
    config: Config,
    number: int,
    severity: Severity | None,
    *,
    actor: str,
    reason: str,
    now: float,
    key: str | None = None,
) -> Incident:
    """Let a severity stand over what is measured, now and later; None gives it back to that. The
    incident as it is then: its priority and what is due follow.

    Said again under the same `key` (a client that was not sure) it is done once. NotFound, Invalid;
    Conflict when the incident is over, or nothing measures its severity.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Incident:
        before = ranking.held(c, number)
        if before is None:
            raise NotFound(f"there is no incident #{number}")
        if key is None or not timeline.was_written(c, number, key):
            _refuse(before, severity)
            ranking.set_severity(c, before, severity, who, why, now, config.priorities)
            _tell(c, config, before, who=who, why=why, now=now, key=key)
        return _get(c, number)

    return db.write(work)


def _refuse(before: Incident, severity: Severity | None) -> None:
    number, state = before["number"], IncidentState(before["state"])
    if not lifecycle.is_open(state):
        raise Conflict(f"incident #{number} is {state.value} already: its severity stays")
    if severity is None and before["measured_severity"] is None:
        raise Conflict(f"nothing measures the severity of incident #{number}: set one")


def _tell(
    c: Connection,
    config: Config,
    before: Incident,
    *,
    who: str,
    why: str,
    now: float,
    key: str | None,
) -> None:
    after = _get(c, before["number"])
    change = f"SEV{before['severity']} -> SEV{after['severity']}"
    measured = ", as measured" if after["severity_set_at"] is None else ""
    moved = _moved(before, after)
    text = f"Severity {change}{measured}, by {who}{moved}: {why}"
    data: dict[str, Any] = {
        "severity": f"SEV{after['severity']}",
        "priority": f"P{after['priority']}",
        "priority_reasons": after["priority_reasons"],
    }
    if key is not None:
        data["idempotency_key"] = key
    incidents.append(c, after["number"], now, EventKind.SEVERITY_SET, who, text, data)
    channels = config.channels.values()
    for job in jobs_for(EventKind.SEVERITY_SET, after, channels, now, text):
        jobs.enqueue(c, job, now)


def _moved(before: Incident, after: Incident) -> str:
    if before["priority"] == after["priority"]:
        return ""
    return f" (P{before['priority']} -> P{after['priority']})"


def _get(c: Connection, number: int) -> Incident:
    incident = incidents.get(c, number)
    assert incident is not None, "its row is held"
    return incident
