"""Strides: many ticks taken as one, where it is proven that no tick between would decide anything.

A tick costs the same whether something happens or not, and for most of a month nothing does. On the
way from one moment to another a window holds no more bad events than it did and what is new, and
no fewer than it will without what is new; so for its events. Where an arm that is ok can't burn by
these bounds, and one that fires can't end, no tick between changes one. Where nobody falls silent
or is heard again, and no open incident may become worse, nothing else happens. The tick at the end
of a stride is `decide` itself, so the ledger is the same to the unit.

What differs is nothing that a backtest shows: how often was ticked, since when an arm that does not
fire is `ok` or `frozen`, and when counters are put aside for contributors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from collectors.scrape import Scrape
from incidents.budget import acting
from incidents.model import IncidentType, OpenIncident, Urgency
from incidents.signals import severity_of
from slo.alerts import HOLD, Bools, Entries, telling
from slo.ledger import Row, WindowSums
from slo.series import MAX_GAP_INTERVALS, Ints
from slo.spec import AlertState, CountingSli, ForeignSli
from vigie.pipeline.feeds import TOTAL
from vigie.pipeline.figures import Figures
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import Batch, Open, State
from vigie.pipeline.take import take

_LONGEST_S = 240.0  # the longer, the looser are the bounds
_BURN = f"{IncidentType.SLO_BURN}:"
_ROUNDING = 1e-9  # more than the engine allows for


class Strides:
    """How far a replay may go at once. Belongs to one replay, and sees all that it counts."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._possible = False
        self._regular = True  # no slice ever had more good events than events

    def watch(self, rows: Iterable[Row]) -> None:
        """Take note of slices as they are: windows only shrink when no slice is below zero."""
        self._regular = self._regular and all((row.good <= row.total).all() for row in rows)

    def reach_s(self, state: State) -> float:
        """The longest stride from here, in seconds; 0 where there is none."""
        plan, figures = state.plan, state.figures
        if self._plan is not plan:
            self._plan, self._possible = plan, _only_counts(plan)
        if figures is None or not self._possible or not self._regular:
            return 0.0
        # What was measured on the way must still be recent at the end.
        reach_s = max(_LONGEST_S, plan.recent_s)
        if plan.config.maintenance:  # which is worked out up to a time
            reach_s = min(reach_s, state.exclusions.until - figures.at - plan.slice_s)
        return max(reach_s, 0.0)

    def is_settled(self, state: State, open_: Open) -> bool:
        """Whether there may be a stride at all: nothing runs out by itself."""
        return self.reach_s(state) > 0.0 and _is_settled(state, open_)

    def clear(self, state: State, open_: Open, scrapes: Sequence[Scrape], until: float) -> bool:
        """Whether no tick in (now, until] decides anything while these scrapes arrive, all being
        settled. No target may be unknown.
        """
        figures = state.figures
        return (
            figures is not None
            and until <= figures.at + self.reach_s(state)
            and _all_as_before(state, scrapes, figures.at, until)
            and _measured_on(state, figures, scrapes, until)
            and _nothing_turns(state, figures, open_, _New.of(state, scrapes), until)
        )


def _only_counts(plan: Plan) -> bool:
    """Whether columns only grow by what arrives: none is judged, sampled, a mean or a difference;
    and whether arms and silence are all that a tick decides.
    """
    columns = plan.columns_
    return (
        not columns.judged
        and not columns.means
        and all(
            isinstance(sli, ForeignSli)
            or (isinstance(sli, CountingSli) and not sli.part.minus and not sli.total.minus)
            for sli in columns.slis
        )
        and not any(acting(watch.policy) for watch in plan.watches)
    )


def _is_settled(state: State, open_: Open) -> bool:
    """Whether nothing runs out: no arm waits to fire, no silence to be told, no incident to open or
    to end.
    """
    fires = state.alerts.state == AlertState.FIRING
    waits = ~fires & ~np.isnan(state.alerts.burning_since)
    return (
        not waits.any()
        and bool(np.isnan(state.below_since).all())
        # One that was resolved while an arm goes on firing opens again with the next tick.
        and all(_burn_key(state.plan, arm) in open_ for arm in np.flatnonzero(fires).tolist())
        and all(
            one.key.startswith(_BURN) and one.clear_since is None and one.recovered_at is None
            for one in open_.values()
        )
    )


def _burn_key(plan: Plan, arm: int) -> str:
    """The key of the incident that an arm asks for: that of the SLO, or of which it is a group."""
    slo = plan.watches[int(plan.slo_of_arms[arm])].slo
    return f"{_BURN}{slo.parent or slo.id}"


# -- targets ----------------------------------------------------------------------------------


def _all_as_before(state: State, scrapes: Sequence[Scrape], now: float, until: float) -> bool:
    """Whether every target stays what it is: one that is heard shows the series of its last page
    and leaves no gap; one that is silent says nothing.
    """
    targets = state.plan.config.targets
    last: dict[str, float | None] = {}  # None: silent
    for name, target in targets.items():
        at = state.memories[name].page_at
        down = state.targets[name].health == "down"
        heard = at is not None and not down and _joins(at, now, target.interval_s)
        last[name] = at if heard else None
    for scrape in scrapes:
        name, page, before = scrape.target_id, scrape.page, last[scrape.target_id]
        if before is None:
            if page is not None:
                return False
            continue
        memory = state.memories[name]
        if page is None or page.layout is not memory.layout or page.read_for != memory.read_for:
            return False
        if page.at <= before or not _joins(before, page.at, targets[name].interval_s):
            return False
        last[name] = page.at
    return all(
        at is None or _joins(at, until, targets[name].interval_s) for name, at in last.items()
    )


def _joins(earlier: float, later: float, interval_s: float) -> bool:
    return later - earlier <= MAX_GAP_INTERVALS * interval_s


def _measured_on(state: State, figures: Figures, scrapes: Sequence[Scrape], until: float) -> bool:
    """Whether what was measured recently will have been so at the end, so that the last rate is
    told anew: by then, or by a page that comes on the way.
    """
    recent_s = state.plan.recent_s
    now = figures.windows[recent_s].sums.measured_us[: state.plan.columns] > 0
    then = state.ledger.window(until, recent_s).measured_us > 0
    heard = {scrape.target_id for scrape in scrapes if scrape.page is not None}
    known = np.array([name in heard for name in state.expected.order], dtype=np.bool_)
    then[state.expected.cols[known[state.expected.targets]]] = True
    return bool(then[now].all())


# -- arms and incidents -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _New:
    """By column: what scrapes bring. Where the good events of one run ahead of its total, `least`
    has them; they take nothing away from `most`, for on the way there they had not come yet.
    """

    most_bad: Ints
    least_bad: Ints
    total: Ints

    @classmethod
    def of(cls, state: State, scrapes: Sequence[Scrape]) -> "_New":
        plan = state.plan
        most, least, everything = (np.zeros(plan.columns, dtype=np.int64) for _ in range(3))
        for name, increments in take(state, Batch(tuple(scrapes))).counts:
            feed = plan.feed(plan.config.targets[name], increments.layout)
            by_row = np.zeros(len(increments.layout.keys), dtype=np.int64)
            by_row[increments.rows] = increments.counts
            sums = np.zeros((2, plan.columns), dtype=np.int64)
            np.add.at(sums, (feed.planes, feed.cols), by_row[feed.rows] * feed.signs)
            part, total = sums[1 - TOTAL], sums[TOTAL]
            bad = np.where(plan.part_is_bad, part, total - part)
            most += np.maximum(bad, 0)
            least += np.minimum(bad, 0)
            everything += total
        return cls(most, least, everything)


@dataclass(frozen=True, eq=False, slots=True)
class _Bounds:
    """By arm: what one of its windows holds on the way, at most and at least."""

    most_bad: Ints
    least_bad: Ints
    most: Ints
    least: Ints

    @classmethod
    def of(
        cls, state: State, figures: Figures, entries: Iterable[Entries], new: _New, until: float
    ) -> "_Bounds":
        size = len(state.plan.arms.cols)
        most_bad, least_bad, most, least = (np.zeros(size, dtype=np.int64) for _ in range(4))
        for one in entries:
            first = figures.windows[one.length_s].sums
            last = state.ledger.window(until, one.length_s)
            most_bad[one.arms] = (_bad(first) + new.most_bad)[one.cols]
            least_bad[one.arms] = (_bad(last) + new.least_bad)[one.cols]
            most[one.arms] = (first.total + new.total)[one.cols]
            least[one.arms] = last.total[one.cols]
        return cls(most_bad, least_bad, most, least)


def _bad(sums: WindowSums) -> Ints:
    return sums.total - sums.good


def _nothing_turns(state: State, figures: Figures, open_: Open, new: _New, until: float) -> bool:
    """Whether every arm stays as it is, and every open incident as bad."""
    arms = state.plan.arms
    long = _Bounds.of(state, figures, arms.long, new, until)
    short = _Bounds.of(state, figures, arms.short, new, until)
    # With fewer events than this the short window reaches back, and is another one.
    speaks = short.least >= arms.min_bad
    # The long window's least share asks the most events of a short one that ends what fires.
    tells = short.least >= np.maximum(arms.min_bad, telling(arms, long.least_bad, long.most))
    limit = arms.limit * (1.0 - _ROUNDING)
    quiet = (long.most_bad < limit * long.least) | (long.most_bad < arms.min_bad)
    quiet |= (short.most_bad < limit * short.least) & speaks
    held = HOLD * arms.limit * (1.0 + _ROUNDING)
    burns = (long.least_bad > held * long.most) & (short.least_bad > held * short.most) & tells
    fires = state.alerts.state == AlertState.FIRING
    if not np.where(fires, burns, quiet).all():
        return False
    return all(_stays(state.plan, one, fires, short) for one in open_.values())


def _stays(plan: Plan, incident: OpenIncident, fires: Bools, short: _Bounds) -> bool:
    """Whether an open incident goes on as it is: an arm that it is judged by fires, and none of
    them may come to a worse severity.
    """
    name = incident.key.partition(":")[2]
    about = {i for i, w in enumerate(plan.watches) if name in (w.slo.id, w.slo.parent)}
    mine = fires & np.isin(plan.slo_of_arms, list(about))
    if incident.urgency is Urgency.HIGH:
        mine &= plan.arms.pages
    elif (mine & plan.arms.pages).any():
        return False
    judged = np.flatnonzero(mine).tolist()
    return bool(judged) and all(
        severity_of(_most_failing(short, arm), pages=bool(plan.arms.pages[arm]))
        >= incident.severity
        for arm in judged
    )


def _most_failing(short: _Bounds, arm: int) -> float:
    return int(short.most_bad[arm]) / int(short.least[arm]) + _ROUNDING
