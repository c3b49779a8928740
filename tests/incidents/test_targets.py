"""Until when an incident is to be answered and resolved, by numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.matrix import TimeTarget
from incidents.targets import Moment, Promise, Timer, due_again, due_first, met, timers

HOUR = TimeTarget(3600.0, 900.0)
DAY = TimeTarget(86_400.0, 0.0)


def test_it_is_due_so_long_after_the_opening() -> None:
    assert due_first(HOUR, 1000.0) == 4600.0
    assert due_first(None, 1000.0) is None


@pytest.mark.parametrize(
    ("target", "due_at", "raised", "now", "due"),
    [
        (HOUR, 87_400.0, True, 2000.0, 5600.0),  # the whole hour from now
        (DAY, 4600.0, True, 2000.0, 4600.0),  # but never more than it had
        (HOUR, 87_400.0, True, 87_000.0, 87_400.0),
        (HOUR, 1500.0, True, 2000.0, 1500.0),  # late stays late
        (HOUR, None, True, 2000.0, 5600.0),
        (None, 4600.0, True, 2000.0, 4600.0),  # what was promised stands
        (DAY, 4600.0, False, 2000.0, 87_400.0),  # as if it had opened so
        (HOUR, None, False, 90_000.0, 4600.0),
        (None, 4600.0, False, 2000.0, None),
    ],
)
def test_it_is_due_anew_when_the_priority_changes(
    target: TimeTarget | None, due_at: float | None, raised: bool, now: float, due: float | None
) -> None:
    assert due_again(target, opened_at=1000.0, due_at=due_at, raised=raised, now=now) == due


times = st.floats(0.0, 1e6)


@given(times, times, st.none() | times, times)
def test_being_raised_breaks_no_promise_and_lengthens_none(
    within_s: float, opened_at: float, due_at: float | None, later_s: float
) -> None:
    now = opened_at + later_s
    target = TimeTarget(within_s, 0.0)
    due = due_again(target, opened_at=opened_at, due_at=due_at, raised=True, now=now)
    assert due is not None
    assert due_at is None or due <= due_at
    assert due >= min(now, due_at if due_at is not None else now)


def test_a_promise_is_looked_at_before_it_is_due_and_when_it_is() -> None:
    before = Timer(Promise.RESPONSE, Moment.BEFORE, 4600.0, 3700.0)
    breach = Timer(Promise.RESPONSE, Moment.BREACH, 4600.0, 4600.0)
    assert list(timers(Promise.RESPONSE, HOUR, 4600.0, 1000.0)) == [before, breach]
    assert list(timers(Promise.RESPONSE, DAY, 4600.0, 1000.0)) == [breach]
    late = Timer(Promise.RESPONSE, Moment.BEFORE, 4600.0, 4000.0)
    assert list(timers(Promise.RESPONSE, HOUR, 4600.0, 4000.0)) == [late, breach]
    past = Timer(Promise.RESPONSE, Moment.BREACH, 4600.0, 5000.0)
    assert list(timers(Promise.RESPONSE, HOUR, 4600.0, 5000.0)) == [past]
    assert list(timers(Promise.RESPONSE, None, None, 1000.0)) == []


@pytest.mark.parametrize(
    ("promise", "acknowledged_at", "resolved_at", "kept"),
    [
        (Promise.RESPONSE, None, None, None),
        (Promise.RESPONSE, 50.0, None, True),
        (Promise.RESPONSE, 60.0, None, True),
        (Promise.RESPONSE, 61.0, None, False),
        (Promise.RESPONSE, None, 55.0, True),  # resolved: that is an answer too
        (Promise.RESPONSE, None, 65.0, False),
        (Promise.RESOLUTION, 50.0, None, None),
        (Promise.RESOLUTION, 50.0, 100.0, True),
        (Promise.RESOLUTION, None, 101.0, False),
    ],
)
def test_a_promise_is_kept_by_what_answers_it(
    promise: Promise, acknowledged_at: float | None, resolved_at: float | None, kept: bool | None
) -> None:
    times = {"acknowledged_at": acknowledged_at, "resolved_at": resolved_at}
    due = {"response_due_at": 60.0, "resolution_due_at": 100.0}
    assert met(promise, {**times, **due}) is kept
    assert met(promise, {**times, "response_due_at": None, "resolution_due_at": None}) is None
