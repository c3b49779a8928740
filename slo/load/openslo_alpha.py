"""OpenSLO v1alpha, as older files and other tools have it: the kind SLO.

It differs from v1 in where the SLI stands (a threshold at the SLO, a ratio at each objective), in
what names a source, and in time windows. A `Service` is the same.
"""

from slo.load import openslo_metadata, openslo_objective, openslo_window
from slo.load.codes import Code
from slo.load.document import name_in
from slo.load.openslo import SloDocument
from slo.load.openslo_sli import Form, Indicator, Metric, as_json, is_plain, speaks_promql
from slo.load.yaml import Fields, Node, Problems
from slo.spec import Format, Method, RatioKind


def read_slo(node: Node, problems: Problems) -> SloDocument | None:
    """An `SLO` document of v1alpha. Each objective is an SLO of its own."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    metadata = openslo_metadata.read(fields)
    with fields.map("spec") as spec:
        method = Method(spec.choice("budgetingMethod", list(Method), Method.OCCURRENCES))
        objectives = [
            openslo_objective.read_alpha(objective, method, _ratio)
            for objective in spec.maps("objectives", required=True)
        ]
        spec.refuse("alertPolicies", "are served in `apiVersion: openslo/v1` only")
        document = SloDocument(
            metadata=metadata,
            service=name_in(spec, "service"),
            description=spec.text("description", ""),
            window=openslo_window.read_alpha(spec),
            method=method,
            indicator=_threshold(spec),
            objectives=tuple(objectives),
            composite=False,
            policies=(),
            format=Format.OPENSLO_ALPHA,
            mark=node.mark,
        )
        _check_indicators(spec, document)
    fields.close()
    return document if len(problems.errors) == before else None


def _check_indicators(spec: Fields, document: SloDocument) -> None:
    stated = spec.node_of("indicator", required=False) is not None
    for objective in document.objectives:
        if stated and objective.own:
            message = "`ratioMetrics` stand beside `spec.indicator`: keep one of them"
            spec.problems.error(objective.mark, message, Code.CONFLICT)
        elif not stated and not objective.own:
            message = "an objective without `ratioMetrics`, in an SLO without `spec.indicator`"
            spec.problems.error(objective.mark, message, Code.MISSING_KEY)


def _threshold(spec: Fields) -> Indicator | None:
    with spec.maybe_map("indicator") as indicator:
        if indicator is None:
            return None
        part = _metric(indicator, "thresholdMetric")
        if part is None:
            return None
        return _indicator(indicator, Form.THRESHOLD, RatioKind.GOOD, part)


def _ratio(objective: Fields) -> Indicator | None:
    """`ratioMetrics` of an objective; its `value` is required by the format and says nothing."""
    with objective.maybe_map("ratioMetrics") as ratio:
        if ratio is None:
            return None
        kind = RatioKind.BAD if ratio.has("bad") and not ratio.has("good") else RatioKind.GOOD
        part, total = _metric(ratio, kind.value), _metric(ratio, "total")
        # `incremental` was called `counter` at first.
        counter = ratio.flag("counter", False) | ratio.flag("incremental", False)
        if part is None or total is None:
            return None
        return _indicator(ratio, Form.RATIO, kind, part, total, counter=counter)


def _indicator(
    fields: Fields,
    form: Form,
    kind: RatioKind,
    part: Metric,
    total: Metric | None = None,
    *,
    counter: bool = False,
) -> Indicator:
    document = "" if is_plain(part, total) else as_json(fields.node, fields.problems)
    return Indicator("", form, kind, part, total, counter, document, fields.node.mark)


def _metric(fields: Fields, key: str) -> Metric | None:
    """`source`, `queryType` and `query`."""
    with fields.map(key) as metric:
        metric.ignore("queryType", "metadata")
        kind = metric.text("source")
        query = metric.node_of("query", required=speaks_promql(kind))
        mark = metric.mark("source")
        return Metric(kind, "", query, mark, mark, metric.where) if kind else None
