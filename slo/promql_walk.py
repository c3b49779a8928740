"""What the compilers of queries share: a walk of the syntax tree in the order of the text, so that
the cursor in its tokens knows where each part stands.
"""

from functools import lru_cache
from typing import Final, NoReturn

import promql_parser as ast
import re2

from slo import promql_text
from slo.load.codes import Code
from slo.promql_text import QueryError, Tokens
from slo.selector import Matcher, MatchOp, Selector

SERVED: Final = "name a DataSource that evaluates it"
COMPARISONS: Final = ("==", "!=", ">", "<", ">=", "<=")
COUNTING: Final = ("rate", "increase")

_OPS = (
    (ast.MatchOp.Equal, MatchOp.EQUAL),
    (ast.MatchOp.NotEqual, MatchOp.NOT_EQUAL),
    (ast.MatchOp.Re, MatchOp.MATCH),
    (ast.MatchOp.NotRe, MatchOp.NOT_MATCH),
)


class Walk:
    """One query. `instead` is what a refusal tells to write."""

    def __init__(self, tokens: Tokens, instead: str) -> None:
        self._tokens = tokens
        self._instead = instead

    def _selector(self, node: ast.VectorSelector, *, ranged: bool = False) -> Selector:
        start = self._tokens.offset
        if node.name is not None:
            self._tokens.take(node.name)
        places = self._tokens.take_matchers()
        if node.matchers.or_matchers:
            self._refuse("`or` between matchers", places.either)
        written = node.matchers.matchers
        offsets = places.values if len(places.values) == len(written) else [start] * len(written)
        names = [] if node.name is None else [node.name]
        matchers = set()
        for raw, offset in zip(written, offsets, strict=True):
            matcher = _matcher(raw.name, _op(raw.op), raw.value)
            if matcher.label == "__name__":
                names.append(self._exact_name(matcher, offset))
            else:
                matchers.add(self._checked(matcher, offset))
        if ranged:
            self._tokens.take_range()
        if node.offset is not None or node.at is not None:
            self._refuse("`offset`" if self._tokens.text == "offset" or node.at is None else "`@`")
        return Selector(self._metric(names, start), tuple(sorted(matchers)))

    def _exact_name(self, matcher: Matcher, offset: int | None) -> str:
        if matcher.op is not MatchOp.EQUAL:
            self._refuse(f"a metric name by pattern (`__name__{matcher.op}`)", offset)
        return matcher.value

    def _metric(self, names: list[str], offset: int | None) -> str:
        if len(names) != 1:
            many = "two metric names" if names else "a selector without a metric name"
            self._refuse(many, offset)
        if not promql_text.is_metric_name(names[0]):
            self._refuse(f"the metric name `{names[0]}`", offset)
        return names[0]

    def _checked(self, matcher: Matcher, offset: int | None) -> Matcher:
        if not promql_text.is_label_name(matcher.label):
            self._refuse(f"the label name `{matcher.label}`", offset)
        if matcher.op in (MatchOp.MATCH, MatchOp.NOT_MATCH):
            _check_pattern(matcher.value, offset)
        return matcher

    def _labels(self, names: list[str]) -> tuple[str, ...]:
        """The labels of a grouping or a matching, whose tokens are taken; each once."""
        for name in names:
            if not promql_text.is_label_name(name) or name == "__name__":
                self._refuse(f"grouping by `{name}`")
        return tuple(dict.fromkeys(names))

    def _refuse(self, part: str, place: int | None = -1, code: Code = Code.OUTSIDE) -> NoReturn:
        """`place` is the cursor's when it isn't given."""
        message = f"{part} can't be evaluated by embedded collection yet: {self._instead}"
        raise QueryError(message, self._tokens.offset if place == -1 else place, code)

    def _refuse_compared(self, name: str) -> NoReturn:
        message = (
            f"`{name}` inside a comparison can't be evaluated by embedded collection: compare in a "
            f"thresholdMetric (`op`, `value`), or {SERVED}"
        )
        raise QueryError(message, self._tokens.offset, Code.RATE_COMPARED)


def bare(node: ast.Expr) -> ast.Expr:
    """The node without the parentheses around it."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


def is_or_zero(node: ast.Expr) -> bool:
    """Whether it is `... or vector(0)`."""
    if not isinstance(node, ast.BinaryExpr) or str(node.op) != "or":
        return False
    call = bare(node.rhs)
    if not isinstance(call, ast.Call) or call.func.name != "vector":
        return False
    value = bare(call.args[0])
    return isinstance(value, ast.NumberLiteral) and value.val == 0


def counting_call(root: ast.Expr) -> str | None:
    """The first `rate` or `increase` anywhere in a tree, by name."""
    stack = [root]
    while stack:
        node = stack.pop()
        match node:
            case ast.ParenExpr() | ast.UnaryExpr() | ast.AggregateExpr() | ast.SubqueryExpr():
                stack.append(node.expr)
            case ast.BinaryExpr():
                stack += (node.rhs, node.lhs)
            case ast.Call():
                if node.func.name in COUNTING:
                    return str(node.func.name)
                stack += node.args
    return None


def is_window(seconds: float) -> bool:
    """Whether a length stands for `{{.window}}`."""
    return seconds == promql_text.WINDOW_S


def _op(raw: ast.MatchOp) -> MatchOp:
    return next(op for theirs, op in _OPS if theirs == raw)  # theirs have no hash


def _check_pattern(text: str, offset: int | None) -> None:
    """The parser takes the patterns of another library; those of Prometheus are RE2's."""
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to stderr itself
    try:
        re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        message = f"`{text}` is not a pattern that RE2 takes: {reason}"
        raise QueryError(message, offset, Code.BAD_PATTERN) from error


@lru_cache(maxsize=4096)
def _matcher(label: str, op: MatchOp, value: str) -> Matcher:
    """One object for what thousands of SLOs ask alike."""
    return Matcher(label, op, value)
