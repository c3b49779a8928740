"""What a server starts from: a configuration, and what the database remembers for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sqlalchemy import Connection

from slo.alerts import Alerts
from slo.availability import Availability
from slo.ledger import Ledger
from slo.series import Ints, Memory, unseen
from slo.spec import ServiceState
from slo.uptime import KEPT_S
from vigie.config import Config
from vigie.pipeline import found
from vigie.pipeline.found import Found, fitting
from vigie.pipeline.fresh import fresh, going_on, unmeasured
from vigie.pipeline.history import stored_ledger
from vigie.pipeline.periods import boundaries
from vigie.pipeline.plan import Plan, compile_plan
from vigie.pipeline.settle import begun
from vigie.pipeline.silence import read_to
from vigie.pipeline.state import State, no_alerts
from vigie.store import (
    alerts,
    budget,
    changes,
    exclusions,
    heartbeats,
    memories,
    outages,
    pasts,
    redundancy,
    states,
)
from vigie.store import ledger as rows
from vigie.store.states import Became

UNKNOWN: Final = ServiceState.UNKNOWN


@dataclass(frozen=True, eq=False, slots=True)
class Restored:
    """A state, the numbers that its columns have in the database, and since when it has them."""

    state: State
    ids: Ints
    at: float


def restore(c: Connection, config: Config, slice_s: int, now: float) -> Restored:
    """The state of a server that starts now. Needs a writing transaction: new SLIs get numbers."""
    plan = compile_plan(config, slice_s, fitting(config, found.read(c)))
    remembered = memories.read(c)
    kept = {name: remembered.get(name) or unseen(None) for name in plan.config.targets}
    _end_outages(c, kept.values())
    _end_states(c)
    heartbeats.resume(c, config.heartbeats.values(), now)
    state = _fresh(c, plan, kept, now)
    numbered = rows.numbers(c, plan.ids)
    ids = rows.sli_ids(c, plan.ids)
    open_from = read_to(state, now) - plan.open_for_s
    ledger = stored_ledger(
        c, plan, ids, _boundaries(state), now, numbered=numbered, open_from=open_from
    )
    return Restored(replace(state, ledger=ledger), ids, now)


def replan(
    c: Connection,
    config: Config,
    before: State,
    now: float,
    seen: Found | None = None,
    *,
    reread: bool = False,
) -> Restored:
    """The state after a reload, or when pages showed what was not known (`seen`): everything that
    both configurations name goes on as it was. `reread`: storage knows more of the past than the
    ledger in memory.
    """
    known = fitting(config, seen or before.plan.found)
    plan = compile_plan(config, before.plan.slice_s, known)
    if known != before.plan.found:
        found.write(c, known)
    targets = plan.config.targets
    stored = memories.read(c) if set(targets) - set(before.memories) else {}
    kept = {name: before.memories.get(name) or stored.get(name) or unseen(now) for name in targets}
    state = _fresh(c, plan, kept, now, before)
    numbered = rows.numbers(c, plan.ids)
    ids = rows.sli_ids(c, plan.ids)
    # Slices that are open go on being open: a source that fails now may still tell of them.
    open_from = before.ledger.open_from
    wanted = _boundaries(state) | begun(plan, open_from)
    ledger = None if reread else _moved(before, plan, numbered, wanted)
    if ledger is None:
        ledger = stored_ledger(c, plan, ids, wanted, now, numbered=numbered, open_from=open_from)
    return Restored(replace(state, ledger=ledger), ids, now)


def _fresh(
    c: Connection,
    plan: Plan,
    kept: Mapping[str, Memory],
    now: float,
    before: State | None = None,
) -> State:
    """A state that knows targets, alerts, outages and what people took out, and no slices yet."""
    state = fresh(
        plan,
        kept,
        now,
        seen=before.targets if before else None,
        gauges=before.gauges if before else None,
        corrections=exclusions.in_force(c),
    )
    heartbeats.learn(c, plan.config.heartbeats.values(), now)
    known = replace(
        state,
        beats=heartbeats.read(c),
        alerts=_alerts(c, plan, now),
        availability=_availability(c, plan),
        histories=pasts.read(c, now - KEPT_S) if before is None else {},
        redundancy={n: one for n, one in redundancy.read(c).items() if n in plan.replicas},
        rollouts=changes.rollouts(c, now),
        acting=budget.read(c),
        polled=_read_to(plan, kept),
    )
    return going_on(known, before) if before else known


def _read_to(plan: Plan, kept: Mapping[str, Memory]) -> Mapping[str, float]:
    """By DataSource: up to when all of its targets were read before the server stopped. What the
    DataSource tells of the time since is no late news.
    """
    found: dict[str, float] = {}
    for name, target in plan.found.targets.items():
        at = kept[name].page_at
        if at is not None:
            found[target.source] = min(at, found.get(target.source, at))
    return found


def _boundaries(state: State) -> frozenset[int]:
    return boundaries(state.periods, state.exclusions)


def _moved(
    before: State, plan: Plan, numbered: Mapping[str, int], wanted: frozenset[int]
) -> Ledger | None:
    """The ledger in memory with the columns of a new plan; None where only storage knows enough:
    of a column that has a past, of a time from which sums were not kept, of a longer window.
    """
    place = {fingerprint: col for col, fingerprint in enumerate(before.plan.ids)}
    ledger = before.ledger
    if any(one in numbered and one not in place for one in plan.ids):
        return None
    if any(ledger.born < at < ledger.open_from for at in wanted - ledger.anchors):
        return None
    if ledger.reach_s < max(plan.lengths):
        return None
    source = np.array([place.get(one, -1) for one in plan.ids], dtype=np.int64)
    return ledger.recolumned(source).wanting(dict.fromkeys(wanted))


def _alerts(c: Connection, plan: Plan, now: float) -> Alerts:
    stored = alerts.read(c)
    known = no_alerts(len(plan.slo_of_arms), now)
    number = 0
    for watch in plan.watches:
        for arm in watch.arms:
            if (watch.slo.id, arm.name) in stored:
                known.state[number], known.since[number] = stored[watch.slo.id, arm.name]
            number += 1
    return known


def _availability(c: Connection, plan: Plan) -> Mapping[str, Availability]:
    """What is known of services before anything is measured: the length of their outages."""
    found = {name: unmeasured(0.0) for name in plan.services}
    for outage in outages.read(c):
        if outage.service in found and outage.ended_at is not None:
            one, length = found[outage.service], outage.ended_at - outage.started_at
            found[outage.service] = replace(
                one,
                ended_s=one.ended_s + (0.0 if outage.planned else length),
                planned_s=one.planned_s + (length if outage.planned else 0.0),
                free_from=max(one.free_from, outage.ended_at),
            )
    return found


def _end_states(c: Connection) -> None:
    """What services were when the server stopped, nobody knows since."""
    until = heartbeats.listened_until(c)
    last = {one.service: one for one in states.read(c)}
    states.write(
        c,
        [
            Became(one.service, max(until or 0.0, one.at), UNKNOWN, "Vigie did not run")
            for one in last.values()
            if one.state is not UNKNOWN
        ],
    )


def _end_outages(c: Connection, kept: Iterable[Memory]) -> None:
    """Outages that were going on when the server stopped end where its measuring did."""
    last_page = max((m.page_at for m in kept if m.page_at is not None), default=0.0)
    ended = [
        replace(outage, ended_at=max(last_page, outage.started_at))
        for outage in outages.ongoing(c).values()
    ]
    outages.write(c, ended)
