"""Rules as YAML text: a rule file of Prometheus, or PrometheusRule objects of its operator."""

from collections.abc import Iterable, Mapping
from typing import Final

from slo.rules.model import Group, Resource, Rule
from slo.rules.query import duration
from slo.yaml_text import dumped

_API: Final = "monitoring.coreos.com/v1"


def rule_file(groups: Iterable[Group], header: str) -> str:
    """One rule file. One document: Prometheus reads no second one."""
    return header + dumped({"groups": [_group(group) for group in groups]})


def manifests(resources: Iterable[Resource], header: str) -> str:
    """One document for each object."""
    return "---\n".join(header + dumped(_manifest(resource)) for resource in resources)


def _manifest(resource: Resource) -> dict[str, object]:
    metadata: dict[str, object] = {"name": resource.name}
    if resource.namespace:
        metadata["namespace"] = resource.namespace
    metadata |= _mapping("labels", resource.labels)
    metadata |= _mapping("annotations", resource.annotations)
    spec = {"groups": [_group(group) for group in resource.groups]}
    return {"apiVersion": _API, "kind": "PrometheusRule", "metadata": metadata, "spec": spec}


def _group(group: Group) -> dict[str, object]:
    entry: dict[str, object] = {"name": group.name}
    if group.interval_s:
        entry["interval"] = duration(group.interval_s)
    return entry | {"rules": [_rule(rule) for rule in group.rules]}


def _rule(rule: Rule) -> dict[str, object]:
    entry: dict[str, object] = {"alert": rule.alert} if rule.alert else {"record": rule.record}
    entry["expr"] = rule.expr
    if rule.after_s:
        entry["for"] = duration(rule.after_s)
    return entry | _mapping("labels", rule.labels) | _mapping("annotations", rule.annotations)


def _mapping(key: str, values: Mapping[str, str]) -> dict[str, object]:
    return {key: {name: str(values[name]) for name in sorted(values)}} if values else {}
