"""Rules as YAML text: a rule file of Prometheus, or PrometheusRule objects of its operator."""

from collections.abc import Iterable, Mapping
from typing import Final

import yaml

from slo.rules.model import Group, Resource, Rule
from slo.rules.query import duration

_API: Final = "monitoring.coreos.com/v1"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, which is how people read PromQL."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent)


def rule_file(groups: Iterable[Group], header: str) -> str:
    """One rule file. One document: Prometheus reads no second one."""
    return _dumped({"groups": [_group(group) for group in groups]}, header)


def manifests(resources: Iterable[Resource], header: str) -> str:
    """One document for each object."""
    return "---\n".join(_dumped(_manifest(resource), header) for resource in resources)


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


def _dumped(value: object, header: str) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return f"{header}{text}"
