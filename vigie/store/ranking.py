"""The priority of an incident as it is stored: why it has it, until when what is due, and the
timers that watch over that. Whatever changes severity or urgency writes these in the same UPDATE.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, select, update

from incidents.matrix import Priorities, PriorityMatrix
from incidents.model import Severity, Signal, Urgency
from incidents.priority import Facts, Priority, prioritize
from incidents.targets import Promise, Timer, due_again, due_first, timers
from vigie.store import jobs, updates
from vigie.store.jobs import NewJob
from vigie.store.sql import from_json, to_json
from vigie.store.tables import incident as t

TIMER: Final = "target"  # the kind of job


@dataclass(frozen=True, slots=True)
class Ranked:
    """What an incident gets: the values of its columns, and when they are looked at again."""

    values: Mapping[str, Any]
    timers: tuple[Timer, ...]


def first(priorities: Priorities, signal: Signal, opened_at: float) -> Ranked:
    """Of an incident that a signal opens."""
    facts = Facts(signal.severity, signal.urgency, str(signal.type), signal.labels)
    return opening(priorities, signal.service, facts, opened_at)


def opening(priorities: Priorities, service: str, own: Facts, opened_at: float) -> Ranked:
    """Of an incident that opens; the labels of `own` are the incident's, without its service's."""
    matrix = priorities.of(service)
    facts = replace(own, labels={**priorities.labels_of(service), **own.labels})
    priority = prioritize(matrix, facts)
    due: dict[Promise, float | None] = {
        promise: due_first(promise.of(matrix).get(priority.level), opened_at) for promise in Promise
    }
    return _ranked(matrix, facts, priority, due, opened_at)


def again(
    priorities: Priorities,
    incident: Mapping[str, Any],
    severity: Severity,
    urgency: Urgency,
    now: float,
) -> Ranked:
    """Of an incident whose severity or urgency changed; `incident` is its row as it was.

    What was answered already keeps the time that it was due at.
    """
    matrix = priorities.of(incident["service"])
    labels = {**priorities.labels_of(incident["service"]), **_labels(incident)}
    facts = Facts(severity, urgency, incident["type"], labels)
    priority = prioritize(matrix, facts)
    if priority.level == incident["priority"]:
        return Ranked(_level(facts, priority), ())
    due: dict[Promise, float | None] = {}
    for promise in _unanswered(incident):
        due[promise] = due_again(
            promise.of(matrix).get(priority.level),
            opened_at=incident["opened_at"],
            due_at=incident[promise.due],
            raised=priority.level < incident["priority"],
            now=now,
        )
    return _ranked(matrix, facts, priority, due, now)


def anew(priorities: Priorities, incident: Mapping[str, Any], now: float) -> Ranked:
    """Of an incident that is opened again: what is not answered is due as if it opened now."""
    matrix = priorities.of(incident["service"])
    labels = {**priorities.labels_of(incident["service"]), **_labels(incident)}
    severity, urgency = Severity(incident["severity"]), Urgency(incident["urgency"])
    facts = Facts(severity, urgency, incident["type"], labels)
    priority = prioritize(matrix, facts)
    due: dict[Promise, float | None] = {
        promise: due_first(promise.of(matrix).get(priority.level), now)
        for promise in _unanswered(incident)
    }
    return _ranked(matrix, facts, priority, due, now)


def set_severity(  # noqa: PLR0917 - the incident, what is said about it by whom, the rules
    c: Connection,
    incident: Mapping[str, Any],
    severity: Severity | None,
    actor: str,
    reason: str,
    now: float,
    priorities: Priorities,
) -> None:
    """Let a person's word about the severity of an open incident, whose row is held, stand over
    what was measured; None takes it back.
    """
    shown = severity or Severity(incident["measured_severity"])
    said = (None, None, None) if severity is None else (now, actor, reason)
    names = ("severity_set_at", "severity_set_by", "severity_set_for")
    ranked = again(priorities, incident, shown, Urgency(incident["urgency"]), now)
    changed = update(t).where(t.c.number == incident["number"])
    c.execute(changed.values({**ranked.values, **dict(zip(names, said, strict=True))}))
    watch(c, incident["number"], ranked, now)


def watch(c: Connection, number: int, ranked: Ranked, now: float) -> None:
    """Write the timers of an incident, in the transaction of what they watch over. Everything that
    opens one or changes its severity comes by here.
    """
    for timer in ranked.timers:
        jobs.enqueue(c, _job(number, timer, now), now)
    updates.watch(c, number, now)


def held(c: Connection, number: int) -> Mapping[str, Any] | None:
    """An incident's row, which nobody else changes until the transaction ends."""
    found = select(t).where(t.c.number == number).with_for_update()
    row = c.execute(found).mappings().first()
    return None if row is None else dict(row)


def _ranked(
    matrix: PriorityMatrix,
    facts: Facts,
    priority: Priority,
    due: Mapping[Promise, float | None],
    now: float,
) -> Ranked:
    values = {**_level(facts, priority), **{promise.due: at for promise, at in due.items()}}
    watched = [
        timer
        for promise, at in due.items()
        for timer in timers(promise, promise.of(matrix).get(priority.level), at, now)
    ]
    return Ranked(values, tuple(watched))


def _level(facts: Facts, priority: Priority) -> dict[str, Any]:
    return {
        "severity": int(facts.severity),
        "urgency": facts.urgency,
        "priority": priority.level,
        "priority_reasons": to_json(priority.reasons),
    }


def _unanswered(incident: Mapping[str, Any]) -> list[Promise]:
    """The promises that are still to be kept; of an open incident its resolution always is."""
    answered = incident["acknowledged_at"] is not None
    return [Promise.RESOLUTION] if answered else [Promise.RESPONSE, Promise.RESOLUTION]


def _labels(incident: Mapping[str, Any]) -> Mapping[str, str]:
    labels = incident["labels"]
    found: Mapping[str, str] = from_json(labels) if isinstance(labels, str) else labels
    return found


def _job(number: int, timer: Timer, now: float) -> NewJob:
    # Due at a time that it was due at before, it needs a timer anew: the other one may have looked
    # in between, when it was not.
    times = f"{round(timer.due_at * 1000)}:{round(now * 1000)}"
    return NewJob(
        kind=TIMER,
        dedup=f"target:{number}:{timer.promise}:{timer.moment}:{times}",
        payload={
            "promise": timer.promise.value,
            "moment": timer.moment.value,
            "due_at": timer.due_at,
        },
        run_at=timer.run_at,
        incident=number,
    )
