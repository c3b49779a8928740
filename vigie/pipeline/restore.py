"""What a server starts from: a configuration, and what the database remembers for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from collectors.targets import Target, TargetStatus
from slo.alerts import Alerts
from slo.availability import Availability
from slo.ledger import (
    DAY_S,
    HOUR_S,
    MAX_WINDOW_S,
    MINUTE_S,
    Addition,
    Ledger,
    Row,
    empty,
    no_spans,
)
from slo.series import Ints, Memory, unseen
from slo.spec import ServiceState
from vigie.config import Config
from vigie.pipeline.plan import Plan, compile_plan
from vigie.pipeline.state import State, no_alerts
from vigie.pipeline.take import expectation
from vigie.store import alerts, memories, outages
from vigie.store import ledger as rows

MINUTES_READ_S = 31 * HOUR_S  # further back, windows start on whole hours
SLICES_READ_S = HOUR_S  # further back, they start on whole minutes


@dataclass(frozen=True, eq=False, slots=True)
class Restored:
    """A state, the numbers that its columns have in the database, and since when it has them."""

    state: State
    ids: Ints
    at: float


def restore(c: Connection, config: Config, slice_s: int, now: float) -> Restored:
    """The state of a server that starts now. Needs a writing transaction: new SLIs get numbers."""
    plan = compile_plan(config, slice_s)
    remembered = memories.read(c)
    kept = {name: remembered.get(name) or unseen(None) for name in config.targets}
    _end_outages(c, kept.values())
    return _restored(c, plan, kept, {}, now)


def replan(c: Connection, config: Config, before: State, now: float) -> Restored:
    """The state after a reload: everything that both configurations name goes on as it was."""
    plan = compile_plan(config, before.plan.slice_s)
    stored = memories.read(c) if set(config.targets) - set(before.memories) else {}
    kept = {
        name: before.memories.get(name) or stored.get(name) or unseen(now)
        for name in config.targets
    }
    restored = _restored(c, plan, kept, before.targets, now)
    below = {
        watch.slo.id: since
        for watch, since in zip(before.plan.watches, before.below_since.tolist(), strict=True)
    }
    state = replace(
        restored.state,
        since=before.since,
        tick=before.tick,
        availability={**restored.state.availability, **_known_in_both(before, plan)},
        below_since=np.array([below.get(w.slo.id, np.nan) for w in plan.watches], dtype=float),
    )
    return replace(restored, state=state)


def _restored(
    c: Connection,
    plan: Plan,
    kept: Mapping[str, Memory],
    seen: Mapping[str, TargetStatus],
    now: float,
) -> Restored:
    ids = rows.sli_ids(c, plan.ids)
    yields = {name: plan.yields(memory.layout) - plan.owes[name] for name, memory in kept.items()}
    yields = {name: cols for name, cols in yields.items() if cols}
    state = State(
        plan=plan,
        since=now,
        tick=0,
        ledger=_ledger(c, plan, ids, now),
        memories=kept,
        targets={
            t.id: _status(t, kept[t.id], seen.get(t.id)) for t in plan.config.targets.values()
        },
        yields=yields,
        expected=expectation(plan, yields),
        alerts=_alerts(c, plan, now),
        last_rate=np.zeros(plan.columns),
        below_since=np.full(len(plan.watches), np.nan),
        availability=_availability(c, plan),
        figures=None,
    )
    return Restored(state, ids, now)


def _status(target: Target, memory: Memory, seen: TargetStatus | None) -> TargetStatus:
    if seen is not None:
        return replace(seen, target=target)
    return TargetStatus(target, "unknown", last_good_at=memory.page_at)


def _ledger(c: Connection, plan: Plan, ids: Ints, now: float) -> Ledger:
    """The ledger from what is stored: hours far back, then minutes, then slices.

    An hour or minute whose row was never written, because the server stopped inside it, is made
    from the narrower rows and written now.
    """
    began = int((now - MAX_WINDOW_S) // HOUR_S) * HOUR_S
    open_from = int((now - plan.open_for_s) // plan.slice_s) * plan.slice_s
    history = _history(c, plan.slice_s, began, open_from, ids)
    ledger = empty(plan.slice_s, plan.columns, history[0].start if history else open_from)
    missed: list[Row] = []
    for row in history:
        sums = np.stack([row.good, row.total, row.measured_us])
        ledger, closed = ledger.add(Addition({row.start: sums}, no_spans())).seal(
            row.start + plan.slice_s
        )
        missed += [wider for wider in closed if wider.width_s > row.width_s]
    ledger, closed = ledger.seal(open_from)
    rows.write_slices(c, (*missed, *closed), ids)
    for row in _stored(c, plan.slice_s, open_from, int(now) + DAY_S, ids):
        ledger = ledger.reopened(row)
    return ledger.add(Addition({}, rows.read_spans(c, now - MAX_WINDOW_S, ids)))


def _history(c: Connection, slice_s: int, began: int, upto: int, ids: Ints) -> list[Row]:
    """Every sealed moment once, in order: whole hours far back, minutes, slices at the end."""
    minutes_from = max(began, (upto - MINUTES_READ_S) // HOUR_S * HOUR_S)
    slices_from = max(minutes_from, (upto - SLICES_READ_S) // MINUTE_S * MINUTE_S)
    widths = sorted({HOUR_S, MINUTE_S, slice_s}, reverse=True)
    return [
        *_rows(c, widths, began, minutes_from, ids),
        *_rows(c, widths[1:], minutes_from, slices_from, ids),
        *_rows(c, [slice_s], slices_from, upto, ids),
    ]


def _rows(c: Connection, widths: list[int], start: int, end: int, ids: Ints) -> list[Row]:
    """The rows of the first width in [start, end); where one is missing, the narrower ones."""
    width, *narrower = widths
    found = _stored(c, width, start, end, ids)
    cells = {at // width * width for one in narrower for at in rows.revisions(c, one, start, end)}
    for cell in sorted(cells - {row.start for row in found}):
        found += _rows(c, narrower, cell, min(cell + width, end), ids)
    return sorted(found, key=lambda row: row.start)


def _stored(c: Connection, width: int, start: int, end: int, ids: Ints) -> list[Row]:
    revisions = rows.revisions(c, width, start, end)
    columns = zip(*rows.read_slices(c, width, start, end, ids), strict=True)
    return [Row(width, int(at), revisions[int(at)], *sums) for at, *sums in columns]


def _alerts(c: Connection, plan: Plan, now: float) -> Alerts:
    stored = alerts.read(c)
    fresh = no_alerts(len(plan.slo_of_arms), now)
    number = 0
    for watch in plan.watches:
        for arm in watch.arms:
            if (watch.slo.id, arm.name) in stored:
                fresh.state[number], fresh.since[number] = stored[watch.slo.id, arm.name]
            number += 1
    return fresh


def _availability(c: Connection, plan: Plan) -> Mapping[str, Availability]:
    """What is known of services before anything is measured: the length of their outages."""
    ended_s = dict.fromkeys(plan.services, 0.0)
    for outage in outages.read(c):
        if outage.service in ended_s and outage.ended_at is not None:
            ended_s[outage.service] += outage.ended_at - outage.started_at
    unknown, reason = ServiceState.UNKNOWN, "nothing was measured yet"
    return {name: Availability(unknown, reason, length) for name, length in ended_s.items()}


def _known_in_both(before: State, plan: Plan) -> Mapping[str, Availability]:
    """Services that a reload leaves as they are: an outage goes on through it."""
    return {
        name: before.availability[name] for name in plan.services if name in before.availability
    }


def _end_outages(c: Connection, kept: Iterable[Memory]) -> None:
    """Outages that were going on when the server stopped end where its measuring did."""
    last_page = max((m.page_at for m in kept if m.page_at is not None), default=0.0)
    ended = [
        replace(outage, ended_at=max(last_page, outage.started_at))
        for outage in outages.ongoing(c).values()
    ]
    outages.write(c, ended)
