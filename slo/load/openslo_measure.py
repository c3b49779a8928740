"""An OpenSLO indicator and an objective as an SLI that can be measured, or the reason why not."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from slo import promql
from slo.load.codes import Code
from slo.load.openslo_objective import Objective
from slo.load.openslo_sli import (
    EMBEDDED,
    PROMQL_TYPES,
    Form,
    Indicator,
    Metric,
    speaks_promql,
    spelled,
)
from slo.load.openslo_source import ForeignSource
from slo.load.queries import FOR_SERVERS
from slo.load.yaml import Mark, Node, Problems, did_you_mean, text_of
from slo.spec import (
    BasicSli,
    CountingSli,
    DataSource,
    Events,
    ForeignSli,
    MatchOp,
    Op,
    RatioKind,
    SampledSli,
    Selector,
    ServerSli,
)

_FAMILY = re.compile(r"_(bucket|count|sum|total|created)$")
# Values by which some exporters publish a sum beside its parts: `code="total"`.
_SUMS: Final = ("total", "all", "any", "")
# Names of things that are better when they are low, and high; judged by words.
_BETTER_LOW: Final = frozenset(
    ("seconds", "milliseconds", "msec", "ms", "bytes", "latency", "duration", "lag", "delay")
).union(("error", "errors", "failure", "failures", "failed"))
_BETTER_HIGH: Final = frozenset(
    ("up", "uptime", "availability", "available", "avail", "success", "successful", "healthy")
).union(("ready", "free", "remaining", "throughput"))
_INSIDE = re.compile(r"\{\{.*?\}\}|\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class Sources:
    """The DataSources of all files. `unread` are the names of those that have problems."""

    by_name: Mapping[str, DataSource | ForeignSource]
    unread: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an SLI is measured: by a DataSource, embedded (both empty), or (`foreign`) nowhere."""

    source: str = ""
    foreign: str = ""


def measured(
    indicator: Indicator, objective: Objective | None, sources: Sources, problems: Problems
) -> BasicSli | None:
    """The SLI of one objective; None where the files must change first, which is then reported.

    Without an objective the indicator itself is checked, as far as that goes.
    """
    origin = _origin(indicator, sources, problems)
    if origin is None:
        return None
    if origin.foreign:
        message = f"this SLI can't be measured: {origin.foreign}"
        problems.warn(indicator.part.mark, message, Code.UNMEASURED)
        return ForeignSli(origin.foreign, indicator.document)
    if indicator.form is Form.THRESHOLD:
        if objective is None:
            return _threshold(indicator, Op.LT, 0.0, origin.source, problems)
        return _judged(indicator, objective, origin.source, problems)
    if objective is not None:
        _warn_of_threshold(objective, problems)
    return _ratio(indicator, origin.source, problems)


def _origin(indicator: Indicator, sources: Sources, problems: Problems) -> _Origin | None:
    """The one origin of all metrics of an SLI."""
    part, total = indicator.part, indicator.total
    if total is not None and _name(part) != _name(total):
        message = (
            f"`{total.where}` asks {_shown(total)}, and `{part.where}` {_shown(part)}: both must "
            "come from one source, read at one time"
        )
        mark = total.ref_mark if total.ref else total.mark
        problems.error(mark, message, Code.TWO_SOURCES)
        return None
    found = [_found(m, sources, problems) for m in (part, total) if m is not None]
    return None if None in found else found[0]


def _name(metric: Metric) -> str:
    return f"ref {metric.ref}" if metric.ref else spelled(metric.type)


def _shown(metric: Metric) -> str:
    if metric.ref:
        return f"DataSource `{metric.ref}`"
    return f"`{metric.type}`, without `metricSourceRef`,"


def _found(metric: Metric, sources: Sources, problems: Problems) -> _Origin | None:
    if not metric.ref:
        return _without_reference(metric.type)
    source = sources.by_name.get(metric.ref)
    if source is None:
        return _missing(metric, sources, problems)
    if metric.type and speaks_promql(metric.type) != isinstance(source, DataSource):
        message = f"the type is `{metric.type}`, but DataSource `{metric.ref}` is `{source.type}`"
        problems.error(metric.mark, f"{message}: correct one of them", Code.CONFLICT)
        return None
    if isinstance(source, DataSource):
        return _Origin(source=source.name)
    return _Origin(foreign=_foreign(source.type))


def _without_reference(kind: str) -> _Origin:
    if spelled(kind) == EMBEDDED:
        return _Origin()
    if speaks_promql(kind):
        reason = f"`{kind}` is asked through a DataSource: name one of it in `metricSourceRef`"
        return _Origin(foreign=reason)
    return _Origin(foreign=_foreign(kind))


def _missing(metric: Metric, sources: Sources, problems: Problems) -> _Origin | None:
    if metric.ref in sources.unread:
        return None  # its problems were reported where it stands
    if metric.type and not speaks_promql(metric.type):
        return _Origin(foreign=_foreign(metric.type))
    hint = did_you_mean(metric.ref, sources.by_name)
    message = (
        f"there is no DataSource `{metric.ref}`{hint or ': write one, or leave'}"
        f"{'' if hint else ' `metricSourceRef` out to measure what Vigie scrapes itself'}"
    )
    problems.error(metric.ref_mark, message, Code.NO_SUCH_THING)
    return None


def _foreign(kind: str) -> str:
    hint = did_you_mean(spelled(kind), PROMQL_TYPES)
    return (
        f"`{kind}` is no source that Vigie can ask{hint}; a DataSource of type Prometheus, "
        "VictoriaMetrics, Mimir or Thanos would serve it"
    )


def _judged(
    indicator: Indicator, objective: Objective, source: str, problems: Problems
) -> BasicSli | None:
    """A threshold metric under an objective, which must say how to compare."""
    for key, value in (("op", objective.op), ("value", objective.value)):
        if value is None:
            message = f"missing key `{key}`: the objective of a `thresholdMetric` needs it"
            problems.error(objective.mark, message, Code.MISSING_KEY)
    if objective.op is None or objective.value is None:
        return None
    sli = _threshold(indicator, objective.op, objective.value, source, problems)
    if isinstance(sli, SampledSli):
        _warn_of_direction(sli, objective, problems)
    return sli


def _warn_of_threshold(objective: Objective, problems: Problems) -> None:
    if objective.op is not None:
        message = "`op` and `value` say nothing about a ratio and are ignored: remove them"
        problems.warn(objective.op_mark, message, Code.IGNORED)


def _threshold(
    indicator: Indicator, op: Op, value: float, source: str, problems: Problems
) -> BasicSli | None:
    node = _query(indicator.part, problems)
    if node is None:
        return None
    text = str(node.raw.value)
    try:
        return promql.compile_threshold(text, op, value, source)
    except promql.QueryError as error:
        if (source or problems.served) and error.code in FOR_SERVERS:
            return ServerSli(RatioKind.GOOD, text, "", source, op, value)
        _report(error, node, problems)
        return None


def _ratio(indicator: Indicator, source: str, problems: Problems) -> BasicSli | None:
    """Part and total, or (raw) the ratio itself."""
    metrics = [indicator.part] if indicator.total is None else [indicator.part, indicator.total]
    nodes = [_query(metric, problems) for metric in metrics]
    if None in nodes:
        return None
    texts = [str(node.raw.value) for node in nodes if node is not None]
    part, total = texts[0], "".join(texts[1:])
    try:
        sli = _compiled(indicator, part, total, source)
    except promql.QueryError as error:
        found = [node for node in nodes if node is not None]
        if not (source or problems.served) or error.code not in FOR_SERVERS:
            _report_both(indicator, found, error, problems)
            return None
        if indicator.counter:
            part, total = _increase(part), _increase(total) if total else ""
        if indicator.counter and not (_counts(part) and _counts(total or part)):
            _refuse_plain_counter(error, found[-1] if error.in_total else found[0], problems)
            return None
        return ServerSli(indicator.kind, part, total, source)
    return sli if _can_match(sli, indicator.part.mark, problems) else None


def _counts(text: str) -> bool:
    """Whether a query counts by itself: a server is asked for increases, not for counters."""
    return "[" in text


def _increase(text: str) -> str:
    """A sum of plain counters as what a server must be asked for; other queries as they are."""
    if _counts(text):
        return text
    try:
        events = promql.compile_events(text)
    except promql.QueryError:
        return text
    terms = [f"+ sum(increase({s}[{{{{.window}}}}]))" for s in events.selectors]
    terms += [f"- sum(increase({s}[{{{{.window}}}}]))" for s in events.minus]
    return " ".join(terms).removeprefix("+ ")


def _refuse_plain_counter(error: promql.QueryError, node: Node, problems: Problems) -> None:
    mark = node.mark if error.offset is None else node.mark_at(error.offset)
    needs = "a server needs `increase(...[{{.window}}])` around each counter"
    problems.error(mark, f"query: {error.message}; {needs}", error.code)


def group_by(indicator: Indicator) -> tuple[str, ...]:
    """The labels by which an indicator asks for one SLO each: those of `sum by (...)` around both
    of its counting queries.
    """
    metrics = (indicator.part, indicator.total)
    texts = [str(m.query.raw.value) for m in metrics if m is not None and m.query is not None]
    found = _grouped(indicator, texts[0], texts[1]) if len(texts) == 2 else None
    return found[2] if found else ()


def _grouped(
    indicator: Indicator, part: str, total: str
) -> tuple[Events, Events, tuple[str, ...]] | None:
    """Part and total of an indicator that both are summed by the same labels."""
    if indicator.form is Form.RAW or not indicator.counter:
        return None
    try:
        (some, labels), (all_, others) = map(promql.compile_grouped, (part, total))
    except promql.QueryError:
        return None
    return (some, all_, labels) if labels and set(labels) == set(others) else None


def _compiled(indicator: Indicator, part: str, total: str, source: str) -> CountingSli | SampledSli:
    if indicator.form is Form.RAW:
        return promql.compile_ratio(part, indicator.kind, source)
    if (grouped := _grouped(indicator, part, total)) is not None:
        return CountingSli(indicator.kind, grouped[0], grouped[1], source)
    return promql.compile_pair(part, total, indicator.kind, source, counter=indicator.counter)


def _report_both(
    indicator: Indicator, nodes: list[Node], error: promql.QueryError, problems: Problems
) -> None:
    """The first problem of each query: an error in the part hides those of the total."""
    _report(error, nodes[-1] if error.in_total else nodes[0], problems)
    if error.in_total or indicator.total is None:
        return
    total = str(nodes[-1].raw.value)
    try:
        _compiled(indicator, total, total, "")
    except promql.QueryError as other:
        _report(other, nodes[-1], problems)


def _can_match(sli: CountingSli | SampledSli, mark: Mark, problems: Problems) -> bool:
    """Whether some series of the part may be one of the total; else it's an error."""
    if sli.total is None:
        return True
    pairs = product(sli.part.selectors, sli.total.selectors)
    apart = [_apart(part, total) for part, total in pairs]
    if not apart or not all(apart):
        return True
    label, left, right = apart[0] or ("", "", "")
    message = (
        f"this asks for `{label}={left}`, and `total` for `{label}={right}`: no series is in both, "
        "so one is no share of the other"
    )
    problems.error(mark, message, Code.CANNOT_MATCH)
    return False


def _apart(part: Selector, total: Selector) -> tuple[str, str, str] | None:
    """A label that keeps two selectors of one family of metrics apart, and what each asks of it.

    Of different metrics nothing can be said: `requests_ok{path="a"}` may be part of anything.
    """
    if _FAMILY.sub("", part.metric) != _FAMILY.sub("", total.metric):
        return None
    wanted = {m.label: m.value for m in total.matchers if m.op is MatchOp.EQUAL}
    for matcher in part.matchers:
        other = wanted.get(matcher.label)
        if matcher.op is not MatchOp.EQUAL or matcher.label == "le" or other is None:
            continue
        if other != matcher.value and other not in _SUMS and matcher.value not in _SUMS:
            return matcher.label, matcher.value, other
    return None


def _warn_of_direction(sli: SampledSli, objective: Objective, problems: Problems) -> None:
    """An `op` that calls the bad good, as far as the one metric's name tells."""
    metrics = {selector.metric for selector in sli.part.selectors}
    if len(metrics) != 1 or set(_INSIDE.sub("", sli.part.query)) & set("+-*/<>=!"):
        return  # what is compared is not that metric itself
    metric = metrics.pop()
    words = {word.casefold() for word in _WORD.findall(metric)}
    low, high = bool(words & _BETTER_LOW), bool(words & _BETTER_HIGH)
    rising = objective.op in (Op.GT, Op.GTE)
    if low != high and low == rising:
        message = (
            f"`op: {objective.op}` calls `{metric}` good when it is {'high' if rising else 'low'}: "
            f"should it be `{'lt' if rising else 'gt'}`?"
        )
        problems.warn(objective.op_mark, message, Code.WRONG_WAY)


def _query(metric: Metric, problems: Problems) -> Node | None:
    """The node of a query that is text."""
    before = len(problems.errors)
    if metric.query is None:
        message = f"missing key `{metric.where}.query`"
        problems.error(metric.mark, message, Code.MISSING_KEY)
    else:
        text_of(metric.query, problems, f"{metric.where}.query")
    return metric.query if len(problems.errors) == before else None


def _report(error: promql.QueryError, node: Node, problems: Problems) -> None:
    mark = node.mark if error.offset is None else node.mark_at(error.offset)
    problems.error(mark, f"query: {error.message}", error.code)
