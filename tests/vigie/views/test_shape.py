"""The JSON conventions."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigie.views.shape import times_shown, when


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_790_000_000.0, "2026-09-21T14:13:20.000Z"),
        (1_790_000_000.0625, "2026-09-21T14:13:20.062Z"),
        (None, None),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(at: float | None, text: str | None) -> None:
    assert when(at) == text


@given(st.floats(-6e10, 2.5e11) | st.integers(-60_000_000_000, 250_000_000_000))
@example(-1e-7)
@example(0.9999999)
@example(1_790_000_000.9999996)
def test_times_are_written_as_datetime_writes_them(at: float) -> None:
    written = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    assert when(at) == written.replace("+00:00", "Z")


def test_a_detail_shows_its_times_at_any_depth_and_nothing_else_changes() -> None:
    detail = {
        "since": 0,
        "from": None,
        "arms": [{"long": {"from": 0.0, "to": 60.0, "total": 7}}],
        "at": "2026-09-21T14:13:20.000Z",
    }
    assert times_shown(detail) == {
        "since": "1970-01-01T00:00:00.000Z",
        "from": None,
        "arms": [
            {
                "long": {
                    "from": "1970-01-01T00:00:00.000Z",
                    "to": "1970-01-01T00:01:00.000Z",
                    "total": 7,
                }
            }
        ],
        "at": "2026-09-21T14:13:20.000Z",
    }
