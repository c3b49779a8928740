"""One pass of the flow, values only: what arrived and what is known -> what is known and decided.

collect -> increments -> slices -> ledger -> budget and burn -> alerts -> incidents -> events.
Pure: the live server, replay and backtest run this same function.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from collectors.heartbeat import next_change
from incidents.decide import decide as decide_incidents
from incidents.model import Signal
from slo.ledger import Ledger, Row
from vigie.pipeline import contributors, past
from vigie.pipeline.beats import beat_signals, standings_of
from vigie.pipeline.certificates import certificate_signals
from vigie.pipeline.judge import (
    acts_of,
    alert_changes,
    figures_of,
    firing,
    services_of,
    signals_of,
)
from vigie.pipeline.onset import onset_of
from vigie.pipeline.periods import boundaries, earliest, exclusions_of, periods_of
from vigie.pipeline.recovery import with_recovery
from vigie.pipeline.redundancy import look_again, redundancy_signals
from vigie.pipeline.sample import due, kept, samples
from vigie.pipeline.settle import begun, settled
from vigie.pipeline.silence import below_since, read_to
from vigie.pipeline.slices import slices
from vigie.pipeline.state import Batch, Effects, Open, State
from vigie.pipeline.take import Taken, learn, take
from vigie.pipeline.windows import measured_windows, pending

REFRESH_S = 5  # how often the figures on an open incident are brought up to date


def decide(state: State, batch: Batch, open_: Open, now: float) -> tuple[State, Effects]:
    """The state after `batch` at `now`, and what has to be written for it. `open_` has, by dedup
    key, the open incidents, and under the keys of merged ones the one that goes on for them.
    """
    before, taken = state, take(state, batch)
    state = learn(state, taken)
    state = replace(state, **_heard(state, batch, taken, now))
    ledger, sealed = _closed(state, batch, now)
    ends = due(state, now)
    found = samples(state, taken.gauges, ends)
    addition, late = slices(state, taken, found, ledger.open_from)
    ledger = settled(state.plan, ledger.add(addition), now).forget_spans(
        earliest(state.plan, state.periods, now)
    )
    pending_s = pending(state, now)
    windows, rate = measured_windows(state, ledger, pending_s, now)
    below = below_since(state, now)
    figures = figures_of(state, ledger, windows, below=below, pending_s=pending_s, now=now)
    seen = look_again(state, before, taken, batch, now)
    services = services_of(state, figures, seen.standings, now)
    histories, states = past.going_on(
        state.histories, services.availability, services.moved, services.outages, now
    )
    state = replace(state, redundancy=seen.standings, rollouts=seen.rollouts)
    signals = signals_of(state, figures, below, open_)
    acts = acts_of(state, figures, signals, open_)
    signals = with_recovery(state.plan, [*signals, *acts.signals, *_told(state, open_, now)])
    events = (*acts.events, *decide_incidents(open_, signals, now))
    effects = Effects(
        rows=(*sealed, *ledger.changed_rows()),
        spans=addition.spans,
        memories={target: taken.memories[target] for target in taken.touched},
        alerts=alert_changes(state, figures.alerts),
        outages=services.outages,
        states=states,
        redundancy=seen.changed,
        events=events,
        onset=onset_of(seen.standings, events, now),
        acting=acts.changed,
        runs=acts.runs,
        figures=_refreshed(state, signals, open_, now),
        late=late,
        firing=firing(figures),
    )
    after = replace(
        state,
        tick=state.tick + 1,
        ledger=ledger,
        alerts=figures.alerts,
        last_rate=rate,
        below_since=below,
        availability=services.availability,
        histories=histories,
        acting=acts.after,
        figures=figures,
        gauges=kept(state, taken.gauges, now),
        sampled_upto={**state.sampled_upto, **{s: e[-1] for s, e in ends.items() if e}},
    )
    return after, effects


def _heard(state: State, batch: Batch, taken: Taken, now: float) -> dict[str, Any]:
    """What changes of a state by what arrived and by the time, before anything is counted."""
    ends = {one.fingerprint: float(one.start + one.width_s) for one in batch.estimates}
    excluded = state.exclusions
    if excluded.until <= now:
        excluded = exclusions_of(state.plan, state.corrections, now)
    return {
        "memories": taken.memories,
        "targets": taken.targets,
        "polled": {**state.polled, **batch.polled},
        "estimated_upto": {**state.estimated_upto, **ends},
        "periods": periods_of(state.plan.calendars, state.periods, now),
        "exclusions": excluded,
        "probed": state.probed if batch.probed is None else batch.probed,
        "certificates": state.certificates if batch.probed is None else batch.certificates,
        "observed": {**state.observed, **batch.observed},
        "readings": taken.readings,
        "beats": state.beats if batch.beats is None else batch.beats,
        "standings": standings_of(state, batch, now),
        "snapshots": contributors.kept(state.snapshots, state.memories, now),
    }


def _told(state: State, open_: Open, now: float) -> list[Signal]:
    """What is said by others than SLOs."""
    return [
        *beat_signals(state.plan.config, state.standings, state.beats, open_),
        *redundancy_signals(state, open_, now),
        *certificate_signals(state.certificates, open_, now),
    ]


def _closed(state: State, batch: Batch, now: float) -> tuple[Ledger, tuple[Row, ...]]:
    """The ledger with the slices sealed that nothing can change any more, and their rows."""
    # Scrapes that waited because ticks failed are not late: nothing they touch is sealed yet.
    oldest = min((scrape.at for scrape in batch.scrapes), default=now)
    upto = min(oldest, now, read_to(state, now)) - state.plan.open_for_s
    going_on = begun(state.plan, state.ledger.open_from) | begun(state.plan, upto)
    wanted = boundaries(state.periods, state.exclusions) | going_on
    ledger = state.ledger.unchanged().wanting(dict.fromkeys(wanted))
    ledger = settled(state.plan, ledger, upto)
    judged = ledger.changed_rows()
    ledger, closed = ledger.seal(upto)
    return ledger, (*judged, *closed)


def next_deadline(state: State, now: float) -> float:
    """When to tick although nothing arrives: silence is judged too."""
    slice_s = state.plan.slice_s
    slice_end = (now // slice_s + 1) * slice_s
    no_data_due = state.below_since + state.plan.no_data_after
    with np.errstate(invalid="ignore"):  # NaN: enough targets answer
        due = no_data_due[no_data_due > now]
    return float(min(slice_end, due.min(initial=np.inf), next_change(state.standings)))


def _refreshed(
    state: State, signals: Iterable[Signal], open_: Open, now: float
) -> Mapping[int, Signal]:
    last = state.figures.at if state.figures is not None else -np.inf
    if now // REFRESH_S == last // REFRESH_S:
        return {}
    own = (signal for signal in signals if signal.key in open_)
    return {
        open_[signal.key].number: signal for signal in own if open_[signal.key].key == signal.key
    }
