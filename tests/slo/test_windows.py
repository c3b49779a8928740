"""Durations: what is read, what is refused, and that showing and reading agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo import windows


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("15s", 15),
        ("5m", 300),
        ("1h30m", 5400),
        ("30d", 2_592_000),
        ("4w", 2_419_200),
        ("1d2h3m4s5ms", 93_784.005),
        ("0s", 0),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert windows.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "1.5h", "-5m", "5M", "1y", "5m ", "٣m", "9" * 400 + "ms"]
)
def test_what_is_no_duration_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write "):
        windows.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "500ms"), (300, "5m"), (5400, "1h30m"), (604_800, "7d"), (0, "0s")]
)
def test_the_shortest_exact_spelling_is_shown(seconds: float, text: str) -> None:
    assert windows.show(seconds) == text


@given(st.integers(min_value=0, max_value=10**12))
def test_what_is_shown_reads_back_to_the_same_length(milliseconds: int) -> None:
    shown = windows.show(milliseconds / 1000)
    assert round(windows.parse(shown) * 1000) == milliseconds
