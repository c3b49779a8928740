"""Where things lie in a chart."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import T0
from vigie.views.history import Bucket, Spell, Story
from vigie.web.chart_scale import (
    DESK_PX,
    LETTER_PX,
    PLOT_H,
    Scale,
    called,
    clusters,
    lanes,
    levels,
    scale_of,
    ticks,
    unknown,
)

MIDNIGHT = 1_789_948_800  # 2026-09-21


def story(objective: float, *slis: float | None) -> Story:
    buckets = tuple(
        Bucket(T0 + n, T0 + n + 1, None if sli is None else sli * 1e6, 1e6, 1.0)
        for n, sli in enumerate(slis)
    )
    return Story("checkout/availability", objective, T0, T0 + len(slis), 1, buckets)


def test_times_lie_evenly_and_what_is_outside_on_the_edge() -> None:
    scale = Scale(1000.0, 1200.0, 0.995)
    assert [scale.x(at) for at in (900, 1000, 1050, 1200, 9000)] == [0, 0, 25, 100, 100]


def test_ratios_lie_evenly_and_what_is_outside_on_the_edge() -> None:
    scale = Scale(0.0, 1.0, 0.5)
    assert [scale.y(one) for one in (1.0, 0.75, 0.5, 0.1)] == [
        2,
        PLOT_H / 2,
        PLOT_H - 2,
        PLOT_H - 2,
    ]


@pytest.mark.parametrize(
    ("objective", "slis", "floor"),
    [
        (0.999, (), 0.995),
        (0.999, (1.0, 0.9999, 0.9951), 0.995),
        (0.999, (1.0, 1.0, 1.0, 0.2), 0.995),  # a quarter may lie below
        (0.999, (1.0, 1.0, 0.97, 0.99), 0.98),  # what matters is more than five budgets
        (0.999, (0.0, 0.0, 0.0, 1.0), 0.0),
        (0.9, (1.0,), 0.5),
        (0.5, (1.0,), 0.0),  # never under nothing
    ],
)
def test_the_axis_holds_what_matters(
    objective: float, slis: tuple[float, ...], floor: float
) -> None:
    assert scale_of(story(objective, *slis)).floor == pytest.approx(floor)


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        (0.995, ["100 %", "99.9 %", "99.8 %", "99.7 %", "99.6 %", "99.5 %"]),
        (0.9995, ["100 %", "99.99 %", "99.98 %", "99.97 %", "99.96 %", "99.95 %"]),
        (0.98, ["100 %", "99.6 %", "99.2 %", "98.8 %", "98.4 %", "98 %"]),
        (0.0, ["100 %", "80 %", "60 %", "40 %", "20 %", "0 %"]),
    ],
)
def test_the_levels_of_an_axis_are_named_exactly(floor: float, words: list[str]) -> None:
    assert [name for _, name in levels(floor)] == words


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (0, 3600, "Sep 21* 00:10 00:20* 00:30 00:40* 00:50 01:00*"),
        (-3 * 3600, 3 * 3600, "21:00 22:00* 23:00 Sep 21* 01:00 02:00* 03:00"),
        (60, 86_400, "03:00 06:00* 09:00 12:00* 15:00 18:00* 21:00 Sep 22*"),
        (60, 3 * 86_400, "12:00 Sep 22* 12:00 Sep 23* 12:00 Sep 24*"),
    ],
)
def test_ticks_are_round_times_in_utc(start: int, end: int, words: str) -> None:
    found = ticks(MIDNIGHT + start, MIDNIGHT + end)
    assert " ".join(f"{name}{'*' if stays else ''}" for _, name, stays in found) == words


@given(st.integers(0, 2**31), st.integers(1, 400 * 86_400))
def test_ticks_are_few_and_inside(start: int, length: int) -> None:
    found = [at for at, _, _ in ticks(start, start + length)]
    assert len(found) <= 8
    assert all(start <= at <= start + length for at in found)


@given(st.lists(st.floats(0, 100), max_size=40).map(sorted))
def test_marks_never_stand_upon_each_other(at: list[float]) -> None:
    found = clusters(at)
    assert [n for first, last in found for n in range(first, last + 1)] == list(range(len(at)))
    edges = []
    for first, last in found:
        middle = (at[first] + at[last]) / 200 * DESK_PX
        half = (len(called(first, last)) * LETTER_PX + 6) / 2
        edges.append((middle - half, middle + half))
    assert all(a[1] <= b[0] for a, b in pairwise(edges))


def test_marks_that_stand_close_are_called_by_their_first_and_last() -> None:
    assert [called(*one) for one in clusters([10.0, 50.0, 51.0, 52.0])] == ["1", "2\N{EN DASH}4"]


def test_incidents_at_the_same_time_lie_in_rows_of_their_own() -> None:
    scale = Scale(0.0, 1000.0, 0.9)
    spells = [Spell(a, b, "") for a, b in ((0, 400), (100, None), (450, 500), (600, 700))]
    assert [[one.start for one in row] for row in lanes(spells, scale)] == [[0, 450, 600], [100]]


def test_neighbours_that_were_not_measured_are_one_gap() -> None:
    none = [Bucket(n, n + 1, None, None, 0.0) for n in (0, 1, 4, 9)]
    some = Bucket(2, 3, 1.0, 1.0, 1.0)
    assert unknown([none[0], none[1], some, none[2], none[3]]) == [(0, 2), (4, 5), (9, 10)]
