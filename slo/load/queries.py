"""The queries of an SLI in a file, compiled; what is wrong with one is said at its place in it.

Nothing here names a DataSource: the queries are for what Vigie collects itself, or for the
DataSource that is the default one.
"""

from typing import Final

from slo.expression import Expression
from slo.load.codes import Code
from slo.load.yaml import Node, Problems
from slo.promql import (
    QueryError,
    compile_events,
    compile_expression,
    compile_pair,
    compile_ratio,
)
from slo.spec import CountingSli, Events, RatioKind, SampledSli, ServerSli

# What a server can evaluate although embedded collection can't.
FOR_SERVERS: Final = (Code.OUTSIDE, Code.RATE_COMPARED)


def pair(
    part: Node, total: Node, kind: RatioKind, problems: Problems, *, counter: bool = False
) -> CountingSli | SampledSli | ServerSli | None:
    """The SLI of two queries, of counters where they are plain selectors and `counter` says so.

    The nodes of this and of the others are scalars that were found to hold a text.
    """
    try:
        return compile_pair(_text(part), _text(total), kind, counter=counter)
    except QueryError as error:
        if problems.served and error.code in FOR_SERVERS:
            return ServerSli(kind, _text(part), _text(total), "")
        _tell(total if error.in_total else part, error, problems)
        return None


def ratio(
    query: Node, kind: RatioKind, problems: Problems
) -> CountingSli | SampledSli | ServerSli | None:
    """The SLI of one query that is itself the good or the bad share."""
    try:
        return compile_ratio(_text(query), kind)
    except QueryError as error:
        if problems.served and error.code in FOR_SERVERS:
            return ServerSli(kind, _text(query), "", "")
        _tell(query, error, problems)
        return None


def events(query: Node, problems: Problems) -> Events | None:
    """A counting query."""
    try:
        return compile_events(_text(query))
    except QueryError as error:
        _tell(query, error, problems)
        return None


def applied(function: str, query: Node, problems: Problems) -> Expression | None:
    """An aggregation of the current values of a selector, such as its `sum`."""
    try:
        return compile_expression(f"{function}({_text(query)})")
    except QueryError as error:
        _tell(query, error, problems, before=len(function) + 1)
        return None


def _text(node: Node) -> str:
    return str(node.raw.value)


def _tell(node: Node, error: QueryError, problems: Problems, *, before: int = 0) -> None:
    """`before` is how many characters stand before the text of the node in the query."""
    offset = None if error.offset is None else max(error.offset - before, 0)
    mark = node.mark if offset is None else node.mark_at(offset)
    problems.error(mark, f"query: {error.message}", error.code)
