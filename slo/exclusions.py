"""Time that does not count: maintenance windows, their recurrences, corrections; plain intervals.

Figures are counted in the minutes of the ledger, so the edges of an exclusion are rounded to the
nearest minute (a half rounds up): a minute is excluded when its middle is. So two exclusions that
meet share no minute and leave none between them, the excluded time is right to a minute, and what
an exclusion holds is a sum of whole slices: exact to the unit. One that holds no middle of a
minute excludes nothing.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from slo.calendar import instant, zone_of
from slo.load.marks import Mark
from slo.spec import Excluded, Slo

if TYPE_CHECKING:
    from dateutil.rrule import rrule

Interval = tuple[float, float]  # [start, end) in Unix seconds

MINUTE_S: Final = 60
MAX_DURATION_S: Final = 7 * 86_400.0
MAX_OCCURRENCES: Final = 10_000  # of one window: daily for 27 years
FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_BY: Final = ("BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "BYWEEKNO", "BYYEARDAY")
_PARTS: Final = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", *_BY})
# The calendar repeats after 400 years, weekdays too. dateutil looks for a date until the year 9999:
# in dates that are 7,600 years on, it finds the same ones, or that there is none in four centuries,
# in 0.2 s at most instead of 8,000 years' worth of it.
_YEARS_ON: Final = 19 * 400
_FIRST_YEAR, _LAST_YEAR = 1970, 2399


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Planned work on what it selects: by name of service or SLO, or by labels; all that is given
    must fit. `recurrence` is an RRULE, empty for once.
    """

    name: str
    services: tuple[str, ...]
    slos: tuple[str, ...]
    labels: Mapping[str, str]
    start: datetime  # wall-clock time, without zone
    duration_s: float  # elapsed, whatever the clocks do meanwhile
    zone: str
    recurrence: str
    owner: str
    reason: str
    mark: Mark | None = field(default=None, compare=False, repr=False)


def selects(window: MaintenanceWindow, slo: Slo, service_labels: Mapping[str, str]) -> bool:
    """Whether a window excludes an SLO; labels are the SLO's, then those of its service."""
    have = {**service_labels, **slo.labels}
    named = (slo.name in window.slos or slo.id in window.slos) if window.slos else True
    return named and _fits(window, slo.service, have)


def selects_service(
    window: MaintenanceWindow, service: str, service_labels: Mapping[str, str]
) -> bool:
    """Whether a window is one of a whole service, so that an outage in it was planned."""
    return not window.slos and _fits(window, service, service_labels)


def check_recurrence(text: str, start: datetime, zone: str) -> None:
    """ValueError, for people, unless this RRULE can be expanded from this start and comes true."""
    if not _FIRST_YEAR <= start.year <= _LAST_YEAR:
        raise ValueError(f"begins in {start.year}: write a year of {_FIRST_YEAR} to {_LAST_YEAR}")
    if next(iter(_rule(text, start, zone)), None) is None:
        raise ValueError(f"`{text}` names no date at all in four hundred years")


def occurrences(window: MaintenanceWindow, start: float, end: float) -> list[Interval]:
    """When the window is open, as far as it lies in [start, end), in order and cut to it.

    A recurrence is expanded in the wall-clock time of the zone; after MAX_OCCURRENCES it is over.
    """
    found = []
    for begin in _starts(window):
        if begin >= end:
            break
        if begin + window.duration_s > start:
            found.append((max(begin, start), min(begin + window.duration_s, end)))
    return found


def planned(
    windows: Iterable[MaintenanceWindow],
    slo: Slo,
    service_labels: Mapping[str, str],
    start: float,
    end: float,
) -> list[Excluded]:
    """What maintenance excludes of one SLO in [start, end), by time."""
    found = [
        Excluded(slo.service, slo.name, begin, finish, window.reason, window.owner, planned=True)
        for window in windows
        if selects(window, slo, service_labels)
        for begin, finish in occurrences(window, start, end)
    ]
    return sorted(found, key=lambda one: (one.start, one.end, one.reason, one.author))


def planned_of_service(
    windows: Iterable[MaintenanceWindow],
    service: str,
    service_labels: Mapping[str, str],
    start: float,
    end: float,
) -> list[Excluded]:
    """The planned windows of a whole service in [start, end), cut to it, by time."""
    found = [
        Excluded(service, "", begin, finish, window.reason, window.owner, planned=True)
        for window in windows
        if selects_service(window, service, service_labels)
        for begin, finish in occurrences(window, start, end)
    ]
    return sorted(found, key=lambda one: (one.start, one.end, one.reason, one.author))


def corrected(corrections: Iterable[Excluded], slo: Slo) -> list[Excluded]:
    """The corrections that hold for one SLO, by time."""
    mine = [one for one in corrections if one.service == slo.service and one.slo in ("", slo.name)]
    return sorted(mine, key=lambda one: (one.start, one.end, one.reason, one.author))


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The union: in order, apart from each other, none empty."""
    union: list[Interval] = []
    for start, end in sorted(one for one in intervals if one[0] < one[1]):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((start, end))
    return union


def overlaps(intervals: Sequence[Interval], start: float, end: float) -> list[Interval]:
    """What merged intervals have in common with [start, end)."""
    first = bisect_right(intervals, start, key=lambda one: one[1])
    found = []
    for begin, finish in intervals[first:]:
        if begin >= end or start >= end:
            break
        found.append((max(begin, start), min(finish, end)))
    return found


def length(intervals: Iterable[Interval]) -> float:
    """How long merged intervals last together, in seconds."""
    return sum(end - start for start, end in intervals)


def minutes(start: float, end: float) -> tuple[int, int]:
    """The minutes that [start, end) excludes, as [first, last) in minutes since 1970."""
    return _nearest(start), _nearest(end)


def _nearest(at: float) -> int:
    return math.ceil((at - MINUTE_S / 2) / MINUTE_S)  # from the middle of a minute on, its start


def _fits(window: MaintenanceWindow, service: str, have: Mapping[str, str]) -> bool:
    return (not window.services or service in window.services) and all(
        have.get(name) == value for name, value in window.labels.items()
    )


def _starts(window: MaintenanceWindow) -> Iterator[float]:
    zone = zone_of(window.zone)
    if not window.recurrence:
        yield instant(window.start, zone)
        return
    rule = _rule(window.recurrence, window.start, window.zone)
    for number, wall in enumerate(rule):
        if number == MAX_OCCURRENCES:
            return
        yield instant(wall.replace(year=wall.year - _YEARS_ON), zone)


def _rule(text: str, start: datetime, zone: str) -> "rrule":
    """The recurrence, _YEARS_ON; ValueError for one that is none, or is not bounded."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - slow, and in most files nothing recurs

    parts = _parts(text)
    until = _until(parts.pop("UNTIL", ""), zone)
    body = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        rule: rrule = rrulestr(body, dtstart=start.replace(year=start.year + _YEARS_ON))
        return rule.replace(until=until)
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"`{text}` is no recurrence: {error}") from None


def _parts(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.upper().split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) != len(pairs) or not all(
        re.fullmatch(r"[-+0-9A-Z,]+", v) for v in parts.values()
    ):
        raise ValueError(f"`{text}` is no recurrence: write e.g. FREQ=WEEKLY;BYDAY=SA")
    if strange := sorted(parts.keys() - _PARTS):
        raise ValueError(
            f"`{strange[0]}` is not expanded: a window begins at the clock time of its `start`, "
            f"on days that {', '.join(_BY)} name"
        )
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"FREQ is `{parts.get('FREQ', '')}`: write {', '.join(FREQUENCIES)}")
    for name in ("INTERVAL", "COUNT"):
        number = parts.get(name, "1")
        if not number.isdecimal() or not 1 <= int(number) <= MAX_OCCURRENCES:
            raise ValueError(f"{name} is `{number}`: write a number from 1 to {MAX_OCCURRENCES}")
    # dateutil looks past the end of its year for the ninth Monday of December, and raises there.
    most = 53 if parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts else 5
    for day in re.findall(r"\d+", parts.get("BYDAY", "")):
        if not 1 <= int(day) <= most:
            raise ValueError(f"BYDAY counts to {most} there, and `{parts['BYDAY']}` goes beyond")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL both end the recurrence: keep one")
    return parts


def _until(text: str, zone: str) -> datetime | None:
    """The wall-clock time, _YEARS_ON, after which nothing recurs. `20261231` holds the whole day,
    a time with Z is UTC, one without is the zone's own.
    """
    if not text:
        return None
    if not (match := re.fullmatch(r"(\d{8})(?:T(\d{6})(Z?))?", text)):
        raise ValueError(f"UNTIL is `{text}`: write 20261231, or 20261231T220000Z")
    moment = datetime.fromisoformat(f"{match[1]}T{match[2] or '235959'}")
    if match[3]:
        moment = datetime.fromtimestamp(instant(moment, zone_of("UTC")), zone_of(zone))
    year = min(max(moment.year, _FIRST_YEAR), _LAST_YEAR)
    if year != moment.year:  # before every start, or as good as never
        moment = moment.replace(year=year, month=1, day=1)
    return moment.replace(year=year + _YEARS_ON, tzinfo=None, fold=0)
