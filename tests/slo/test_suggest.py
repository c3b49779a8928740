"""Suggestions: windows of the past, the strictest objective that all of them kept, and traffic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.spec import Arm, ArmKind
from slo.suggest import CANDIDATES, SPARE, Hour, Sums, suggest, traffic, windows_over

H = 3600.0
DAY = 86_400.0
PAGE = Arm("page-1h-5m", ArmKind.PAGE, 14.4, H, 300.0)


def hours(*bad: int, total: int = 1000) -> list[Hour]:
    return [Hour(H * at, total - one, total) for at, one in enumerate(bad)]


def test_windows_begin_a_thirtieth_of_their_length_apart() -> None:
    """Of 60 h, windows of 30 h begin every hour, from hour 0 to hour 30."""
    found = windows_over(hours(*range(60)), 60 * H, 30 * H)
    assert len(found) == 31
    assert [(one.start, one.end) for one in (found[0], found[-1])] == [
        (0.0, 30 * H),
        (30 * H, 60 * H),
    ]
    assert found[2].total - found[2].good == sum(range(2, 32))


def test_long_windows_do_not_begin_with_every_hour() -> None:
    """Of 45 d, windows of 30 d begin every day: on 16 of them."""
    assert len(windows_over(hours(*[0] * (45 * 24)), 45 * DAY, 30 * DAY)) == 16


def test_a_past_that_is_shorter_than_the_window_is_one_window() -> None:
    assert windows_over(hours(1, 2, 3), 3 * H, DAY) == [Sums(0.0, 3 * H, 2994, 3000)]
    assert windows_over([], 0.0, DAY) == []


@given(
    bad=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    length=st.integers(1, 70),
    tail=st.floats(1.0, 2 * H),
)
def test_every_window_holds_what_its_hours_hold(bad: list[int], length: int, tail: float) -> None:
    past = hours(*bad, total=10)
    end = past[-1].start + tail
    for one in windows_over(past, end, length * H):
        inside = [hour for hour in past if one.start <= hour.start < one.end]
        assert (one.good, one.total) == (
            sum(hour.good for hour in inside),
            sum(hour.total for hour in inside),
        )
        assert one.end <= end
        assert one.end - one.start >= min(length * H, end) - 1e-6


def test_the_strictest_objective_with_a_quarter_of_every_budget_left_is_suggested() -> None:
    """0.6 % bad at worst: of the budget of 0.99 two fifths are left, of 0.995 none."""
    found = suggest([Sums(0, DAY, 9990, 10_000), Sums(0, DAY, 9940, 10_000)], {0.99: 2})
    assert (found.objective, found.windows) == (0.99, 2)
    assert (found.worst_sli, found.median_sli) == (0.994, pytest.approx(0.9965))
    left = {one.objective: one.least_left for one in found.candidates}
    assert left[0.99] == pytest.approx(0.4)
    assert left[0.995] == pytest.approx(-0.2)
    assert {one.objective: one.pages for one in found.candidates if one.pages} == {0.99: 2}


@pytest.mark.parametrize(("bad", "objective"), [(75, 0.99), (76, 0.95), (0, 0.9999), (9000, None)])
def test_a_quarter_is_enough_and_less_is_not(bad: int, objective: float | None) -> None:
    found = suggest([Sums(0, DAY, 10_000 - bad, 10_000)], {})
    assert found.objective == objective
    assert SPARE == 0.25
    assert tuple(sorted(CANDIDATES)) == CANDIDATES


def test_a_past_without_events_suggests_nothing() -> None:
    found = suggest([Sums(0, DAY, 0, 0)], {})
    assert (found.objective, found.worst_sli, found.median_sli) == (None, None, None)
    assert all(one.least_left is None and not one.kept for one in found.candidates)


def test_few_events_at_night_ask_for_a_min_total() -> None:
    """3 of 14.4 x 0.001: below 209 events an hour three failures page."""
    day = [Hour(H * at, 0, 300 if at >= 8 else 5) for at in range(24)]
    found = traffic(day, PAGE, 0.999, 3)
    assert found is not None
    assert found.min_total == 209
    assert found.reason.startswith("33% of the hours have fewer than 209 events in 1h: 3 failures")


def test_a_service_that_is_always_quiet_needs_another_objective() -> None:
    found = traffic([Hour(H * at, 0, 50) for at in range(24)], PAGE, 0.999, 3)
    assert found is not None
    assert found.min_total is None
    assert "there are 50 as a rule" in found.reason
    assert traffic([Hour(H * at, 0, 50) for at in range(24)], PAGE, 0.99, 3) is None


def test_traffic_is_that_of_the_long_window_of_the_arm() -> None:
    day = [Hour(H * at, 0, 100) for at in range(24)]
    long = Arm("page-6h-30m", ArmKind.PAGE, 14.4, 6 * H, 1800.0)
    assert traffic(day, long, 0.999, 3) is None
    assert traffic(day, PAGE, 0.999, 3) is not None
    assert traffic([], PAGE, 0.999, 3) is None
