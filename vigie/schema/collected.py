"""JSON Schemas of what tells Vigie something: Heartbeat, Integration."""

from typing import Final

from collectors.changes import EMAIL, KUBERNETES, MAX_PER_HOUR
from collectors.changes_load import ARGOCD, EVENTS, GITHUB, MOST_PER_HOUR, SENDER, TYPES
from collectors.keys import MAX_LENGTH, MIN_LENGTH
from vigie.schema.parts import Schema, choice, duration, if_, items, mapping, name, none, text

_OF_GIT: Final = ("events", "branches", "workflows")
_OF_EMAIL: Final = ("from", "service", "incident_type", "per_hour")


def heartbeat() -> Schema:
    spec = mapping(
        {
            "service": name(),
            "every": duration("at least one beat in this time"),
            "schedule": text("five fields of cron"),
            "time_zone": {**text("of the IANA database"), "default": "UTC"},
            "grace": duration("without it 5m, or `every` if that is shorter"),
            "runs_for": duration("the longest run, from its start to its end"),
            "urgency": choice(["high", "low"], "high"),
            **_key(),
        },
        ["service"],
    )
    every: Schema = {"required": ["every"], "properties": none("schedule", "time_zone")}
    schedule: Schema = {"required": ["schedule"], "properties": none("every")}
    return {**spec, "oneOf": [every, schedule], **_one_key()}


def integration() -> Schema:
    services: Schema = {
        "type": "object",
        "additionalProperties": {"anyOf": [text(), items(text())]},
    }
    spec = mapping(
        {
            "type": choice(TYPES),
            "services": {**services, "description": "by repository, application or workload"},
            "events": items(choice(dict.fromkeys(e for some in EVENTS.values() for e in some))),
            "environments": items(text()),
            "branches": items(text()),
            "workflows": items(text()),
            "secret": text("what a delivery must prove"),
            "secret_file": text("relative to this file"),
            **_key(),
            "namespaces": items(text("of the cluster; without any, all")),
            "api_server": text("of the cluster; without one, the one that Vigie runs in"),
            "kubeconfig_file": text("relative to this file"),
            "from": items({**text("an address, or @ and a domain"), "pattern": SENDER.pattern}),
            "service": text("that e-mail is about"),
            "incident_type": text("of the incidents that e-mail opens"),
            "per_hour": _per_hour(),
        },
        ["type"],
    )
    email = {
        **_one_key(),
        "properties": none(
            "services", "secret", "secret_file", "environments", *_OF_GIT,
            "namespaces", "api_server", "kubeconfig_file",
        ),
    }  # fmt: skip
    hook = {**_one_key(), "properties": none("namespaces", "api_server", "kubeconfig_file")}
    cluster = {
        "properties": none(*_key(), "secret", "secret_file", "environments", *_OF_GIT),
        "not": {"required": ["api_server", "kubeconfig_file"]},
    }
    argo = {"properties": none(*_OF_GIT)}
    github: Schema = {"properties": {"events": items(choice(EVENTS[GITHUB]))}}
    return {**spec, "allOf": [
        if_("type", KUBERNETES, cluster, hook),
        if_("type", EMAIL, email, {"properties": none(*_OF_EMAIL)}),
        if_("type", ARGOCD, argo, {}), if_("type", GITHUB, github, {}),
    ]}  # fmt: skip


def _key() -> dict[str, Schema]:
    key = {"type": "string", "minLength": MIN_LENGTH, "maxLength": MAX_LENGTH}
    return {"key": {**key, "description": "the secret in the address"},
            "key_file": text("relative to this file")}  # fmt: skip


def _per_hour() -> Schema:
    bounds = {"minimum": 1, "maximum": MOST_PER_HOUR, "default": MAX_PER_HOUR}
    return {"type": "integer", **bounds, "description": "incidents of one sender"}


def _one_key() -> Schema:
    return {"anyOf": [{"required": ["key"]}, {"required": ["key_file"]}]}
