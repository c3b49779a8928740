"""Time windows of OpenSLO: rolling, or aligned to the calendar of a time zone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slo import windows
from slo.calendar import Calendar, Unit
from slo.load.codes import Code
from slo.load.times import time_zone, wall_clock
from slo.load.yaml import Fields
from slo.windows import UNITS_S, show

MIN_S: Final = UNITS_S["m"]
MAX_ROLLING_S: Final = (
    366 * UNITS_S["d"]
)  # what one costs grows with it: see docs/reference/slos.md
MAX_CALENDAR_S: Final = 3650 * UNITS_S["d"]
DEFAULT_S: Final = 30 * UNITS_S["d"]
# Months, quarters and years differ; these are the lengths that arms are scaled by.
NOMINAL_S: Final[Mapping[Unit, float]] = {
    Unit.MINUTE: UNITS_S["m"],
    Unit.HOUR: UNITS_S["h"],
    Unit.DAY: UNITS_S["d"],
    Unit.WEEK: UNITS_S["w"],
    Unit.MONTH: 30 * UNITS_S["d"],
    Unit.QUARTER: 90 * UNITS_S["d"],
    Unit.YEAR: 365 * UNITS_S["d"],
}
_NO_FIXED: Final = (Unit.MONTH, Unit.QUARTER, Unit.YEAR)
_SHORTHAND = re.compile(r"([0-9]{1,6})([mhdwMQY])", re.ASCII)
# v1alpha spells units out; its rolling windows may count seconds.
_ALPHA: Final[Mapping[str, Unit]] = {
    "Minute": Unit.MINUTE,
    "Hour": Unit.HOUR,
    "Day": Unit.DAY,
    "Week": Unit.WEEK,
    "Month": Unit.MONTH,
    "Quarter": Unit.QUARTER,
    "Year": Unit.YEAR,
}


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A window of `length_s` (nominal when it is aligned to a calendar)."""

    length_s: float
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class _Length:
    """A duration as it is written: so many units, or (`unit` is None) a sum of several."""

    text: str
    key: str  # that it stands under
    seconds: float
    count: int = 0
    unit: Unit | None = None


def read(spec: Fields) -> TimeWindow:
    """`timeWindow` of v1: exactly one. A problem gives a window that must not be used."""
    if spec.node_of("timeWindow", required=False) is None:
        message = f"no `{spec.where}.timeWindow`: {show(DEFAULT_S)}, rolling, are taken: write them"
        spec.problems.warn(spec.node.mark, message, Code.MISSING_KEY)
        return TimeWindow(DEFAULT_S)
    found = [_window(fields, shorthand(fields, "duration")) for fields in _one(spec, "timeWindow")]
    return found[0] if found else TimeWindow(0.0)


def read_alpha(spec: Fields) -> TimeWindow:
    """`timeWindows` of v1alpha: exactly one."""
    found = [_window(fields, _spelled(fields)) for fields in _one(spec, "timeWindows")]
    return found[0] if found else TimeWindow(0.0)


def shorthand(fields: Fields, key: str) -> _Length:
    """A required duration: OpenSLO's shorthand (`4w`, `1M`), or several units (`1h30m`)."""
    text = fields.text(key)
    match = _SHORTHAND.fullmatch(text)
    if match is None:
        return _Length(text, key, _several(fields, key, text))
    count, unit = int(match[1]), Unit(match[2])
    if count == 0:
        message = f"`{fields.where}.{key}` is {text}; it must be above 0"
        fields.problems.error(fields.mark(key), message, Code.BAD_DURATION)
    return _Length(text, key, count * NOMINAL_S[unit], count, unit)


def _several(fields: Fields, key: str, text: str) -> float:
    if not text:
        return 0.0
    try:
        return windows.parse(text)
    except ValueError:
        message = (
            f"`{fields.where}.{key}`: `{text}` is not a duration: "
            "write e.g. 5m, 12h, 30d, 4w, 1M (a month), 1Q, 1Y"
        )
        fields.problems.error(fields.mark(key), message, Code.BAD_DURATION)
        return 0.0


def _spelled(fields: Fields) -> _Length:
    """v1alpha's `unit` and `count` as one length."""
    count = fields.integer("count", at_least=1)
    name = fields.choice("unit", ("Second", *_ALPHA))
    text = f"{count} {name}"
    if name == "Second":
        return _Length(text, "unit", float(count))
    return _Length(text, "unit", count * NOMINAL_S[_ALPHA[name]], count, _ALPHA[name])


def _one(spec: Fields, key: str) -> list[Fields]:
    """The one window of the list; each is closed by its reader."""
    nodes = spec.items(key, required=True)
    for node in nodes[1:]:
        spec.problems.error(node.mark, "several time windows: keep one", Code.CONFLICT)
    return [Fields(node, spec.problems, f"{spec.where}.{key}[0]") for node in nodes[:1]]


def _window(fields: Fields, length: _Length) -> TimeWindow:
    aligned = fields.node_of("calendar", required=False) is not None
    rolling = fields.flag("isRolling", not aligned)
    if rolling:
        reason = "says nothing beside `isRolling: true`: keep one of them"
        fields.refuse("calendar", reason, Code.CONFLICT)
        window = TimeWindow(_rolling(fields, length))
    else:
        window = TimeWindow(length.seconds, _calendar(fields, length))
    fields.close()
    return window


def _rolling(fields: Fields, length: _Length) -> float:
    seconds, mark = length.seconds, fields.mark(length.key)
    if seconds and not MIN_S <= seconds <= MAX_ROLLING_S:
        message = (
            f"a rolling window of {length.text} is not served: write {show(MIN_S)} to "
            f"{show(MAX_ROLLING_S)}, or align it to the calendar"
        )
        fields.problems.error(mark, message, Code.NOT_SERVED)
    elif length.unit in _NO_FIXED:
        message = (
            f"{length.text} has no fixed length, as a rolling window needs: {show(seconds)} are "
            "taken: write that, or align it to the calendar"
        )
        fields.problems.warn(mark, message, Code.BAD_DURATION)
    return seconds


def _calendar(fields: Fields, length: _Length) -> Calendar | None:
    if fields.node_of("calendar", required=False) is None:
        message = (
            "a window that doesn't roll needs a `calendar` with `startTime` and `timeZone`: "
            "write it, or `isRolling: true`"
        )
        fields.problems.error(fields.mark("isRolling"), message, Code.MISSING_KEY)
        return None
    with fields.map("calendar") as calendar:
        start, zone = wall_clock(calendar, "startTime"), time_zone(calendar, "timeZone")
    mark = fields.mark(length.key)
    if length.unit is None:
        if length.seconds:
            message = f"{length.text} can't be aligned to the calendar: write e.g. 1w, 1M or 1Q"
            fields.problems.error(mark, message, Code.BAD_DURATION)
        return None
    if length.seconds > MAX_CALENDAR_S:
        message = f"a window of {length.text} is not served: write at most {show(MAX_CALENDAR_S)}"
        fields.problems.error(mark, message, Code.NOT_SERVED)
    if length.unit is Unit.MINUTE:
        message = f"{length.text} counts minutes; did you mean `{length.count}M`, months?"
        fields.problems.warn(mark, message, Code.MISSPELT)
    return None if start is None else Calendar(length.count, length.unit, start, zone)
