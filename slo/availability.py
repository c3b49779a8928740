"""Whether services are up, and their outages: decided from what their SLOs measured just now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from slo.exclusions import Interval
from slo.outages import Outage
from slo.series import Floats, Ints
from slo.spec import Excluded, ServiceState, SloId
from slo.status import WindowFigures

GOOD_SLICES: Final = 3  # so many good ones one after the other end an outage

# From the least to the most telling: one SLO that is down makes its service down, and one that is
# measured makes it known.
_ORDER = (ServiceState.UNKNOWN, ServiceState.UP, ServiceState.DEGRADED, ServiceState.DOWN)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Availability:
    """What is known of one service between two ticks.

    `ended_s` and `planned_s` are the lengths of all outages that ended; `outage` is the one going
    on, known to be one up to `bad_until`, and `failing` are the SLOs that made it. The next one
    begins no earlier than `free_from`.
    """

    state: ServiceState
    reason: str
    ended_s: float = 0.0
    planned_s: float = 0.0
    outage: Outage | None = None
    bad_until: float = 0.0
    failing: frozenset[SloId] = frozenset()
    free_from: float = 0.0

    def downtime_s(self, *, planned: bool = False) -> float:
        """Seconds down since the ledger began, as far as they are certain: it never shrinks."""
        ended_s = self.planned_s if planned else self.ended_s
        if self.outage is None or self.outage.planned is not planned:
            return ended_s
        return ended_s + self.bad_until - self.outage.started_at


@dataclass(frozen=True, slots=True)
class Look:
    """What a service is found to be, why, and since when what makes it so goes on."""

    state: ServiceState
    reason: str
    since: float


@dataclass(frozen=True, eq=False, slots=True)
class Recent:
    """By SLO: events and coverage of the recent window, and whether an arm that pages fires."""

    good: Floats
    total: Floats
    coverage: Floats
    pages: Flags


@dataclass(frozen=True, eq=False, slots=True)
class Slices:
    """The slices of the recent window, in order: where one starts, and whether it was bad or good.
    One that held no event, or goes on and isn't bad, is neither.
    """

    starts: Ints
    bad: Flags
    good: Flags
    width_s: int


@dataclass(frozen=True, slots=True)
class Spell:
    """What slices say of an outage: since when they are bad, without a good one between; up to when
    (None: none is bad); and the end of it, None while it isn't over.
    """

    since: float
    until: float | None
    over: float | None


def failing(recent: Recent, down_below: Floats, min_bad: Floats) -> Flags:
    """By SLO: whether it makes its service down. At least `min_bad` events of the recent window
    were bad, and the share of good ones is under `down_below`.
    """
    enough = recent.total - recent.good >= min_bad
    return np.asarray(enough & (recent.good < down_below * recent.total), dtype=np.bool_)


def judged(recent: Recent, down: Flags, service: Ints, services: int) -> Ints:
    """By service: its state as a rank in `_ORDER`; see `state_of`. `service[i]` is that of SLO i.

    In this order: down where an SLO is `failing`; degraded while an arm that pages fires; unknown
    where nothing was measured, for an arm that fired before says nothing of now; else up.
    """
    rank = np.where(recent.pages, 2, 1)
    rank = np.where(down, 3, np.where(recent.coverage > 0.0, rank, 0))
    worst = np.zeros(services, dtype=np.int64)
    np.maximum.at(worst, service, rank)
    return worst


def state_of(rank: int) -> ServiceState:
    """The state that a rank stands for."""
    return _ORDER[rank]


def worse(one: ServiceState, other: ServiceState) -> ServiceState:
    """The more telling of two states: see `_ORDER`."""
    return max(one, other, key=_ORDER.index)


def reason_for(state: ServiceState, slos: Sequence[tuple[str, WindowFigures]]) -> str:
    """Why a service is in a state, in one line; from the name and the recent window of its SLOs."""
    if state is ServiceState.UNKNOWN:
        return "nothing is measured just now"
    if state is ServiceState.UP:
        return "all objectives are met"
    shares = [(1.0 - recent.sli, name) for name, recent in slos if recent.sli is not None]
    share, name = max(shares, default=(0.0, ""))
    return f"{name}: {share:.1%} of recent events failed"


def slices_of(starts: Ints, sums: Ints, down_below: Floats, width_s: int, now: float) -> Slices:
    """Judge slices by the SLOs that make an outage; `sums` is [slice, good | total, SLO].

    A slice is bad if the good share of any of them is under its `down_below`.
    """
    good, total = sums[:, 0], sums[:, 1]
    bad: Flags = np.any((total > 0) & (good < down_below * total), axis=1)
    told = np.any(total > 0, axis=1) & (starts + width_s <= now)
    return Slices(starts, bad, np.logical_and(told, np.logical_not(bad)), width_s)


def spell_of(slices: Slices, now: float) -> Spell:
    """The last run of bad slices. It is over after three good ones, with the first of them; or
    where none of the recent window is bad any more, however few there were.
    """
    bad, good = np.flatnonzero(slices.bad), np.flatnonzero(slices.good)
    if not len(bad):
        return Spell(now, None, float(slices.starts[good[0]]) if len(good) else 0.0)
    last = bad[-1]
    before, after = good[good < last], good[good > last]
    first = bad[bad > (before[-1] if len(before) else -1)][0]
    over = float(slices.starts[after[0]]) if len(after) >= GOOD_SLICES else None
    until = min(float(slices.starts[last] + slices.width_s), now)
    return Spell(float(slices.starts[first]), until, over)


def step(
    before: Availability, look: Look, spell: Spell, now: float, name: str
) -> tuple[Availability, Outage | None]:
    """The service `name` after one more look at it, and the outage that goes on or ended with it.

    An outage begins with its first bad slice. It ends when the look is not down and the spell is
    over; where nothing is measured any more, when it was last bad: unknown time is never downtime.
    """
    down, outage = look.state is ServiceState.DOWN, before.outage
    if not down and outage is None:
        return replace(before, state=look.state, reason=look.reason), None
    until = before.bad_until
    if outage is None:
        since = max(min(look.since, spell.since), before.free_from)
        outage = Outage(name, since, None, look.reason)
        until = since
    if spell.until is not None:
        until = max(until, spell.until)
    elif down:
        until = now
    over = spell.over
    if look.state is ServiceState.UNKNOWN and over is None:
        over = until
    if down or over is None:
        reason = look.reason if down else "it has failed too recently: no three good slices yet"
        after = replace(before, state=ServiceState.DOWN, reason=reason, outage=outage)
        return replace(after, bad_until=until), outage
    end = max(until, over)
    after = replace(before, state=look.state, reason=look.reason, outage=None, bad_until=end)
    return replace(after, failing=frozenset(), free_from=end), replace(outage, ended_at=end)


def booked(
    before: Availability, after: Availability, outage: Outage, planned: Sequence[Interval]
) -> tuple[Availability, tuple[Outage, ...]]:
    """The service with the downtime of what ended, and the outages to write: where planned work
    of the whole service begins or ends within one (`planned`, merged), another one begins.
    """
    until = after.bad_until
    edges = sorted({at for one in planned for at in one if outage.started_at < at < until})
    starts = [outage.started_at, *edges]
    parts = [
        replace(outage, started_at=start, ended_at=end, planned=_within(planned, start))
        for start, end in zip(starts, [*edges, outage.ended_at], strict=True)
    ]
    ended = [(one.ended_at - one.started_at, one.planned) for one in parts if one.ended_at]
    after = replace(
        after,
        ended_s=after.ended_s + sum(length for length, is_planned in ended if not is_planned),
        planned_s=after.planned_s + sum(length for length, is_planned in ended if is_planned),
        outage=parts[-1] if outage.ended_at is None else None,
    )
    return after, () if parts == [before.outage] else tuple(parts)


def maintained(service: Availability, window: Excluded) -> Availability:
    """A service inside a planned window, which says what it would have been if that is down."""
    would = f"; would be down: {service.reason}" if service.state is ServiceState.DOWN else ""
    reason = f"planned work: {window.reason}{would}"
    return replace(service, state=ServiceState.MAINTENANCE, reason=reason)


def _within(intervals: Iterable[Interval], at: float) -> bool:
    return any(start <= at < end for start, end in intervals)
