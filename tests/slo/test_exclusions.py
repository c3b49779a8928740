"""Exclusions: when maintenance recurs, what intervals have in common, which minutes are out."""
# ruff: noqa: DTZ001 - wall-clock times, whose zone stands beside them

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo.calendar import named
from slo.exclusions import (
    MAX_OCCURRENCES,
    MaintenanceWindow,
    check_recurrence,
    corrected,
    length,
    merged,
    minutes,
    occurrences,
    overlaps,
    planned,
    selects,
    selects_service,
)
from slo.spec import Excluded, ForeignSli, Slo

SATURDAY = datetime(2026, 10, 3, 22)
ALWAYS = (0.0, 4e9)


def window(recurrence: str = "", **changes: Any) -> MaintenanceWindow:
    fields: dict[str, Any] = {
        "name": "db",
        "services": ("checkout",),
        "slos": (),
        "labels": {},
        "start": SATURDAY,
        "duration_s": 7200.0,
        "zone": "Europe/Paris",
        "recurrence": recurrence,
        "owner": "team-shop",
        "reason": "upgrade",
    }
    return MaintenanceWindow(**{**fields, **changes})


def starts(one: MaintenanceWindow, period: str = "2026") -> list[str]:
    zone = ZoneInfo(one.zone)
    found = occurrences(one, *named(period))
    return [datetime.fromtimestamp(s, zone).strftime("%m-%d %H:%M%z") for s, _ in found]


def slo(service: str = "checkout", name: str = "availability", **labels: str) -> Slo:
    return Slo(service, name, 0.999, 86400.0, ForeignSli("none"), labels=labels)


def test_a_window_recurs_at_the_same_wall_clock_time_whatever_the_clocks_do() -> None:
    weekly = window("FREQ=WEEKLY;BYDAY=SA")
    assert starts(weekly, "2026-10") == [
        "10-03 22:00+0200",
        "10-10 22:00+0200",
        "10-17 22:00+0200",
        "10-24 22:00+0200",
        "10-31 22:00+0100",
    ]


@pytest.mark.parametrize(
    ("recurrence", "expected"),
    [
        ("", ["10-03"]),
        ("FREQ=WEEKLY;COUNT=2", ["10-03", "10-10"]),
        ("FREQ=WEEKLY;UNTIL=20261010", ["10-03", "10-10"]),
        ("FREQ=WEEKLY;UNTIL=20261010T200000Z", ["10-03", "10-10"]),  # 22:00 in Paris, to the second
        ("FREQ=WEEKLY;UNTIL=20261010T195959Z", ["10-03"]),
        ("FREQ=WEEKLY;UNTIL=20261010T215959", ["10-03"]),
        ("FREQ=MONTHLY;BYDAY=1SA;COUNT=3", ["10-03", "11-07", "12-05"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", ["10-30", "11-30"]),
        ("freq=yearly;bymonth=12;bymonthday=-1", ["12-31"]),
        ("FREQ=WEEKLY;INTERVAL=6;UNTIL=99991231", ["10-03", "11-14", "12-26"]),
        ("FREQ=WEEKLY;UNTIL=19000101", []),
    ],
)
def test_a_recurrence_names_these_days(recurrence: str, expected: list[str]) -> None:
    assert [at[:5] for at in starts(window(recurrence))] == expected


def test_a_leap_day_recurs_in_leap_years_only() -> None:
    leap = window("FREQ=YEARLY", start=datetime(2024, 2, 29, 3), zone="UTC")
    found = occurrences(leap, datetime(2025, 1, 1, tzinfo=UTC).timestamp(), ALWAYS[1])
    assert [datetime.fromtimestamp(s, UTC).year for s, _ in found[:3]] == [2028, 2032, 2036]


@pytest.mark.parametrize(
    ("recurrence", "why"),
    [
        ("FREQ=SECONDLY", "FREQ is `SECONDLY`"),
        ("FREQ=HOURLY;COUNT=3", "FREQ is `HOURLY`"),
        ("BYDAY=SA", "FREQ is ``"),
        ("FREQ=DAILY;BYSECOND=1", "`BYSECOND` is not expanded"),
        ("FREQ=YEARLY;BYEASTER=1", "`BYEASTER` is not expanded"),
        ("FREQ=WEEKLY;BYDAY=XX", "is no recurrence"),
        ("FREQ=WEEKLY;FREQ=DAILY", "is no recurrence"),
        ("FREQ=WEEKLY\nRDATE:20260101", "is no recurrence"),
        ("weekly", "is no recurrence"),
        ("FREQ=WEEKLY;INTERVAL=0", "INTERVAL is `0`"),
        ("FREQ=WEEKLY;COUNT=10001", "COUNT is `10001`"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20270101", "keep one"),
        ("FREQ=WEEKLY;UNTIL=SOON", "UNTIL is `SOON`"),
        ("FREQ=WEEKLY;UNTIL=20261301", "month"),
        ("FREQ=MONTHLY;BYDAY=9MO", "BYDAY counts to 5"),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=-9MO", "BYDAY counts to 5"),
        ("FREQ=YEARLY;BYDAY=54MO", "BYDAY counts to 53"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "names no date"),
        ("FREQ=WEEKLY;UNTIL=19000101", "names no date"),
    ],
)
def test_a_recurrence_that_is_none_is_refused_with_its_reason(recurrence: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_recurrence(recurrence, SATURDAY, "Europe/Paris")


def test_a_day_that_never_comes_is_refused_without_searching_for_millennia() -> None:
    began = perf_counter()
    with pytest.raises(ValueError, match="names no date"):
        check_recurrence("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", SATURDAY, "UTC")
    assert perf_counter() - began < 5.0  # 0.2 s here; to the year 9999 it takes twenty times that


def test_a_recurrence_is_over_after_so_many_times() -> None:
    daily = window("FREQ=DAILY", start=datetime(1970, 1, 1), zone="UTC")
    found = occurrences(daily, *ALWAYS)
    assert len(found) == MAX_OCCURRENCES
    assert found[-1][0] == (MAX_OCCURRENCES - 1) * 86_400.0


def test_occurrences_are_cut_to_what_is_asked_for() -> None:
    begin = SATURDAY.replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp()
    assert occurrences(window(), begin + 60, begin + 120) == [(begin + 60, begin + 120)]
    assert occurrences(window(), begin + 7200, begin + 9000) == []
    assert occurrences(window(), begin - 60, begin) == []


@pytest.mark.parametrize(
    ("changes", "whole", "mine", "other_slo", "other_service"),
    [
        ({}, True, True, True, False),
        ({"slos": ("availability",)}, False, True, False, False),
        ({"services": (), "slos": ("checkout/availability",)}, False, True, False, False),
        ({"services": (), "labels": {"tier": "1"}}, True, True, True, True),
        ({"labels": {"tier": "2"}}, False, False, False, False),
    ],
)
def test_all_that_a_window_names_must_fit(
    changes: dict[str, Any], whole: bool, mine: bool, other_slo: bool, other_service: bool
) -> None:
    one, labels = window(**changes), {"tier": "1"}
    assert selects_service(one, "checkout", labels) is whole
    assert selects(one, slo(), labels) is mine
    assert selects(one, slo(name="latency"), labels) is other_slo
    assert selects(one, slo("search", "latency"), labels) is other_service


def test_the_labels_of_an_slo_come_before_those_of_its_service() -> None:
    one = window(services=(), labels={"tier": "1"})
    assert selects(one, slo(tier="1"), {"tier": "2"})
    assert not selects(one, slo(tier="2"), {"tier": "1"})


def test_an_slo_is_excluded_by_maintenance_and_by_corrections_of_it_or_its_service() -> None:
    (one,) = planned([window()], slo(), {}, *named("2026-10"))
    assert (one.service, one.slo, one.author, one.planned) == (
        "checkout", "availability", "team-shop", True,
    )  # fmt: skip
    corrections = [
        Excluded("checkout", "availability", 5.0, 6.0, "r", "a", False),
        Excluded("checkout", "", 1.0, 2.0, "r", "a", False),
        Excluded("checkout", "latency", 1.0, 2.0, "r", "a", False),
        Excluded("search", "", 1.0, 2.0, "r", "a", False),
    ]
    assert [x.start for x in corrected(corrections, slo())] == [1.0, 5.0]


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


@given(SPANS, st.integers(0, 40), st.integers(0, 40))
def test_intervals_are_the_set_of_their_seconds(
    spans: list[tuple[int, int]], start: int, end: int
) -> None:
    seconds = {s for a, b in spans for s in range(a, b)}
    union = merged((float(a), float(b)) for a, b in spans)
    assert {s for a, b in union for s in range(int(a), int(b))} == seconds
    assert all(one[1] < other[0] for one, other in pairwise(union))
    assert length(union) == len(seconds)
    common = overlaps(union, float(start), float(end))
    assert {s for a, b in common for s in range(int(a), int(b))} == seconds & {*range(start, end)}
    assert all(a < b for a, b in common)


@given(st.lists(st.integers(0, 3600), min_size=2, max_size=6, unique=True))
def test_exclusions_that_meet_share_no_minute_and_leave_none_out(edges: list[int]) -> None:
    edges = sorted(edges)
    parts = [minutes(a, b) for a, b in pairwise(edges)]
    assert [first for first, _ in parts[1:]] == [last for _, last in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == minutes(edges[0], edges[-1])


@given(st.floats(0, 7200), st.floats(0, 7200))
@example(0.0, 150.0)  # it ends in the middle of a minute
@example(30.0, 60.0)  # it begins there
def test_a_minute_is_excluded_when_its_middle_is(start: float, end: float) -> None:
    first, last = minutes(start, end)
    middles = [m for m in range(121) if start <= m * 60 + 30 < end]
    assert [*range(first, last)] == middles


def test_a_duration_is_elapsed_time_over_a_change_of_clocks() -> None:
    night = window(start=datetime(2026, 10, 25, 1), duration_s=6 * 3600.0)
    ((begin, end),) = occurrences(night, *named("2026-10"))
    shown = datetime.fromtimestamp(end, ZoneInfo("Europe/Paris"))
    assert end - begin == 6 * 3600.0
    assert shown == datetime(2026, 10, 25, 6, tzinfo=ZoneInfo("Europe/Paris"))
    assert shown.utcoffset() == timedelta(hours=1)
