"""The one transaction of a tick: slices, last raw values, alerts, incidents, timeline and jobs."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from incidents.model import Event, EventKind
from slo.series import Ints, Memory
from vigie import faults
from vigie.config import Config
from vigie.jobs import runs as diagnoses
from vigie.notify import outbox
from vigie.pipeline.state import Effects
from vigie.store import alerts, incidents, jobs, ledger, memories, outages

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
    changed, added = [], 0
    for event in effects.events:
        applied = incidents.apply(c, event)
        if applied is not None:
            changed.append(applied)
            added += _consequences(c, event, applied, config, now)
    for number, signal in effects.figures.items():
        incidents.refresh(c, number, signal.severity, signal.detail)
    kinds = frozenset(event.kind for event in effects.events)
    faults.reach("tick.before_commit")
    if EventKind.OPENED in kinds:
        faults.reach("open.before_commit")
    if EventKind.RESOLVED in kinds:
        faults.reach("resolve.before_commit")
    return Committed(tuple(changed), kinds, added > 0)


def _consequences(c: Connection, event: Event, number: int, config: Config, now: float) -> int:
    """The jobs that an event causes: pages and notices, and the diagnosis when it opens one."""
    incident: Mapping[str, object] | None = incidents.get(c, number)
    if incident is None:
        return 0
    wanted = outbox.jobs_for(event.kind, incident, config.channels.values(), now, event.text)
    if event.kind is EventKind.OPENED and event.signal is not None:
        if not wanted:
            text = "Nobody was told: no channel receives pages or notices"
            log.error("incident %d: %s", number, text)
            incidents.append(c, number, now, EventKind.PAGE_FAILED, "vigie", text, {})
        wanted += diagnoses.start_runs(c, number, event.signal, config.runbooks, now)
    return sum(jobs.enqueue(c, job, now) for job in wanted)
