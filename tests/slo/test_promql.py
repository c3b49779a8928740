"""Counting queries: which are taken, as which selectors, and where the others are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.load.codes import Code
from slo.promql import QueryError, compile_events, compile_grouped
from slo.promql_text import MAX_LENGTH
from slo.spec import Events, Matcher, MatchOp, Selector

X, Y, Z = Selector("x"), Selector("y"), Selector("z")
NOT_YET = "can't be evaluated by embedded collection yet"


@pytest.mark.parametrize(
    ("query", "selectors"),
    [
        ("x", (X,)),
        ("(x)", (X,)),
        ("x{}", (X,)),
        ("+x", (X,)),
        ("sum(x)", (X,)),
        ("SUM(x)", (X,)),
        ("sum((x))", (X,)),
        ("sum(sum(x))", (X,)),
        ("sum(x) # errors", (X,)),
        ("sum(x) + sum(y)", (X, Y)),
        ("sum(x) + (sum(y) + sum(x))", (X, Y, X)),
        ("sum(sum(x) + sum(y))", (X, Y)),
        ("sum(x) + sum(x)", (X, X)),
        ("increase(x[5m])", (X,)),
        ("sum(increase(x[5m]))", (X,)),
        ("sum(increase((x[5m])))", (X,)),
        ("sum(rate(x[{{.window}}]))", (X,)),
        ("sum(rate(x[{{ .window }}])) + sum(rate(y[{{.window}}]))", (X, Y)),
        ("sum(rate(x[1h])) + sum(rate(y[60m]))", (X, Y)),
        ('{__name__="x"}', (X,)),
        ('sum({"x"})', (X,)),
        ("sum{a='b'}", (Selector("sum", (Matcher("a", MatchOp.EQUAL, "b"),)),)),
        ("job:x:rate", (Selector("job:x:rate"),)),
        ("\n  sum(\n    x\n  )\n", (X,)),
        ("sum(x) by ()", (X,)),
        ("sum(sum by (a, b) (x))", (X,)),
        ("sum by () (sum(x) by (a))", (X,)),
        ("sum(sum without (a) (rate(x[5m])) or vector(0))", (X,)),
        ("sum(x) or vector(0)", (X,)),
        ("sum(x or vector(0))", (X,)),
        ("(sum(x) OR on() (vector((0)))) + sum(y)", (X, Y)),
        ("sum(x) + sum(y) * 2", (X, Y, Y)),
        ("2 * (sum(x) + sum(y)) + sum(z)", (X, Y, X, Y, Z)),
        ("sum(x * 1)", (X,)),
    ],
)
def test_a_counting_query_is_the_selectors_whose_increments_it_sums(
    query: str, selectors: tuple[Selector, ...]
) -> None:
    events = compile_events(query)
    assert events.selectors == selectors
    assert events.query == query.strip()


def test_rate_increase_and_the_bare_counter_count_the_same_events() -> None:
    written = ("sum(x)", "sum(rate(x[{{.window}}]))", "sum(increase(x[5m]))", "x")
    assert len({compile_events(query).selectors for query in written}) == 1


def test_all_four_matchers_are_kept_sorted_by_label_without_repeats() -> None:
    query = r"""sum(x{z!~"d|e",a="1",c=~`\d+`,b!="",a="1",empty=""})"""
    (selector,) = compile_events(query).selectors
    assert selector.matchers == (
        Matcher("a", MatchOp.EQUAL, "1"),
        Matcher("b", MatchOp.NOT_EQUAL, ""),
        Matcher("c", MatchOp.MATCH, r"\d+"),
        Matcher("empty", MatchOp.EQUAL, ""),
        Matcher("z", MatchOp.NOT_MATCH, "d|e"),
    )


def test_escapes_in_a_value_are_resolved() -> None:
    (selector,) = compile_events(r'x{a="q\"\\\n\u00e9"}').selectors
    assert selector.matchers[0].value == 'q"\\\né'


REFUSED = [
    # query, the part at which it is refused, the beginning of the message
    ("sum by (a) (x)", "by", f"grouping (`by`) {NOT_YET}"),
    ("sum(x) without (a)", "without", f"grouping (`without`) {NOT_YET}"),
    ("sum by (a) (sum by (a, b) (x))", "by", f"grouping (`by`) {NOT_YET}"),
    ("sum(sum by (a) (sum by (b) (x)))", "by", "grouping by `a`, which is summed away inside"),
    ("sum by (a) (sum without (a) (x))", "by", "grouping by `a`, which is summed away inside"),
    ("sum(sum by (a) (x) + sum by (a) (y))", "+", "`+` adds series pair by pair here"),
    ("sum(x) / sum(y)", "/", f"`/` {NOT_YET}"),
    ("x - y", "-", "`-` subtracts series pair by pair here: wrap each side in sum(...)"),
    ("sum(x) * 1.5", "*", f"`*` by anything but a whole number from 1 to 100 {NOT_YET}"),
    ("sum(x) * 0", "*", "`*` by anything but a whole number from 1 to 100"),
    ("sum(x) * -1", "*", "`*` by anything but a whole number from 1 to 100"),
    ("sum(x) * sum(y)", "*", "`*` by anything but a whole number from 1 to 100"),
    ("sum(x) * {{.window}}", "*", "`*` by anything but a whole number from 1 to 100"),
    ("sum(x) * 100 * 99", "* 99", f"a sum of over 1000 counters {NOT_YET}"),
    ("100 * (100 * sum(x))", None, f"a sum of over 1000 counters {NOT_YET}"),
    ("sum(x > 0)", ">", f"`>` {NOT_YET}"),
    ("sum(x) or vector(1)", "or", f"`or` {NOT_YET}"),
    ("vector(0) or sum(x)", "vector", f"`vector` {NOT_YET}"),
    ("sum(x or y)", "or", f"`or` {NOT_YET}"),
    ("sum(rate(x[5m]) > 0)", ">", "`rate` inside a comparison can't be evaluated"),
    ("sum(x) + on(a) sum(y)", "on", f"`on` {NOT_YET}"),
    ("sum(x) + 1", "1", f"a number {NOT_YET}"),
    ("1 - sum(x)", "1", f"a number {NOT_YET}"),
    ('"x"', '"x"', f"a text {NOT_YET}"),
    ("sum(-x)", "-", f"unary minus {NOT_YET}"),
    ("max(x)", "max", f"`max` {NOT_YET}"),
    ("topk(5, x)", "topk", f"`topk` {NOT_YET}"),
    ("sum(irate(x[5m]))", "irate", f"`irate` {NOT_YET}"),
    ("sum(max_over_time(x[5m]))", "max_over", f"`max_over_time` {NOT_YET}"),
    ("histogram_quantile(0.9, x)", "histogram", f"`histogram_quantile` {NOT_YET}"),
    ("x offset 5m", "offset", f"`offset` {NOT_YET}"),
    ("sum(rate(x[5m] offset 1h))", "offset", f"`offset` {NOT_YET}"),
    ("sum(x @ 100)", "@", f"`@` {NOT_YET}"),
    ("sum(x[5m])", None, "not PromQL: expected type"),
    ("x[5m]", "x", f"a range outside increase(...) or rate(...) {NOT_YET}"),
    ("sum(rate(sum(x)[5m:1m]))", "sum(x)[", f"a subquery {NOT_YET}"),
    ("x[5m:1m]", "x", f"a subquery {NOT_YET}"),
    ("x + y", "+", "`+` adds series pair by pair here: wrap each side in sum(...)"),
    ("sum(x + y)", "+", "`+` adds series pair by pair here"),
    ("sum(x) + rate(y[5m])", "+", "`+` adds series pair by pair here"),
    ("sum(x) + sum(rate(y[5m]))", "rate", "this adds `rate` over 5m to a plain counter"),
    (
        "sum(rate(x[5m])) + sum(rate(y[{{.window}}]))",
        "rate(y",
        "this adds `rate` over {{.window}} to `rate` over 5m: write all parts alike",
    ),
    ('{__name__=~"x.*"}', '"x.*"', "a metric name by pattern (`__name__=~`)"),
    ('{__name__="x",__name__="y"}', "{", "two metric names"),
    ('{a="b"}', "{", "a selector without a metric name"),
    ('{"my.metric"}', "{", "the metric name `my.metric`"),
    ('x{"my.label"="1"}', '"1"', "the label name `my.label`"),
    ('x{a="b" or c="d"}', "or", "`or` between matchers"),
    ('x{a=~"a{2000}"}', '"a{2000}"', "`a{2000}` is not a pattern that RE2 takes"),
    ('sum(x{a="b",c!~"(?=d)"})', '"(?=d)"', "not PromQL: illegal regex for (?=d)"),
    ('x{b="~",a=~"("}', '"("', "not PromQL: illegal regex for ("),
    ("sum(x{{.window}})", "{{", "not PromQL: invalid promql query"),
    ("sum(rate(x[{{.w}}]))", "{{.w", "`{{.w}}` is unknown: write {{.window}}"),
    # What is no PromQL at all, found by what could still have become a query.
    ("", "", "not PromQL: no expression"),
    ("sum(", "(", "not PromQL: unclosed left parenthesis"),
    ("sum(sum(x)", "(", "not PromQL: unclosed left parenthesis"),
    ("sum(x])", "]", "not PromQL: unexpected right bracket"),
    ("x{a=b}", "b}", "not PromQL: unexpected identifier 'b'"),
    ('x{a="b}', '"b}', "not PromQL: unterminated quoted string"),
    ('x{a="b"} bar', "bar", "not PromQL: invalid promql query"),
    ('sum(x{a="b" c="d"})', 'c="d"', "not PromQL: invalid promql query"),
    ("sum(x y)", "y", "not PromQL: invalid promql query"),
    ("sum(x) + * sum(y)", "*", "not PromQL: invalid promql query"),
    ("sum by (a b) (x)", "b) ", "not PromQL: invalid promql query"),
    ("sum(foo(x))", "foo", "not PromQL: unknown function with name 'foo'"),
    ("sum(rate(x))", "rate", "not PromQL: expected type matrix in call to function 'rate'"),
    ("rate(x) + rate(y)", None, "not PromQL: expected type matrix in call to function 'rate'"),
    ("(" * 51 + "x" + ")" * 51, None, "nested over 50 brackets deep"),
]


@pytest.mark.parametrize(("query", "part", "message"), REFUSED)
def test_what_is_not_served_is_refused_at_its_place(
    query: str, part: str | None, message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        compile_events(query)
    assert refused.value.message.startswith(message)
    if part is not None:
        assert refused.value.offset == query.index(part)
    if NOT_YET in message:
        assert refused.value.message.endswith("a DataSource that evaluates it")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sum(x) / sum(y)", Code.OUTSIDE),
        ("x + y", Code.OUTSIDE),
        ("sum(rate(x[5m])) + sum(y)", Code.OUTSIDE),
        ("sum(increase(x[5m]) > 0)", Code.RATE_COMPARED),
        ("sum(", Code.NOT_PROMQL),
        ("sum(rate(x[{{.w}}]))", Code.NOT_PROMQL),
        ('x{a=~"a{2000}"}', Code.BAD_PATTERN),
        ('x{a=~"("}', Code.BAD_PATTERN),
        ("(" * 51 + "x" + ")" * 51, Code.TOO_LARGE),
        ("x" * (MAX_LENGTH + 1), Code.TOO_LARGE),
    ],
)
def test_a_refusal_says_what_kind_of_problem_it_is(query: str, code: Code) -> None:
    with pytest.raises(QueryError) as refused:
        compile_events(query)
    assert refused.value.code is code


def test_a_refusal_after_numbers_and_groupings_keeps_its_place() -> None:
    query = "2 * sum by (a) (x) * 1e0 or on() vector(0) or y"
    with pytest.raises(QueryError) as refused:
        compile_events(query)
    assert refused.value.offset == query.index("or y")


@pytest.mark.parametrize(
    ("query", "plus", "minus"),
    [
        ("sum(x) - sum(y)", (X,), (Y,)),
        ("sum(x) - (sum(y) - sum(z))", (X, Z), (Y,)),
        ("sum(x) - sum(y) - sum(z)", (X,), (Y, Z)),
        ("sum(sum(x) - sum(y))", (X,), (Y,)),
        ("2 * (sum(x) - sum(y))", (X, X), (Y, Y)),
        ("sum(x) - 2 * sum(y) or vector(0)", (X,), (Y, Y)),
        ("sum(rate(x[5m])) - sum(rate(y[5m]))", (X,), (Y,)),
    ],
)
def test_what_is_subtracted_is_counted_off(
    query: str, plus: tuple[Selector, ...], minus: tuple[Selector, ...]
) -> None:
    assert compile_events(query) == Events(query, plus, minus)


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("sum(x)", ()),
        ("x", ()),
        ("sum by (b, a, b) (x)", ("b", "a")),
        ("(sum(rate(x[5m])) by (a)) or vector(0)", ("a",)),
        ("sum by (a) (sum by (a, b) (x))", ("a",)),
        ("sum by (a) (sum without (b) (x))", ("a",)),
        ("sum without (b) (sum by (a, b) (x))", ("a",)),
        ("sum by (a) (x) * 2", ("a",)),
    ],
)
def test_the_outermost_grouping_gives_the_labels_of_the_groups(
    query: str, labels: tuple[str, ...]
) -> None:
    events, by = compile_grouped(query)
    assert by == labels
    assert set(events.selectors) == {X}


def test_grouping_without_is_refused_with_the_other_way_to_say_it() -> None:
    with pytest.raises(QueryError) as refused:
        compile_grouped("sum without (a) (x)")
    assert refused.value.message.startswith("grouping (`without`)")
    assert refused.value.message.endswith("name the labels that are left, as in sum by (...)")
    assert refused.value.offset == 4


def test_a_place_that_two_calls_could_have_is_left_open() -> None:
    with pytest.raises(QueryError) as refused:
        compile_events("rate(x) + rate(y)")
    assert refused.value.offset is None


@pytest.mark.parametrize("query", ["x" * (MAX_LENGTH + 1), "-" * MAX_LENGTH, "x^" * 1999 + "x"])
def test_a_query_that_would_exhaust_the_parser_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        compile_events(query)


def test_hundreds_of_sums_compile() -> None:
    assert compile_events("+".join(["sum(x)"] * 500)).selectors == (X,) * 500
    assert compile_events("-".join(["sum(x)"] * 500)).minus == (X,) * 499


# fmt: off
PARTS = st.sampled_from([
    "sum", "(", ")", "x", "y", "{", "}", "[", "]", "a", "=", "=~", "!~", '"b"', "'('", "`\\d`",
    ",", "+", "-", "*", ">", "or", "on", "by", "offset", "@", "5m", "5m:1m", "rate", "increase",
    "{{.window}}", "{{", "1", '"', " ", "# ", "\\", "é", "\x00", "bool", '{"x"}', "__name__",
])
# fmt: on


@given(st.one_of(st.lists(PARTS, max_size=14).map("".join), st.text(max_size=40)))
def test_any_text_is_compiled_or_refused_within_its_bounds(query: str) -> None:
    events, refused = _tried(query)
    if refused is not None:
        assert refused.offset is None or 0 <= refused.offset <= len(query)
        assert refused.message
    for selector in events.selectors if events else ():
        assert compile_events(str(selector)).selectors == (selector,)


def _tried(query: str) -> tuple[Events | None, QueryError | None]:
    try:
        return compile_events(query), None
    except QueryError as refused:
        return None, refused
