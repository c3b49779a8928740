"""OpenSLO v1: SLO and Service documents, as far as Vigie serves them; the rest is refused by name.

The format: https://github.com/OpenSLO/OpenSLO.
"""

from collections.abc import Mapping
from typing import Final

import yaml

from slo import labels as label_values
from slo.load.document import name_in
from slo.load.yaml import Fields, Node, Problems, text_of
from slo.promql import QueryError, compile_events
from slo.spec import Events, RatioKind, Service, Sli, Slo
from slo.windows import UNITS_S, show

MAX_WINDOW_S: Final = 35 * UNITS_S["d"]
MIN_WINDOW_S: Final = UNITS_S["m"]
# Kinds of OpenSLO that are understood and not served, and what to do instead.
NOT_SERVED: Final[Mapping[str, str]] = {
    "SLI": "write the SLI inline, under the SLO's `spec.indicator`",
    "DataSource": "list what to scrape in a `Targets` document (apiVersion vigie.dev/v1)",
    "AlertPolicy": "write burn-rate arms in a `Policy` document (apiVersion vigie.dev/v1)",
    "AlertCondition": "write burn-rate arms in a `Policy` document (apiVersion vigie.dev/v1)",
    "AlertNotificationTarget": "write a `Channel` document (apiVersion vigie.dev/v1)",
}


def read_service(node: Node, problems: Problems) -> Service | None:
    """A `Service` document."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    meta = _Metadata(fields)
    with fields.maybe_map("spec") as spec:
        description = spec.text("description", "") if spec else ""
    fields.close()
    if len(problems.errors) > before:
        return None
    return Service(meta.name, meta.display_name, description, meta.labels, node.mark)


def read_slo(node: Node, problems: Problems) -> Slo | None:
    """An `SLO` document."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    meta = _Metadata(fields)
    with fields.map("spec") as spec:
        description = spec.text("description", "")
        service = name_in(spec, "service")
        sli = _indicator(spec)
        window_s = _window(spec)
        _budgeting_method(spec)
        objective = _objective(spec, of_ratio=sli is not None)
        spec.refuse("alertPolicies", f"are not served yet: {NOT_SERVED['AlertPolicy']}")
    fields.close()
    if sli is None or len(problems.errors) > before:
        return None
    return Slo(
        service=service,
        name=meta.name,
        objective=objective,
        window_s=window_s,
        sli=sli,
        display_name=meta.display_name,
        description=description,
        labels=meta.labels,
        mark=node.mark,
    )


class _Metadata:
    """`metadata` of an OpenSLO document."""

    def __init__(self, fields: Fields) -> None:
        with fields.map("metadata") as metadata:
            self.name = name_in(metadata, "name")
            self.display_name = metadata.text("displayName", "")
            self.labels = _labels(metadata)
            metadata.ignore("annotations")


def _labels(metadata: Fields) -> dict[str, str]:
    """Labels whose values are a text or a list of texts."""
    with metadata.maybe_map("labels") as fields:
        if fields is None:
            return {}
        return {name: _label(fields, name) for name in fields.names()}


def _label(fields: Fields, name: str) -> str:
    node = fields.node_of(name, required=False)
    if node is None or not isinstance(node.raw, yaml.SequenceNode):
        return fields.text(name)
    values = fields.texts(name)
    if any(label_values.BETWEEN in value for value in values):
        fields.problems.error(node.mark, f"a value of label `{name}` holds a comma: remove it")
    return label_values.joined(values)


def _indicator(spec: Fields) -> Sli | None:
    """The inline SLI. A reference to one is refused."""
    spec.refuse("indicatorRef", f"is not served yet: {NOT_SERVED['SLI']}")
    if spec.has("indicatorRef"):
        spec.ignore("indicator")
        return None
    with spec.map("indicator") as indicator:
        with indicator.maybe_map("metadata") as metadata:
            if metadata is not None:
                metadata.ignore("name", "displayName", "labels", "annotations")
        with indicator.map("spec") as inner:
            inner.ignore("description")
            reason = "is not served yet: state good or bad events and the total in `ratioMetric`"
            inner.refuse("thresholdMetric", reason)
            if inner.has("thresholdMetric"):
                inner.ignore("ratioMetric")
                return None
            with inner.map("ratioMetric") as ratio:
                return _ratio(ratio)


def _ratio(ratio: Fields) -> Sli | None:
    """Good or bad events, and the total."""
    if not ratio.flag("counter", False):
        reason = "must be `true`: only counters are served yet, whose increments are summed"
        ratio.problems.error(ratio.mark("counter"), f"`{ratio.where}.counter` {reason}")
    ratio.ignore("good", "bad", "total")
    ratio.refuse("raw", "is not served yet: state good or bad events and the total instead")
    if ratio.has("raw"):
        ratio.ignore("rawType")
        return None
    ratio.refuse("rawType", "belongs to `raw`, which is not served yet: remove it")
    if ratio.has("good") and ratio.has("bad"):
        ratio.refuse("bad", "stands beside `good`: state one of them, the other follows")
        return None
    kind = RatioKind.BAD if ratio.has("bad") else RatioKind.GOOD
    part, total = _events(ratio, kind.value), _events(ratio, "total")
    return None if part is None or total is None else Sli(kind, part, total)


def _events(ratio: Fields, key: str) -> Events | None:
    """The counting query of one side of a ratio."""
    with ratio.map(key) as side, side.map("metricSource") as source:
        source.refuse("metricSourceRef", f"is not served yet: {NOT_SERVED['DataSource']}")
        source.choice("type", ("Prometheus",))
        with source.map("spec") as spec:
            query = spec.node_of("query")
            return None if query is None else _compiled(query, source.problems)


def _compiled(node: Node, problems: Problems) -> Events | None:
    before = len(problems.errors)
    query = text_of(node, problems, "query")
    if len(problems.errors) > before:
        return None
    try:
        return compile_events(query)
    except QueryError as error:
        mark = node.mark if error.offset is None else node.mark_at(error.offset)
        problems.error(mark, f"query: {error.message}")
        return None


def _window(spec: Fields) -> float:
    """The length of the one rolling window."""
    length_s = 0.0
    for index, window in enumerate(spec.maps("timeWindow", required=True)):
        if index > 0:
            spec.problems.error(window.node.mark, "several time windows: keep one")
        window.refuse("calendar", "is not served yet: write `isRolling: true` without it")
        length_s = _length(window)
        if not window.flag("isRolling", False) and not window.has("calendar"):
            message = "only rolling windows are served yet: write `isRolling: true`"
            spec.problems.error(window.mark("isRolling"), message)
    return length_s


def _length(window: Fields) -> float:
    text = window.maybe_text("duration") or ""
    if text[-1:] in ("M", "Q", "Y") and text[:-1].isdigit():
        message = f"`{text}` has no fixed length, as a rolling window needs: write days, e.g. 30d"
        window.problems.error(window.mark("duration"), message)
        return 0.0
    length_s = window.duration("duration")
    if length_s and not MIN_WINDOW_S <= length_s <= MAX_WINDOW_S:
        bounds = f"{show(MIN_WINDOW_S)} to {show(MAX_WINDOW_S)}"
        message = f"a window of {text} is not served yet: write {bounds}"
        window.problems.error(window.mark("duration"), message)
    return length_s


def _budgeting_method(spec: Fields) -> None:
    method = spec.text("budgetingMethod")
    if method in ("Timeslices", "RatioTimeslices"):
        message = f"`{method}` are not served yet: write `budgetingMethod: Occurrences`"
        spec.problems.error(spec.mark("budgetingMethod"), message)
    elif method:
        spec.choice("budgetingMethod", ("Occurrences",))


def _objective(spec: Fields, *, of_ratio: bool) -> float:
    """The one objective, 0..1 and neither."""
    value = 0.0
    for index, objective in enumerate(spec.maps("objectives", required=True)):
        if index > 0:
            message = "several objectives are not served yet: write one SLO for each"
            spec.problems.error(objective.node.mark, message)
        value = _target(objective)
        objective.ignore("displayName", "op", "value")
        if of_ratio and (objective.has("op") or objective.has("value")):
            message = "`op` and `value` say nothing about a ratio and are ignored: remove them"
            spec.problems.warn(objective.node.mark, message)
        for key in ("timeSliceTarget", "timeSliceWindow"):
            objective.refuse(key, "belongs to `Timeslices`, which are not served yet")
        for key in ("indicator", "indicatorRef", "compositeWeight"):
            objective.refuse(key, "belongs to composite SLOs, which are not served yet")
    return value


def _target(objective: Fields) -> float:
    if objective.has("targetPercent"):
        objective.refuse("target", "stands beside `targetPercent`: keep one of them")
        return round(objective.number("targetPercent", above=0, below=100) / 100, 12)
    return objective.number("target", above=0, below=1)
