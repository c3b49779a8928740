"""Counting queries: linear sums of the increments of counters.

`rate` and `increase` are one thing here, and their window is the one that is being looked at: what
is counted are increments either way. `or vector(0)` adds nothing, because a selector that matches
nothing on a page that was read well is zero anyway.
"""

from dataclasses import dataclass, replace
from typing import Final, NoReturn

import promql_parser as ast

from slo import promql_text, windows
from slo.promql_text import QueryError, Tokens
from slo.promql_walk import (
    COMPARISONS,
    COUNTING,
    SERVED,
    Walk,
    bare,
    counting_call,
    is_or_zero,
    is_window,
)
from slo.selector import Selector

_INSTEAD: Final = f'write a sum of counters, such as sum(x_total{{code!~"5.."}}), or {SERVED}'
_MOST_FACTOR: Final = 100
_MOST_TERMS: Final = 1000
_VERBS: Final = {"+": "adds", "-": "subtracts"}


@dataclass(frozen=True, slots=True)
class Sum:
    """The increments that `plus` name, less those that `minus` name.

    Without `without` there is one sum for each set of values of `labels` (one in all when there
    are none); with it, one for each set of values of all other labels. `form` is how the counters
    are written, and `grouped_at` the place of the grouping.
    """

    plus: tuple[Selector, ...]
    minus: tuple[Selector, ...] = ()
    labels: tuple[str, ...] = ()
    without: bool = True
    form: str = ""
    grouped_at: int | None = None


def compile_sum(query: str) -> Sum:
    """The sum that a query is; QueryError."""
    tokens = Tokens(query)
    root = promql_text.parse(tokens)
    walk = _Counting(tokens)
    found = walk.sum_of(root)
    return replace(found, form=walk.form)


def refuse_grouping(found: Sum, word: str, instead: str) -> NoReturn:
    """Refuse the outermost grouping."""
    message = f"grouping (`{word}`) can't be evaluated by embedded collection yet: {instead}"
    raise QueryError(message, found.grouped_at)


class _Counting(Walk):
    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens, _INSTEAD)
        self.form = ""

    def sum_of(self, node: ast.Expr) -> Sum:
        match node:
            case ast.ParenExpr():
                self._tokens.take("(")
                found = self.sum_of(node.expr)
                self._tokens.take(")")
            case ast.BinaryExpr():
                found = self._combined(node)
            case ast.AggregateExpr():
                found = self._summed(node)
            case ast.Call():
                found = Sum((self._counted(node),))
            case ast.VectorSelector():
                self._same_form("a plain counter")
                found = Sum((self._selector(node),))
            case _:
                self._refuse_leaf(node)
        return found

    def _combined(self, node: ast.BinaryExpr) -> Sum:
        """`a + b - c` is a chain that grows to the left, too long for recursion."""
        steps = []
        first: ast.Expr = node
        while isinstance(first, ast.BinaryExpr):
            steps.append(first)
            first = first.lhs
        step = steps[-1]
        if str(step.op) == "*" and _factor(step.lhs) is not None:
            found = self._factor_first(step)
            steps.pop()
        else:
            found = self.sum_of(first)
        plus, minus = list(found.plus), list(found.minus)
        for step in reversed(steps):
            self._check_step(step, len(plus) + len(minus))
            op = str(step.op)
            if op == "or":
                self._take_zero()
            elif op == "*":
                self._tokens.take("*")
                self._tokens.take_number()
                times = _factor(step.rhs) or 1
                plus, minus = plus * times, minus * times
            else:
                self._tokens.take(op)
                self._refuse_matching(step)
                other = self.sum_of(step.rhs)
                gain, loss = (other.plus, other.minus)[:: 1 if op == "+" else -1]
                plus += gain
                minus += loss
                found = Sum((), without=False)
        return replace(found, plus=tuple(plus), minus=tuple(minus))

    def _factor_first(self, step: ast.BinaryExpr) -> Sum:
        """`2 * sum(x)`."""
        times = _factor(step.lhs) or 1
        depth = 0
        node = step.lhs
        while isinstance(node, ast.ParenExpr):
            self._tokens.take("(")
            node, depth = node.expr, depth + 1
        self._tokens.take_number()
        for _ in range(depth):
            self._tokens.take(")")
        self._tokens.take("*")
        found = self.sum_of(step.rhs)
        if times * (len(found.plus) + len(found.minus)) > _MOST_TERMS:
            self._refuse(f"a sum of over {_MOST_TERMS} counters")
        return replace(found, plus=found.plus * times, minus=found.minus * times)

    def _check_step(self, step: ast.BinaryExpr, terms: int) -> None:
        """Refuse an operation that is no sum of increments, at its place."""
        op = str(step.op)
        if op == "or" and is_or_zero(step):
            return
        if op in COMPARISONS and (name := counting_call(step)):
            self._refuse_compared(name)
        if op == "*":
            times = _factor(step.rhs)
            if times is None:
                self._refuse(f"`*` by anything but a whole number from 1 to {_MOST_FACTOR}")
            if times * terms > _MOST_TERMS:
                self._refuse(f"a sum of over {_MOST_TERMS} counters")
            return
        if op not in _VERBS:
            self._refuse(f"`{op}`")
        if _is_series(step.lhs) or _is_series(step.rhs):
            message = f"`{op}` {_VERBS[op]} series pair by pair here: wrap each side in sum(...)"
            raise QueryError(message, self._tokens.offset)

    def _take_zero(self) -> None:
        """Go on over `or on() vector(0)`, which is the end of what stands in these brackets."""
        self._tokens.take("or")
        if self._tokens.text in ("on", "ignoring"):
            self._tokens.take(self._tokens.text)
            self._tokens.take_labels()
        opened = 0
        while self._tokens.text == "(":
            self._tokens.take("(")
            opened += 1
        self._tokens.take("vector")
        self._tokens.take("(")
        while self._tokens.text == "(":
            self._tokens.take("(")
            opened += 1
        self._tokens.take_number()
        for _ in range(opened + 1):
            self._tokens.take(")")

    def _refuse_matching(self, step: ast.BinaryExpr) -> None:
        if step.modifier is not None:
            self._refuse(f"`{self._tokens.text or 'vector matching'}`")

    def _summed(self, node: ast.AggregateExpr) -> Sum:
        if str(node.op) != "sum":
            self._refuse(f"`{node.op}`")
        self._tokens.take("sum")
        place = self._grouping(node) if self._tokens.text in ("by", "without") else None
        self._tokens.take("(")
        inner = self.sum_of(node.expr)
        self._tokens.take(")")
        if node.modifier is None:
            return replace(inner, labels=(), without=False)
        if place is None:
            place = self._grouping(node)
        return self._grouped(node.modifier, inner, place)

    def _grouping(self, node: ast.AggregateExpr) -> int | None:
        """Go on over `by (a, b)`; its place."""
        place = self._tokens.offset
        if node.modifier is not None:
            self._tokens.take(_word(node.modifier))
            self._tokens.take_labels()
        return place

    def _grouped(self, modifier: ast.AggModifier, inner: Sum, place: int | None) -> Sum:
        labels = self._labels(modifier.labels)
        if _word(modifier) == "by":
            for label in labels:
                if (label in inner.labels) is inner.without:
                    message = f"grouping by `{label}`, which is summed away inside: remove it there"
                    raise QueryError(message, place)
            return replace(inner, labels=labels, without=False, grouped_at=place)
        if inner.without:
            left = tuple(dict.fromkeys((*inner.labels, *labels)))
        else:
            left = tuple(label for label in inner.labels if label not in labels)
        return replace(inner, labels=left, grouped_at=place)

    def _counted(self, node: ast.Call) -> Selector:
        name = node.func.name
        if name not in COUNTING:
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

    def _same_form(self, form: str, place: int | None = None) -> None:
        """Sums of raw counters, rates and increases over other times don't add up to anything."""
        if self.form not in ("", form):
            where = self._tokens.offset if place is None else place
            raise QueryError(f"this adds {form} to {self.form}: write all parts alike", where)
        self.form = form

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


def _word(modifier: ast.AggModifier) -> str:
    return "by" if modifier.type == ast.AggModifierType.By else "without"


def _length(node: ast.MatrixSelector) -> str:
    seconds = node.range.total_seconds()
    return "{{.window}}" if is_window(seconds) else windows.show(seconds)


def _factor(node: ast.Expr) -> int | None:
    """A whole number that something can be counted times."""
    node = bare(node)
    if not isinstance(node, ast.NumberLiteral):
        return None
    whole = node.val in range(1, _MOST_FACTOR + 1)
    return int(node.val) if whole else None


def _is_series(node: ast.Expr) -> bool:
    """Whether a part may have many values, so that `+` would match series by their labels."""
    while True:
        node = bare(node)
        if not isinstance(node, ast.BinaryExpr):
            break
        if is_or_zero(node) or (str(node.op) == "*" and _factor(node.rhs) is not None):
            node = node.lhs
        elif str(node.op) == "*" and _factor(node.lhs) is not None:
            node = node.rhs
        else:
            break
    if isinstance(node, ast.AggregateExpr):
        modifier = node.modifier
        return modifier is not None and bool(modifier.labels or _word(modifier) == "without")
    return isinstance(node, ast.VectorSelector | ast.Call)
