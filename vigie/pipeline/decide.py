"""One pass of the flow, values only: what arrived and what is known -> what is known and decided.

collect -> increments -> slices -> ledger -> budget and burn -> alerts -> incidents -> events.
Pure: the live server, replay and backtest run this same function.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from incidents.decide import decide as decide_incidents
from incidents.model import Signal
from slo.ledger import MAX_WINDOW_S
from vigie.pipeline.judge import (
    alert_changes,
    below_since,
    figures_of,
    firing,
    measured_windows,
    services_of,
    signals_of,
)
from vigie.pipeline.slices import slices
from vigie.pipeline.state import Batch, Effects, Open, State
from vigie.pipeline.take import learn, take

REFRESH_S = 5  # how often the figures on an open incident are brought up to date


def decide(state: State, batch: Batch, open_: Open, now: float) -> tuple[State, Effects]:
    """The state after `batch` at `now`, and what has to be written for it.

    `open_` are the incidents that are open, by dedup key, as the database has them.
    """
    taken = take(state, batch)
    state = learn(state, taken.layouts)
    state = replace(state, memories=taken.memories, targets=taken.targets)
    # Scrapes that waited because ticks failed are not late: nothing they touch is sealed yet.
    oldest = min((scrape.at for scrape in batch.scrapes), default=now)
    ledger, closed = state.ledger.seal(min(oldest, now) - state.plan.open_for_s)
    addition, late = slices(state, taken, ledger.open_from)
    ledger = ledger.add(addition).forget_spans(now - MAX_WINDOW_S)
    windows, rate = measured_windows(state, ledger, now)
    below = below_since(state, now)
    figures = figures_of(state, ledger, windows, below, now)
    services, outages = services_of(state, figures, now)
    signals = signals_of(state, figures, below, open_)
    effects = Effects(
        rows=(*closed, *ledger.changed_rows()),
        spans=addition.spans,
        memories={target: taken.memories[target] for target in taken.touched},
        alerts=alert_changes(state, figures.alerts),
        outages=outages,
        events=decide_incidents(open_, signals, now),
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
        availability=services,
        figures=figures,
    )
    return after, effects


def next_deadline(state: State, now: float) -> float:
    """When to tick although nothing arrives: silence is judged too."""
    slice_s = state.plan.slice_s
    slice_end = (now // slice_s + 1) * slice_s
    no_data_due = state.below_since + state.plan.no_data_after
    with np.errstate(invalid="ignore"):  # NaN: enough targets answer
        due = no_data_due[no_data_due > now]
    return float(min(slice_end, due.min(initial=np.inf)))


def _refreshed(
    state: State, signals: Iterable[Signal], open_: Open, now: float
) -> Mapping[int, Signal]:
    last = state.figures.at if state.figures is not None else -np.inf
    if now // REFRESH_S == last // REFRESH_S:
        return {}
    return {open_[signal.key].number: signal for signal in signals if signal.key in open_}
