"""Where live measuring of a column takes over from its past. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from collectors.targets import Target
from slo.ledger import HOUR_S
from slo.rings import EDGE
from slo.series import MAX_GAP_INTERVALS
from slo.spec import BasicSli, DataSource, ForeignSli, ServerSli
from vigie.config import Watch
from vigie.pipeline.plan import Plan, measured_by
from vigie.pipeline.state import State
from vigie.sources.past import columns_shown, whole_minute

ROUNDED: Final = 1.0 + 1.0 / EDGE  # a live window begins up to so much earlier


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column of a source: what it measures, from when on its past is wanted, and since when it
    is. Of one of several groups, `group_of` is the column of their sum.
    """

    fingerprint: str
    measured: str  # the column that it is judged from, or itself
    sli: BasicSli
    oldest: int
    since: float
    group_of: str = ""

    @property
    def by_server(self) -> bool:
        return isinstance(self.sli, ServerSli)


def wanted_of(
    state: State, source: str, now: float, before: Mapping[str, Wanted]
) -> dict[str, Wanted]:
    """By fingerprint: the columns that a source measures, those they are judged from included."""
    plan, oldest = state.plan, _oldest(state, now)
    found = {}
    for col, fingerprint in enumerate(plan.ids):
        (base,) = measured_by(plan.columns_, col)
        sli = plan.columns_.slis[base]
        if sli is None or isinstance(sli, ForeignSli) or sli.source != source or col not in oldest:
            continue
        known = before.get(fingerprint)
        found[fingerprint] = Wanted(
            fingerprint=fingerprint,
            measured=plan.ids[base],
            sli=sli,
            oldest=oldest[col],
            since=known.since if known else now,
            group_of=_sum_of(plan, base),
        )
    return found


def seam_of(state: State, source: DataSource, wanted: Wanted) -> int | None:
    """A minute before which live measuring of a column has begun; None while it has not.

    Every target that answers was read for the column by then. One that doesn't has no say: what it
    counted until it is back is not known.
    """
    sli, polled = wanted.sli, state.polled.get(source.name, 0.0)
    if polled <= wanted.since:
        return None
    if isinstance(sli, ServerSli):
        upto = state.estimated_upto.get(wanted.measured)
        return None if upto is None else int(upto)
    texts = {str(selector) for selector in sli.selectors}
    read = [state.memories[name] for name in _answering(state, source)]
    if any(not texts <= memory.read_for for memory in read):
        return None
    pages = (memory.page_at or 0.0 for memory in read)
    return whole_minute(max(wanted.since, max(pages, default=polled - source.lag_s)))


def has_passed(state: State, source: DataSource, wanted: Wanted, seam: int) -> bool:
    """Whether all that lies before a seam has been told: what is read of it now comes only once."""
    if wanted.by_server:
        return True
    told = (state.targets[name].last_scrape_at or 0.0 for name in _answering(state, source))
    return min(told, default=state.polled.get(source.name, 0.0) - source.lag_s) >= seam


def _answering(state: State, source: DataSource) -> list[str]:
    """The targets of a source that answered lately."""
    read_to = state.polled.get(source.name, 0.0) - source.lag_s
    targets = state.plan.found.targets.values()
    return [t.id for t in targets if t.source == source.name and _answers(state, t, read_to)]


def _answers(state: State, target: Target, read_to: float) -> bool:
    status = state.targets[target.id]
    last = status.last_scrape_at
    late_s = 2 * MAX_GAP_INTERVALS * target.interval_s
    return status.health == "up" and last is not None and read_to - last <= late_s


def _sum_of(plan: Plan, col: int) -> str:
    """The column of the sum that a group is part of; empty where it is none."""
    if not plan.columns_.groups[col]:
        return ""
    sli = plan.columns_.slis[col]
    sums = zip(plan.ids, plan.columns_.slis, plan.columns_.groups, strict=True)
    return next((name for name, other, group in sums if other == sli and not group), "")


def _oldest(state: State, now: float) -> dict[int, int]:
    """By column: the hour from which on some SLO looks at it."""
    found: dict[int, int] = {}
    for watch, cols in zip(state.plan.watches, columns_shown(state.plan), strict=True):
        since = _begins(state, watch, now) // HOUR_S * HOUR_S
        for col in cols:
            found[col] = min(since, found.get(col, since))
    return found


def _begins(state: State, watch: Watch, now: float) -> int:
    """Where the longest window of an SLO begins; a calendar's is compared to the period before."""
    period = state.periods.get(watch.slo.calendar) if watch.slo.calendar else None
    lengths: Iterable[float] = (watch.slo.window_s, *(arm.long_s for arm in watch.arms))
    arms_from = now - max(arm.long_s for arm in watch.arms) * ROUNDED if watch.arms else now
    if period is not None:
        return int(min(period.previous, arms_from))
    return int(now - max(lengths) * ROUNDED)
