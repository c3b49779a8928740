"""Budgets counted in slices of time: from what a slice holds to what it counts for.

A slice is one of three: measured with events, measured without any (zero traffic), or not
measured. The last is unknown; what it counts for is a rule that somebody wrote down.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slo.series import Floats, Ints
from slo.spec import MICRO, Budgeting, Method, Policy, Rule

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the slices of one column are judged."""

    method: Method
    slice_s: int
    target: float
    zero_traffic: Rule
    missing: Rule

    def unit(self, of: int) -> int:
        """How many counts make one slice, or one event, where `of` of what is sliced make one."""
        if self.method is Method.OCCURRENCES:
            return of
        return MICRO if self.method is Method.RATIO_TIMESLICES else 1


MINUTE_S = 60


def slicing(budgeting: Budgeting, policy: Policy) -> Slicing | None:
    """How slices are judged; None where the events of a column are simply added up.

    Occurrences need it only for rules that count what was not measured, or did not happen: there
    a minute without events, or without measurement, counts as one event.
    """
    plain = policy.zero_traffic is Rule.IGNORE and policy.missing is Rule.FREEZE
    if budgeting.method is Method.OCCURRENCES and plain:
        return None
    width = int(budgeting.slice_s) or MINUTE_S
    return Slicing(
        budgeting.method, width, budgeting.slice_target, policy.zero_traffic, policy.missing
    )


def judged(how: Slicing, sums: Ints, units: Ints | int = 1) -> Ints:
    """What slices count for: [good | total | measured_us, ...] in the same shape as `sums`, which
    holds what they measured; `units` of that make one event.
    """
    good, total, measured_us = sums
    happened = total > 0
    counted_good, counted_total = _happened(how, good, total, happened)
    zero, missing = ~happened & (measured_us > 0), ~happened & (measured_us <= 0)
    out = np.stack([counted_good, counted_total, measured_us])
    one = np.broadcast_to(np.vectorize(how.unit, otypes=[np.int64])(units), total.shape)
    _apply(how, how.zero_traffic, zero, out, one, measured=True)
    _apply(how, how.missing, missing, out, one, measured=False)
    return out


def _happened(how: Slicing, good: Ints, total: Ints, happened: Bools) -> tuple[Ints, Ints]:
    if how.method is Method.OCCURRENCES:
        return good.copy(), total.copy()
    share: Floats = np.divide(good, total, out=np.zeros(total.shape), where=happened)
    if how.method is Method.TIMESLICES:
        # A share such as 95 of 100 is the target 0.95 only within rounding.
        met = happened & (share >= how.target * (1.0 - 1e-12))
        return met.astype(np.int64), happened.astype(np.int64)
    counted = np.rint(share * MICRO).astype(np.int64)
    return counted, happened.astype(np.int64) * MICRO


def _apply(how: Slicing, rule: Rule, where: Bools, out: Ints, one: Ints, *, measured: bool) -> None:
    """Count one slice, or one event, by a rule; `measured` says whether it was."""
    if rule in (Rule.GOOD, Rule.BAD):
        out[0][where] = one[where] if rule is Rule.GOOD else 0
        out[1][where] = one[where]
    if rule is Rule.FREEZE and measured:
        out[2][where] = 0
    elif rule is not Rule.FREEZE and not measured:
        out[2][where] = how.slice_s * 1_000_000
