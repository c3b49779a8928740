"""Sampled queries: expressions over current values, of which one sample a slice is judged.

A ratio is asked over `{{.window}}`, any window. `sum_over_time(x[{{.window}}])` is then the sum of
one sample of `x` for each slice, which is what the ledger adds up, so it compiles to `x` itself;
in the same way a count over the window compiles to 1 for each series that is there, and a mean to
the value. Only what is linear in time can be taken apart like that.

In a threshold metric, which judges single samples, `{{.window}}` is five minutes: no SLO is judged
over a shorter window.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn

import promql_parser as ast

from slo import promql_text
from slo.expression import Expression
from slo.expression_nodes import (
    Aggregate,
    Binary,
    Current,
    Matching,
    Negative,
    Node,
    Number,
    OrZero,
    Over,
    OverTime,
    Present,
    Quantile,
    Ranged,
    Sign,
    is_number,
    leaves,
)
from slo.load.codes import Code
from slo.promql_text import QueryError, Tokens
from slo.promql_walk import COUNTING, SERVED, Walk, is_or_zero, is_window
from slo.selector import Selector

SAMPLE_WINDOW_S: Final = 300.0
_MAX_NESTED: Final = 100
_WINDOW: Final = "{{.window}}"


class Weight(StrEnum):
    """What a query gives for a window, told from its values at single times."""

    NOW = "current values"
    SUM = "a sum over {{.window}}"
    MEAN = "a mean over {{.window}}"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A compiled query: `root` for one time, which `weight` makes the answer for a window."""

    root: Node
    weight: Weight


def compile_sampled(query: str, *, windowed: bool) -> Sampled:
    """`windowed` queries are taken apart into sums over {{.window}}. QueryError."""
    tokens = Tokens(query)
    parsed = promql_text.parse(tokens)
    walk = _Sampling(tokens, windowed=windowed)
    found = walk.sampled(parsed)
    _refuse_groups(found.root, walk.grouped_at)
    return found


def expression(query: str, root: Node) -> Expression:
    """An expression with what is to be known of it."""
    selectors: dict[Selector, None] = {}
    reach_s = 0.0
    for leaf in leaves(root):
        if not isinstance(leaf, Number):
            selectors[leaf.selector] = None
        if isinstance(leaf, Ranged):
            reach_s = max(reach_s, leaf.range_s)
    return Expression(query.strip(), str(root), tuple(selectors), root, reach_s)


def single(root: Node, over: Over) -> Node:
    """The node itself when it gives one value at most, else all its values made one."""
    return root if _groups(root) == () else Aggregate(over, root)


class _Sampling(Walk):
    def __init__(self, tokens: Tokens, *, windowed: bool) -> None:
        super().__init__(tokens, SERVED)
        self._windowed = windowed
        self._nested = 0
        self._compared = 0
        self.grouped_at: int | None = None  # of the first grouping

    def sampled(self, node: ast.Expr) -> Sampled:
        self._nested += 1
        if self._nested > _MAX_NESTED:
            message = f"over {_MAX_NESTED} operations deep"
            raise QueryError(message, self._tokens.offset, Code.TOO_LARGE)
        found = self._of(node)
        self._nested -= 1
        return found

    def _of(self, node: ast.Expr) -> Sampled:
        match node:
            case ast.ParenExpr():
                found = self._bracketed(node.expr)
            case ast.BinaryExpr():
                found = self._or_zero(node) if is_or_zero(node) else self._binary(node)
            case ast.AggregateExpr():
                found = self._aggregate(node)
            case ast.Call():
                found = self._call(node)
            case ast.UnaryExpr():
                self._tokens.take("-")
                child = self.sampled(node.expr)
                found = Sampled(Negative(child.root), child.weight)
            case ast.VectorSelector():
                found = Sampled(Current(self._selector(node)), Weight.NOW)
            case ast.NumberLiteral():
                found = Sampled(Number(self._number(node)), Weight.NOW)
            case _:
                self._refuse_leaf(node)
        return found

    def _bracketed(self, node: ast.Expr) -> Sampled:
        self._tokens.take("(")
        found = self.sampled(node)
        self._tokens.take(")")
        return found

    def _number(self, node: ast.NumberLiteral) -> float:
        if self._tokens.on_template or is_window(abs(node.val)):
            self._refuse(f"`{_WINDOW}` as a number")
        self._tokens.take_number()
        return float(node.val)

    # -- two sides ----------------------------------------------------------------------------

    def _binary(self, node: ast.BinaryExpr) -> Sampled:
        op = str(node.op)
        sign = Sign(op) if op in list(Sign) else None
        compares = sign is not None and sign.compares
        self._compared += compares
        left = self.sampled(node.lhs)
        place = self._tokens.offset
        if sign is None:
            self._refuse(f"`{op}`")
        self._tokens.take(op)
        as_bool = node.modifier is not None and node.modifier.return_bool
        if as_bool:
            self._tokens.take("bool")
        matching = self._matching(node)
        right = self.sampled(node.rhs)
        self._compared -= compares
        weight = self._weight_of(sign, left, right, place)
        return Sampled(Binary(sign, left.root, right.root, as_bool, matching), weight)

    def _matching(self, node: ast.BinaryExpr) -> Matching:
        modifier = node.modifier
        if modifier is None:
            return Matching()
        matching = Matching()
        if modifier.matching is not None:
            on = modifier.matching.type == ast.LabelModifierType.Include
            self._tokens.take("on" if on else "ignoring")
            matching = Matching(on, self._labels(modifier.matching.labels))
            self._tokens.take_labels()
        if modifier.card in (
            ast.VectorMatchCardinality.ManyToOne,
            ast.VectorMatchCardinality.OneToMany,
        ):
            self._refuse(f"`{self._tokens.text or 'group_left'}`")
        fills = modifier.fill_values
        if fills is not None and (fills.lhs is not None or fills.rhs is not None):
            self._refuse(f"`{self._tokens.text or 'fill'}`")
        return matching

    def _weight_of(self, sign: Sign, left: Sampled, right: Sampled, place: int | None) -> Weight:
        """What two sides are together; refused where that isn't linear in time."""
        weights = {left.weight, right.weight}
        if weights == {Weight.NOW}:
            return Weight.NOW
        held = left.weight if left.weight is not Weight.NOW else right.weight
        by_number = is_number(right.root) or (is_number(left.root) and sign is not Sign.DIV)
        if sign in (Sign.ADD, Sign.SUB):
            linear = len(weights) == 1 or (held is Weight.MEAN and by_number)
        else:
            linear = sign in (Sign.MUL, Sign.DIV) and by_number
        if not linear:
            self._refuse(f"`{sign}` with {held}", place)
        return held

    def _or_zero(self, node: ast.BinaryExpr) -> Sampled:
        left = self.sampled(node.lhs)
        self._tokens.take("or")
        matching = self._matching(node)
        self._skip_vector(node.rhs)
        if _groups(left.root) == ():
            matching = Matching()  # one value without labels: there is nothing to match by
        return Sampled(OrZero(left.root, matching), left.weight)

    def _skip_vector(self, node: ast.Expr) -> None:
        """Go on over `vector(0)`."""
        match node:
            case ast.Call():
                self._tokens.take("vector")
                inner = node.args[0]
            case ast.ParenExpr():
                inner = node.expr
            case _:
                self._tokens.take_number()
                return
        self._tokens.take("(")
        self._skip_vector(inner)
        self._tokens.take(")")

    # -- aggregation --------------------------------------------------------------------------

    def _aggregate(self, node: ast.AggregateExpr) -> Sampled:
        name = str(node.op)
        if name not in list(Over):
            self._refuse(f"`{name}`")
        place = self._tokens.offset
        self._tokens.take(name)
        before = self._tokens.text in ("by", "without")
        labels, without = self._grouping(node.modifier) if before else ((), False)
        child = self._bracketed(node.expr)
        if not before:
            labels, without = self._grouping(node.modifier)
        op = Over(name)
        if child.weight is not Weight.NOW and op not in (Over.SUM, Over.AVG):
            self._refuse(f"`{name}` of {child.weight}", place)
        root = child.root
        if isinstance(root, Present) and op is Over.SUM:
            op, root = Over.COUNT, root.child
        return Sampled(Aggregate(op, root, labels, without), child.weight)

    def _grouping(self, modifier: ast.AggModifier | None) -> tuple[tuple[str, ...], bool]:
        if modifier is None:
            return (), False
        if self.grouped_at is None:
            self.grouped_at = self._tokens.offset
        without = modifier.type != ast.AggModifierType.By
        self._tokens.take("without" if without else "by")
        self._tokens.take_labels()
        return self._labels(modifier.labels), without

    # -- functions ----------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Sampled:
        name = node.func.name
        if name == "histogram_quantile":
            return self._quantile(node)
        if name not in list(OverTime):
            self._refuse(f"`{name}`")
        if name in COUNTING and self._compared:
            self._refuse_compared(name)
        self._tokens.take(name)
        self._tokens.take("(")
        place = self._tokens.offset
        found = self._over_time(OverTime(name), node.args[0], place)
        self._tokens.take(")")
        return found

    def _over_time(self, function: OverTime, node: ast.Expr, place: int | None) -> Sampled:
        match node:
            case ast.ParenExpr():
                self._tokens.take("(")
                found = self._over_time(function, node.expr, place)
                self._tokens.take(")")
                return found
            case ast.SubqueryExpr():
                return self._subquery(function, node)
        assert isinstance(node, ast.MatrixSelector), "the parser has checked the types"
        selector = self._selector(node.vector_selector, ranged=True)
        range_s = node.range.total_seconds()
        if not is_window(range_s):
            return Sampled(Ranged(function, selector, range_s), Weight.NOW)
        if not self._windowed:
            return Sampled(Ranged(function, selector, SAMPLE_WINDOW_S), Weight.NOW)
        return self._each_slice(function, Current(selector), place)

    def _subquery(self, function: OverTime, node: ast.SubqueryExpr) -> Sampled:
        place = self._tokens.offset
        if not self._windowed or node.range is None or not is_window(node.range.total_seconds()):
            self._refuse("a subquery")
        child = self.sampled(node.expr)
        if child.weight is not Weight.NOW:
            self._refuse(f"a subquery of {child.weight}", place)
        self._tokens.take_range()
        if node.offset is not None or node.at is not None:
            self._refuse("`offset`" if node.at is None else "`@`")
        return self._each_slice(function, child.root, place)

    def _each_slice(self, function: OverTime, root: Node, place: int | None) -> Sampled:
        """What is added up for each slice of the window."""
        match function:
            case OverTime.SUM:
                found = Sampled(root, Weight.SUM)
            case OverTime.COUNT:
                found = Sampled(Present(root), Weight.SUM)
            case OverTime.AVG:
                found = Sampled(root, Weight.MEAN)
            case _:
                self._refuse(f"`{function}` over {_WINDOW}", place)
        return found

    def _quantile(self, node: ast.Call) -> Sampled:
        place = self._tokens.offset
        self._tokens.take("histogram_quantile")
        self._tokens.take("(")
        q = self.sampled(node.args[0]).root
        if not isinstance(q, Number):
            self._refuse("`histogram_quantile` of anything but a plain number", place)
        self._tokens.take(",")
        child = self.sampled(node.args[1])
        self._tokens.take(")")
        groups = _groups(child.root)
        if child.weight is not Weight.NOW:
            self._refuse(f"`histogram_quantile` of {child.weight}", place)
        if groups is not None and "le" not in groups:
            message = "`histogram_quantile` needs the label `le`: write sum by (le) (...) inside"
            raise QueryError(message, place)
        return Sampled(Quantile(q.value, child.root), Weight.NOW)

    def _refuse_leaf(self, node: ast.Expr) -> NoReturn:
        match node:
            case ast.StringLiteral():
                self._refuse("a text")
            case ast.MatrixSelector():
                self._refuse("a range outside a function such as avg_over_time(...)")
            case ast.SubqueryExpr():
                self._refuse("a subquery")
            case _:
                self._refuse("this")


def _groups(root: Node) -> tuple[str, ...] | None:
    """The labels by which the values of a result differ; None: any."""
    match root:
        case Number():
            return ()
        case Current() | Ranged():
            return None
        case Aggregate():
            return None if root.without else root.labels
        case Quantile():
            inner = _groups(root.child)
            return None if inner is None else tuple(label for label in inner if label != "le")
        case Binary():
            return _groups_of_two(root)
        case _:
            return _groups(root.child)


def _groups_of_two(root: Binary) -> tuple[str, ...] | None:
    if is_number(root.left) or is_number(root.right):
        return _groups(root.right if is_number(root.left) else root.left)
    if root.matching.on:
        return root.matching.labels
    sides = [s for s in (_groups(root.left), _groups(root.right)) if s is not None]
    return min(sides, key=len) if sides else None


def _refuse_groups(root: Node, place: int | None) -> None:
    """Refuse a result that a grouping made several values, which are not told apart here."""
    grouped = _outermost_grouping(root)
    if grouped is None:
        return
    word = "without" if grouped.without else "by"
    message = f"grouping (`{word}`) gives several values where one is judged: remove it"
    raise QueryError(message, place)


def _outermost_grouping(root: Node) -> Aggregate | None:
    match root:
        case Aggregate():
            return root if root.labels or root.without else None
        case Quantile():
            groups = _groups(root)
            inner = _outermost_grouping(root.child)
            return None if groups == () else inner
        case Binary():
            if _groups(root) == ():
                return None
            return _outermost_grouping(root.left) or _outermost_grouping(root.right)
        case Negative() | OrZero() | Present():
            return _outermost_grouping(root.child)
        case _:
            return None
