"""MaintenanceWindow documents: read whole, or refused with the place of every mistake."""
# ruff: noqa: DTZ001 - wall-clock times, whose zone stands beside them

import subprocess
import sys
from datetime import datetime

import pytest

from slo.load import maintenance
from slo.load.codes import Code
from slo.load.yaml import Problems, documents

GOOD = {
    "services": "[checkout]",
    "start": "2026-10-03 22:00",
    "duration": "2h",
    "time_zone": "Europe/Paris",
    "recurrence": '"FREQ=WEEKLY;BYDAY=SA"',
    "owner": "team-shop",
    "reason": "database upgrade",
}


def read(**changes: str | None) -> tuple[object, list[tuple[int, Code, str]]]:
    spec = {key: value for key, value in (GOOD | changes).items() if value is not None}
    text = "apiVersion: vigie.dev/v1\nkind: MaintenanceWindow\nmetadata: {name: db}\nspec:\n"
    text += "".join(f"  {key}: {value}\n" for key, value in spec.items())
    problems = Problems()
    (node,) = documents(text, "m.yaml", problems)
    window = maintenance.read(node, problems)
    return window, [(p.mark.line, p.code, p.message) for p in problems.items]


def test_a_window_is_read_whole() -> None:
    window, problems = read()
    assert problems == []
    assert window is not None
    assert (window.start, window.duration_s) == (datetime(2026, 10, 3, 22), 7200.0)
    assert (window.zone, window.recurrence) == ("Europe/Paris", "FREQ=WEEKLY;BYDAY=SA")
    assert (window.services, window.owner) == (("checkout",), "team-shop")


def test_it_happens_once_and_in_utc_unless_it_says_otherwise() -> None:
    window, problems = read(time_zone=None, recurrence=None)
    assert problems == []
    assert (window.zone, window.recurrence) == ("UTC", "")


@pytest.mark.parametrize(
    ("changes", "line", "code", "message"),
    [
        ({"services": None}, 5, Code.MISSING_KEY, "selects nothing"),
        ({"services": "[]"}, 5, Code.MISSING_KEY, "selects nothing"),
        ({"start": "tomorrow"}, 6, Code.BAD_TIME, "is no wall-clock time"),
        ({"start": "2026-10-03T22:00:00Z"}, 6, Code.BAD_TIME, "the zone beside it"),
        ({"duration": "8d"}, 7, Code.OUT_OF_BOUNDS, "at most 7d"),
        ({"time_zone": "Europe/Nowhere"}, 8, Code.BAD_TIME, "is no time zone"),
        ({"recurrence": "FREQ=SECONDLY"}, 9, Code.BAD_TIME, "FREQ is `SECONDLY`"),
        ({"start": "2500-01-01 00:00"}, 9, Code.BAD_TIME, "write a year of"),
    ],
)
def test_a_mistake_is_one_problem_at_its_place(
    changes: dict[str, str | None], line: int, code: Code, message: str
) -> None:
    window, problems = read(**changes)
    assert window is None
    assert [(at, kind) for at, kind, _ in problems] == [(line, code)]
    assert message in problems[0][2]


@pytest.mark.parametrize("key", ["start", "duration", "owner", "reason"])
def test_when_how_long_who_and_why_must_be_said(key: str) -> None:
    window, problems = read(**{key: None})
    assert window is None
    assert [f"`spec.{key}`" in message for _, _, message in problems] == [True]


def test_unknown_keys_are_mistakes() -> None:
    window, problems = read(until="2027-01-01")
    assert window is None
    assert "until" in problems[0][2]


def test_files_without_a_recurrence_do_not_load_dateutil() -> None:
    heavy = "{'dateutil', 'numpy', 'polars'}"
    code = f"import sys, slo.load.maintenance; sys.exit(bool({heavy} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
