"""Slices of time, judged: every number worked out by hand."""

import numpy as np
import pytest

from slo.spec import MICRO, Budgeting, Method, Policy, Rule
from slo.timeslices import Slicing, judged, slicing

FULL = 60_000_000
# A slice each: 95 of 100, 94 of 100, nothing happened, nothing measured.
SUMS = np.array([[95, 94, 0, 0], [100, 100, 0, 0], [FULL, FULL, FULL, 0]])


def how(method: Method, zero: Rule = Rule.IGNORE, missing: Rule = Rule.FREEZE) -> Slicing:
    return Slicing(method, 60, 0.95, zero, missing)


@pytest.mark.parametrize(
    ("method", "good", "total"),
    [
        (Method.TIMESLICES, [1, 0, 0, 0], [1, 1, 0, 0]),
        (Method.RATIO_TIMESLICES, [950_000, 940_000, 0, 0], [MICRO, MICRO, 0, 0]),
        (Method.OCCURRENCES, [95, 94, 0, 0], [100, 100, 0, 0]),
    ],
)
def test_a_slice_counts_by_its_method(method: Method, good: list[int], total: list[int]) -> None:
    found = judged(how(method), SUMS)
    assert found.tolist() == [good, total, [FULL, FULL, FULL, 0]]


@pytest.mark.parametrize(
    ("zero", "expected"),
    [
        (Rule.IGNORE, (0, 0, FULL)),
        (Rule.GOOD, (1, 1, FULL)),
        (Rule.BAD, (0, 1, FULL)),
        (Rule.FREEZE, (0, 0, 0)),
    ],
)
@pytest.mark.parametrize("method", [Method.TIMESLICES, Method.OCCURRENCES])
def test_zero_traffic_counts_by_its_rule(
    method: Method, zero: Rule, expected: tuple[int, int, int]
) -> None:
    assert tuple(judged(how(method, zero=zero), SUMS)[:, 2].tolist()) == expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (Rule.FREEZE, (0, 0, 0)),
        (Rule.IGNORE, (0, 0, FULL)),
        (Rule.GOOD, (MICRO, MICRO, FULL)),
        (Rule.BAD, (0, MICRO, FULL)),
    ],
)
def test_what_was_not_measured_counts_by_its_rule(
    missing: Rule, expected: tuple[int, int, int]
) -> None:
    found = judged(how(Method.RATIO_TIMESLICES, missing=missing), SUMS)
    assert tuple(found[:, 3].tolist()) == expected


def test_a_minute_that_counts_as_one_event_counts_one_whole_sample() -> None:
    found = judged(how(Method.OCCURRENCES, zero=Rule.BAD), SUMS * MICRO, MICRO)
    assert (found[0, 2], found[1, 2]) == (0, MICRO)
    assert how(Method.OCCURRENCES).unit(MICRO) == MICRO
    assert how(Method.TIMESLICES).unit(MICRO) == 1


def test_occurrences_need_slices_only_for_rules_that_count_what_did_not_happen() -> None:
    assert slicing(Budgeting(), Policy("p")) is None
    counted = slicing(Budgeting(), Policy("p", zero_traffic=Rule.BAD))
    assert counted == Slicing(Method.OCCURRENCES, 60, 0.0, Rule.BAD, Rule.FREEZE)
    sliced = slicing(Budgeting(Method.TIMESLICES, 0.95, 300.0), Policy("p"))
    assert sliced == Slicing(Method.TIMESLICES, 300, 0.95, Rule.IGNORE, Rule.FREEZE)
