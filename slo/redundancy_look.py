"""One look at the replicas of a service: the figures from which its redundancy is judged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

from slo.redundancy_model import Observed, Redundancy, Replica


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen, beside what is asked for.

    There are two looks at one thing: what nobody can tell is taken for good by the hopeful one and
    for bad by the other. `able` and `zones`, by zone, count the replicas that are taken for ready;
    what is named stands as it is seen.
    """

    ready: tuple[str, ...]
    missing: tuple[str, ...]
    untold: tuple[str, ...]  # of which nobody can tell whether they are ready
    expected: int
    minimum: int
    able: int
    zones: Mapping[str, int]
    known_zones: tuple[str, ...]  # of those that are ready
    zones_wanted: int
    leaders: tuple[str, ...] | None  # None: nobody can tell
    leader_wanted: bool
    leader_wrong: bool  # one is wanted, and none leads, or more than one
    skew: float | None
    skew_above: float | None
    busiest: str

    @property
    def largest_zone(self) -> str:
        """The zone with most replicas, the first by name of equal ones."""
        return min(self.zones, key=lambda zone: (-self.zones[zone], zone), default="")

    @property
    def left(self) -> int:
        """How many are left without the largest zone. One of no known zone may be in it."""
        return sum(self.zones.values()) - self.zones.get(self.largest_zone, 0)

    @property
    def short(self) -> bool:
        return self.able < self.expected

    @property
    def zone_risk(self) -> bool:
        """Whether zones are asked for and the loss of one leaves less than the minimum."""
        return self.zones_wanted > 1 and self.left < self.minimum

    @property
    def at_risk(self) -> bool:
        return self.able - 1 < self.minimum or self.zone_risk or self.leader_wrong

    @property
    def zones_short(self) -> bool:
        return self.zones_wanted > 1 and len(self.zones) < self.zones_wanted

    @property
    def uneven(self) -> bool:
        """Whether the loss of a zone leaves less than the minimum, and would not, were as many as
        are expected spread evenly over the zones.
        """
        if not self.zone_risk:
            return False
        zones = max(len(self.zones), self.zones_wanted)
        return self.expected - ceil(self.expected / zones) >= self.minimum

    @property
    def skewed(self) -> bool:
        above = self.skew_above
        return self.skew is not None and above is not None and self.skew > above

    @property
    def lacks(self) -> bool:
        """Whether anything is missing that the file asks for, or the workload."""
        wrong = (self.short, self.zones_short, self.uneven, self.leader_wrong, self.skewed)
        return any(wrong)


def look(declared: Redundancy, observed: Observed, *, hopeful: bool) -> Look:
    """The figures of what is observed."""
    ready = [one for one in observed.replicas if one.ready]
    able = [one for one in observed.replicas if one.ready or (hopeful and one.ready is None)]
    zones = Counter(one.zone for one in able if one.zone)
    if hopeful:  # each that says no zone is in one of its own
        zones.update(f"? of {one.name}" for one in able if not one.zone)
    leaders = _leaders(observed, able)
    skew, busiest = _skew(ready)
    return Look(
        ready=tuple(one.name for one in ready),
        missing=tuple(one.name for one in observed.replicas if one.ready is False),
        untold=tuple(one.name for one in observed.replicas if one.ready is None),
        expected=expected(declared, observed),
        minimum=minimum(declared, observed),
        able=len(able),
        zones=zones,
        known_zones=tuple(sorted({one.zone for one in ready if one.zone})),
        zones_wanted=declared.zones,
        leaders=leaders,
        leader_wanted=_wants_leader(declared),
        leader_wrong=_wants_leader(declared) and _is_wrong(leaders, hopeful=hopeful),
        skew=skew,
        skew_above=declared.skew_above,
        busiest=busiest,
    )


def minimum(declared: Redundancy, observed: Observed) -> int:
    """Without how many the service doesn't serve well enough: never under one."""
    if declared.minimum is not None:
        return declared.minimum
    return observed.minimum or 1


def expected(declared: Redundancy, observed: Observed) -> int:
    """How many should be ready: what is written, else what the workload wants, else as many as are
    there; never under a minimum that is written, for a discovery forgets replicas that die.
    """
    if declared.expected is not None:
        return declared.expected
    own = len(observed.replicas) if observed.wanted is None else observed.wanted
    return max(own, declared.minimum or 0)


def _wants_leader(declared: Redundancy) -> bool:
    lease = declared.workload.lease if declared.workload is not None else ""
    return declared.leader is not None or bool(lease)


def _is_wrong(leaders: tuple[str, ...] | None, *, hopeful: bool) -> bool:
    return not hopeful if leaders is None else len(leaders) != 1


def _leaders(observed: Observed, able: Sequence[Replica]) -> tuple[str, ...] | None:
    """Who holds the lease, else whoever says that it leads. That nobody leads is known only where
    every able replica says that it doesn't: one that isn't ready can't be the one that is missed.
    """
    if observed.leader is not None:
        return (observed.leader,) if observed.leader else ()
    leading = tuple(one.name for one in observed.replicas if one.leads)
    if leading:
        return leading
    return () if able and all(one.leads is False for one in able) else None


def _skew(ready: Sequence[Replica]) -> tuple[float | None, str]:
    """The largest load over the mean, and whose it is. What isn't ready is given no work, so it is
    left out.
    """
    loads = [(one.load, one.name) for one in ready if one.load is not None and isfinite(one.load)]
    mean = sum(load for load, _ in loads) / len(loads) if loads else 0.0
    if len(loads) < 2 or not mean > 0.0:
        return None, ""
    most, name = max(loads)
    return most / mean, name
