"""The one transaction of a tick: slices, last raw values, alerts, incidents, timeline and jobs."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from incidents.budget import RunWanted
from incidents.model import Event, EventKind
from slo.recovery import asks
from slo.series import Ints, Memory
from slo.spec import SloId
from vigie import faults
from vigie.config import Config
from vigie.jobs import runs as diagnoses
from vigie.notify import outbox, tasks
from vigie.pipeline.state import Effects
from vigie.store import (
    alerts,
    budget,
    heartbeats,
    impact,
    incidents,
    jobs,
    ledger,
    memories,
    outages,
    redundancy,
    states,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction changed that others wait for: incidents by number, and whether there
    are new jobs.
    """

    incidents: tuple[int, ...]
    kinds: frozenset[EventKind]
    jobs: bool


def commit(
    c: Connection,
    effects: Effects,
    *,
    config: Config,
    ids: Ints,
    since: float,
    known: Mapping[str, Memory],
    now: float,
) -> Committed:
    """Write everything a tick decided. `ids` are the numbers of the columns since `since`; `known`
    are the memories as they are stored now.
    """
    ledger.write_slices(c, effects.rows, ids, shared_before=since)
    ledger.write_spans(c, effects.spans, ids)
    memories.write(c, effects.memories, known)
    alerts.write(c, effects.alerts)
    outages.write(c, effects.outages)
    budget.write(c, effects.acting)
    states.write(c, effects.states)
    redundancy.write(c, effects.redundancy)
    heartbeats.listened(c, now)
    changed, added = [], 0
    for event in effects.events:
        applied = incidents.apply(c, event, config.priorities)
        if applied is not None:
            changed.append(applied)
            if event.key in effects.onset and event.kind is EventKind.OPENED:
                impact.onset(c, applied, effects.onset[event.key])
            added += _consequences(c, event, applied, config, now)
    outages.link(c, _broken(effects), now)
    begun = _runs(c, effects.runs, config, now)
    for number, signal in effects.figures.items():
        incidents.refresh(c, number, signal.severity, signal.detail, now, config.priorities)
    kinds = frozenset(event.kind for event in effects.events)
    faults.reach("tick.before_commit")
    if EventKind.OPENED in kinds:
        faults.reach("open.before_commit")
    if EventKind.RESOLVED in kinds:
        faults.reach("resolve.before_commit")
    return Committed((*changed, *begun), kinds, added > 0 or bool(begun))


def _broken(effects: Effects) -> set[str]:
    """The services of which an outage began or ended, or an incident was opened."""
    opened = [event.signal for event in effects.events if event.kind is EventKind.OPENED]
    services = {signal.service for signal in opened if signal is not None}
    return services | {outage.service for outage in effects.outages}


def _runs(c: Connection, wanted: Iterable[RunWanted], config: Config, now: float) -> list[int]:
    """Begin the runbooks that budget actions ask for; the incidents that got one."""
    begun = []
    for run in wanted:
        incident = incidents.open_incidents(c).get(run.key)
        book = next((b for b in config.runbooks if b.name == run.runbook), None)
        if incident is None or book is None:
            log.error("%s: no runbook `%s`, or no incident `%s`", run.reason, run.runbook, run.key)
            continue
        job = diagnoses.start_run(c, incident.number, book, run.reason, now)
        if job is not None and jobs.enqueue(c, job, now):
            begun.append(incident.number)
    return begun


def _tells_resolved(config: Config, incident: Mapping[str, object]) -> bool:
    """Whether people want to hear that an SLO's incident is over (OpenSLO's alertWhenResolved)."""
    watch = config.watches.get(SloId(f"{incident['service']}/{incident['slo']}"))
    return watch is None or watch.policy.alert_resolved


def _consequences(c: Connection, event: Event, number: int, config: Config, now: float) -> int:
    """The jobs that an event causes: pages and notices, and the diagnosis when it opens one."""
    incident: Mapping[str, object] | None = incidents.get(c, number)
    if incident is None:
        return 0
    asked = asks(
        event.signal.on_recovery if event.signal is not None else None,
        acknowledged=incident["acknowledged_at"] is not None or incident["reopened"] != 0,
    )
    channels = config.channels.values()
    wanted = outbox.jobs_for(event.kind, incident, channels, now, event.text, asked=asked)
    if event.kind is EventKind.RECOVERED and asked:
        wanted.append(outbox.reminder(number, now))
    if event.kind is EventKind.RESOLVED and not _tells_resolved(config, incident):
        wanted = []
    if event.kind is EventKind.OPENED and event.signal is not None:
        if not wanted:
            text = "Nobody was told: no channel receives pages or notices"
            log.error("incident %d: %s", number, text)
            incidents.append(c, number, now, EventKind.PAGE_FAILED, "vigie", text, {})
        wanted += diagnoses.start_runs(c, number, event.signal, config.runbooks, now)
        tasks.opened(c, config, incident, now)
    return sum(jobs.enqueue(c, job, now) for job in wanted)
