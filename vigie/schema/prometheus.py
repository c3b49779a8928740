"""JSON Schemas of the Kubernetes resources of Sloth and Pyrra."""

from typing import Final

from slo.load import pyrra, sloth
from slo.load.pyrra_arms import TIERS
from vigie.schema.parts import Schema, document, duration, flag, items, labels, mapping, name, text

# What a cluster adds is let through: whoever edits a file doesn't write it.
_METADATA: Final[Schema] = {
    "type": "object",
    "properties": {
        "name": name(),
        "namespace": {"type": "string"},
        "labels": labels(),
        "annotations": labels(),
    },
    "required": ["name"],
}


def sloth_resource() -> Schema:
    """Sloth's PrometheusServiceLevel."""
    plugin = mapping({"id": text(), "priority": {"type": "integer"}, "config": {}}, ["id"])
    plugins = mapping({"overridePrevious": flag(default=False), "chain": items(plugin)})
    text_of_alert = {"labels": labels(), "annotations": labels()}
    alert = mapping({"disable": flag(default=False), **text_of_alert})
    sli = mapping(
        {
            "events": mapping(
                {"errorQuery": _windowed(), "totalQuery": _windowed()}, ["errorQuery", "totalQuery"]
            ),
            "raw": mapping({"errorRatioQuery": _windowed()}, ["errorRatioQuery"]),
            "plugin": mapping({"id": text(), "options": labels()}, ["id"]),
        }
    )
    sli["oneOf"] = [{"required": [key]} for key in ("events", "raw", "plugin")]
    alerting = {"name": text(), "pageAlert": alert, "ticketAlert": alert}
    slo = mapping(
        {
            "name": name(),
            "objective": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
            "description": {"type": "string"},
            "labels": labels(),
            "sli": sli,
            "alerting": mapping({**alerting, **text_of_alert}),
            "plugins": plugins,
        },
        ["name", "objective", "sli", "alerting"],
    )
    keys = {"service": name(), "labels": labels(), "sloPlugins": plugins, "slos": items(slo)}
    return _resource(sloth.KUBERNETES, sloth.KIND, mapping(keys, ["service", "slos"]))


def pyrra_resource() -> Schema:
    """Pyrra's ServiceLevelObjective."""
    metric = mapping({"metric": text("a plain selector")}, ["metric"])
    grouping = items(text())
    ratio = {"errors": metric, "total": metric, "grouping": grouping}
    latency = {"success": metric, "total": metric, "grouping": grouping}
    native = {"latency": duration(), "total": metric, "grouping": grouping}
    gauge = {"metric": text("a plain selector"), "grouping": grouping}
    forms = {
        "ratio": mapping(ratio, ["errors", "total"]),
        "latency": mapping(latency, ["success", "total"]),
        "latencyNative": mapping(native, ["latency", "total"]),
        "bool_gauge": mapping(gauge, ["metric"]),
    }
    severity = {tier.key: {"type": "string"} for tier in TIERS}
    alerting = {
        "disabled": flag(default=False),
        "burnrates": flag(default=True),
        "absent": flag(default=True),
        "name": {"type": "string"},
        "absentName": {"type": "string"},
        "severities": mapping({**severity, "absent": {"type": "string"}}),
    }
    rules = {
        "enableDescriptionAsLabel": flag(default=False),
        "longRulesLabels": labels(),
        "shortRulesLabels": labels(),
    }
    spec = mapping(
        {
            "target": {"type": ["string", "number"], "description": "percent"},
            "window": duration(),
            "description": {"type": "string"},
            "indicator": {**mapping(forms), "oneOf": [{"required": [key]} for key in forms]},
            "alerting": mapping(alerting),
            "partial_response_strategy": {"enum": ["abort", "warn"]},
            "performanceOverAccuracy": flag(default=False),
            "ruleOutput": mapping(rules),
        },
        ["target", "window", "indicator"],
    )
    return _resource(pyrra.VERSION, pyrra.KIND, spec)


def _resource(version: str, kind: str, spec: Schema) -> Schema:
    resource = document(version, kind, _METADATA, spec)
    resource["properties"]["status"] = {}
    return resource


def _windowed() -> Schema:
    return {**text("PromQL over {{.window}}"), "pattern": r"\{\{ *\.window *\}\}"}
