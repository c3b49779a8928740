"""Budget and burn, by hand: 99.9 % over any window leaves one event in a thousand; how long what
is left lasts, against a simulation that goes on minute by minute.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo import budget


@pytest.mark.parametrize(
    ("good", "total", "burn", "left"),
    [
        (1000, 1000, 0.0, 1.0),
        (999, 1000, 1.0, 0.0),
        (9856, 10_000, 14.4, -13.4),
        (0, 10, 1000.0, -999.0),
        (0, 0, None, None),
    ],
)
def test_burn_and_what_is_left(
    good: int, total: int, burn: float | None, left: float | None
) -> None:
    assert budget.burn(good, total, 0.999) == (burn if burn is None else pytest.approx(burn))
    assert budget.remaining(good, total, 0.999) == (left if left is None else pytest.approx(left))


def test_a_full_budget_lasts_its_window_by_the_burn_rate() -> None:
    assert budget.full_lasts_s(14.4, 30 * 86_400.0) == pytest.approx(50 * 3600.0)
    assert budget.full_lasts_s(0.0, 60.0) is budget.full_lasts_s(None, 60.0) is None


def test_a_period_is_spent_against_the_traffic_that_it_is_expected_to_have() -> None:
    assert budget.remaining_of(3, 1000, 0.99) == pytest.approx(0.7)
    assert budget.remaining_of(20, 1000, 0.99) == pytest.approx(-1.0)
    assert budget.remaining_of(3, 0, 0.99) is None


@pytest.mark.parametrize(
    ("bad", "bad_rate", "lasts"),
    [(10, 0.5, 0.0), (12, 0.0, 0.0), (4, 0.5, 12.0), (4, 0.0, None), (4, 0.06, None)],
)
def test_what_a_period_has_left_lasts_until_it_is_spent_or_the_period_ends(
    bad: float, bad_rate: float, lasts: float | None
) -> None:
    assert budget.rest_lasts_s(bad, 10.0, bad_rate, 100.0) == lasts


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=2, max_size=60),
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from([Fraction(1, 2), Fraction(3, 4), Fraction(15, 16), Fraction(127, 128)]),
)
def test_what_a_rolling_window_has_left_lasts_as_long_as_in_a_simulation(
    minutes: list[tuple[int, int]], good_rate: int, bad_rate: int, objective: Fraction
) -> None:
    """`minutes` are good and bad events of each; then they go on at rates in 64ths a second, which
    floats tell exactly.
    """
    held = np.array([[good, good + bad] for good, bad in minutes], dtype=float)
    since = np.concatenate([np.cumsum(held[::-1], axis=0)[::-1], np.zeros((1, 2))])
    lasts = budget.left_lasts_s(
        ahead_s=60.0 * np.arange(len(minutes) + 1),
        since=since,
        bad_rate=bad_rate / 64,
        total_rate=(good_rate + bad_rate) / 64,
        objective=float(objective),
    )
    spent = spent_after(minutes, good_rate, bad_rate, objective)
    assert (lasts is None) == (spent is None)
    if lasts is not None and spent is not None:
        assert 60 * (spent - 1) < lasts <= 60 * spent or lasts == spent == 0


def spent_after(
    minutes: list[tuple[int, int]], good_rate: int, bad_rate: int, objective: Fraction
) -> int | None:
    """After how many more minutes a window of so many holds no less bad than its budget allows."""
    window = [(Fraction(good), Fraction(bad)) for good, bad in minutes]
    for minute in range(len(minutes) + 1):
        bad = sum((one[1] for one in window), Fraction())
        if bad >= (1 - objective) * sum((sum(one) for one in window), Fraction()):
            return minute
        window = [*window[1:], (Fraction(60 * good_rate, 64), Fraction(60 * bad_rate, 64))]
    return None
