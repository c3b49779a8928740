"""Queries in files: what is wrong with one is said where it stands."""

from collections.abc import Callable

import pytest

from slo.load import queries
from slo.load.codes import Code
from slo.load.yaml import Node, Problem, Problems, documents
from slo.spec import CountingSli, RatioKind, SampledSli

GOOD = "sum(rate(hits_total[{{.window}}]))"


@pytest.mark.parametrize(("counter", "form"), [(True, CountingSli), (False, SampledSli)])
def test_plain_selectors_are_what_the_format_says(counter: bool, form: type) -> None:
    problems = Problems()
    nodes = _nodes('["bad_total", "all_total"]')
    sli = queries.pair(nodes[0], nodes[1], RatioKind.BAD, problems, counter=counter)
    assert isinstance(sli, form)
    assert problems.items == []


@pytest.mark.parametrize(
    ("part", "total", "col"),
    [("sum(deriv(a[5m]))", GOOD, 6 + 4), (GOOD, "sum(deriv(a[5m]))", 6 + len(GOOD) + 4 + 4)],
)
def test_the_query_that_is_wrong_is_the_one_that_is_named(part: str, total: str, col: int) -> None:
    nodes = _nodes(f"['{part}', '{total}']")
    problems = _refused(lambda found: queries.pair(nodes[0], nodes[1], RatioKind.BAD, found))
    assert [(str(p.mark), p.code) for p in problems] == [(f"q.yaml:1:{col}", Code.OUTSIDE)]


def test_what_is_written_around_a_query_does_not_move_its_place() -> None:
    (node,) = _nodes('["up offset 5m"]')
    problems = _refused(lambda found: queries.applied("count", node, found))
    assert [str(p.mark) for p in problems] == [f"q.yaml:1:{6 + 3}"]
    problems = _refused(lambda found: queries.events(node, found))
    assert [str(p.mark) for p in problems] == [f"q.yaml:1:{6 + 3}"]


def test_a_ratio_is_one_query() -> None:
    found = Problems()
    (node,) = _nodes(f'["{GOOD} / {GOOD}"]')
    assert isinstance(queries.ratio(node, RatioKind.BAD, found), CountingSli)
    (node,) = _nodes(f'["{GOOD}"]')
    (problem,) = _refused(lambda found: queries.ratio(node, RatioKind.BAD, found))
    assert problem.message.startswith("query: ")


def _nodes(text: str) -> list[Node]:
    """The items of the list `q`, which begins in column 4."""
    (node,) = documents(f"q: {text}\n", "q.yaml", Problems())
    ((_, items),) = node.raw.value
    return [node.child(raw) for raw in items.value]


def _refused(read: Callable[[Problems], object]) -> list[Problem]:
    problems = Problems()
    assert read(problems) is None
    return problems.errors
