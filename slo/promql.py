"""Counting queries in PromQL, compiled to the selectors whose increments they sum.

A counting query is a counter selector, `sum(...)` of one, or sums added up with `+`. The selector
may stand inside `increase(...[w])` or `rate(...[w])`: what is counted are its increments either
way, and the window is the one that is being looked at.
"""

from collections.abc import Iterator
from typing import NoReturn

import promql_parser as ast
import re2

from slo import promql_text, windows
from slo.promql_text import QueryError, Tokens
from slo.spec import Events, Matcher, MatchOp, Selector

__all__ = ["QueryError", "compile_events"]

_OPS = (
    (ast.MatchOp.Equal, MatchOp.EQUAL),
    (ast.MatchOp.NotEqual, MatchOp.NOT_EQUAL),
    (ast.MatchOp.Re, MatchOp.MATCH),
    (ast.MatchOp.NotRe, MatchOp.NOT_MATCH),
)
_COUNTING = ("increase", "rate")
_SERVED = 'write a sum of counters, such as sum(http_requests_total{code!~"5.."})'


def compile_events(query: str) -> Events:
    """The selectors that a counting query sums; QueryError says which part can't be served."""
    tokens = Tokens(query)
    root = promql_text.parse(tokens)
    selectors = tuple(_Compiler(tokens).selectors(root))
    return Events(query=query.strip(), selectors=selectors)


class _Compiler:
    """Walks the syntax tree in the order of the text, so that the cursor in `tokens` knows where
    each part stands.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._form: str | None = None

    def selectors(self, node: ast.Expr) -> Iterator[Selector]:
        match node:
            case ast.ParenExpr():
                self._tokens.take("(")
                yield from self.selectors(node.expr)
                self._tokens.take(")")
            case ast.BinaryExpr():
                yield from self._added(node)
            case ast.AggregateExpr():
                yield from self._summed(node)
            case ast.Call():
                yield self._counted(node)
            case ast.VectorSelector():
                self._same_form("a plain counter")
                yield self._selector(node)
            case _:
                self._refuse_leaf(node)

    def _added(self, node: ast.BinaryExpr) -> Iterator[Selector]:
        """`a + b + c` is a chain that grows to the left, too long for recursion."""
        steps = [node]
        while isinstance(steps[-1].lhs, ast.BinaryExpr):
            steps.append(steps[-1].lhs)
        yield from self.selectors(steps[-1].lhs)
        for step in reversed(steps):
            op = str(step.op)
            if op != "+":
                self._refuse(f"`{op}`")
            if _is_series(step.lhs) or _is_series(step.rhs):
                message = "`+` adds series pair by pair here: wrap each side in sum(...)"
                raise QueryError(message, self._tokens.offset)
            self._tokens.take("+")
            if step.modifier is not None:
                self._refuse(f"`{self._tokens.text or 'vector matching'}`")
            yield from self.selectors(step.rhs)

    def _summed(self, node: ast.AggregateExpr) -> Iterator[Selector]:
        name = str(node.op)
        if name != "sum":
            self._refuse(f"`{name}`")
        self._tokens.take("sum")
        if node.modifier is not None and self._tokens.text in ("by", "without"):
            self._refuse_grouping()
        self._tokens.take("(")
        yield from self.selectors(node.expr)
        self._tokens.take(")")
        if node.modifier is not None:
            self._refuse_grouping()

    def _counted(self, node: ast.Call) -> Selector:
        name = node.func.name
        if name not in _COUNTING:
            self._refuse(f"`{name}`")
        place = self._tokens.offset
        self._tokens.take(name)
        self._tokens.take("(")
        inner = node.args[0]
        depth = 0
        while isinstance(inner, ast.ParenExpr):
            self._tokens.take("(")
            inner, depth = inner.expr, depth + 1
        if not isinstance(inner, ast.MatrixSelector):
            self._refuse("a subquery")
        selector = self._selector(inner.vector_selector, ranged=True)
        self._same_form(f"`{name}` over {_length(inner)}", place)
        for _ in range(depth + 1):
            self._tokens.take(")")
        return selector

    def _selector(self, node: ast.VectorSelector, *, ranged: bool = False) -> Selector:
        start = self._tokens.offset
        if node.name is not None:
            self._tokens.take(node.name)
        places = self._tokens.take_matchers()
        if node.matchers.or_matchers:
            raise QueryError(f"`or` between matchers {_not_yet()}", places.either)
        written = node.matchers.matchers
        offsets = places.values if len(places.values) == len(written) else [start] * len(written)
        names = [] if node.name is None else [node.name]
        matchers = set()
        for raw, offset in zip(written, offsets, strict=True):
            matcher = Matcher(raw.name, _op(raw.op), raw.value)
            if matcher.label == "__name__":
                names.append(_exact_name(matcher, offset))
            else:
                matchers.add(_checked(matcher, offset))
        if ranged:
            self._tokens.take_range()
        self._refuse_other_time(node)
        return Selector(_metric(names, start), tuple(sorted(matchers)))

    def _refuse_other_time(self, node: ast.VectorSelector) -> None:
        if node.offset is not None or node.at is not None:
            self._refuse("`offset`" if self._tokens.text == "offset" or node.at is None else "`@`")

    def _same_form(self, form: str, place: int | None = None) -> None:
        """Sums of raw counters, rates and increases over other times don't add up to anything."""
        if self._form not in (None, form):
            where = self._tokens.offset if place is None else place
            raise QueryError(f"this adds {form} to {self._form}: write all parts alike", where)
        self._form = form

    def _refuse_leaf(self, node: ast.Expr) -> NoReturn:
        match node:
            case ast.NumberLiteral():
                self._refuse("a number")
            case ast.StringLiteral():
                self._refuse("a text")
            case ast.MatrixSelector():
                self._refuse("a range outside increase(...) or rate(...)")
            case ast.SubqueryExpr():
                self._refuse("a subquery")
            case _:
                self._refuse("unary minus" if isinstance(node, ast.UnaryExpr) else "this")

    def _refuse_grouping(self) -> NoReturn:
        word = self._tokens.text or "by"
        self._refuse(f"grouping (`{word}`)")

    def _refuse(self, part: str) -> NoReturn:
        raise QueryError(f"{part} {_not_yet()}", self._tokens.offset)


def _not_yet() -> str:
    return f"can't be evaluated by embedded collection yet: {_SERVED}"


def _length(node: ast.MatrixSelector) -> str:
    seconds = node.range.total_seconds()
    return "{{.window}}" if seconds == promql_text.WINDOW_S else windows.show(seconds)


def _is_series(node: ast.Expr) -> bool:
    """Whether a part may have many values, so that `+` would match series by their labels."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return isinstance(node, ast.VectorSelector | ast.Call)


def _op(raw: ast.MatchOp) -> MatchOp:
    return next(op for theirs, op in _OPS if theirs == raw)  # theirs have no hash


def _exact_name(matcher: Matcher, offset: int | None) -> str:
    if matcher.op is not MatchOp.EQUAL:
        message = f"a metric name by pattern (`__name__{matcher.op}`) {_not_yet()}"
        raise QueryError(message, offset)
    return matcher.value


def _metric(names: list[str], offset: int | None) -> str:
    if len(names) != 1:
        reason = "two metric names" if names else "a selector without a metric name"
        raise QueryError(f"{reason} {_not_yet()}", offset)
    if not promql_text.is_metric_name(names[0]):
        raise QueryError(f"the metric name `{names[0]}` {_not_yet()}", offset)
    return names[0]


def _checked(matcher: Matcher, offset: int | None) -> Matcher:
    if not promql_text.is_label_name(matcher.label):
        raise QueryError(f"the label name `{matcher.label}` {_not_yet()}", offset)
    if matcher.op in (MatchOp.MATCH, MatchOp.NOT_MATCH):
        _check_pattern(matcher.value, offset)
    return matcher


def _check_pattern(text: str, offset: int | None) -> None:
    """The parser takes the patterns of another library; those of Prometheus are RE2's."""
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to stderr itself
    try:
        re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        raise QueryError(f"`{text}` is not a pattern that RE2 takes: {reason}", offset) from error
