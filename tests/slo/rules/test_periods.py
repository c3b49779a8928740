"""Sloth's alert windows: the built-in ones and those that a user gives."""

import pytest

from slo.load.yaml import Problems, documents
from slo.rules import periods

WEEK = """\
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
    slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 3d}
"""
DAY_S = 86400.0


def read(text: str) -> tuple[periods.Catalog, list[str]]:
    problems = Problems()
    catalog = periods.read(documents(text, "windows.yaml", problems), problems)
    return catalog, [str(problem) for problem in problems.items]


def rates(period: periods.Period) -> list[float]:
    pairs = (period.page_quick, period.page_slow, period.ticket_quick, period.ticket_slow)
    return [pair.burn_rate(period.period_s) for pair in pairs]


def test_burn_rates_are_those_that_spend_the_budget_share() -> None:
    week, problems = read(WEEK)
    assert problems == []
    assert rates(periods.CATALOG[30 * DAY_S]) == [14.4, 6.0, 3.0, 1.0]
    assert rates(periods.CATALOG[28 * DAY_S]) == pytest.approx([13.44, 5.6, 2.8, 28 / 30])
    assert rates(week[7 * DAY_S]) == pytest.approx([13.44, 3.5, 1.4, 0.98])


def test_windows_come_once_and_in_order() -> None:
    hours = [s / 3600 for s in periods.CATALOG[30 * DAY_S].windows_s]
    assert hours == [1 / 12, 0.5, 1, 2, 6, 24, 72]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("kind: AlertWindows", "kind: Windows", "must be `AlertWindows`"),
        ("sloPeriod: 7d", "sloPeriods: 7d", "missing key `spec.sloPeriod`"),
        ("errorBudgetPercent: 8,", "errorBudgetPercent: 0,", "above 0"),
        ("shortWindow: 5m", "shortWindow: 5", "not a duration"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, reason: str) -> None:
    assert old in WEEK
    assert any(reason in problem for problem in read(WEEK.replace(old, new))[1])


def test_one_period_is_given_once() -> None:
    assert "given twice" in read(f"{WEEK}---\n{WEEK}")[1][0]
