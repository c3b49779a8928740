"""The values of expressions, worked out by hand: series, staleness, pairs, numbers."""

import math

import pytest

from slo.expression import Series, Unanswerable, evaluate, values
from slo.promql import compile_expression
from slo.selector import Selector

AT = 1000.0


def now(value: float, **labels: str) -> Series:
    return Series(labels, (AT,), (value,))


G = {
    Selector("g"): [now(0.5, zone="a"), now(0.9, zone="b"), now(0.7, zone="c")],
    Selector("h"): [now(2.0, zone="a"), now(4.0, zone="b"), now(8.0, zone="d")],
    Selector("one"): [now(3.0)],
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("g", [0.5, 0.9, 0.7]),
        ("sum(h)", [14.0]),
        ("avg(h) - 1", [14 / 3 - 1]),
        ("count(g < 0.75)", [2.0]),
        ("count(g < 0.1)", []),
        ("count(g < 0.1) or vector(0)", [0.0]),
        ("g > 0.6", [0.9, 0.7]),
        ("0.6 > g", [0.5]),
        ("g > bool 0.6", [0.0, 1.0, 1.0]),
        ("h / g", [4.0, 4.0 / 0.9]),
        ("h > g", [2.0, 4.0]),
        ("sum(h) / on() one", [14 / 3]),
        ("one or vector(0)", [3.0]),
        ("h or vector(0)", [2.0, 4.0, 8.0, 0.0]),
        ("h or on() vector(0)", [2.0, 4.0, 8.0]),
        ("absent_here", []),
        ("1 / 0", [math.inf]),
        ("one / -0", [-math.inf]),
        ("max(h) - min(g)", [7.5]),
    ],
)
def test_an_expression_has_the_values_worked_out_by_hand(query: str, found: list[float]) -> None:
    assert values(compile_expression(query), G, AT) == pytest.approx(found)


def test_no_share_of_nothing_is_nan_and_no_value_is_none() -> None:
    assert math.isnan(evaluate(compile_expression("sum(h) * 0 / 0"), G, AT) or 0.0)
    assert evaluate(compile_expression("absent_here"), G, AT) is None
    assert evaluate(compile_expression("sum(absent_here)"), {}, AT) is None
    assert evaluate(compile_expression("count(h)"), G, AT) == 3.0


def test_several_values_where_one_is_needed_are_unanswerable() -> None:
    with pytest.raises(Unanswerable, match="3 series where one value is needed"):
        evaluate(compile_expression("g"), G, AT)


@pytest.mark.parametrize(
    ("query", "side"),
    [("g * on() h", "right"), ("g * on() one", "left"), ("one + on() g", "right")],
)
def test_series_that_pair_ambiguously_are_unanswerable(query: str, side: str) -> None:
    with pytest.raises(Unanswerable, match=f"several series on the {side}"):
        values(compile_expression(query), G, AT)


@pytest.mark.parametrize(
    ("age_s", "gone", "found"),
    [(0.0, False, [1.0]), (299.0, False, [1.0]), (300.0, False, []), (15.0, True, [])],
)
def test_a_value_is_current_while_the_page_shows_it_and_for_five_minutes(
    age_s: float, gone: bool, found: list[float]
) -> None:
    series = {Selector("g"): [Series({}, (AT - age_s - 15, AT - age_s), (5.0, 1.0), gone)]}
    assert values(compile_expression("g"), series, AT) == found
    assert values(compile_expression("count_over_time(g[10m])"), series, AT) == [2.0]


def test_samples_later_than_the_time_asked_for_are_not_looked_at() -> None:
    series = {Selector("g"): [Series({}, (AT, AT + 15), (1.0, 2.0))]}
    assert values(compile_expression("g"), series, AT) == [1.0]
    assert values(compile_expression("max_over_time(g[1m])"), series, AT) == [1.0]


def test_an_empty_label_is_an_absent_one() -> None:
    series = {Selector("g"): [now(1.0, a="")], Selector("h"): [now(2.0)]}
    assert values(compile_expression("g + h"), series, AT) == [3.0]


def test_a_range_holds_what_came_after_its_beginning() -> None:
    shown = Series({}, (880.0, 940.0, 1000.0), (1.0, 2.0, 6.0))
    series = {Selector("g"): [shown]}
    found = {
        name: evaluate(compile_expression(f"{name}_over_time(g[2m])"), series, AT)
        for name in ("sum", "avg", "min", "max", "count")
    }
    assert found == {"sum": 8.0, "avg": 4.0, "min": 2.0, "max": 6.0, "count": 2.0}


def test_a_rate_counts_over_resets_and_is_stretched_to_the_ends_of_its_range() -> None:
    # 100 -> 130, a reset, 20 -> 50: 30 + 20 + 30 in 180 s; 20 s to either end are under 1.1
    # intervals, so 80 * 220 / 180 in 220 s.
    shown = Series({}, (800.0, 860.0, 920.0, 980.0), (100.0, 130.0, 20.0, 50.0))
    series = {Selector("c"): [shown]}
    assert evaluate(compile_expression("increase(c[220s])"), series, AT) == pytest.approx(
        80 * 220 / 180
    )
    assert evaluate(compile_expression("rate(c[220s])"), series, AT) == pytest.approx(80 / 180)
    assert evaluate(compile_expression("rate(c[30s])"), series, AT) is None


def test_a_quantile_lies_evenly_within_its_bucket_whatever_the_spelling_of_the_edges() -> None:
    buckets = {"0.1": 10.0, "0.5": 20.0, "1.0": 30.0, "1": 10.0, "+Inf": 50.0, "x": 99.0}
    series = {Selector("b"): [now(count, le=edge) for edge, count in buckets.items()]}
    # 1.0 and 1 are one edge: 10 up to 0.1, 20 to 0.5, 40 to 1, 50 in all.
    for q, found in ((0.1, 0.05), (0.3, 0.3), (0.6, 0.75), (0.9, 1.0), (1.0, 1.0)):
        query = f"histogram_quantile({q}, sum by (le) (b))"
        assert evaluate(compile_expression(query), series, AT) == pytest.approx(found)


def test_a_histogram_without_events_has_no_quantile() -> None:
    series = {Selector("b"): [now(0.0, le="1"), now(0.0, le="+Inf")]}
    found = evaluate(compile_expression("histogram_quantile(0.9, b)"), series, AT)
    assert found is not None
    assert math.isnan(found)
