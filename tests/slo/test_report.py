"""Statements: worked out by hand, and equal to the unit to the events of a generated world."""
# ruff: noqa: DTZ001 - wall-clock times, whose zone stands beside them

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo import report
from slo.calendar import Calendar, Unit, named
from slo.exclusions import Interval, MaintenanceWindow, occurrences, planned
from slo.outages import Outage
from slo.promql import compile_events
from slo.report_model import SloStatement
from slo.report_sums import DAY, MINUTE_S, Day, count
from slo.spec import (
    MICRO,
    BasicSli,
    Budgeting,
    Component,
    CompositeSli,
    CountingSli,
    Excluded,
    Method,
    Policy,
    RatioKind,
    ServerSli,
    Slo,
)

POLICY = Policy("p", down_below=0.5)
FULL = 60_000_000
Event = tuple[float, bool]  # when, and whether it was good


def sli(name: str = "a") -> CountingSli:
    bad, total = compile_events(f'sum({name}{{code="500"}})'), compile_events(f"sum({name})")
    return CountingSli(RatioKind.BAD, bad, total)


def slo(**changes: Any) -> Slo:
    fields = {"service": "shop", "name": "answers", "objective": 0.99, "window_s": 30 * 86400.0}
    return Slo(**{**fields, "sli": sli(), **changes})


def days_of(measured: dict[tuple[int, int], tuple[int, int, int]]) -> list[Day]:
    sums = dict.fromkeys(("good", "total", "measured_us"), pl.Int64)
    schema = {"sli": pl.UInt32, "minute": pl.UInt32, **sums}
    found = []
    for at in sorted({minute // DAY for _, minute in measured}):
        rows = [(s, m, *v) for (s, m), v in measured.items() if m // DAY == at]
        frame = pl.DataFrame(rows, schema=schema, orient="row").lazy()
        found.append(Day(at * DAY, (at + 1) * DAY, frame))
    return found


def stated(
    one: Slo,
    within: report.Scope,
    measured: dict[tuple[int, int], tuple[int, int, int]],
    *,
    exclusions: tuple[Excluded, ...] = (),
    spans: tuple[report.Span, ...] = (),
) -> SloStatement:
    slis: list[BasicSli] = [one.sli] if not isinstance(one.sli, CompositeSli) else []
    if isinstance(one.sli, CompositeSli):
        slis = [c.sli for c in one.sli.components]
    numbers = {x.fingerprint(10): n for n, x in enumerate(slis, start=1)}
    subject = report.Subject(one, POLICY, report.parts_of(one, POLICY, numbers, 10), exclusions)
    asked = list(dict.fromkeys(report.asked(subject, within)))
    counts = dict(zip(asked, count(asked, days_of(measured)), strict=True))
    return report.statement(subject, within, report.without_spans(counts, spans), None)


def minutes(first: int, good: int, total: int, number: int = 60, sli_: int = 1) -> dict:
    return {(sli_, first + m): (good, total, FULL) for m in range(number)}


def correction(first: int, last: int, slo_: str = "answers") -> Excluded:
    edges = (first * 60.0, last * 60.0)
    return Excluded("shop", slo_, *edges, "probe was wrong", "ada", planned=False)


def test_the_budget_of_a_period_is_signed_and_stated_in_events_and_in_time() -> None:
    within = report.Scope(0, DAY, DAY)
    measured = minutes(0, 100, 100, DAY) | minutes(600, 60, 100, 60)
    figures = stated(slo(), within, measured).figures
    # 60 minutes of 40 bad among 1440 of 100: 2400 of 144000; 1 % may fail: 1440.
    assert (figures.good, figures.total) == (141_600, 144_000)
    assert figures.sli == pytest.approx(0.983333, abs=1e-6)
    assert figures.budget_events == pytest.approx(1440)
    assert figures.budget_s == pytest.approx(864)
    assert figures.consumed == pytest.approx(5 / 3)
    assert figures.remaining == pytest.approx(-2 / 3)
    assert figures.coverage == 1.0


def test_figures_stand_with_and_without_what_is_excluded() -> None:
    within = report.Scope(0, DAY, DAY)
    measured = minutes(0, 100, 100, DAY) | minutes(600, 60, 100, 60)
    whole = stated(slo(), within, measured, exclusions=(correction(600, 645),))
    assert (whole.raw.good, whole.raw.total) == (141_600, 144_000)
    assert (whole.figures.good, whole.figures.total) == (141_600 - 2_700, 144_000 - 4_500)
    (one,) = whole.exclusions
    assert (one.good, one.total) == (2_700, 4_500)
    assert whole.figures.coverage == 1.0
    assert whole.figures.budget_s == pytest.approx(0.01 * (86_400 - 2_700))


def test_two_exclusions_that_overlap_take_a_minute_out_once() -> None:
    within = report.Scope(0, DAY, DAY)
    pair = (correction(10, 30), correction(20, 40))
    whole = stated(slo(), within, minutes(0, 1, 1, DAY), exclusions=pair)
    assert whole.figures.total == DAY - 30
    assert [one.total for one in whole.exclusions] == [20, 20]


def test_what_was_never_measured_is_unknown_and_not_good() -> None:
    figures = stated(slo(), report.Scope(0, DAY, DAY), {}).figures
    assert (figures.sli, figures.consumed, figures.remaining) == (None, None, None)
    assert figures.coverage == 0.0


def test_a_period_that_is_not_over_is_stated_up_to_what_is_known() -> None:
    within = report.scope(0.0, 86_400.0, 7_230.0)
    assert within == report.Scope(0, DAY, 120)
    figures = stated(slo(), within, minutes(0, 1, 1, 60)).figures
    assert (figures.end, figures.coverage) == (7_200.0, 0.5)


def test_increments_from_before_the_period_are_left_out_of_it() -> None:
    within = report.Scope(DAY, 2 * DAY, 2 * DAY)
    edge = DAY * 60.0
    spans = (
        report.Span(1, edge - 100, edge + 30, 3, 5),  # begins before: nobody knows which were in it
        report.Span(1, edge, edge + 100, 1, 1),  # begins with it
        report.Span(1, edge - 100, edge - 10, 1, 1),  # is over before it
        report.Span(2, edge - 100, edge + 30, 9, 9),
    )
    figures = stated(slo(), within, minutes(DAY, 10, 10, 2), spans=spans).figures
    assert (figures.good, figures.total) == (17, 15)


def test_timeslices_are_counted_in_slices() -> None:
    method = Budgeting(Method.TIMESLICES, 0.95, 300.0)
    measured = minutes(0, 100, 100, DAY) | minutes(602, 50, 100, 1)
    figures = stated(slo(budgeting=method), report.Scope(0, DAY, DAY), measured).figures
    # One minute of five at 50 % makes 90 %: a bad slice of 288.
    assert (figures.good, figures.total, figures.unit) == (287, 288, 1)
    shares = Budgeting(Method.RATIO_TIMESLICES, 0.0, 300.0)
    figures = stated(slo(budgeting=shares), report.Scope(0, DAY, DAY), measured).figures
    assert (figures.good, figures.total) == (287 * MICRO + 900_000, 288 * MICRO)
    assert figures.unit == MICRO


def test_a_composite_is_the_mean_of_its_components_by_weight() -> None:
    parts = (Component("a", sli("a"), 0.9, 3.0), Component("b", sli("b"), 0.9, 1.0))
    one = slo(sli=CompositeSli(parts), objective=0.9)
    measured = minutes(0, 8, 10, DAY) | minutes(0, 4, 10, DAY // 2, sli_=2)
    figures = stated(one, report.Scope(0, DAY, DAY), measured).figures
    assert figures.sli == pytest.approx((3 * 0.8 + 0.4) / 4)
    assert figures.remaining == pytest.approx(1 - 3.0)
    assert (figures.good, figures.coverage) == (None, pytest.approx((3 + 0.5) / 4))


def test_what_a_server_computes_is_flagged_with_its_reason() -> None:
    server = ServerSli(RatioKind.BAD, "x", "y", "prom")
    assert "extrapolates" in stated(slo(sli=server), report.Scope(0, DAY, DAY), {}).estimated
    assert stated(slo(), report.Scope(0, DAY, DAY), {}).estimated == ""


# -- calendar windows ---------------------------------------------------------------------------

DAILY = Calendar(1, Unit.DAY, datetime(2026, 1, 1), "UTC")


@pytest.mark.parametrize(
    ("known", "yesterday", "source", "expected", "remaining"),
    [
        # 6 h of 100 a minute, 1 % of them bad: all of the budget of the traffic to date.
        (360, 100, "previous", 144_000, 1 - 360 / 144_0),
        (360, 200, "previous", 288_000, 1 - 360 / 288_0),
        (360, 0, "pro_rata", 144_000, 0.75),
        (DAY, 200, "actual", 144_000, 0.0),
    ],
)
def test_a_calendar_budget_has_the_size_of_its_traffic_to_date_and_of_the_expected(
    known: int, yesterday: int, source: str, expected: int, remaining: float
) -> None:
    measured = minutes(DAY, 99, 100, known)
    if yesterday:
        measured |= minutes(0, yesterday, yesterday, DAY)
    within = report.Scope(DAY, 2 * DAY, DAY + known)
    window = stated(slo(calendar=DAILY), within, measured).window
    assert window is not None
    assert (window.start, window.end) == (86_400.0, 172_800.0)
    assert window.remaining_of_traffic_to_date == pytest.approx(0.0)
    assert (window.expected_from, window.expected_total) == (source, pytest.approx(expected))
    assert window.remaining_of_expected_traffic == pytest.approx(remaining)


def test_a_window_before_that_was_hardly_measured_says_nothing_about_traffic() -> None:
    measured = minutes(DAY, 99, 100, 360) | minutes(0, 5, 5, 60)
    window = stated(slo(calendar=DAILY), report.Scope(DAY, 2 * DAY, DAY + 360), measured).window
    assert window is not None
    assert window.expected_from == "pro_rata"


ZONES = [
    "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
    "Africa/Casablanca", "America/St_Johns", "Pacific/Chatham", "America/Santiago", "UTC",
]  # fmt: skip
METHODS = [
    Budgeting(),
    Budgeting(Method.TIMESLICES, 0.6, 60.0),
    Budgeting(Method.TIMESLICES, 0.6, 300.0),
    Budgeting(Method.RATIO_TIMESLICES, 0.0, 900.0),
]


@cache
def edges_of(zone: str) -> list[float]:
    months = [named(f"2026-{month:02}", zone)[0] for month in range(1, 13)]
    info = ZoneInfo(zone)
    hours = [months[0] + 3600.0 * hour for hour in range(365 * 24)]
    offsets = [datetime.fromtimestamp(at, info).utcoffset() for at in hours]
    changes = [b for b, x, y in zip(hours[1:], offsets, offsets[1:], strict=False) if x != y]
    return months + changes


@st.composite
def events(draw: st.DrawFn, zone: str) -> list[Event]:
    """Events near the edges of the months of a year, and near the changes of its clocks."""
    near = st.sampled_from(edges_of(zone))
    found = []
    for _ in range(draw(st.integers(1, 30))):
        found.append((draw(near) + draw(st.integers(-4000, 4000)), draw(st.booleans())))
    return found


@given(st.data())
def test_calendar_months_over_changes_of_clocks_are_the_events_in_them(
    data: st.DataObject,
) -> None:
    """Every event is counted in the month that the wall clock of its zone says, by any method, less
    what a recurring maintenance window of the same zone takes out.
    """
    zone, method = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(METHODS))
    happened, month = data.draw(events(zone)), data.draw(st.integers(1, 12))
    night = MaintenanceWindow(
        "n", ("shop",), (), {}, datetime(2026, 1, 1, data.draw(st.integers(0, 23)), 30), 3600.0,
        zone, "FREQ=WEEKLY;BYDAY=SU,MO", "o", "r",
    )  # fmt: skip
    one = slo(budgeting=method, calendar=Calendar(1, Unit.MONTH, datetime(2026, 1, 1), zone))
    start, end = named(f"2026-{month:02}", zone)
    within = report.scope(start, end, end + 86_400)
    out = tuple(planned([night], one, {}, start, end))
    found = stated(one, within, ledger_of(happened), exclusions=out)
    assert brute(happened, zone, month, method, ()) == (found.raw.good, found.raw.total)
    expected = brute(happened, zone, month, method, occurrences(night, start - 86400, end + 86400))
    assert expected == (found.figures.good, found.figures.total)
    assert found.window is not None
    assert (found.window.start, found.window.end) == (start, end)
    assert found.window.to_date == found.figures


def ledger_of(happened: list[Event]) -> dict[tuple[int, int], tuple[int, int, int]]:
    measured: dict[tuple[int, int], tuple[int, int, int]] = {}
    for at, good in happened:
        key = (1, int(at // 60))
        before = measured.get(key, (0, 0, FULL))
        measured[key] = (before[0] + good, before[1] + 1, FULL)
    return measured


def brute(
    happened: list[Event], zone: str, month: int, method: Budgeting, out: Iterable[Interval]
) -> tuple[int, int]:
    """Slice by slice in the wall clock's own words: whose month is it when the slice begins, and
    does its middle lie in maintenance?
    """
    info, wide = ZoneInfo(zone), int(method.slice_s or 60)
    slices: dict[int, list[bool]] = {}
    for at, good in happened:
        minute = at // 60 * 60
        begins = datetime.fromtimestamp(at // wide * wide, info)
        if (begins.year, begins.month) != (2026, month):
            continue
        if not any(a <= minute + 30 < b for a, b in out):
            slices.setdefault(int(at // wide), []).append(good)
    if method.method is Method.OCCURRENCES:
        flat = [good for held in slices.values() for good in held]
        return sum(flat), len(flat)
    if method.method is Method.TIMESLICES:
        return sum(sum(held) / len(held) >= 0.6 for held in slices.values()), len(slices)
    shares = [round(sum(held) / len(held) * MICRO) for held in slices.values()]
    return sum(shares), len(shares) * MICRO


# -- services -----------------------------------------------------------------------------------


def test_downtime_is_told_apart_by_what_it_lies_in() -> None:
    within = report.Scope(0, DAY, DAY)
    up = stated(slo(), within, minutes(0, 1, 1, DAY))
    outages = [
        Outage("shop", -600.0, 600.0),  # from before: 600 s of it are in the period
        Outage("shop", 10_000.0, 11_000.0),  # 400 s of it in maintenance
        Outage("shop", 80_000.0, None),  # going on: 6400 s, 1000 of them corrected
        Outage("shop", 90_000.0, 90_001.0),
    ]
    excluded = [
        Excluded("shop", "", 10_600.0, 20_000.0, "r", "o", planned=True),
        Excluded("shop", "", 80_000.0, 81_000.0, "r", "a", planned=False),
    ]
    found = report.service("shop", outages, excluded, [up], within)
    assert [(o.end - o.start, o.ongoing) for o in found.outages] == [
        (600.0, False), (1000.0, False), (6400.0, True),
    ]  # fmt: skip
    assert (found.downtime_s, found.planned_s, found.corrected_s) == (8000.0, 400.0, 1000.0)
    assert found.counted_s == 6600.0
    left = 86_400.0 - 9400.0 - 1000.0
    assert found.availability == pytest.approx(1 - 6600 / left)
    assert found.raw_availability == pytest.approx(1 - 8000 / 86_400)
    assert found.mttr_s == pytest.approx(2200.0)
    assert found.mtbf_s == pytest.approx((left - 6600) / 3)


def test_a_service_that_nobody_measured_is_not_said_to_be_available() -> None:
    within = report.Scope(0, DAY, DAY)
    found = report.service("shop", [], [], [stated(slo(), within, {})], within)
    assert (found.availability, found.raw_availability, found.mtbf_s) == (None, None, None)
    assert found.coverage == 0.0


def test_the_minutes_of_a_period_with_seconds_still_tile() -> None:
    at = datetime(2026, 5, 1, tzinfo=ZoneInfo("UTC"))
    edges = [(at + timedelta(days=n, seconds=30)).timestamp() for n in range(3)]
    first, second = (report.scope(a, b, b) for a, b in pairwise(edges))
    assert first.last == second.first
    assert first.first == int(edges[0] // MINUTE_S)
