"""The JSON Schema of the kind `Redundancy`, for editors."""

from typing import Final

from slo.load.redundancy import (
    MAX_REPLICAS,
    MAX_ZONES,
    NAME,
    NAMESPACE,
    OF_TARGETS,
    WORKLOADS,
)
from slo.redundancy_model import Redundancy
from vigie.schema.parts import Schema, duration, mapping, name, none, number, text, whole

_LABEL: Final = "^[A-Za-z_][A-Za-z0-9_]*$"


def redundancy() -> Schema:
    """The spec of a `Redundancy`."""
    default = Redundancy("", "")
    count: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_REPLICAS}
    label: Schema = {"type": "string", "pattern": _LABEL}
    selector = text("a vector selector")
    spec = mapping(
        {
            "service": name(),
            "expected": {**count, "description": "without it what the workload wants, or is there"},
            "minimum": {**count, "description": "at most `expected`"},
            "zones": whole(1, default.zones, MAX_ZONES),
            "zone_label": {**label, "default": default.zone_label},
            "for": duration("at risk for so long opens an incident", default.for_s),
            "skew_above": number("times the mean", exclusiveMinimum=1, maximum=MAX_REPLICAS),
            "targets": {**_labels(), "description": "labels of its targets"},
            "ready": selector,
            "leader": selector,
            "load": selector,
            "kubernetes": _kubernetes(),
        },
        ["service"],
    )
    spec["dependentRequired"] = {"skew_above": ["load"]}
    watched: Schema = {"required": ["kubernetes"]}
    return {**spec, "if": watched, "then": {"properties": none(*OF_TARGETS)}}


def _labels() -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": _LABEL},
        "additionalProperties": text(),
    }


def _kubernetes() -> Schema:
    workload = f"^({'|'.join(WORKLOADS)})/{NAME.pattern}$"
    found = mapping(
        {
            "workload": {"type": "string", "pattern": workload},
            "namespace": {"type": "string", "pattern": f"^{NAMESPACE.pattern}$"},
            "lease": {"type": "string", "pattern": f"^{NAME.pattern}$"},
            "api_server": {"type": "string", "pattern": "^https?://"},
            "kubeconfig_file": text("relative to this file"),
        },
        ["workload", "namespace"],
    )
    return {**found, "not": {"required": ["api_server", "kubeconfig_file"]}}
