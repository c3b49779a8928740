"""Queries that are nothing but a vector selector."""

import pytest

from slo.load.codes import Code
from slo.promql_selector import compile_selector
from slo.promql_text import QueryError
from slo.selector import Matcher, MatchOp, Selector


@pytest.mark.parametrize(
    ("query", "selector"),
    [
        ("up", Selector("up")),
        (" up # of a target\n", Selector("up")),
        ('{__name__="up"}', Selector("up")),
        ('up{job="a"}', Selector("up", (Matcher("job", MatchOp.EQUAL, "a"),))),
        ('up{job=~"a|b"}', Selector("up", (Matcher("job", MatchOp.MATCH, "a|b"),))),
    ],
)
def test_a_selector_is_taken(query: str, selector: Selector) -> None:
    assert compile_selector(query) == selector


@pytest.mark.parametrize(
    ("query", "offset", "code"),
    [
        ("sum(up)", 0, Code.NOT_ALLOWED),
        ("(up)", 0, Code.NOT_ALLOWED),
        ("rate(up[5m])", 0, Code.NOT_ALLOWED),
        ("-up", 0, Code.NOT_ALLOWED),
        ("up offset 5m", 3, Code.OUTSIDE),
        ('{job="a"}', 0, Code.OUTSIDE),
        ('up{job="a" or job="b"}', 11, Code.OUTSIDE),
        ('up{a=~"("}', 6, Code.BAD_PATTERN),
        ("up{", 2, Code.NOT_PROMQL),
        ("", 0, Code.NOT_PROMQL),
    ],
)
def test_anything_else_is_refused_at_its_place(query: str, offset: int, code: Code) -> None:
    with pytest.raises(QueryError) as refused:
        compile_selector(query)
    assert (refused.value.offset, refused.value.code) == (offset, code)
