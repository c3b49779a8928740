"""JSON Schemas (draft 2020-12) of every kind that Vigie reads, for editors.

They describe what Vigie serves: an OpenSLO file may hold more, and is refused where it does. What
one schema can't say (that a name leads somewhere, that a query compiles) `vigie slo check` says.
"""

from typing import Final

from collectors.load_scraping import KNOWN
from collectors.relabel import Action
from collectors.scraping import AS_USUAL
from collectors.targets import Target
from incidents.model import IncidentType
from incidents.templates import AUDIENCES
from runbooks.model import Mode, Step, StepKind
from slo.exclusions import MAX_DURATION_S
from slo.load import pyrra, sloth
from slo.load.document import VIGIE
from slo.load.policy import MAX_GROUPS
from slo.recovery import OnRecovery
from slo.spec import Act, ArmKind, Births, BudgetAction, Policy, Rule, Unknown
from slo.windows import show
from vigie.channels import RECEIVES
from vigie.schema import (
    automation,
    collected,
    openslo,
    priority,
    probes,
    prometheus,
    redundancy,
    status,
    types,
)
from vigie.schema.parts import (
    Schema,
    choice,
    document,
    duration,
    flag,
    if_,
    items,
    labels,
    mapping,
    name,
    none,
    number,
    text,
    whole,
)

_SCALAR: Final = ["string", "number"]
_BESIDE: Final = "relative to this file"
_SIZE: Final = "^[0-9]{1,15}(KB|MB|GB)?$"


def schemas() -> dict[str, Schema]:
    """The schema of a document of each kind, by kind; OpenSLO's are those of v1."""
    metadata = mapping({"name": name(), "labels": labels()}, required=["name"])
    own = {
        "Automation": automation.automation(),
        "Channel": _channel(),
        "Heartbeat": collected.heartbeat(),
        "IncidentType": types.incident_type(),
        "Integration": collected.integration(),
        "MaintenanceWindow": _maintenance(),
        "Policy": _policy(),
        "PriorityMatrix": priority.matrix(),
        "Probe": probes.probe(),
        "Redundancy": redundancy.redundancy(),
        "Runbook": _runbook(),
        "StatusPage": status.page(),
        "Targets": _targets(),
        "Taxonomy": types.taxonomy(),
    }
    return {
        **{kind: document(VIGIE, kind, metadata, spec) for kind, spec in own.items()},
        **openslo.schemas(),
        sloth.KIND: prometheus.sloth_resource(),
        pyrra.KIND: prometheus.pyrra_resource(),
    }


def _policy() -> Schema:
    default = Policy("")
    arm = mapping(
        {
            "kind": choice(ArmKind),
            "burn_rate": {"type": "number", "exclusiveMinimum": 0},
            "long": duration(),
            "short": duration("under `long`, at least four scrape intervals"),
            "after": duration("how long both must burn first"),
        },
        ["kind", "burn_rate", "long", "short"],
    )
    select = {"services": items(text()), "slos": items(text()), "labels": labels()}
    return mapping(
        {
            "select": mapping(select),
            "arms": {**items(arm), "description": "replace the default arms"},
            "coverage_floor": number(exclusiveMinimum=0, maximum=1, default=default.coverage_floor),
            "min_bad": whole(1, default.min_bad),
            "min_total": whole(1, default.min_total),
            "alpha": number(exclusiveMinimum=0, exclusiveMaximum=1, default=default.alpha),
            "zero_traffic": choice(Rule, default.zero_traffic),
            "missing": choice(Rule, default.missing),
            "late": choice(Rule, default.late),
            "max_groups": whole(1, default.max_groups, MAX_GROUPS),
            "alert_no_data": flag(default=default.alert_no_data),
            "alert_resolved": flag(default=default.alert_resolved),
            "on_recovery": choice(OnRecovery),
            "budget": items(_budget_action()),
            "gate_on_unknown": choice(Unknown, default.gate_on_unknown),
            "no_data_after": duration(default_s=default.no_data_after_s),
            "recover_after": duration(default_s=default.recover_after_s),
            "down_below": number(minimum=0, exclusiveMaximum=1, default=default.down_below),
        }
    )


def _budget_action() -> Schema:
    when = mapping(
        {
            "remaining_below": number("of the whole budget", maximum=1),
            "burning_above": number("times what the budget allows", exclusiveMinimum=0),
            "over": duration("of `burning_above`", BudgetAction("", ()).over_s),
        }
    )
    when["anyOf"] = [{"required": ["remaining_below"]}, {"required": ["burning_above"]}]
    when["dependentRequired"] = {"over": ["burning_above"]}
    action = mapping(
        {
            "name": name(),
            "when": when,
            "do": {**items(choice(Act)), "minItems": 1},
            "runbook": text("the name of a Runbook"),
        },
        ["name", "when", "do"],
    )
    runs = {"properties": {"do": {"contains": {"const": Act.RUNBOOK.value}}}}
    return {
        **action,
        "if": runs,
        "then": {"required": ["runbook"]},
        "else": {"properties": none("runbook")},
    }


def _maintenance() -> Schema:
    return mapping(
        {
            "services": items(text()),
            "slos": items(text("names of SLOs")),
            "labels": labels(),
            "start": text("wall-clock time, such as 2026-10-01 22:00:00"),
            "duration": duration(f"at most {show(MAX_DURATION_S)}"),
            "time_zone": {**text("of the IANA database"), "default": "UTC"},
            "recurrence": text("an RRULE of RFC 5545"),
            "owner": text(),
            "reason": text(),
        },
        ["start", "duration", "owner", "reason"],
    )


def _targets() -> Schema:
    default = Target(job="", instance="", url="", service="")
    target = mapping({"address": text("host:port"), "labels": labels()}, ["address"])
    size = {"type": ["string", "integer"], "pattern": _SIZE, "default": default.body_limit}
    return mapping(
        {
            "service": name(),
            "job": text("default: metadata.name"),
            "interval": duration("at least 100ms", default.interval_s),
            "timeout": duration("at most the interval", default.timeout_s),
            "metrics_path": {"type": "string", "pattern": "^/", "default": "/metrics"},
            "scheme": {"enum": ["http", "https"], "default": "http"},
            "body_size_limit": {**size, "description": "bytes after decompression"},
            "births": {**choice(Births), "default": Births.ZERO.value},
            "labels": labels(),
            "targets": {**items(target), "minItems": 1},
            **_scraping(),
            **_access(),
        },
        ["service", "targets"],
    )


def _scraping() -> dict[str, Schema]:
    """The keys of `collectors.load_scraping`."""
    rule = {
        "action": {"type": "string", "default": Action.REPLACE.value},
        "source_labels": items(text()),
        "separator": {"type": "string", "default": ";"},
        "regex": {"type": _SCALAR, "default": "(.*)"},
        "target_label": {"type": "string"},
        "replacement": {"type": _SCALAR, "default": "$1"},
        "modulus": {"type": "integer", "minimum": 0},
    }
    limits = ("sample_limit", "label_limit", "label_name_length_limit", "label_value_length_limit")
    return {
        "params": {"type": "object", "additionalProperties": items({"type": _SCALAR})},
        "scrape_protocols": {**items({"enum": list(KNOWN)}), "uniqueItems": True},
        "scrape_native_histograms": flag(default=False),
        "fallback_scrape_protocol": {"enum": list(KNOWN)},
        "enable_compression": flag(default=AS_USUAL.compressed),
        "honor_labels": flag(default=AS_USUAL.honor_labels),
        "honor_timestamps": flag(default=AS_USUAL.honor_timestamps),
        "metric_relabel_configs": items(mapping(rule)),
        **dict.fromkeys(limits, whole(0, 0)),
    }


def _access() -> dict[str, Schema]:
    """The keys of `collectors.load_access`."""
    secret: Schema = {"type": _SCALAR}
    tls = mapping(
        {
            "ca_file": text(_BESIDE),
            "cert_file": text(_BESIDE),
            "key_file": text(_BESIDE),
            "server_name": text(),
            "insecure_skip_verify": flag(default=False),
            "min_version": {"enum": ["TLS10", "TLS11", "TLS12", "TLS13"]},
        }
    )
    tls["dependentRequired"] = {"cert_file": ["key_file"], "key_file": ["cert_file"]}
    oauth2 = mapping(
        {
            "client_id": text(),
            "client_secret": secret,
            "client_secret_file": text(_BESIDE),
            "token_url": _url("http:// or https://"),
            "scopes": items(text()),
            "endpoint_params": labels(),
            "tls_config": tls,
            "proxy_url": _url("http:// or https://"),
        },
        ["client_id", "token_url"],
    )
    header = mapping({key: items(text()) for key in ("values", "secrets", "files")})
    return {
        "basic_auth": mapping(
            {
                "username": secret,
                "username_file": text(_BESIDE),
                "password": secret,
                "password_file": text(_BESIDE),
            }
        ),
        "authorization": mapping(
            {
                "type": {"type": "string", "default": "Bearer"},
                "credentials": secret,
                "credentials_file": text(_BESIDE),
            }
        ),
        "oauth2": oauth2,
        "tls_config": tls,
        "proxy_url": _url("http:// or https://, with a login if it wants one"),
        "no_proxy": text("hosts, domains, networks, separated by commas"),
        "proxy_from_environment": flag(default=False),
        "follow_redirects": flag(default=True),
        "http_headers": {"type": "object", "additionalProperties": header},
    }


def _url(about: str) -> Schema:
    return {"type": "string", "pattern": "^https?://", "description": about}


def _channel() -> Schema:
    smtp = {
        "host": text(),
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 25},
        "tls": {"enum": ["none", "starttls", "tls"], "default": "starttls"},
        "username": text(),
        "password_file": text("relative to this file"),
    }
    channel = mapping(
        {
            "type": {"enum": ["webhook", "email"]},
            "receives": items({"enum": list(RECEIVES)}),
            "audiences": {
                **items({"enum": list(AUDIENCES)}),
                "description": "whose stakeholder updates it gets",
            },
            "url": text("http:// or https://"),
            "secret": text("signs every message"),
            "secret_file": text("relative to this file"),
            "timeout": duration(default_s=10.0),
            "smtp": mapping(smtp, ["host"]),
            "from": text(),
            "to": {**items(text()), "minItems": 1},
        },
        ["type"],
    )
    webhook: Schema = {"required": ["url"], "properties": none("smtp", "from", "to")}
    email: Schema = {
        "required": ["smtp", "from", "to"],
        "properties": none("url", "secret", "secret_file"),
    }
    return {**channel, **if_("type", "webhook", webhook, email)}


def _runbook() -> Schema:
    default = Step(id="", kind=StepKind.MANUAL, title="")
    step = mapping(
        {
            "id": name(),
            "kind": choice(StepKind),
            "title": text(),
            "text": {"type": "string"},
            "url": text("what is fetched"),
            "timeout": duration(default_s=default.timeout_s),
            "read_only": {"type": "boolean", "default": default.read_only},
        },
        ["id", "kind", "title"],
    )
    manual = {"properties": none("url", "timeout", "read_only")}
    step |= if_("kind", "http", {"required": ["url"]}, manual)
    match = {
        "types": items(choice(IncidentType)),
        "services": items(text()),
        "slos": items(text()),
        "labels": labels(),
    }
    return mapping(
        {
            "title": text(),
            "description": {"type": "string"},
            "match": mapping(match),
            "mode": {**choice(Mode), "default": Mode.SUGGEST.value},
            "steps": {**items(step), "minItems": 1},
        },
        ["title", "steps"],
    )
