"""Thresholds: what they read, how far back, and what is refused by name."""

import pytest

from slo.load.codes import Code
from slo.promql import QueryError, compile_expression, compile_threshold
from slo.selector import Matcher, MatchOp, Selector
from slo.spec import Op, RatioKind

X, Y = Selector("x"), Selector("y")


@pytest.mark.parametrize(
    ("query", "meaning", "reach_s"),
    [
        ("x", "x{}", 0.0),
        ('x{b!="c",a=~"d"}', 'x{a=~"d",b!="c"}', 0.0),
        ("((x))", "x{}", 0.0),
        ("+x", "x{}", 0.0),
        ("-x", "-(x{})", 0.0),
        ("x / 1e3", "(x{} / ignoring() 1000.0)", 0.0),
        ("x * -.5", "(-0.5 * ignoring() x{})", 0.0),
        ("max(x) - min(y)", "(max by()(x{}) - ignoring() min by()(y{}))", 0.0),
        ("sum(min_over_time(x[2m]))", "sum by()(min_over_time(x{}[120.0]))", 120.0),
        ("avg_over_time(x[1h]) / max_over_time(x[2m])", None, 3600.0),
        ("max(sum by (b, a) (x))", "max by()(sum by(a,b)(x{}))", 0.0),
        ("max(sum(x) without (a))", "max by()(sum without(a)(x{}))", 0.0),
        ("x or on() vector(0)", "(x{} or on() 0)", 0.0),
        ("sum(x) OR on() (vector(0))", "(sum by()(x{}) or ignoring() 0)", 0.0),
        ("x >= bool on(a) y", "(x{} >= bool on(a) y{})", 0.0),
        ("x + ignoring(b, a) y", "(x{} + ignoring(a,b) y{})", 0.0),
        ("avg_over_time(x[{{.window}}])", "avg_over_time(x{}[300.0])", 300.0),
        ("sum(rate(x[10m]))", "sum by()(rate(x{}[600.0]))", 600.0),
        (
            "histogram_quantile(0.99, sum by (le) (rate(x[{{.window}}])))",
            "histogram_quantile(0.99,sum by(le)(rate(x{}[300.0])))",
            300.0,
        ),
        ("histogram_quantile(.5, rate(x[5m]))", "histogram_quantile(0.5,rate(x{}[300.0]))", 300.0),
    ],
)
def test_an_expression_says_what_it_means_and_how_far_it_looks_back(
    query: str, meaning: str | None, reach_s: float
) -> None:
    compiled = compile_expression(f"  {query}\n")
    assert meaning is None or compiled.meaning == meaning
    assert compiled.reach_s == reach_s
    assert compiled.query == query
    assert compiled.selectors[0].metric == "x"


def test_spellings_of_one_expression_mean_the_same_and_are_equal_where_they_are_spelt_alike() -> (
    None
):
    spelt = ("sum by (a) (x) + on(a) y > bool 300", "((sum(x) by (a)) + on (a) (y)) > bool 5m")
    one, other = (compile_expression(f"max({query})") for query in spelt)
    assert one.meaning == other.meaning
    assert one != other
    assert one == compile_expression(f"max({spelt[0]})")
    assert len({one, compile_expression(f"max({spelt[0]})")}) == 1
    assert compile_expression("x + y").meaning == compile_expression("y + x").meaning
    assert compile_expression("x - y").meaning != compile_expression("y - x").meaning


def test_each_selector_is_named_once_in_the_order_of_the_text() -> None:
    eu = Selector("x", (Matcher("region", MatchOp.EQUAL, "eu"),))
    compiled = compile_expression('y + x{region="eu"} + x / y')
    assert compiled.selectors == (Y, eu, X)


def test_a_threshold_is_good_where_its_value_compares_so() -> None:
    sli = compile_threshold("max(x)", Op.LTE, 0.5, "prom")
    assert (sli.kind, sli.op, sli.value, sli.source) == (RatioKind.GOOD, Op.LTE, 0.5, "prom")
    assert sli.part == compile_expression("max(x)")
    assert sli.total is None


REFUSED = [
    # query, the part at which it is refused, the beginning of the message
    ("x > rate(y[5m])", "rate", "`rate` inside a comparison"),
    ("max(increase(x[5m]) > bool 3)", "increase", "`increase` inside a comparison"),
    ("(1 + sum(rate(x[5m]))) < bool sum(y)", "rate", "`rate` inside a comparison"),
    ("histogram_quantile(0.9, sum(rate(x[5m])))", "histogram", "`histogram_quantile` needs"),
    ("histogram_quantile(0.9, sum by (a) (x))", "histogram", "`histogram_quantile` needs"),
    ("histogram_quantile(scalar(x), y)", "scalar", "`scalar`"),
    ("histogram_quantile(0.9 + 0, y)", "histogram", "`histogram_quantile` of anything but"),
    ("histogram_quantile(0.9, sum by (le, a) (x))", "by", "grouping (`by`) gives several values"),
    ("sum by (a) (x)", "by", "grouping (`by`) gives several values where one is judged"),
    ("-(sum(x) without (a)) / 2", "without", "grouping (`without`) gives several values"),
    ("sum by (__name__) (x)", "(x)", "grouping by `__name__`"),
    ("x / on(a) group_left y", "group_left", "`group_left`"),
    ("x / ignoring(a) group_right(b) y", "group_right", "`group_right`"),
    ("x or y", "or", "`or`"),
    ("x and y", "and", "`and`"),
    ("x unless y", "unless", "`unless`"),
    ("x % 2", "%", "`%`"),
    ("x ^ 2", "^", "`^`"),
    ("topk(3, x)", "topk", "`topk`"),
    ("quantile(0.9, x)", "quantile", "`quantile`"),
    ("stddev(x)", "stddev", "`stddev`"),
    ("abs(x)", "abs", "`abs`"),
    ("irate(x[5m])", "irate", "`irate`"),
    ("quantile_over_time(0.5, x[5m])", "quantile", "`quantile_over_time`"),
    ("avg_over_time(x[5m:1m])", "x[", "a subquery"),
    ("avg_over_time(x[{{.window}}:])", "x[", "a subquery"),
    ("x[5m]", "x", "a range outside a function"),
    ("x offset 5m", "offset", "`offset`"),
    ("avg_over_time(x[5m] @ 3)", "@", "`@`"),
    ("vector(0)", "vector", "`vector`"),
    ("time() - x", "time", "`time`"),
    ('"x"', '"x"', "a text"),
    ("x * {{.window}}", "{{", "`{{.window}}` as a number"),
    ('{__name__=~"x.*"}', '"x.*"', "a metric name by pattern"),
]


@pytest.mark.parametrize(("query", "part", "message"), REFUSED)
def test_what_is_outside_the_subset_is_refused_by_name_at_its_place(
    query: str, part: str, message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        compile_expression(query)
    assert refused.value.message.startswith(message)
    assert refused.value.offset == query.index(part)
    compared = "inside a comparison" in message
    assert refused.value.code is (Code.RATE_COMPARED if compared else Code.OUTSIDE)


def test_the_order_of_a_refused_chain_is_not_lost_among_numbers_and_signs() -> None:
    query = "-1e-3 * (x - -2) / on(a) (y or vector(-0)) + 0x1F * NaN - 1h30m + abs(x)"
    with pytest.raises(QueryError) as refused:
        compile_expression(query)
    assert refused.value.offset == query.index("abs")
