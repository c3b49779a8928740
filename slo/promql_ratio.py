"""A query that is itself a ratio, taken apart in its text: `1 - (A / B)` is B's share of non-A."""

from dataclasses import dataclass, replace
from typing import Final

import promql_parser as ast

from slo import promql_text
from slo.promql_text import Token, Tokens
from slo.promql_walk import bare, is_or_zero

_OPENERS: Final = ("(", "[", "{")
_CLOSERS: Final = (")", "]", "}")
_ALIKE: Final = ("*", "/", "%", "atan2")  # bind as strongly, from the left


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a query that is one itself, and where it begins."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """`whole` is the ratio, or one less the ratio (`complement`); `part` and `total` are its two
    sides where it is a division.
    """

    whole: Piece
    complement: bool = False
    part: Piece | None = None
    total: Piece | None = None


def taken_apart(query: str) -> tuple[Ratio, ast.Expr]:
    """The ratio, and the tree of the whole query. QueryError: not PromQL.

    `or vector(0)` around a ratio of events goes: no data is unknown, and the ledger knows it.
    """
    tokens = Tokens(query)
    root = promql_text.parse(tokens)
    span, node, complement = tokens.all, root, False
    while True:
        inner = _opened(span, node)
        if inner is None:
            break
        span, node, turned = inner
        complement = complement is not turned
    found = Ratio(_piece(query, span), complement)
    if isinstance(node, ast.BinaryExpr) and str(node.op) == "/" and _one_to_one(node):
        at = _last_of(span, _ALIKE)
        if at is not None:
            right = _after_matching(span[at + 1 :])
            found = replace(found, part=_piece(query, span[:at]), total=_piece(query, right))
    return found, root


def _opened(span: list[Token], node: ast.Expr) -> tuple[list[Token], ast.Expr, bool] | None:
    """What is inside of parentheses, of `1 - ...`, of `... / ... or vector(0)`."""
    if isinstance(node, ast.ParenExpr) and (span[0].text, span[-1].text) == ("(", ")"):
        return span[1:-1], node.expr, False
    if not isinstance(node, ast.BinaryExpr):
        return None
    if is_or_zero(node) and _divides(node.lhs):
        at = _last_of(span, ("or",))
        return None if at is None else (span[:at], node.lhs, False)
    one = isinstance(node.lhs, ast.NumberLiteral) and node.lhs.val == 1
    if str(node.op) == "-" and one and len(span) > 2 and span[1].text == "-":
        return _after_matching(span[2:]), node.rhs, True
    return None


def _divides(node: ast.Expr) -> bool:
    """Whether `A / B` or `1 - A / B` stands there, in any parentheses."""
    node = bare(node)
    if isinstance(node, ast.BinaryExpr) and str(node.op) == "-":
        node = bare(node.rhs)
    return isinstance(node, ast.BinaryExpr) and str(node.op) == "/"


def _one_to_one(node: ast.BinaryExpr) -> bool:
    many = (ast.VectorMatchCardinality.ManyToOne, ast.VectorMatchCardinality.OneToMany)
    return node.modifier is None or node.modifier.card not in many


def _last_of(span: list[Token], words: tuple[str, ...]) -> int | None:
    """The last of these operators outside of brackets."""
    depth, found = 0, None
    for index, token in enumerate(span):
        depth += (token.text in _OPENERS) - (token.text in _CLOSERS)
        if depth == 0 and token.text.lower() in words:
            found = index
    return found


def _after_matching(span: list[Token]) -> list[Token]:
    """Without `on (...)` or `ignoring (...)` in front: two single values need none."""
    if span and span[0].text.lower() in ("on", "ignoring") and span[1].text == "(":
        closed = next(i for i, token in enumerate(span) if token.text == ")")
        return span[closed + 1 :]
    return span


def _piece(query: str, span: list[Token]) -> Piece:
    start, last = span[0].offset, span[-1]
    return Piece(query[start : last.offset + len(last.text)], start)
