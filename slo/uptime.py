"""Uptime: availability, downtime, MTBF and MTTR of a service over any window, from its history.

What nobody measured is neither up nor down: it is no part of the time that figures are over.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from slo.exclusions import Interval, length, merged, overlaps
from slo.outages import Outage, joined
from slo.spec import ServiceState

DAY_S: Final = 86_400.0
WINDOWS_S: Final = (DAY_S, 7 * DAY_S, 30 * DAY_S, 90 * DAY_S)
KEPT_S: Final = WINDOWS_S[-1] + DAY_S


@dataclass(frozen=True, slots=True)
class History:
    """A service's past: its outages that ended, and the intervals in which nobody could tell how it
    was, in order. `known_from` is when it was first measured (None: never), `unknown_since` is
    since when nobody can tell now.
    """

    known_from: float | None = None
    outages: tuple[Outage, ...] = ()
    unknown: tuple[Interval, ...] = ()
    unknown_since: float | None = None

    def moved(self, state: ServiceState, at: float) -> "History":
        """The history of a service that is in another state from now on."""
        if state is ServiceState.UNKNOWN:
            return self if self.unknown_since is not None else replace(self, unknown_since=at)
        since, unknown = self.unknown_since, self.unknown
        if since is not None and self.known_from is not None and at > since:
            unknown = (*unknown, (since, at))
        known_from = at if self.known_from is None else self.known_from
        return replace(self, known_from=known_from, unknown=unknown, unknown_since=None)

    def ended(self, outage: Outage) -> "History":
        """The history with an outage that is over. It may have begun before anybody knew."""
        known_from = min(outage.started_at, self.known_from or math.inf)
        return replace(self, known_from=known_from, outages=(*self.outages, outage))

    def since(self, start: float) -> "History":
        """The history without what was over before a time."""
        return replace(
            self,
            outages=tuple(o for o in self.outages if o.ended_at is None or o.ended_at > start),
            unknown=tuple(one for one in self.unknown if one[1] > start),
        )


UNWATCHED: Final = History()


@dataclass(frozen=True, slots=True)
class Uptime:
    """A service over [start, end): seconds measured, down, and down within planned work.

    `outages` are the unplanned ones that began in it; `repaired` those that ended in it, which took
    `repair_s` together, wherever they began.
    """

    start: float
    end: float
    known_s: float
    down_s: float
    planned_s: float
    outages: int = 0
    repaired: int = 0
    repair_s: float = 0.0

    def availability(self, *, planned: bool = False) -> float | None:
        """Time up per time measured, 0..1; None where nothing was. Downtime within planned work
        counts as no time at all, or (`planned`) as any other downtime.
        """
        expected_s = self.known_s if planned else self.known_s - self.planned_s
        down_s = self.down_s + (self.planned_s if planned else 0.0)
        return 1.0 - min(down_s / expected_s, 1.0) if expected_s > 0.0 else None

    @property
    def nines(self) -> float | None:
        """How many nines the availability has: 3 of 0.999; None: unknown, or there was no downtime,
        of which no finite number tells.
        """
        share = self.availability()
        return None if share is None or share >= 1.0 else -math.log10(1.0 - share)

    @property
    def mtbf_s(self) -> float | None:
        """Mean time between failures: time up per outage that began; None: none did."""
        up_s = self.known_s - self.down_s - self.planned_s
        return up_s / self.outages if self.outages else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to recovery: the mean length of the outages that ended; None: none did."""
        return self.repair_s / self.repaired if self.repaired else None


def uptime(
    history: History, going_on: Outage | None, bad_until: float, start: float, end: float
) -> Uptime:
    """A service over [start, end), which ends no later than now. `going_on` is the outage that has
    not ended; it is known to be one up to `bad_until`, the rest of it counts as up.
    """
    firsts = [history.known_from, going_on.started_at if going_on is not None else None]
    start = max(start, min((at for at in firsts if at is not None), default=end))
    if start >= end:
        return Uptime(end, end, 0.0, 0.0, 0.0)
    now_s = [(history.unknown_since, end)] if history.unknown_since is not None else []
    unknown = merged([*history.unknown, *now_s])
    if not history.outages and going_on is None:
        known_s = end - start - length(overlaps(unknown, start, end))
        return Uptime(start, end, known_s, 0.0, 0.0)
    parts = list(history.outages)
    if going_on is not None:
        parts.append(replace(going_on, ended_at=max(bad_until, going_on.started_at)))
    down = merged(map(_span, parts))
    in_outages_s = sum(length(overlaps(down, *one)) for one in overlaps(unknown, start, end))
    last = [going_on] if going_on is not None else []
    whole = [one for one in joined([*history.outages, *last]) if not one.planned]
    repaired = [one for one in whole if one.ended_at is not None and start <= one.ended_at < end]
    return Uptime(
        start,
        end,
        known_s=end - start - length(overlaps(unknown, start, end)) + in_outages_s,
        down_s=_down_s(parts, start, end, planned=False),
        planned_s=_down_s(parts, start, end, planned=True),
        outages=sum(start <= one.started_at < end for one in whole),
        repaired=len(repaired),
        repair_s=length(map(_span, repaired)),
    )


def _down_s(parts: Iterable[Outage], start: float, end: float, *, planned: bool) -> float:
    spans = merged(_span(one) for one in parts if one.planned is planned)
    return length(overlaps(spans, start, end))


def _span(outage: Outage) -> Interval:
    """Of an outage that ended."""
    assert outage.ended_at is not None, "the one that goes on was given an end"
    return outage.started_at, outage.ended_at
