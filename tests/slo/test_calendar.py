"""Calendar periods: equal to walking the minutes, whatever the clocks of a zone do."""
# ruff: noqa: DTZ001 - wall-clock times, whose zone stands beside them

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.calendar import Calendar, Unit, following, named, period, previous, wall_clock

# A change of clocks in each, by hours, by half an hour, by a whole day; and zones without any.
ZONES = {
    "Europe/Paris": datetime(2026, 3, 29),
    "America/New_York": datetime(2026, 11, 1),
    "Australia/Lord_Howe": datetime(2026, 4, 5),
    "Asia/Kathmandu": datetime(2026, 6, 1),
    "Pacific/Apia": datetime(2011, 12, 30),
    "Africa/Casablanca": datetime(2026, 2, 15),
    "America/St_Johns": datetime(2026, 3, 8),
    "Pacific/Chatham": datetime(2026, 9, 27),
    "America/Santiago": datetime(2026, 9, 6),
    "Europe/Dublin": datetime(2026, 10, 25),
}
WALL = [Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.QUARTER, Unit.YEAR]


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]  # year to minute


def shown(at: float, zone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(" ", "minutes")


@st.composite
def calendars(draw: st.DrawFn, units: list[Unit] | None = None) -> Calendar:
    zone = draw(st.sampled_from(sorted(ZONES)))
    start = ZONES[zone] + timedelta(minutes=draw(st.integers(-60 * 24 * 60, 60 * 24 * 60)))
    unit = draw(st.sampled_from(units or list(Unit)))
    return Calendar(draw(st.integers(1, 4)), unit, start, zone)


@st.composite
def instants(draw: st.DrawFn, calendar: Calendar) -> float:
    base = ZONES[calendar.zone].replace(tzinfo=UTC).timestamp()
    return base + draw(st.integers(-4 * 86_400, 4 * 86_400)) + draw(st.sampled_from([0.0, 0.5]))


@given(st.data())
def test_periods_tile_time_and_every_instant_lies_in_exactly_one(data: st.DataObject) -> None:
    calendar = data.draw(calendars())
    at = data.draw(instants(calendar))
    start, end = period(calendar, at)
    assert start <= at < end
    assert period(calendar, start) == (start, end) == period(calendar, end - 0.25)
    before, after = previous(calendar, at), following(calendar, at)
    assert (before[1], after[0]) == (start, end)
    assert period(calendar, start - 0.25) == before
    assert period(calendar, end) == after
    assert previous(calendar, end) == following(calendar, before[0]) == (start, end)


@given(st.data())
def test_a_day_is_what_walking_the_minutes_of_the_wall_clock_says(data: st.DataObject) -> None:
    """A day begins with the first minute at which the clock stands at, or has jumped past, the
    time of day of the start, and which does not come a second time.
    """
    zone = data.draw(st.sampled_from(sorted(ZONES)))
    minute = data.draw(st.integers(0, 24 * 60 - 1))
    start = ZONES[zone] - timedelta(days=20) + timedelta(minutes=minute)
    calendar = Calendar(1, Unit.DAY, start, zone)
    at = data.draw(instants(calendar)) // 60 * 60
    assert period(calendar, at) == walked(zone, minute, at)


@cache
def minutes_of(zone: str) -> dict[datetime, int]:
    """When the wall clock first shows each minute, around all instants that are drawn."""
    info, base = ZoneInfo(zone), int(ZONES[zone].replace(tzinfo=UTC).timestamp())
    walls: dict[datetime, int] = {}
    for second in range(base - 8 * 86_400, base + 8 * 86_400, 60):
        wall = datetime.fromtimestamp(second, info)
        walls.setdefault(wall.replace(tzinfo=None, fold=0), second)
    return walls


def walked(zone: str, minute: int, at: float) -> tuple[float, float]:
    """The day around an instant, from the wall clock alone."""
    walls = minutes_of(zone)
    days = {wall.date() for wall in walls}
    first, last = min(days) + timedelta(days=1), max(days) - timedelta(days=1)
    starts = set()
    day = first
    while day <= last:
        wanted = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
        if wanted in walls:
            starts.add(walls[wanted])
        else:  # skipped: as long after the gap's beginning as it would have been
            lost = 0
            while wanted - timedelta(minutes=lost) not in walls:
                lost += 1
            starts.add(walls[wanted - timedelta(minutes=lost)] + 60 * lost)
        day += timedelta(days=1)
    begin = max(start for start in starts if start <= at)
    return float(begin), float(min(start for start in starts if start > at))


@given(st.data())
def test_months_begin_on_the_day_of_the_start_or_the_last_of_the_month(
    data: st.DataObject,
) -> None:
    zone = data.draw(st.sampled_from(sorted(ZONES)))
    day = data.draw(st.integers(28, 31))
    calendar = Calendar(1, Unit.MONTH, datetime(2024, 1, day, 12), zone)  # noon: no clock changes
    at = utc(2026, 1, 1) + data.draw(st.integers(0, 730 * 86_400))
    start = datetime.fromtimestamp(period(calendar, at)[0], ZoneInfo(zone))
    tomorrow = start + timedelta(days=1)
    assert start.hour == 12
    assert start.day == day or (start.day < day and tomorrow.month != start.month)


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        ("Europe/Paris", utc(2026, 3, 29, 12), 23),
        ("Europe/Paris", utc(2026, 10, 25, 12), 25),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 20), 24.5),
        ("Australia/Lord_Howe", utc(2026, 10, 3, 20), 23.5),
        ("Asia/Kathmandu", utc(2026, 10, 3, 12), 24),
    ],
)
def test_a_day_in_which_the_clocks_change_is_shorter_or_longer(
    zone: str, at: float, hours: float
) -> None:
    calendar = Calendar(1, Unit.DAY, datetime(2024, 1, 1), zone)
    start, end = period(calendar, at)
    assert (end - start) / 3600 == hours


def test_a_start_that_the_clock_skips_keeps_the_offset_before_the_gap() -> None:
    calendar = Calendar(1, Unit.DAY, datetime(2026, 3, 1, 2, 30), "Europe/Paris")
    start, end = period(calendar, utc(2026, 3, 29, 12))
    assert shown(start, "Europe/Paris") == "2026-03-29 03:30+02:00"
    assert shown(end, "Europe/Paris") == "2026-03-30 02:30+02:00"


def test_a_start_that_comes_twice_is_the_first_of_the_two() -> None:
    calendar = Calendar(1, Unit.DAY, datetime(2026, 10, 1, 2, 30), "Europe/Paris")
    start, _ = period(calendar, utc(2026, 10, 25, 12))
    assert shown(start, "Europe/Paris") == "2026-10-25 02:30+02:00"


def test_the_day_that_apia_left_out_is_no_period() -> None:
    calendar = Calendar(1, Unit.DAY, datetime(2011, 12, 1), "Pacific/Apia")
    skipped = utc(2011, 12, 30, 10)  # midnight of the 30th that was, and of the 31st that is
    assert shown(period(calendar, skipped)[0], "Pacific/Apia") == "2011-12-31 00:00+14:00"
    assert shown(previous(calendar, skipped)[0], "Pacific/Apia") == "2011-12-29 00:00-10:00"


def test_a_quarter_from_the_31st_is_clamped_and_does_not_creep() -> None:
    calendar = Calendar(1, Unit.QUARTER, datetime(2026, 1, 31), "UTC")
    assert period(calendar, utc(2026, 6, 1)) == (utc(2026, 4, 30), utc(2026, 7, 31))
    assert period(calendar, utc(2025, 11, 1)) == (utc(2025, 10, 31), utc(2026, 1, 31))


def test_hours_are_elapsed_time_over_a_change_of_clocks() -> None:
    calendar = Calendar(6, Unit.HOUR, datetime(2026, 3, 28), "Europe/Paris")
    start, end = period(calendar, utc(2026, 3, 29, 6))
    assert (start, end) == (utc(2026, 3, 29, 5), utc(2026, 3, 29, 11))


@pytest.mark.parametrize(
    ("text", "zone", "start", "end"),
    [
        ("2026-10", "UTC", utc(2026, 10, 1), utc(2026, 11, 1)),
        ("2026-10", "Europe/Paris", utc(2026, 9, 30, 22), utc(2026, 10, 31, 23)),
        ("2026-Q3", "UTC", utc(2026, 7, 1), utc(2026, 10, 1)),
        ("2026", "UTC", utc(2026, 1, 1), utc(2027, 1, 1)),
        ("2026-W41", "UTC", utc(2026, 10, 5), utc(2026, 10, 12)),
        ("2026-W53", "UTC", utc(2026, 12, 28), utc(2027, 1, 4)),
        ("2026-10-05", "Asia/Kathmandu", utc(2026, 10, 4, 18, 15), utc(2026, 10, 5, 18, 15)),
        ("2026-10-01..2026-10-15", "UTC", utc(2026, 10, 1), utc(2026, 10, 16)),
        ("2026-09..2026-10", "UTC", utc(2026, 9, 1), utc(2026, 11, 1)),
    ],
)
def test_a_period_is_named_as_people_write_it(
    text: str, zone: str, start: float, end: float
) -> None:
    assert named(text, zone) == (start, end)


@pytest.mark.parametrize(
    "text",
    ["", "2026-13", "2026-Q5", "2025-W53", "2026-02-30", "oct", "9999", "2026-10-02..2026-10-01",
     "2026-10-01..", "2026-1", "٢٠٢٦"],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"2026-Q3.*2026-W41"):
        named(text)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "Europe", "", "a\x00b"])
def test_what_is_no_time_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        named("2026", zone)


@pytest.mark.parametrize(
    "text", ["22:00", "2026-10-03 22:00+02:00", "tomorrow", "2026-10-03 25:00"]
)
def test_a_wall_clock_time_has_a_date_and_no_zone(text: str) -> None:
    assert wall_clock("2026-10-03 22:00") == datetime(2026, 10, 3, 22)
    with pytest.raises(ValueError, match="is no wall-clock time"):
        wall_clock(text)
