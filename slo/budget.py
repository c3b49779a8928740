"""Budget and burn: the formulas, for one SLO. Ratios are 0..1; None where nothing happened."""

import numpy as np

from slo.series import Floats


def burn(good: float, total: float, objective: float) -> float | None:
    """How many times faster than allowed the budget is spent: error ratio / (1 - objective).

    Source: SRE Workbook, "Alerting on SLOs".
    """
    return (total - good) / total / (1.0 - objective) if total else None


def remaining(good: float, total: float, objective: float) -> float | None:
    """The share of the budget that is left, signed and unclamped."""
    burnt = burn(good, total, objective)
    return None if burnt is None else 1.0 - burnt


def remaining_of(bad: float, expected_total: float, objective: float) -> float | None:
    """The same against the traffic that a whole period is expected to have."""
    return 1.0 - bad / ((1.0 - objective) * expected_total) if expected_total else None


def full_lasts_s(burn_rate: float | None, window_s: float) -> float | None:
    """How long a whole budget lasts at this burn rate; None: for ever."""
    return window_s / burn_rate if burn_rate else None


def left_lasts_s(
    *,
    ahead_s: Floats,
    since: Floats,
    bad_rate: float,
    total_rate: float,
    objective: float,
) -> float | None:
    """How long what is left of a rolling budget lasts when events go on at these rates a second
    (those of the column's units), with what ages out of the window given back; None: for ever.

    `since[i]` is [good, total] of what is now in the window and still will be in `ahead_s[i]`
    seconds; ascending, the first one being now.
    """
    budget = 1.0 - objective
    bad = since[:, 1] - since[:, 0] + bad_rate * ahead_s
    allowed = budget * (since[:, 1] + total_rate * ahead_s)
    left = allowed - bad
    spent = np.flatnonzero(left <= 0.0)
    if not len(spent):
        return None
    at = int(spent[0])
    if at == 0:
        return 0.0
    step = left[at - 1] / (left[at - 1] - left[at])
    return float(ahead_s[at - 1] + step * (ahead_s[at] - ahead_s[at - 1]))


def rest_lasts_s(bad: float, allowed: float, bad_rate: float, rest_s: float) -> float | None:
    """How long what is left of a calendar period's budget lasts; None: beyond its end, and where
    nothing is known of its traffic.
    """
    if not allowed:
        return None
    if bad >= allowed:
        return 0.0
    if bad_rate <= 0.0:
        return None
    lasts_s = (allowed - bad) / bad_rate
    return lasts_s if lasts_s < rest_s else None
