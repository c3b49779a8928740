"""The arms that Pyrra's format implies: lengths by hand, rounded to the minute as Pyrra rounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.load.codes import Code
from slo.load.pyrra_arms import TIERS, Stated, arms
from slo.load.yaml import Mark, Problem, Problems
from slo.spec import Arm, ArmKind
from slo.windows import parse

TARGET, WINDOW = Mark("slo.yaml", 5, 11), Mark("slo.yaml", 6, 11)
KINDS = [tier.kind for tier in TIERS]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (
            "28d",
            {
                "page-1h-5m": ("14x", "2m"),
                "page-6h-30m": ("7x", "15m"),
                "ticket-1d-2h": ("2x", "1h"),
                "ticket-4d-6h": ("1x", "3h"),
            },
        ),
        (
            "30d",  # 28d times 15/14: 1h4m17s, 5m21s, 2m9s; 6h25m43s, 32m9s, 16m4s; and so on
            {
                "page-1h4m-5m": ("14x", "2m"),
                "page-6h26m-32m": ("7x", "16m"),
                "ticket-1d1h43m-2h9m": ("2x", "1h4m"),
                "ticket-4d6h51m-6h26m": ("1x", "3h13m"),
            },
        ),
        (
            "2w",  # half of 28d: 2m30s are 3m, 7m30s are 8m
            {
                "page-30m-3m": ("14x", "1m"),
                "page-3h-15m": ("7x", "8m"),
                "ticket-12h-1h": ("2x", "30m"),
                "ticket-2d-3h": ("1x", "1h30m"),
            },
        ),
        (
            "7d",  # a quarter: 1m15s, and 30s of waiting are 1m
            {
                "page-15m-1m": ("14x", "1m"),
                "page-1h30m-8m": ("7x", "4m"),
                "ticket-6h-30m": ("2x", "15m"),
                "ticket-1d-1h30m": ("1x", "45m"),
            },
        ),
    ],
)
def test_lengths_scale_and_are_rounded_to_the_minute(
    window: str, expected: dict[str, tuple[str, str]]
) -> None:
    found, problems = _arms(0.99, parse(window))
    assert problems == []
    assert {arm.name: (f"{arm.burn_rate:g}x", arm.after_s) for arm in found} == {
        name: (rate, parse(after)) for name, (rate, after) in expected.items()
    }
    assert all(arm.mark is None for arm in found)


def test_an_alert_that_pyrra_rounds_to_death_gets_the_shortest_lengths_that_work() -> None:
    found, problems = _arms(0.99, parse("1d"))
    # 1/28 of the lengths: 10.7s and 2m9s for the first one; 1m4s and 12m51s for the second.
    assert [(arm.name, arm.burn_rate, arm.after_s) for arm in found] == [
        ("page-4m-1m", 14.0, 0.0),
        ("page-13m-1m", 7.0, 60.0),
        ("ticket-51m-4m", 2.0, 120.0),
        ("ticket-3h26m-13m", 1.0, 360.0),
    ]
    (problem,) = problems
    assert (problem.mark, problem.warning, problem.code) == (WINDOW, True, Code.SHORT_WINDOW)
    assert "rounds the short window of its 14x alert to 0s" in problem.message
    assert "4m and 1m" in problem.message


def test_of_alerts_that_bounds_make_alike_the_lower_rate_is_kept() -> None:
    found, problems = _arms(0.99, parse("1h"))
    assert [(arm.name, arm.burn_rate) for arm in found] == [
        ("page-4m-1m", 7.0),
        ("ticket-4m-1m", 2.0),
        ("ticket-9m-1m", 1.0),
    ]
    assert [p.code for p in problems] == [Code.SHORT_WINDOW] * 3


@pytest.mark.parametrize(
    ("objective", "rates"),
    [
        (0.93, [14.0, 7.0, 2.0, 1.0]),  # at most 14.29
        (0.9, [5.0, 7.0, 2.0, 1.0]),  # at most 10
        (0.5, [1.0, 1.0, 1.0, 1.0]),  # at most 2, which nothing is above
    ],
)
def test_a_rate_that_the_target_cannot_reach_is_capped(
    objective: float, rates: list[float]
) -> None:
    found, problems = _arms(objective, parse("28d"))
    assert [arm.burn_rate for arm in found] == rates
    assert [(p.mark, p.warning, p.code) for p in problems] == (
        [] if objective == 0.93 else [(TARGET, True, Code.UNREACHABLE)]
    )


def test_kinds_may_be_other_than_pyrras() -> None:
    kinds = [ArmKind.TICKET, ArmKind.PAGE, ArmKind.PAGE, ArmKind.TICKET]
    found = arms(Stated(0.99, TARGET, parse("28d"), WINDOW), kinds, Problems())
    assert [arm.name for arm in found] == [
        "ticket-1h-5m",
        "page-6h-30m",
        "page-1d-2h",
        "ticket-4d-6h",
    ]


def test_without_an_objective_or_a_window_there_are_no_arms() -> None:
    assert _arms(0.0, parse("28d")) == ((), [])
    assert _arms(0.99, 0.0) == ((), [])


def test_a_window_of_under_four_minutes_is_an_error() -> None:
    found, (problem,) = _arms(0.99, parse("3m"))
    assert found == ()
    assert (problem.mark, problem.warning, problem.code) == (WINDOW, False, Code.SHORT_WINDOW)


@given(st.floats(0.001, 0.99999), st.integers(240, 35 * 86_400), st.permutations(list(ArmKind) * 2))
def test_every_arm_can_fire(objective: float, window_s: int, kinds: list[ArmKind]) -> None:
    found = arms(Stated(objective, TARGET, float(window_s), WINDOW), kinds, Problems())
    assert found
    assert len({arm.name for arm in found}) == len(found)
    for arm in found:
        assert arm.short_s >= 60
        assert 4 * arm.short_s <= arm.long_s <= window_s
        assert 0 < arm.burn_rate < 1 / (1 - objective)


def _arms(objective: float, window_s: float) -> tuple[tuple[Arm, ...], list[Problem]]:
    problems = Problems()
    return arms(Stated(objective, TARGET, window_s, WINDOW), KINDS, problems), problems.items
