"""Calendar-aligned windows: which period holds an instant, in the wall-clock time of a zone.

A period is `[start, end)` in Unix seconds. Months, quarters and years follow the calendar, the day
clamped to the month (from the 31st: 30 April, 28 February); days and weeks last as long as the
wall clock says, so that a day in which it changes has 23 or 25 hours. Minutes and hours are elapsed
time.

A wall-clock time that the clock skips is read with the offset before the gap, and one that comes
twice is the first of the two: RFC 5545, section 3.3.5. So a period that begins at 02:30 begins at
03:30 on the day when the clock jumps from 02:00 to 03:00. A day that a zone left out altogether
(Apia, 30 December 2011) would be a period of no length, and is none.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Period = tuple[float, float]  # [start, end) in Unix seconds


class Unit(StrEnum):
    """The units of OpenSLO's duration shorthand."""

    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "M"
    QUARTER = "Q"
    YEAR = "Y"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods of `count` units, one after the other; one of them begins at `start`."""

    count: int
    unit: Unit
    start: datetime  # wall-clock time, without zone
    zone: str  # of the IANA time zone database


_ELAPSED_S: Final = {Unit.MINUTE: 60.0, Unit.HOUR: 3600.0}
_DAYS: Final = {Unit.DAY: 1, Unit.WEEK: 7}
_MONTHS: Final = {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}
_MONTH_DAYS: Final = 30.436875  # of the Gregorian calendar, on average
_WRITTEN: Final = "write e.g. 2026-10, 2026-Q3, 2026, 2026-W41, 2026-10-05, 2026-10-01..2026-10-15"


def period(calendar: Calendar, at: float) -> Period:
    """The period that holds an instant; every instant lies in exactly one."""
    index = _index(calendar, at)
    return _boundary(calendar, index), _boundary(calendar, index + 1)


def previous(calendar: Calendar, start: float) -> Period:
    """The period before the one that holds `start`."""
    index = _index(calendar, start)
    end = _boundary(calendar, index)
    while (begin := _boundary(calendar, index - 1)) == end:
        index -= 1
    return begin, end


def following(calendar: Calendar, start: float) -> Period:
    """The period after the one that holds `start`."""
    return period(calendar, period(calendar, start)[1])


def named(text: str, zone: str = "UTC") -> Period:
    """A period as people write it: a month, quarter, year, ISO week or day, or `FIRST..LAST`, where
    both days count. ValueError, with the accepted forms.
    """
    tz = zone_of(zone)
    first, dots, last = text.partition("..")
    try:
        begin, end = _days_of(first)
        if dots:
            end = _days_of(last)[1]
    except (ValueError, OverflowError):
        raise ValueError(f"`{text}` is no period: {_WRITTEN}") from None
    if begin >= end:
        raise ValueError(f"`{text}` ends before it begins: {_WRITTEN}")
    return instant(_midnight(begin), tz), instant(_midnight(end), tz)


def zone_of(name: str) -> ZoneInfo:
    """A time zone of the IANA database; ValueError for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of one of its folders
        raise ValueError(
            f"`{name}` is no time zone: write one of the IANA database, e.g. Europe/Paris"
        ) from None


def wall_clock(text: str) -> datetime:
    """A wall-clock time as people write it, `2026-10-03 22:00` or a date alone; ValueError."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError(
            f"`{text}` is no wall-clock time: write e.g. 2026-10-03 22:00, the zone beside it"
        )
    return found


def instant(wall: datetime, zone: ZoneInfo) -> float:
    """Unix seconds at which the clocks of a zone show a wall-clock time (the first time, if
    twice; in a gap, with the offset before it).
    """
    return wall.replace(tzinfo=zone, fold=0).timestamp()


def _boundary(calendar: Calendar, index: int) -> float:
    """Where the period of this number begins; number 0 begins at `start`."""
    count, unit, start = calendar.count * index, calendar.unit, calendar.start
    zone = zone_of(calendar.zone)
    if unit in _ELAPSED_S:
        return instant(start, zone) + count * _ELAPSED_S[unit]
    if unit in _DAYS:
        return instant(start + timedelta(days=count * _DAYS[unit]), zone)
    return instant(_months_on(start, count * _MONTHS[unit]), zone)


def _index(calendar: Calendar, at: float) -> int:
    """The number of the period that holds an instant: estimated, then put right."""
    days_s, count = 86_400.0, calendar.count
    unit = calendar.unit
    if unit in _ELAPSED_S:
        length = count * _ELAPSED_S[unit]
    else:
        days = _DAYS[unit] if unit in _DAYS else _MONTHS[unit] * _MONTH_DAYS
        length = count * days * days_s
    index = int((at - instant(calendar.start, zone_of(calendar.zone))) // length)
    while _boundary(calendar, index) > at:
        index -= 1
    while _boundary(calendar, index + 1) <= at:
        index += 1
    return index


def _months_on(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def _days_of(text: str) -> tuple[date, date]:
    """The first day of a period, and the first one after it."""
    if match := re.fullmatch(r"(\d{4})-W(\d\d)", text, re.ASCII):
        first = date.fromisocalendar(int(match[1]), int(match[2]), 1)
        return first, first + timedelta(days=7)
    if match := re.fullmatch(r"(\d{4})-Q([1-4])", text, re.ASCII):
        return _months_from(int(match[1]), 3 * int(match[2]) - 2, 3)
    if match := re.fullmatch(r"(\d{4})", text, re.ASCII):
        return _months_from(int(match[1]), 1, 12)
    if match := re.fullmatch(r"(\d{4})-(\d\d)", text, re.ASCII):
        return _months_from(int(match[1]), int(match[2]), 1)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(text)
    first = date.fromisoformat(text)
    return first, first + timedelta(days=1)


def _months_from(year: int, month: int, months: int) -> tuple[date, date]:
    first = _midnight(date(year, month, 1))
    return first.date(), _months_on(first, months).date()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).replace(tzinfo=None)
