"""Ratios in one query or two: what is counted, what is sampled, and what each side becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.load.codes import Code
from slo.promql import QueryError, compile_events, compile_pair, compile_ratio
from slo.promql_text import MAX_LENGTH
from slo.selector import Matcher, MatchOp, Selector
from slo.spec import CountingSli, RatioKind, SampledSli

GOOD, BAD = RatioKind
A, B = Selector("a"), Selector("b")
RATE_A, RATE_B = "sum(rate(a[{{.window}}]))", "sum(rate(b[{{.window}}]))"


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        (f"{RATE_A} / {RATE_B}", BAD),
        (f"({RATE_A}) / ({RATE_B})", BAD),
        (f"(({RATE_A} / {RATE_B}))", BAD),
        (f"{RATE_A} / on() {RATE_B}", BAD),
        (f"{RATE_A} / {RATE_B} or vector(0)", BAD),
        (f"1 - {RATE_A} / {RATE_B}", GOOD),
        (f"1 - ({RATE_A} / {RATE_B})", GOOD),
        (f"(1 - (({RATE_A}) / {RATE_B})) or on() vector(0)", GOOD),
        (f"1 - (1 - {RATE_A} / {RATE_B})", BAD),
    ],
)
def test_a_ratio_of_counters_names_its_part_and_its_total(query: str, kind: RatioKind) -> None:
    sli = compile_ratio(query, BAD, "prom")
    assert isinstance(sli, CountingSli)
    assert (sli.kind, sli.source) == (kind, "prom")
    assert (sli.part.selectors, sli.total.selectors) == ((A,), (B,))
    assert {sli.part.query, sli.total.query} <= {RATE_A, f"({RATE_A})", RATE_B, f"({RATE_B})"}
    other = compile_ratio(query, GOOD)
    assert other.kind is (BAD if kind is GOOD else GOOD)


def test_either_side_of_a_ratio_may_be_a_sum() -> None:
    sli = compile_ratio(
        "(sum(rate(a[5m])) - sum(rate(b[5m]))) / (sum(rate(a[5m])) + sum(rate(b[5m])))", BAD
    )
    assert isinstance(sli, CountingSli)
    assert (sli.part.selectors, sli.part.minus, sli.total.selectors) == ((A,), (B,), (A, B))


def test_plain_selectors_are_current_values_unless_they_are_said_to_be_counters() -> None:
    assert isinstance(compile_pair("sum(a)", "sum(b)", GOOD), SampledSli)
    assert compile_pair("sum(a)", "sum(b)", GOOD, counter=True) == CountingSli(
        GOOD, compile_events("sum(a)"), compile_events("sum(b)")
    )
    assert isinstance(compile_ratio("sum(a) / sum(b)", GOOD), SampledSli)
    assert isinstance(compile_ratio("sum(a) / sum(b)", GOOD, counter=True), CountingSli)


SUMMED = "(sum by()(a{}) or ignoring() 0)"
COUNTED = "count by()(a{})"
BELOW = "(count by()((a{} < ignoring() 0.75)) or ignoring() 0)"


@pytest.mark.parametrize(
    ("query", "kind", "part", "total"),
    [
        (
            "1 - (sum(sum_over_time(a[{{.window}}])) / sum(count_over_time(a[{{.window}}])))",
            GOOD,
            SUMMED,
            COUNTED,
        ),
        (
            "(sum_over_time((count(a < 0.75))[{{.window}}:]) OR on() vector(0)) / "
            "sum_over_time((count(a))[{{.window}}:30s])",
            BAD,
            BELOW,
            COUNTED,
        ),
        ("avg_over_time(a[{{.window}}])", BAD, "avg by()(a{})", None),
        (
            "1 - avg_over_time(a[{{.window}}]) / 100",
            GOOD,
            "avg by()((a{} / ignoring() 100.0))",
            None,
        ),
        ("avg(avg_over_time(a[{{.window}}]))", BAD, "avg by()(a{})", None),
        ("avg_over_time(a[5m])", BAD, "avg by()(avg_over_time(a{}[300.0]))", None),
        (
            "avg(avg_over_time(a[{{.window}}])) / avg(avg_over_time(b[{{.window}}]))",
            BAD,
            "avg by()(a{})",
            "avg by()(b{})",
        ),
        ("1 - sum(a) / count(a)", GOOD, "(sum by()(a{}) / ignoring() count by()(a{}))", None),
        (
            "avg_over_time((sum(a) / sum(b))[{{.window}}:])",
            BAD,
            "(sum by()(a{}) / ignoring() sum by()(b{}))",
            None,
        ),
        (
            "sum_over_time(a[{{.window}}]) / count_over_time(a[{{.window}}])",
            BAD,
            SUMMED,
            "sum by()(present(a{}))",
        ),
        ("a > bool 0.5", BAD, "avg by()((a{} > bool ignoring() 0.5))", None),
    ],
)
def test_sums_over_time_become_what_one_slice_adds_to_them(
    query: str, kind: RatioKind, part: str, total: str | None
) -> None:
    sli = compile_ratio(query, BAD)
    assert isinstance(sli, SampledSli)
    assert sli.kind is kind
    assert sli.part.meaning == part
    assert (sli.total.meaning if sli.total else None) == total


def test_each_side_is_shown_as_it_was_written() -> None:
    part, total = "sum( sum_over_time(a[{{.window}}]))", "sum(count_over_time(a[{{ .window }}]))"
    sli = compile_ratio(f"1 - (\n  {part}\n  / {total}\n)", BAD)
    assert isinstance(sli, SampledSli)
    assert (sli.part.query, sli.total and sli.total.query) == (part, total)


def test_a_pair_of_current_values_adds_the_series_of_each_side() -> None:
    sli = compile_pair("a", 'b{c="d"} or vector(0)', GOOD, "prom")
    assert isinstance(sli, SampledSli)
    assert sli.total is not None
    assert sli.part.meaning == "sum by()(a{})"
    assert sli.total.meaning == 'sum by()((b{c="d"} or ignoring() 0))'
    assert sli.source == "prom"
    assert sli.selectors == (A, Selector("b", (Matcher("c", MatchOp.EQUAL, "d"),)))


REFUSED = [
    # query, the part at which it is refused, its code, the beginning of the message
    (RATE_A, "sum", Code.OUTSIDE, "this counts events, and a ratio divides: write part / total"),
    (f"{RATE_A} / sum(b)", "sum(b)", Code.OUTSIDE, "this is a current value"),
    (f"1 - (sum(a) / {RATE_B})", "sum(a)", Code.OUTSIDE, "this is a current value"),
    (f"{RATE_A} / sum(increase(b[5m]))", "sum(inc", Code.OUTSIDE, "this is `increase`, the part"),
    (f"{RATE_A} / ({RATE_B} > 0)", "> 0", Code.RATE_COMPARED, "`rate` inside a comparison"),
    (f"sum by (x) (rate(a[5m])) / {RATE_B}", "by", Code.OUTSIDE, "grouping (`by`)"),
    (f"({RATE_A} / {RATE_B}) or vector(1)", "/", Code.OUTSIDE, "`/` can't be evaluated"),
    (f"{RATE_A} / ({RATE_B} * 1.5)", "* 1.5", Code.OUTSIDE, "`*` by anything but"),
    ("sum_over_time(a[{{.window}}])", "sum", Code.OUTSIDE, "a sum over {{.window}} is no ratio"),
    ("max_over_time(a[{{.window}}])", "a[", Code.OUTSIDE, "`max_over_time` over {{.window}}"),
    ("1 - min(avg_over_time(a[{{.window}}]))", "min", Code.OUTSIDE, "`min` of a mean over"),
    ("avg_over_time(a[{{.window}}]) > 0.5", ">", Code.OUTSIDE, "`>` with a mean over"),
    (
        "sum_over_time(a[{{.window}}]) / avg_over_time(b[{{.window}}])",
        "avg",
        Code.OUTSIDE,
        "the total is a mean over {{.window}} and the part is a sum over {{.window}}",
    ),
    ("1 + sum_over_time(a[{{.window}}])", "+", Code.OUTSIDE, "`+` with a sum over {{.window}}"),
    ("avg_over_time((sum(a))[1h:])", "(sum", Code.OUTSIDE, "a subquery"),
    ("a / {{.window}}", "{{", Code.OUTSIDE, "`{{.window}}` as a number"),
    ("sum by (x) (a) / sum by (x) (b)", "by", Code.OUTSIDE, "grouping (`by`) gives several"),
    ("a / (", "(", Code.NOT_PROMQL, "not PromQL"),
    (f"1 - ({RATE_A} / sum(rate(b{{x=~`(?=d)`}}[5m])))", "`(?", Code.BAD_PATTERN, "not PromQL"),
]


@pytest.mark.parametrize(("query", "part", "code", "message"), REFUSED)
def test_what_is_no_ratio_is_refused_at_its_place(
    query: str, part: str, code: Code, message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        compile_ratio(query, BAD)
    assert refused.value.message.startswith(message)
    assert refused.value.code is code
    assert refused.value.offset == query.index(part)
    assert not refused.value.in_total


@pytest.mark.parametrize(
    ("part", "total", "in_total", "offset"),
    [
        (RATE_A, "sum(", True, 3),
        ("sum(", RATE_A, False, 3),
        (RATE_A, "  sum(irate(b[5m]))", True, 6),
        (RATE_A, "sum(b)", True, 0),
        ("sum(a)", RATE_B, False, 0),
        ("sum(a)", "topk(1, b)", True, 0),
        ("topk(1, a)", "sum(b)", False, 0),
        ("sum(sum_over_time(a[{{.window}}]))", "count(a)", True, 0),
    ],
)
def test_a_refusal_of_a_pair_says_in_which_query_it_is(
    part: str, total: str, in_total: bool, offset: int
) -> None:
    with pytest.raises(QueryError) as refused:
        compile_pair(part, total, BAD)
    assert (refused.value.in_total, refused.value.offset) == (in_total, offset)


def test_the_spelling_of_a_ratio_does_not_change_its_ledger_rows() -> None:
    total = "sum(count_over_time(a[{{.window}}]))"
    spelt = (
        f"sum(sum_over_time(a[{{{{.window}}}}])) / {total}",
        f"(sum(sum_over_time((a)[{{{{ .window }}}}:])) or vector(0)) / ({total})",
        f"1 - (1 - sum(sum_over_time(a[{{{{.window}}}}])) / on() {total})",
        "sum(sum_over_time(a[{{.window}}])) / sum_over_time((count(a))[{{.window}}:])",
    )
    assert len({compile_ratio(query, BAD).fingerprint(60) for query in spelt}) == 1
    good = compile_ratio(spelt[0], GOOD)
    assert good.fingerprint(60) != compile_ratio(spelt[0], BAD).fingerprint(60)


# fmt: off
PARTS = st.sampled_from([
    "sum", "(", ")", "a", "b", "{", "}", "[{{.window}}]", "[5m]", "[{{.window}}:]", "=", '"b"', ",",
    "+", "-", "*", "/", ">", "or", "on()", "by (x)", "rate", "avg_over_time", "sum_over_time",
    "count_over_time", "1", " ", "vector(0)", "bool", "{{.window}}", "histogram_quantile", "0.9",
])
# fmt: on


@given(st.one_of(st.lists(PARTS, max_size=14).map("".join), st.text(max_size=30)))
def test_any_text_is_a_ratio_or_refused_within_its_bounds(query: str) -> None:
    sli, refused = _tried(query)
    if refused is not None:
        assert refused.offset is None or 0 <= refused.offset <= len(query)
        assert refused.message
    if sli is not None:
        assert sli.part.query in query


def _tried(query: str) -> tuple[CountingSli | SampledSli | None, QueryError | None]:
    try:
        return compile_ratio(query, BAD), None
    except QueryError as refused:
        return None, refused


@pytest.mark.parametrize("query", ["x" * (MAX_LENGTH + 1), "-" * 1100 + "x", "+".join("a" * 1100)])
def test_a_query_that_would_exhaust_python_is_refused(query: str) -> None:
    with pytest.raises(QueryError) as refused:
        compile_ratio(query, BAD)
    assert refused.value.code is Code.TOO_LARGE
