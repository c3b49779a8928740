"""JSON Schemas of OpenSLO v1."""

from typing import Final

from slo.load.document import OPENSLO
from slo.load.openslo_source import MAX_CONCURRENCY, MAX_SAMPLES
from slo.spec import DataSource, Method, Op
from slo.windows import show
from vigie.schema.parts import (
    Schema,
    choice,
    document,
    duration,
    flag,
    items,
    mapping,
    name,
    one_item,
    text,
)

# OpenSLO's shorthand, or several units one after the other.
_SHORTHAND: Final = "^([0-9]{1,6}[mhdwMQY]|([0-9]{1,9}(ms|s|m|h|d|w))+)$"


def schemas() -> dict[str, Schema]:
    """The schema of a document of each kind."""
    kinds = {
        "AlertCondition": _condition(),
        "AlertNotificationTarget": _target(),
        "AlertPolicy": _policy(),
        "DataSource": _source(),
        "SLI": _sli(),
        "SLO": _slo(),
    }
    metadata = mapping(_metadata(name()), ["name"])
    service = mapping({"description": text()})
    return {
        **{kind: document(OPENSLO, kind, metadata, spec) for kind, spec in kinds.items()},
        "Service": document(OPENSLO, "Service", metadata, service, spec_required=False),
    }


def _metadata(named: Schema) -> dict[str, Schema]:
    value = {"anyOf": [text(), items(text())]}
    return {
        "name": named,
        "displayName": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": value},
        "annotations": {"type": "object"},
    }


def _inline(spec: Schema, *, kind: Schema | None = None, required: tuple[str, ...]) -> Schema:
    """A document inside another one."""
    keys: dict[str, Schema] = {
        "apiVersion": text(),
        "kind": kind or text(),
        "metadata": mapping(_metadata(name())),
        "spec": spec,
    }
    return mapping(keys, required)


def _slo() -> Schema:
    slo = mapping(
        {
            "description": {"type": "string"},
            "service": name(),
            "indicator": _inline(_sli(), required=("spec",)),
            "indicatorRef": text("the name of an SLI"),
            "timeWindow": one_item(_window()),
            "budgetingMethod": choice(Method),
            "objectives": {**items(_objective()), "minItems": 1},
            "alertPolicies": items(_referred("alertPolicyRef", "AlertPolicy", _policy())),
        },
        ["service", "budgetingMethod", "objectives"],
    )
    slo["not"] = {"required": ["indicator", "indicatorRef"]}
    return slo


def _sli() -> Schema:
    ratio = mapping(
        {
            "counter": flag(default=False),
            "good": _measured(),
            "bad": _measured(),
            "total": _measured(),
            "raw": _measured(),
            "rawType": choice(("success", "failure")),
        }
    )
    ratio["oneOf"] = [
        {"required": ["good", "total"]},
        {"required": ["bad", "total"]},
        {"required": ["raw", "rawType"]},
    ]
    sli = mapping({"description": text(), "ratioMetric": ratio, "thresholdMetric": _measured()})
    sli["oneOf"] = [{"required": ["ratioMetric"]}, {"required": ["thresholdMetric"]}]
    return sli


def _measured() -> Schema:
    """A `metricSource`. What its `spec` holds is up to the type; of PromQL it is the query."""
    query = {"type": "object", "patternProperties": {"^query$": text("PromQL")}}
    source = mapping(
        {
            "type": text("Prometheus, or what the DataSource is"),
            "metricSourceRef": text("the name of a DataSource"),
            "spec": query,
        },
        ["spec"],
    )
    source["anyOf"] = [{"required": ["type"]}, {"required": ["metricSourceRef"]}]
    return mapping({"metricSource": source}, ["metricSource"])


def _window() -> Schema:
    calendar = mapping(
        {
            "startTime": text("wall-clock time, such as 2022-01-31 12:00:00"),
            "timeZone": text("of the IANA database"),
        },
        ["startTime", "timeZone"],
    )
    keys = {"duration": _shorthand(), "isRolling": flag(), "calendar": calendar}
    window = mapping(keys, ["duration"])
    aligned = {"properties": {"isRolling": {"const": False}}, "required": ["isRolling"]}
    both = {"properties": {"isRolling": {"const": True}}, "required": ["isRolling", "calendar"]}
    return {**window, "if": aligned, "then": {"required": ["calendar"]}, "not": both}


def _objective() -> Schema:
    objective = mapping(
        {
            "displayName": {"type": "string"},
            "target": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "targetPercent": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
            "budgetTarget": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "op": {"enum": [word for op in Op for word in (op.value, op.value.upper())]},
            "value": {"type": "number"},
            "timeSliceTarget": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "timeSliceWindow": {
                "anyOf": [_shorthand(), {"type": "number", "exclusiveMinimum": 0}],
                "description": "a duration, or minutes",
            },
            "indicator": _inline(_sli(), required=("spec",)),
            "indicatorRef": text("the name of an SLI"),
            "compositeWeight": {"type": "number", "exclusiveMinimum": 0, "default": 1},
        }
    )
    targets = ("target", "targetPercent", "budgetTarget")
    objective["oneOf"] = [{"required": [key]} for key in targets]
    objective["not"] = {"required": ["indicator", "indicatorRef"]}
    return objective


def _policy() -> Schema:
    return mapping(
        {
            "description": text(),
            "alertWhenBreaching": flag(),
            "alertWhenNoData": flag(),
            "alertWhenResolved": flag(),
            "conditions": {
                **items(_referred("conditionRef", "AlertCondition", _condition(), "operator")),
                "minItems": 1,
            },
            "notificationTargets": items(
                _referred("targetRef", "AlertNotificationTarget", _target(), "operator")
            ),
        },
        ["conditions"],
    )


def _referred(ref: str, kind: str, spec: Schema, *ignored: str) -> Schema:
    """The name of a document, a reference to it, or the document itself."""
    item = _inline(spec, kind={"const": kind}, required=())
    item["properties"] |= {ref: text(f"the name of an {kind}")}
    item["properties"] |= {key: {"description": "ignored"} for key in ignored}
    item["anyOf"] = [{"required": [ref]}, {"required": ["kind", "spec"]}]  # mappings only
    return {**item, "type": ["string", "object"]}


def _condition() -> Schema:
    condition = mapping(
        {
            "kind": {"const": "burnrate"},
            "op": choice(("gt", "gte", "lt", "lte")),
            "threshold": {"type": "number", "exclusiveMinimum": 0},
            "lookbackWindow": _shorthand(),
            "alertAfter": _shorthand(),
        },
        ["threshold", "lookbackWindow"],
    )
    keys = {
        "description": text(),
        "severity": text("page, critical, ... page; any other is a ticket"),
        "condition": condition,
    }
    return mapping(keys, ["severity", "condition"])


def _target() -> Schema:
    return mapping({"description": text(), "target": text("e.g. email")}, ["target"])


def _source() -> Schema:
    """Keys may also be spelled in camel case, so unknown ones are left to `vigie slo check`."""
    default = DataSource("", "", "")
    file = text("relative to this file")
    details: dict[str, Schema] = {
        "url": text("http:// or https://, as far as what /api/v1 follows"),
        "default": {**flag(default=False), "description": "asked by SLOs that name no source"},
        "tenant": text("X-Scope-OrgID"),
        "headers": {"type": "object"},
        "username": text(),
        "password_file": file,
        "bearer_token_file": file,
        "ca_file": file,
        "cert_file": file,
        "key_file": file,
        "interval": duration("between two polls", default.interval_s),
        "timeout": duration(default_s=default.timeout_s),
        "lag": duration("how far back the newest sample lies"),
        "concurrency": {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY},
        "max_samples": {"type": "integer", "minimum": 1, "maximum": MAX_SAMPLES},
    }
    connection: Schema = {"type": ["object", "array"], "properties": details}
    return mapping(
        {
            "description": text(),
            "type": text("Prometheus, VictoriaMetrics, Mimir, Thanos, ..."),
            "connectionDetails": connection,
        },
        ["type", "connectionDetails"],
    )


def _shorthand() -> Schema:
    return {"type": "string", "pattern": _SHORTHAND, "description": f"such as {show(3600)}, 4w, 1M"}
