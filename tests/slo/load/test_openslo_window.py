"""OpenSLO's time windows: rolling or aligned to the calendar, and what is wrong with them."""

from datetime import datetime

import pytest

from slo.calendar import Calendar, Unit
from slo.load import openslo_window
from slo.load.openslo_window import TimeWindow
from slo.load.yaml import Fields, Problems, documents

H, D = 3600.0, 86400.0
NOON = datetime(2022, 1, 1, 12, 0)  # noqa: DTZ001 - wall-clock time, as it is written
CALENDAR = "calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}"


def _aligned(length_s: float, count: int, unit: Unit) -> TimeWindow:
    return TimeWindow(length_s, Calendar(count, unit, NOON, "America/New_York"))


GOOD = [
    ("{duration: 30d, isRolling: true}", TimeWindow(30 * D)),
    ("{duration: 1m, isRolling: true}", TimeWindow(60.0)),
    ("{duration: 1h30m, isRolling: true}", TimeWindow(1.5 * H)),
    ("{duration: 5w, isRolling: true}", TimeWindow(35 * D)),
    ("{duration: 4w}", TimeWindow(28 * D)),
    (f"{{duration: 1w, isRolling: false, {CALENDAR}}}", _aligned(7 * D, 1, Unit.WEEK)),
    (f"{{duration: 12h, {CALENDAR}}}", _aligned(12 * H, 12, Unit.HOUR)),
    (f"{{duration: 90d, {CALENDAR}}}", _aligned(90 * D, 90, Unit.DAY)),
    (f"{{duration: 2M, {CALENDAR}}}", _aligned(60 * D, 2, Unit.MONTH)),
    (f"{{duration: 1Q, {CALENDAR}}}", _aligned(90 * D, 1, Unit.QUARTER)),
    (f"{{duration: 1Y, {CALENDAR}}}", _aligned(365 * D, 1, Unit.YEAR)),
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_a_window_rolls_or_is_aligned_to_the_calendar(text: str, expected: TimeWindow) -> None:
    assert _read(f"[{text}]") == (expected, [])


@pytest.mark.parametrize(
    "start",
    ["2022-01-01 12:00:00", "'2022-01-01 12:00:00'", "2022-01-01T12:00:00", "2022-01-01 12:00"],
)
def test_a_start_may_look_like_a_timestamp_of_yaml_or_not(start: str) -> None:
    calendar = f"calendar: {{startTime: {start}, timeZone: America/New_York}}"
    window, problems = _read(f"[{{duration: 1w, {calendar}}}]")
    assert (window, problems) == (_aligned(7 * D, 1, Unit.WEEK), [])


def test_a_month_that_rolls_is_thirty_days_and_says_so() -> None:
    window, problems = _read("[{duration: 1M, isRolling: true}]")
    assert window == TimeWindow(30 * D)
    assert problems == [
        "1:25: warning[V109] 1M has no fixed length, as a rolling window needs: 30d are taken: "
        "write that, or align it to the calendar"
    ]


def test_minutes_of_a_calendar_are_probably_months() -> None:
    window, problems = _read(f"[{{duration: 1m, {CALENDAR}}}]")
    assert window == _aligned(60.0, 1, Unit.MINUTE)
    assert problems == ["1:25: warning[V505] 1m counts minutes; did you mean `1M`, months?"]


def test_without_a_window_a_month_rolls_and_that_is_a_warning() -> None:
    window, problems = _read("~")
    assert window == TimeWindow(30 * D)
    assert problems == [
        "1:1: warning[V103] no `spec.timeWindow`: 30d, rolling, are taken: write them"
    ]


BAD = [
    (
        "{duration: 400d, isRolling: true}",
        "1:25: error[V112] a rolling window of 400d is not served",
    ),
    ("{duration: 2Y, isRolling: true}", "1:25: error[V112] a rolling window of 2Y is not served"),
    ("{duration: 59s, isRolling: true}", "1:25: error[V112] a rolling window of 59s is not serve"),
    (f"{{duration: 11Y, {CALENDAR}}}", "1:25: error[V112] a window of 11Y is not served: write at"),
    ("{duration: 30, isRolling: true}", "1:25: error[V109] `spec.timeWindow[0].duration`: `30` is"),
    ("{duration: 0d, isRolling: true}", "1:25: error[V109] `spec.timeWindow[0].duration` is 0d; "),
    (f"{{duration: 1h30m, {CALENDAR}}}", "1:25: error[V109] 1h30m can't be aligned to the calend"),
    ("{duration: 1w, isRolling: false}", "1:40: error[V103] a window that doesn't roll needs a "),
    (f"{{duration: 1w, isRolling: true, {CALENDAR}}}", "1:46: error[V111] `spec.timeWindow[0].cal"),
    ("{duration: 1w, calendar: {}}", "1:39: error[V103] missing key `spec.timeWindow[0].calendar."),
    (
        "{duration: 1w, calendar: {startTime: noon, timeZone: UTC}}",
        "1:51: error[V113] `spec.timeWindow[0].calendar.startTime`: `noon` is no wall-clock time",
    ),
    (
        "{duration: 1w, calendar: {startTime: 2022-01-01T12:00:00Z, timeZone: UTC}}",
        "1:51: error[V113] `spec.timeWindow[0].calendar.startTime`: `2022-01-01T12:00:00Z` is no "
        "wall-clock time: write e.g. 2026-10-03 22:00, the zone beside it",
    ),
    (
        "{duration: 1w, calendar: {startTime: 2022-01-01, timeZone: Europe/Pariss}}",
        "1:73: error[V113] `spec.timeWindow[0].calendar.timeZone`: `Europe/Pariss` is no time "
        "zone: write one of the IANA database, e.g. Europe/Paris; did you mean `Europe/Paris`?",
    ),
    (
        "{duration: 1w, calendar: {startTime: 2022-01-01, timeZone: America}}",
        "1:73: error[V113] `spec.timeWindow[0].calendar.timeZone`: `America` is no time zone",
    ),
    ("{duration: 1w}, {duration: 2w}", "1:30: error[V111] several time windows: keep one"),
    ("{duration: 1w, rolling: true}", "1:29: error[V101] unknown key `spec.timeWindow[0].rolling`"),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_a_window_that_is_wrong_is_refused_at_its_place(text: str, expected: str) -> None:
    _, problems = _read(f"[{text}]")
    assert any(problem.startswith(expected) for problem in problems), problems


ALPHA = [
    ("{unit: Week, count: 1, isRolling: false, %s}", _aligned(7 * D, 1, Unit.WEEK)),
    ("{unit: Quarter, count: 2, %s}", _aligned(180 * D, 2, Unit.QUARTER)),
    ("{unit: Day, count: 28, isRolling: true}", TimeWindow(28 * D)),
    ("{unit: Day, count: 30}", TimeWindow(30 * D)),
    ("{unit: Second, count: 3600, isRolling: true}", TimeWindow(H)),
]


@pytest.mark.parametrize(("text", "expected"), ALPHA)
def test_older_files_spell_units_out(text: str, expected: TimeWindow) -> None:
    text = text.replace("%s", CALENDAR)
    assert _read(f"[{text}]", "timeWindows") == (expected, [])


def test_seconds_can_not_be_aligned_to_the_calendar() -> None:
    _, problems = _read(f"[{{unit: Second, count: 60, {CALENDAR}}}]", "timeWindows")
    assert problems == [
        "1:22: error[V109] 60 Second can't be aligned to the calendar: write e.g. 1w, 1M or 1Q"
    ]


def _read(text: str, key: str = "timeWindow") -> tuple[TimeWindow, list[str]]:
    problems = Problems()
    (node,) = documents(f"{key}: {text}", "f", problems)
    spec = Fields(node, problems, "spec")
    read = openslo_window.read if key == "timeWindow" else openslo_window.read_alpha
    window = read(spec)
    spec.close()
    return window, [str(problem).removeprefix("f:") for problem in problems.in_order()]
