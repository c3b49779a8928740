"""PromQL queries of SLIs, compiled once, so that a tick does no parsing.

Two forms: *counting*, linear sums of the increments of counters, which are exact
(`slo.promql_counting`); and *sampled*, expressions over current values that give one judged sample
a slice (`slo.promql_sampled`). `rate` or `increase` says that a query counts. What counters and
gauges alike are written as, a plain selector, counts in `compile_events` and is a current value
everywhere else, unless `counter` says otherwise.

Every function raises QueryError, with its place in the query and a `code`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from slo import promql_counting, promql_ratio, promql_sampled, promql_text
from slo.expression import Expression
from slo.expression_nodes import Node, OrZero, Over, is_number
from slo.promql_counting import Sum
from slo.promql_ratio import Piece
from slo.promql_sampled import Sampled, Weight
from slo.promql_text import QueryError, Tokens
from slo.promql_walk import SERVED, counting_call
from slo.spec import CountingSli, Events, Op, RatioKind, SampledSli

__all__ = [
    "QueryError",
    "compile_events",
    "compile_expression",
    "compile_grouped",
    "compile_pair",
    "compile_ratio",
    "compile_threshold",
]

_OTHER: Final = {RatioKind.GOOD: RatioKind.BAD, RatioKind.BAD: RatioKind.GOOD}


def compile_events(query: str) -> Events:
    """The selectors that a counting query sums; QueryError says which part can't be served."""
    found = promql_counting.compile_sum(query)
    _refuse_grouping(found)
    return _events(query, found)


def compile_grouped(query: str) -> tuple[Events, tuple[str, ...]]:
    """A counting query and the labels of its outermost `sum by (...)`, none when it has none."""
    found = promql_counting.compile_sum(query)
    if found.without and found.grouped_at is not None and found.labels:
        instead = "name the labels that are left, as in sum by (...)"
        promql_counting.refuse_grouping(found, "without", instead)
    return _events(query, found), () if found.without else found.labels


def compile_expression(query: str) -> Expression:
    """A query of current values, for a threshold; it may give a value for each series that a
    selector names, which are all judged.
    """
    found = promql_sampled.compile_sampled(query, windowed=False)
    return promql_sampled.expression(query, found.root)


def compile_threshold(query: str, op: Op, value: float, source: str = "") -> SampledSli:
    """Good is each sample of which every value compares so (`slo.expression.values`)."""
    return SampledSli(RatioKind.GOOD, compile_expression(query), None, op, value, source)


def compile_pair(
    part: str, total: str, kind: RatioKind, source: str = "", *, counter: bool = False
) -> CountingSli | SampledSli:
    """A ratio from its two queries; `counter` says that plain selectors are counters.

    Several series of current values on one side are added up. A QueryError about the second query
    has `in_total` set.
    """
    pieces = (Piece(part, 0), Piece(total, 0))
    rated = _rated(part, in_total=False) | _rated(total, in_total=True)
    if counter or rated:
        return _counted(pieces, kind, source, counter=counter)
    found = _sampled_sides(pieces)
    _check_alike(found, 0, in_total=True)
    return _two(pieces, found, kind, source)


def compile_ratio(
    query: str, kind: RatioKind, source: str = "", *, counter: bool = False
) -> CountingSli | SampledSli:
    """A query that is itself a good or bad ratio: `A / B`, `1 - A / B`, or a share, such as the
    mean of a gauge of 0..1.

    The result names what it divides: of a bad ratio `1 - A / B`, A is the good part. Ratios of
    events and of sums over time are taken apart, so that windows weigh by events; a quotient of
    current values is the share itself. Several series of a share are averaged.
    """
    written = query if kind is RatioKind.BAD else f"1 - ({query}\n)"
    ratio, root = promql_ratio.taken_apart(query)
    kind = _OTHER[kind] if ratio.complement else kind
    whole = ratio.whole
    pieces = None if ratio.part is None or ratio.total is None else (ratio.part, ratio.total)
    if counter or counting_call(root):
        if pieces is not None:
            counted = _counted(pieces, kind, source, counter=counter)
            return replace(counted, error_ratio=written)
        with _placed(whole.offset):
            promql_counting.compile_sum(whole.text)
            message = "this counts events, and a ratio divides: write part / total"
            raise QueryError(message, 0)
    if pieces is not None:
        found = _sampled_sides(pieces)
        weights = {side.weight for side in found}
        if weights != {Weight.NOW} and not is_number(found[1].root):
            _check_alike(found, pieces[1].offset)
            return replace(_two(pieces, found, kind, source), error_ratio=written)
    return SampledSli(kind, _share(whole), None, source=source, error_ratio=written)


def _rated(query: str, *, in_total: bool) -> bool:
    with _placed(0, in_total=in_total):
        return counting_call(promql_text.parse(Tokens(query))) is not None


# -- counted ----------------------------------------------------------------------------------


def _counted(
    pieces: tuple[Piece, Piece], kind: RatioKind, source: str, *, counter: bool
) -> CountingSli:
    sums: list[Sum] = []
    in_query = pieces[1].offset > 0  # both are pieces of one query
    for piece, in_total in zip(pieces, (False, not in_query), strict=True):
        with _placed(piece.offset, in_total=in_total):
            found = promql_counting.compile_sum(piece.text)
            _refuse_grouping(found)
            _check_form(found, sums[0] if sums else None, counter=counter)
            sums.append(found)
    part, total = (_events(p.text, s) for p, s in zip(pieces, sums, strict=True))
    return CountingSli(kind, part, total, source)


def _check_form(found: Sum, part: Sum | None, *, counter: bool) -> None:
    """Refuse what divides events by current values, or events by events per second."""
    form = found.form.partition(" over ")[0]
    if not counter and found.form.startswith("a plain"):
        message = "this is a current value and the other side counts events: write both alike"
        raise QueryError(message, 0)
    if part is not None and part.form.partition(" over ")[0] != form:
        raise QueryError(f"this is {form}, the part is {part.form}: write both alike", 0)


def _refuse_grouping(found: Sum) -> None:
    if not found.labels:
        return
    word = "without" if found.without else "by"
    instead = f"write sum(...) around it, or {SERVED}"
    promql_counting.refuse_grouping(found, word, instead)


def _events(query: str, found: Sum) -> Events:
    return Events(query=query.strip(), selectors=found.plus, minus=found.minus)


# -- sampled ----------------------------------------------------------------------------------


def _sampled_sides(pieces: tuple[Piece, Piece]) -> tuple[Sampled, Sampled]:
    part, total = pieces
    with _placed(part.offset):
        first = promql_sampled.compile_sampled(part.text, windowed=True)
    with _placed(total.offset, in_total=total.offset == 0):
        return first, promql_sampled.compile_sampled(total.text, windowed=True)


def _check_alike(sides: tuple[Sampled, Sampled], place: int, *, in_total: bool = False) -> None:
    part, total = sides
    if part.weight is not total.weight:
        message = f"the total is {total.weight} and the part is {part.weight}: write both alike"
        raise QueryError(message, place, in_total=in_total)


def _two(
    pieces: tuple[Piece, Piece], sides: tuple[Sampled, Sampled], kind: RatioKind, source: str
) -> SampledSli:
    roots = [promql_sampled.single(side.root, Over.SUM) for side in sides]
    if sides[0].weight is Weight.SUM:
        roots[0] = _or_zero(roots[0])
    part, total = (
        promql_sampled.expression(piece.text, root)
        for piece, root in zip(pieces, roots, strict=True)
    )
    return SampledSli(kind, part, total, source=source)


def _or_zero(root: Node) -> Node:
    """A sum over time passes over the times at which there is nothing to add."""
    return root if isinstance(root, OrZero) or is_number(root) else OrZero(root)


def _share(whole: Piece) -> Expression:
    with _placed(whole.offset):
        found = promql_sampled.compile_sampled(whole.text, windowed=True)
        if found.weight is Weight.SUM:
            raise QueryError(f"{found.weight} is no ratio: divide it by the count over time", 0)
        root = promql_sampled.single(found.root, Over.AVG)
    return promql_sampled.expression(whole.text, root)


@contextmanager
def _placed(offset: int, *, in_total: bool = False) -> Iterator[None]:
    """Errors in a piece of a query, at their place in the whole."""
    try:
        yield
    except QueryError as error:
        place = None if error.offset is None else error.offset + offset
        raise QueryError(error.message, place, error.code, in_total=in_total) from error
