"""The OpenSLO kind `SLI`, on its own or inside an SLO: what to ask of which source."""

import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from slo.load import openslo_metadata
from slo.load.codes import Code
from slo.load.yaml import Fields, LoadError, Mark, Node, Problems, did_you_mean, plain
from slo.spec import RatioKind

EMBEDDED: Final = "prometheus"
# Sources that answer PromQL, without case, spaces and dashes.
PROMQL_TYPES: Final = frozenset(
    (EMBEDDED, "victoriametrics", "mimir", "thanos", "cortex", "googlemanagedprometheus")
)
_RAW_TYPES: Final = {"success": RatioKind.GOOD, "failure": RatioKind.BAD}


class Form(Enum):
    """The three ways to state an SLI."""

    RATIO = auto()  # good or bad of total
    RAW = auto()  # the ratio itself
    THRESHOLD = auto()  # a value that objectives compare


@dataclass(frozen=True, slots=True)
class Metric:
    """One `metricSource`. `type` and `ref` are empty where not written, `query` is None where the
    source is asked in another way.
    """

    type: str
    ref: str
    query: Node | None
    mark: Mark  # of the type
    ref_mark: Mark
    where: str  # its path of keys, for messages


@dataclass(frozen=True, slots=True)
class Indicator:
    """An SLI as it is written. `document` is its `spec` as JSON where a source is not plainly one
    that answers PromQL.
    """

    name: str
    form: Form
    kind: RatioKind
    part: Metric
    total: Metric | None
    counter: bool
    document: str
    mark: Mark


def speaks_promql(kind: str) -> bool:
    """Whether a type of source answers PromQL."""
    return spelled(kind) in PROMQL_TYPES


def spelled(kind: str) -> str:
    """A type of source as it is compared: `Victoria Metrics` is `victoriametrics`."""
    return "".join(char for char in kind.casefold() if char.isalnum())


def read(node: Node, problems: Problems) -> Indicator | None:
    """An `SLI` document."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    name = openslo_metadata.read(fields).name
    with fields.map("spec") as spec:
        indicator = _spec(spec, name, node.mark)
    fields.close()
    return indicator if len(problems.errors) == before else None


def inline(fields: Fields) -> Indicator | None:
    """An SLI inside an SLO: its `metadata` and `spec`."""
    fields.ignore("apiVersion", "kind")
    name = openslo_metadata.read_inline(fields).name
    with fields.map("spec") as spec:
        return _spec(spec, name, fields.node.mark)


def as_json(node: Node, problems: Problems) -> str:
    """A node as JSON; a value that YAML can't make sense of is a problem."""
    try:
        return json.dumps(plain(node), default=str, sort_keys=True)
    except LoadError as error:
        problems.items.extend(error.problems)
        return ""


def is_plain(part: Metric, total: Metric | None) -> bool:
    """Whether every source is said to answer PromQL, and is one that Vigie can ask."""
    metrics = [part] if total is None else [part, total]
    return all(speaks_promql(m.type) and (m.ref or spelled(m.type) == EMBEDDED) for m in metrics)


def _spec(spec: Fields, name: str, mark: Mark) -> Indicator | None:
    spec.ignore("description")
    if spec.node_of("thresholdMetric", required=False) is not None:
        reason = "stands beside `thresholdMetric`: keep one of them"
        spec.refuse("ratioMetric", reason, Code.CONFLICT)
        part, total, form = _side(spec, "thresholdMetric"), None, Form.THRESHOLD
        kind, counter = RatioKind.GOOD, False
    else:
        with spec.map("ratioMetric") as ratio:
            if ratio.node_of("raw", required=False) is not None:
                part, total, form = _raw(ratio), None, Form.RAW
                kind, counter = _RAW_TYPES[ratio.choice("rawType", _RAW_TYPES)], False
            else:
                kind, counter = _kind(ratio), ratio.flag("counter", False)
                part, total = _side(ratio, kind.value), _side(ratio, "total")
                form = Form.RATIO
    if part is None or (form is Form.RATIO and total is None):
        return None
    document = "" if is_plain(part, total) else as_json(spec.node, spec.problems)
    return Indicator(name, form, kind, part, total, counter, document, mark)


def _raw(ratio: Fields) -> Metric | None:
    ratio.ignore("counter")  # has no effect here, says the specification
    for key in ("good", "bad", "total"):
        ratio.refuse(key, "stands beside `raw`: keep one of them", Code.CONFLICT)
    return _side(ratio, "raw")


def _kind(ratio: Fields) -> RatioKind:
    """Which of good and bad is stated; the other follows."""
    ratio.ignore("good", "bad", "total", "raw")
    reason = "says how `raw` was calculated, and there is none: remove it"
    ratio.refuse("rawType", reason, Code.CONFLICT)
    good, bad = (ratio.node_of(key, required=False) is not None for key in ("good", "bad"))
    if good and bad:
        reason = "stands beside `good`: state one of them, the other follows"
        ratio.refuse("bad", reason, Code.CONFLICT)
    return RatioKind.BAD if bad and not good else RatioKind.GOOD


def _side(fields: Fields, key: str) -> Metric | None:
    """One `metricSource`; None when it can't be used."""
    with fields.map(key) as side, side.map("metricSource") as source:
        kind, ref = source.maybe_text("type") or "", source.maybe_text("metricSourceRef") or ""
        if not kind and not ref and source.problems is fields.problems:
            message = (
                f"`{source.where}` has no `type`: write `type: Prometheus`, or name a DataSource "
                "in `metricSourceRef`"
            )
            source.problems.error(source.node.mark, message, Code.MISSING_KEY)
        return _metric(source, kind, ref)


def _metric(source: Fields, kind: str, ref: str) -> Metric | None:
    node = source.node_of("spec")
    if node is None:
        return None
    spec = Fields(node, source.problems, f"{source.where}.spec")
    query = spec.node_of("query", required=speaks_promql(kind))
    if speaks_promql(kind):
        _warn_of_others(spec)
    return Metric(kind, ref, query, source.mark("type"), source.mark("metricSourceRef"), spec.where)


def _warn_of_others(spec: Fields) -> None:
    """A source's `spec` may hold anything; of PromQL it's the query that counts."""
    for name in spec.names():
        if name != "query":
            message = f"`{spec.where}.{name}` says nothing to Vigie and is ignored"
            hint = did_you_mean(name, ("query",))
            mark = spec.mark(name)
            spec.problems.warn(mark, f"{message}{hint}", Code.IGNORED)
