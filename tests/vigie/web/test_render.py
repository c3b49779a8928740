"""Figures as people read them."""

import pytest

from vigie.web import render


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.99953, "99.953 %"),
        (0.999, "99.9 %"),
        (1.0, "100 %"),
        (0.9999999, "99.999 %"),
        (0.9989999, "99.899 %"),
        (0.0, "0 %"),
        (None, "unknown"),
    ],
)
def test_percent_never_rounds_up_to_what_was_not_reached(ratio: float | None, text: str) -> None:
    assert render.percent(ratio) == text


@pytest.mark.parametrize("objective", [0.9, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999])
def test_an_objective_reads_as_it_was_written(objective: float) -> None:
    assert float(render.percent(objective).removesuffix(" %")) / 100 == pytest.approx(objective)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.532, "53.2 %"), (-0.8, "\u221280 %"), (-0.001, "\u22120.1 %"), (None, "unknown")],
)
def test_a_budget_is_signed(ratio: float | None, text: str) -> None:
    assert render.budget(ratio) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (14.4, "14.4\N{MULTIPLICATION SIGN}"),
        (1.0, "1\N{MULTIPLICATION SIGN}"),
        (0.0, "0\N{MULTIPLICATION SIGN}"),
        (0.256, "0.26\N{MULTIPLICATION SIGN}"),
        (999.96, "1000\N{MULTIPLICATION SIGN}"),
        (None, "unknown"),
    ],
)
def test_a_burn_rate_is_a_factor(rate: float | None, text: str) -> None:
    assert render.burn(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0034, "3 ms"),
        (0.0, "0 ms"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3725, "1 h 2 min"),
        (90061, "1 d 1 h"),
        (86460, "1 d 1 min"),
        (None, "unknown"),
    ],
)
def test_a_duration_shows_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert render.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (18_204, "18.2 kB"), (5e7, "50.0 MB"), (None, "unknown")]
)
def test_sizes_are_in_powers_of_ten(count: int | None, text: str) -> None:
    assert render.size(count) == text
