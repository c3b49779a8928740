"""Sampled queries, compiled: expressions over the current values of series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slo.expression_nodes import Node
from slo.expression_values import Series, Unanswerable, compute
from slo.selector import Selector

__all__ = ["Expression", "Series", "Unanswerable", "evaluate", "values"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A query that gives one number at a time; `meaning` is the same for every spelling of it.

    `selectors` are the series that it reads, each once; `reach_s` is the longest range that it
    looks back over, 0 for current values only.
    """

    query: str
    meaning: str
    selectors: tuple[Selector, ...]
    root: Node = field(compare=False, repr=False)  # `meaning` says as much
    reach_s: float = 0.0


def evaluate(
    expression: Expression, series: Mapping[Selector, Sequence[Series]], at: float
) -> float | None:
    """The one value at `at` (Unix seconds), by Prometheus' rules; None when there is none.

    NaN is an answer (0/0: no share of nothing) that is neither good nor bad. Samples later than
    `at` are not looked at. Unanswerable when there are several values or ambiguous pairs of
    series; the expressions of a ratio are compiled to give one value at most.
    """
    found = values(expression, series, at)
    if len(found) > 1:
        message = f"{len(found)} series where one value is needed: write sum(...), max(...) or so"
        raise Unanswerable(message)
    return found[0] if found else None


def values(
    expression: Expression, series: Mapping[Selector, Sequence[Series]], at: float
) -> list[float]:
    """All values at `at`: those of a threshold metric, which is good when every one of them is.

    Unanswerable when pairs of series are ambiguous.
    """
    return [value for _, value in compute(expression.root, series, at)]
