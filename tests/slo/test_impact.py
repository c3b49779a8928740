"""What an incident cost: every definition of docs/reference/impact.md, worked out by hand."""
# ruff: noqa: DTZ001 - wall-clock times, whose zone stands beside them

from datetime import datetime
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo import impact, report
from slo.calendar import Calendar, Unit
from slo.impact import SloCost, cost
from slo.outages import Outage
from slo.promql import compile_events
from slo.report_sums import DAY, MINUTE_S, Day, count
from slo.spec import (
    Budgeting,
    Component,
    CompositeSli,
    CountingSli,
    Excluded,
    Method,
    Policy,
    RatioKind,
    Slo,
)
from slo.uptime import UNWATCHED, History, uptime

POLICY = Policy("p")
FULL = 60_000_000
Measured = dict[tuple[int, int], tuple[int, int, int]]  # (SLI, minute): good, total, measured


def sli(name: str = "a") -> CountingSli:
    bad, total = compile_events(f'sum({name}{{code="500"}})'), compile_events(f"sum({name})")
    return CountingSli(RatioKind.BAD, bad, total)


def slo(**changes: Any) -> Slo:
    """99 % of requests, over two hours."""
    fields = {"service": "shop", "name": "answers", "objective": 0.99, "window_s": 7200.0}
    return Slo(**{**fields, "sli": sli(), **changes})


def minutes(first: int, last: int, good: int, total: int, number: int = 1) -> Measured:
    return {(number, minute): (good, total, FULL) for minute in range(first, last)}


def days_of(measured: Measured) -> list[Day]:
    sums = dict.fromkeys(("good", "total", "measured_us"), pl.Int64)
    schema = {"sli": pl.UInt32, "minute": pl.UInt32, **sums}
    found = []
    for at in sorted({minute // DAY for _, minute in measured}):
        rows = [(s, m, *v) for (s, m), v in measured.items() if m // DAY == at]
        frame = pl.DataFrame(rows, schema=schema, orient="row").lazy()
        found.append(Day(at * DAY, (at + 1) * DAY, frame))
    return found


def subject_of(one: Slo, *exclusions: Excluded) -> report.Subject:
    slis = [one.sli] if isinstance(one.sli, CountingSli) else []
    if isinstance(one.sli, CompositeSli):
        slis = [c.sli for c in one.sli.components if isinstance(c.sli, CountingSli)]
    numbers = {x.fingerprint(10): n for n, x in enumerate(slis, start=1)}
    return report.Subject(one, POLICY, report.parts_of(one, POLICY, numbers, 10), exclusions)


def costs(
    one: Slo, first: float, last: float, measured: Measured, *exclusions: Excluded
) -> SloCost:
    """Of an incident between two minutes, of which all is known up to the last one measured."""
    known = max((minute for _, minute in measured), default=0) + 1
    within = impact.minutes(first * 60.0, last * 60.0, known * 60.0)
    subject = subject_of(one, *exclusions)
    asked = list(dict.fromkeys(impact.asked(subject, within)))
    return cost(subject, within, dict(zip(asked, count(asked, days_of(measured)), strict=True)))


# Two hours of 100 requests a minute; from minute 100 to 110 a third of 90 fails.
STEADY = minutes(0, 120, 100, 100)
BROKEN = STEADY | minutes(100, 110, 60, 90)


def test_budget_traffic_and_bad_events_of_a_plain_incident() -> None:
    found = costs(slo(), 100, 110, BROKEN)
    # 10 x 30 fail of 10 x 90. The two hours that end at minute 110 hold 100 x 100 + 10 x 90.
    assert (found.bad, found.total) == (300, 900)
    assert found.share == pytest.approx(1 / 3)
    assert found.window_total == 10_900
    assert found.budget_burned == pytest.approx(300 / (0.01 * 10_900))
    assert (found.coverage, found.covered, found.reasons) == (1.0, True, ())


def test_every_minute_that_it_touched_counts() -> None:
    found = costs(slo(), 99.5, 109.2, BROKEN)
    assert (found.start, found.end) == (99 * 60.0, 110 * 60.0)
    assert (found.bad, found.total) == (300, 1_000)


def test_while_it_goes_on_it_costs_what_the_closed_minutes_say() -> None:
    known = {key: values for key, values in BROKEN.items() if key[1] < 105}
    found = costs(slo(), 100, 110, known)
    assert (found.bad, found.total, found.end) == (150, 450, 105 * 60.0)


def test_what_nobody_measured_is_unknown_not_zero() -> None:
    silent = {key: values for key, values in STEADY.items() if not 100 <= key[1] < 110}
    found = costs(slo(), 100, 110, silent)
    assert (found.bad, found.total, found.share, found.budget_burned) == (None,) * 4
    assert found.reasons == (impact.UNMEASURED,)
    assert (found.coverage, found.covered) == (0.0, False)


def test_measured_minutes_without_traffic_are_zero_of_zero() -> None:
    found = costs(slo(), 100, 110, STEADY | minutes(100, 110, 0, 0))
    assert (found.bad, found.total, found.budget_burned, found.share) == (0, 0, 0.0, None)


def test_a_window_without_traffic_has_no_budget_to_take_a_share_of() -> None:
    found = costs(slo(), 100, 110, minutes(0, 120, 0, 0))
    assert (found.bad, found.budget_burned, found.reasons) == (0, None, (impact.NO_TRAFFIC,))


def test_half_of_the_time_measured_is_said() -> None:
    half = {key: values for key, values in BROKEN.items() if not 100 <= key[1] < 105}
    found = costs(slo(), 100, 110, half)
    assert (found.bad, found.total, found.coverage, found.covered) == (150, 450, 0.5, False)


def test_planned_time_burns_no_budget_and_is_told_apart() -> None:
    planned = Excluded("shop", "", 105 * 60.0, 120 * 60.0, "move", "", planned=True)
    found = costs(slo(), 100, 110, BROKEN, planned)
    # The first five minutes count; the window has 100 x 100 + 5 x 90 that do.
    assert (found.bad, found.total, found.excluded_bad) == (150, 450, 150)
    assert found.budget_burned == pytest.approx(150 / (0.01 * 10_450))


def test_an_incident_within_planned_time_costs_nothing_and_says_why() -> None:
    planned = Excluded("shop", "", 90 * 60.0, 120 * 60.0, "move", "", planned=True)
    found = costs(slo(), 100, 110, BROKEN, planned)
    assert (found.bad, found.budget_burned, found.excluded_bad) == (0, 0.0, 300)
    assert (found.reasons, found.covered) == ((impact.EXCLUDED,), True)


def test_a_calendar_budget_is_that_of_the_traffic_expected_in_its_period() -> None:
    day = slo(window_s=86_400.0, calendar=Calendar(1, Unit.DAY, datetime(1970, 1, 1), "UTC"))
    measured = minutes(0, DAY, 100, 100) | minutes(DAY, DAY + 110, 100, 100)
    measured |= minutes(DAY + 100, DAY + 110, 60, 90)
    found = costs(day, DAY + 100, DAY + 110, measured)
    assert found.window_total == DAY * 100  # what the day before had
    assert found.budget_burned == pytest.approx(300 / (0.01 * DAY * 100))


def test_judged_slices_count_as_slices_the_one_it_began_in_too() -> None:
    sliced = slo(budgeting=Budgeting(Method.TIMESLICES, slice_s=300, slice_target=0.9))
    found = costs(sliced, 102, 108, BROKEN)
    # Minutes 100 to 110 are two slices, both below 0.9; the ledger has the 22 of 110 minutes.
    assert (found.start, found.end) == (100 * 60.0, 110 * 60.0)
    assert (found.bad, found.total, found.counts) == (2, 2, "slices")
    assert found.budget_burned == pytest.approx(2 / (0.01 * 22))


def test_a_composite_adds_up_what_its_components_take_of_the_mean() -> None:
    parts = tuple(Component(name, sli(name), 0.99, w) for name, w in (("a", 3.0), ("b", 1.0)))
    both = slo(sli=CompositeSli(parts))
    other = minutes(0, 120, 10, 10, number=2) | minutes(100, 110, 5, 10, number=2)
    found = costs(both, 100, 110, BROKEN | other)
    # Of a: 300 of 10,900; of b: 50 of 1,100 (the first 110 minutes).
    expected = (3 * 300 / 10_900 + 50 / 1_100) / 4 / 0.01
    assert found.budget_burned == pytest.approx(expected)
    assert found.share == pytest.approx((3 / 3 + 0.5) / 4)
    assert (found.bad, found.total, found.reasons) == (None, None, (impact.MEAN,))


@given(st.lists(st.integers(0, 30), min_size=30, max_size=30), st.sets(st.integers(1, 29)))
def test_what_consecutive_incidents_burned_adds_up_to_what_a_report_says(
    bad: list[int], edges: set[int]
) -> None:
    measured = {(1, at): (50 - one, 50, FULL) for at, one in enumerate(bad, start=90)}
    measured = minutes(0, 90, 50, 50) | measured
    within = report.Scope(0, 120, 120)
    subject = subject_of(slo())
    asked = list(report.asked(subject, within))
    counts = dict(zip(asked, count(asked, days_of(measured)), strict=True))
    consumed = report.statement(subject, within, counts, None).figures.consumed
    cuts = [90, *(90 + edge for edge in sorted(edges)), 120]
    parts = [costs(slo(), a, b, measured) for a, b in pairwise(cuts)]
    total = sum(one.bad or 0.0 for one in parts)
    assert total / (0.01 * 6_000) == pytest.approx(consumed)
    assert sum((one.budget_burned or 0) * (one.window_total or 0) for one in parts) == (
        pytest.approx(sum(bad) / 0.01)
    )


def test_downtime_is_what_a_report_counts_planned_and_corrected_apart() -> None:
    down = [Outage("shop", 6_300.0, 6_540.0)]  # 4 minutes, the last of them planned
    planned = Excluded("shop", "", 6_480.0, 7_000.0, "move", "", planned=True)
    within = impact.known_part(impact.minutes(6_250.0, 6_600.0, 7_200.0))
    said = report.service("shop", down, (planned,), (), within)
    time = uptime(History(60.0).ended(down[0]), None, 0.0, within.first * 60.0, 6_600.0)
    found = impact.service_cost(said, time)
    assert (found.downtime_s, found.planned_s, found.corrected_s) == (180.0, 60.0, 0.0)
    assert found.known_s == 6_600.0 - 6_240.0


def test_a_service_that_nobody_watched_has_no_downtime_to_tell() -> None:
    within = impact.known_part(impact.minutes(6_250.0, 6_600.0, 7_200.0))
    said = report.service("shop", (), (), (), within)
    time = uptime(UNWATCHED, None, 0.0, within.first * float(MINUTE_S), 6_600.0)
    assert impact.service_cost(said, time).downtime_s is None
