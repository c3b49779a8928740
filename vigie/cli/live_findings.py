"""What is wrong with an SLI, by the values that its selectors have now."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import yaml

from slo.load.codes import Code
from slo.load.marks import Mark, Problems
from slo.load.nodes import Node, documents
from slo.spec import CountingSli, Events, MatchOp, RatioKind, SampledSli, Selector, Slo

Measured: TypeAlias = CountingSli | SampledSli
WINDOW: Final = re.compile(r"\{\{\s*\.window\s*\}\}")
_BUCKET, _EDGE = "_bucket", "le"
_MOST_EDGES = 20  # in a message


class Sums(NamedTuple):
    """What one origin shows of selectors, by their text: the sum of the series of each, by where
    they stand (a target, an instance); and the edges of the histograms that `without_edge` names.
    """

    by_selector: Mapping[str, Mapping[str, float]]
    edges: Mapping[str, frozenset[str]]


class Queried(NamedTuple):
    """One query of an SLI. `may_be_empty` where nothing to count is good news."""

    text: str
    selectors: tuple[Selector, ...]
    may_be_empty: bool


def helpers(selectors: Iterable[Selector]) -> frozenset[Selector]:
    """Selectors that tell why one of these has no series: its metric, its other edges."""
    return frozenset(wider for s in selectors for wider in (bare(s), without_edge(s)))


def bare(selector: Selector) -> Selector:
    """Every series of the metric."""
    return Selector(selector.metric)


def without_edge(selector: Selector) -> Selector:
    """A selector of histogram buckets, but for any edge; other selectors as they are."""
    if not selector.metric.endswith(_BUCKET):
        return selector
    kept = tuple(m for m in selector.matchers if m.label != _EDGE)
    return Selector(selector.metric, kept)


def judge(slo: Slo, sli: Measured, sums: Sums, origin: str, problems: Problems) -> None:
    """Selectors without series, edges that are not there, and more of a part than of its total.

    `origin` says in words what was looked at: `page`, `answer of DataSource`.
    """
    for query in _queries(sli):
        for selector in dict.fromkeys(query.selectors):
            if sums.by_selector.get(str(selector)):
                continue
            code, message = _missing(query, selector, sums, origin)
            tell = problems.error if code is Code.NO_BUCKET else problems.warn
            if message:
                mark = place(slo, query.text, selector.metric)
                tell(mark, f"SLO `{slo.id}`: {message}", code)
    if isinstance(sli, CountingSli):
        _judge_counts(slo, sli, sums, origin, problems)


def place(slo: Slo, query: str, word: str = "") -> Mark:
    """Where a query, or a word in it, stands in the file of an SLO; else where the SLO does."""
    start = slo.mark or Mark("?", 1, 1)
    try:
        text = Path(start.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return start
    for document in documents(text, start.path, Problems()):
        for node in _scalars(document):
            value = str(node.raw.value)
            if value.strip() == query.strip() and node.mark >= start:
                return node.mark_at(max(value.find(word), 0))
    return start


def _queries(sli: Measured) -> Iterator[Queried]:
    lenient = sli.kind is RatioKind.BAD
    if isinstance(sli, CountingSli):
        yield Queried(sli.part.query, (*sli.part.selectors, *sli.part.minus), lenient)
        yield Queried(sli.total.query, (*sli.total.selectors, *sli.total.minus), False)
        return
    yield Queried(sli.part.query, sli.part.selectors, lenient)
    if sli.total is not None:
        yield Queried(sli.total.query, sli.total.selectors, False)


def _missing(query: Queried, selector: Selector, sums: Sums, origin: str) -> tuple[Code, str]:
    """Why a selector has no series; no words where that is no surprise.

    Events that never happened have no series, so a bad part may lack all but its metric.
    """
    edges = sums.edges.get(str(without_edge(selector)))
    asked = [m.value for m in selector.matchers if m.label == _EDGE and m.op is MatchOp.EQUAL]
    if edges and asked:
        message = f"the histogram has no bucket `le={asked[0]}`; its edges are {_listed(edges)}"
        return Code.NO_BUCKET, message
    if not sums.by_selector.get(str(bare(selector))):
        return Code.UNMEASURED, f"no {origin} shows `{selector.metric}`: is its name right?"
    if query.may_be_empty:
        return Code.UNMEASURED, ""
    return Code.UNMEASURED, f"no {origin} shows `{selector}`, only others of this metric"


def _judge_counts(slo: Slo, sli: CountingSli, sums: Sums, origin: str, problems: Problems) -> None:
    part, total = _counted(sli.part, sums), _counted(sli.total, sums)
    for where in sorted(part.keys() & total.keys()):
        if part[where] > total[where]:
            message = (
                f"SLO `{slo.id}`: {sli.kind} is {part[where]:g} and total {total[where]:g} in the "
                f"{origin} of {where}: total must hold every event that {sli.kind} does"
            )
            problems.error(place(slo, sli.part.query), message, Code.GOOD_ABOVE_TOTAL)
            return


def _counted(events: Events, sums: Sums) -> dict[str, float]:
    counted: dict[str, float] = {}
    for sign, selectors in ((1.0, events.selectors), (-1.0, events.minus)):
        for selector in selectors:
            for where, value in sums.by_selector.get(str(selector), {}).items():
                counted[where] = counted.get(where, 0.0) + sign * value
    return counted


def _listed(edges: frozenset[str]) -> str:
    ordered = sorted(edges, key=_number)
    more = len(ordered) - _MOST_EDGES
    return ", ".join(ordered[:_MOST_EDGES]) + (f" and {more} more" if more > 0 else "")


def _number(edge: str) -> float:
    try:
        return float(edge)
    except ValueError:
        return float("inf")


def _scalars(node: Node) -> Iterator[Node]:
    raw = node.raw
    if isinstance(raw, yaml.MappingNode):
        for _, value in raw.value:
            yield from _scalars(node.child(value))
    elif isinstance(raw, yaml.SequenceNode):
        for item in raw.value:
            yield from _scalars(node.child(item))
    else:
        yield node
