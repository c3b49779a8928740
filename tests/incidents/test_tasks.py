"""States, due times, reminders and looks of tasks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.tasks import (
    DAY_S,
    MOST_REMINDERS,
    Reminder,
    TaskSource,
    TaskState,
    default_due,
    is_overdue,
    look_after,
    looks,
    may_become,
    reminder_after,
    reminders,
    same_person,
)

NOW = 1_790_000_000.0
LEGAL = {
    "open": "doing done dropped",
    "doing": "open done dropped",
    "done": "open verified dropped",
    "verified": "open",
    "dropped": "open",
}


@pytest.mark.parametrize("state", TaskState)
def test_a_task_goes_these_ways_and_no_other(state: TaskState) -> None:
    assert {s.value for s in TaskState if may_become(state, s)} == set(LEGAL[state].split())


def test_work_is_due_in_a_day_and_what_a_review_asks_for_in_a_week() -> None:
    found = {source: (default_due(source, NOW) - NOW) / DAY_S for source in TaskSource}
    assert found == {TaskSource.INCIDENT: 1, TaskSource.TYPE: 1, TaskSource.REVIEW: 7}


@pytest.mark.parametrize(
    ("state", "late"),
    [("open", True), ("doing", True), ("done", False), ("verified", False), ("dropped", False)],
)
def test_what_is_done_or_dropped_is_never_late(state: str, late: bool) -> None:
    assert is_overdue(TaskState(state), NOW, NOW) is late
    assert not is_overdue(TaskState(state), NOW + 1, NOW)


def test_reminders_come_a_quarter_before_then_and_daily_for_two_weeks() -> None:
    found = list(reminders(NOW, NOW + 8 * DAY_S))
    assert found[:3] == [
        (Reminder.BEFORE, NOW + 6 * DAY_S),
        (Reminder.DUE, NOW + 8 * DAY_S),
        (Reminder.DAILY, NOW + 9 * DAY_S),
    ]
    assert len(found) == 2 + MOST_REMINDERS
    assert found[-1] == (Reminder.DAILY, NOW + 22 * DAY_S)


def test_a_task_that_is_late_when_it_is_opened_again_is_told_of_at_once() -> None:
    assert next(reminders(NOW, NOW - DAY_S)) == (Reminder.DUE, NOW)


def test_days_that_passed_unreminded_are_left_out_but_never_the_due_time() -> None:
    due_at = NOW + 8 * DAY_S
    late = due_at + 3.5 * DAY_S
    assert reminder_after(None, NOW, due_at, late) == (Reminder.DUE, due_at)
    assert reminder_after(due_at, NOW, due_at, late) == (Reminder.DAILY, due_at + 4 * DAY_S)
    assert reminder_after(due_at, NOW, due_at, due_at + 15 * DAY_S) is None


@given(st.floats(1.0, 1e7), st.lists(st.floats(0.0, 3e6), max_size=30))
def test_reminders_go_on_and_end_however_late_each_comes(
    within_s: float, lags: list[float]
) -> None:
    due_at, now, last, told = NOW + within_s, NOW, None, []
    waits = iter(lags)
    while (following := reminder_after(last, NOW, due_at, now)) is not None:
        kind, last = following
        now = max(now, last) + next(waits, 0.0)
        told.append(kind)
    assert told.count(Reminder.DUE) == 1
    assert told.count(Reminder.BEFORE) <= 1
    assert len(told) <= 2 + MOST_REMINDERS


def test_a_check_looks_soon_and_then_daily_for_thirty_days() -> None:
    found = [round(at - NOW) for at in looks(NOW)]
    assert found[:7] == [0, 300, 1800, 7200, 28800, 86400, 172800]
    assert found[-1] == 30 * 86400
    assert look_after(NOW, NOW) == NOW + 300
    assert look_after(NOW + 1000, NOW) == NOW + 1800
    assert look_after(NOW + 30 * DAY_S, NOW) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada", "Ada ", True),
        ("ada", "ada/laptop", True),
        ("ada", "bob (by ada/laptop)", True),
        ("bob", "bob (by token/ci)", True),
        ("ada (by token/ci)", "bob (by token/ci)", True),  # one program cannot confirm itself
        ("token/ci", "token/other", False),
        ("ada", "bob", False),
        ("ada", "adam", False),
    ],
)
def test_who_acts_by_a_token_is_the_same_person(one: str, other: str, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same
