"""JSON Schemas (draft 2020-12) of every kind that Vigie reads, for editors.

They describe what Vigie serves: an OpenSLO file may hold more, and is refused where it does. What
one schema can't say (that a name leads somewhere, that a query compiles) `vigie slo check` says.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from collectors.targets import Target
from incidents.model import IncidentType
from runbooks.model import Mode, Step, StepKind
from slo.load.document import NAME, OPENSLO, VIGIE
from slo.load.openslo import MAX_WINDOW_S, MIN_WINDOW_S
from slo.spec import ArmKind, Births, Policy
from slo.windows import show
from vigie.channels import RECEIVES

Schema = dict[str, Any]
_DURATION: Final = "^([0-9]{1,9}(ms|s|m|h|d|w))+$"
_SIZE: Final = "^[0-9]{1,15}(KB|MB|GB)?$"


def schemas() -> dict[str, Schema]:
    """The schema of a document of each kind, by kind."""
    return {
        "Channel": _document(VIGIE, "Channel", _channel()),
        "Policy": _document(VIGIE, "Policy", _policy()),
        "Runbook": _document(VIGIE, "Runbook", _runbook()),
        "SLO": _openslo("SLO", _slo(), spec_required=True),
        "Service": _openslo("Service", _object({"description": _text()}), spec_required=False),
        "Targets": _document(VIGIE, "Targets", _targets()),
    }


def _document(version: str, kind: str, spec: Schema) -> Schema:
    metadata = _object({"name": _name(), "labels": _labels()}, required=["name"])
    return _top(version, kind, metadata, spec, required=["apiVersion", "kind", "metadata", "spec"])


def _openslo(kind: str, spec: Schema, *, spec_required: bool) -> Schema:
    metadata = _object(_openslo_metadata(_name()), required=["name"])
    required = ["apiVersion", "kind", "metadata", *(["spec"] if spec_required else [])]
    return _top(OPENSLO, kind, metadata, spec, required=required)


def _top(version: str, kind: str, metadata: Schema, spec: Schema, required: list[str]) -> Schema:
    keys = {
        "apiVersion": {"const": version},
        "kind": {"const": kind},
        "metadata": metadata,
        "spec": spec,
    }
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Vigie {kind}"}
    return {**about, **_object(keys, required)}


def _openslo_metadata(name: Schema) -> dict[str, Schema]:
    value = {"anyOf": [_text(), _list(_text())]}
    return {
        "name": name,
        "displayName": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": value},
        "annotations": {"type": "object"},
    }


def _slo() -> Schema:
    source = _object(
        {
            "type": {"const": "Prometheus"},
            "spec": _object({"query": _text("a counting query in PromQL")}, ["query"]),
        },
        ["type", "spec"],
    )
    events = _object({"metricSource": source}, ["metricSource"])
    ratio = _object(
        {"counter": {"const": True}, "good": events, "bad": events, "total": events},
        ["counter", "total"],
    )
    ratio["oneOf"] = [{"required": ["good"]}, {"required": ["bad"]}]
    indicator = _object({"description": _text(), "ratioMetric": ratio}, ["ratioMetric"])
    window = f"{show(MIN_WINDOW_S)} to {show(MAX_WINDOW_S)}"
    return _object(
        {
            "description": {"type": "string"},
            "service": _name(),
            "indicator": _object(
                {"metadata": _object(_openslo_metadata(_text())), "spec": indicator}, ["spec"]
            ),
            "timeWindow": _one(
                _object(
                    {"duration": _duration(window), "isRolling": {"const": True}},
                    ["duration", "isRolling"],
                )
            ),
            "budgetingMethod": {"const": "Occurrences"},
            "objectives": _one(_objective()),
        },
        ["service", "indicator", "timeWindow", "budgetingMethod", "objectives"],
    )


def _objective() -> Schema:
    objective = _object(
        {
            "displayName": {"type": "string"},
            "target": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "targetPercent": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
            "op": {"description": "says nothing about a ratio"},
            "value": {"description": "says nothing about a ratio"},
        }
    )
    objective["oneOf"] = [{"required": ["target"]}, {"required": ["targetPercent"]}]
    return objective


def _policy() -> Schema:
    default = Policy("")
    arm = _object(
        {
            "kind": _choice(ArmKind),
            "burn_rate": {"type": "number", "exclusiveMinimum": 0},
            "long": _duration(),
            "short": _duration("under `long`, at least four scrape intervals"),
        },
        ["kind", "burn_rate", "long", "short"],
    )
    select = {"services": _list(_text()), "slos": _list(_text()), "labels": _labels()}
    return _object(
        {
            "select": _object(select),
            "arms": {**_list(arm), "description": "replace the default arms"},
            "coverage_floor": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "default": default.coverage_floor,
            },
            "min_bad": {"type": "integer", "minimum": 1, "default": default.min_bad},
            "no_data_after": _duration(default_s=default.no_data_after_s),
            "recover_after": _duration(default_s=default.recover_after_s),
            "down_below": {
                "type": "number",
                "minimum": 0,
                "exclusiveMaximum": 1,
                "default": default.down_below,
            },
        }
    )


def _targets() -> Schema:
    default = Target(job="", instance="", url="", service="")
    target = _object({"address": _text("host:port"), "labels": _labels()}, ["address"])
    size = {"type": ["string", "integer"], "pattern": _SIZE, "default": default.body_limit}
    return _object(
        {
            "service": _name(),
            "job": _text("default: metadata.name"),
            "interval": _duration("at least 100ms", default.interval_s),
            "timeout": _duration("at most the interval", default.timeout_s),
            "metrics_path": {"type": "string", "pattern": "^/", "default": "/metrics"},
            "scheme": {"enum": ["http", "https"], "default": "http"},
            "body_size_limit": {**size, "description": "bytes after decompression"},
            "births": {**_choice(Births), "default": Births.ZERO.value},
            "labels": _labels(),
            "targets": {**_list(target), "minItems": 1},
        },
        ["service", "targets"],
    )


def _channel() -> Schema:
    smtp = {
        "host": _text(),
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 25},
        "tls": {"enum": ["none", "starttls", "tls"], "default": "starttls"},
        "username": _text(),
        "password_file": _text("relative to this file"),
    }
    channel = _object(
        {
            "type": {"enum": ["webhook", "email"]},
            "receives": _list({"enum": list(RECEIVES)}),
            "url": _text("http:// or https://"),
            "secret": _text("signs every message"),
            "secret_file": _text("relative to this file"),
            "timeout": _duration(default_s=10.0),
            "smtp": _object(smtp, ["host"]),
            "from": _text(),
            "to": {**_list(_text()), "minItems": 1},
        },
        ["type"],
    )
    webhook: Schema = {"required": ["url"], "properties": _none("smtp", "from", "to")}
    email: Schema = {
        "required": ["smtp", "from", "to"],
        "properties": _none("url", "secret", "secret_file"),
    }
    return {**channel, **_when("type", "webhook", webhook, email)}


def _runbook() -> Schema:
    default = Step(id="", kind=StepKind.MANUAL, title="")
    step = _object(
        {
            "id": _name(),
            "kind": _choice(StepKind),
            "title": _text(),
            "text": {"type": "string"},
            "url": _text("what is fetched"),
            "timeout": _duration(default_s=default.timeout_s),
            "read_only": {"type": "boolean", "default": default.read_only},
        },
        ["id", "kind", "title"],
    )
    manual = {"properties": _none("url", "timeout", "read_only")}
    step |= _when("kind", "http", {"required": ["url"]}, manual)
    match = {
        "types": _list(_choice(IncidentType)),
        "services": _list(_text()),
        "slos": _list(_text()),
        "labels": _labels(),
    }
    return _object(
        {
            "title": _text(),
            "description": {"type": "string"},
            "match": _object(match),
            "mode": {**_choice(Mode), "default": Mode.SUGGEST.value},
            "steps": {**_list(step), "minItems": 1},
        },
        ["title", "steps"],
    )


def _object(keys: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    fixed = {"type": "object", "properties": dict(keys), "additionalProperties": False}
    return {**fixed, "required": list(required)} if required else fixed


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one(items: Schema) -> Schema:
    return {**_list(items), "minItems": 1, "maxItems": 1}


def _text(about: str = "") -> Schema:
    text = {"type": "string", "minLength": 1}
    return {**text, "description": about} if about else text


def _name() -> Schema:
    return {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 253}


def _labels() -> Schema:
    return {"type": "object", "additionalProperties": _text()}


def _duration(about: str = "", default_s: float | None = None) -> Schema:
    schema: Schema = {"type": "string", "pattern": _DURATION}
    if about:
        schema["description"] = about
    return schema if default_s is None else {**schema, "default": show(default_s)}


def _choice(words: Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in words]}


def _none(*keys: str) -> dict[str, bool]:
    return dict.fromkeys(keys, False)


def _when(key: str, value: str, then: Schema, otherwise: Schema) -> Schema:
    condition = {"properties": {key: {"const": value}}}
    return {"if": condition, "then": then, "else": otherwise}
