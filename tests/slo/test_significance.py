"""The binomial tail against its definition, and what it says of few failures."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.significance import surely, tail


@given(st.integers(1, 120), st.data(), st.floats(1e-6, 0.999))
def test_the_tail_equals_the_sum_of_its_terms(total: int, data: st.DataObject, p: float) -> None:
    bad = data.draw(st.integers(0, total))
    terms = (comb(total, k) * p**k * (1.0 - p) ** (total - k) for k in range(bad, total + 1))
    assert tail(bad, total, p) == pytest.approx(sum(terms), rel=1e-8, abs=1e-12)


@given(st.integers(1, 500), st.data(), st.floats(1e-6, 0.5), st.sampled_from([0.001, 0.05, 0.2]))
def test_the_short_way_says_the_same_as_the_tail(
    total: int, data: st.DataObject, p: float, alpha: float
) -> None:
    bad = data.draw(st.integers(0, total))
    exact = tail(bad, total, p)
    if abs(exact - alpha) > 1e-9 and bad > p * total:
        assert surely(bad, total, p, alpha) == (exact < alpha)


def test_the_normal_tail_takes_over_without_a_step() -> None:
    exact, p = tail(100_400, 6_940_000, 0.0144), 0.0144
    assert 6_940_000 * p < 100_000 < 6_945_000 * p
    assert tail(100_473, 6_945_000, p) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(
    ("bad", "total", "p", "sure"),
    [
        (3, 4, 0.0144, True),  # 4 x 0.0144^3 = 1.2e-5
        (1, 10, 0.0144, False),  # one failure in ten: 1 - 0.9856^10 = 13.5 %
        (864, 60_000, 0.0144, False),  # just the threshold is chance every second time
        (912, 60_000, 0.0144, False),  # 1.64 deviations above it: 5.1 %
        (920, 60_000, 0.0144, True),
        (10_000_000, 100_000_000, 0.0144, True),
    ],
)
def test_a_share_above_the_threshold_is_sure_or_chance(
    bad: int, total: int, p: float, sure: bool
) -> None:
    assert surely(bad, total, p, 0.05) is sure
