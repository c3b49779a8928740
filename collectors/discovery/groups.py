"""Target groups as files and HTTP servers list them: `[{targets: [...], labels: {...}}]`.

Strict, as Prometheus is: a key that is no part of a group, a label name that is none or a target
that is no text refuses the whole list.
"""

import re
from collections.abc import Mapping

import orjson
import yaml

from collectors.discovery.errors import DiscoveryError
from collectors.discovery.feed import MAX_TARGETS
from collectors.jobs import Group
from collectors.lines import shortened
from slo.load.nodes import NULL
from slo.load.yaml import Node, Problems, documents

ADDRESS = "__address__"
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_KEYS = frozenset({"targets", "labels"})


def from_json(body: bytes, source: str, extra: Mapping[str, str]) -> tuple[Group, ...]:
    """The groups of a JSON text, `extra` among the labels of each; DiscoveryError says what's off.

    Their sources are `source/0`, `source/1` and so on.
    """
    try:
        listed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DiscoveryError(f"not JSON: {shortened(str(error))}") from error
    return _groups(listed, source, extra)


def from_yaml(body: bytes, source: str, extra: Mapping[str, str]) -> tuple[Group, ...]:
    """The groups of a YAML text, as of a JSON text; numbers and booleans are read as text."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise DiscoveryError("not UTF-8") from error
    problems = Problems()
    nodes = documents(text, source, problems)
    if problems.errors:
        first = problems.errors[0]
        raise DiscoveryError(f"line {first.mark.line}: {first.message}")
    return _groups([_plain(node) for node in nodes], source, extra)


def _groups(listed: object, source: str, extra: Mapping[str, str]) -> tuple[Group, ...]:
    if not isinstance(listed, list):
        raise DiscoveryError("not a list of target groups")
    groups = []
    count = 0
    for index, item in enumerate(listed):
        where = f"group {index + 1}"
        targets, labels = _group(item, where)
        count += len(targets)
        if count > MAX_TARGETS:
            raise DiscoveryError(f"over {MAX_TARGETS} targets")
        found = tuple({ADDRESS: target} for target in targets)
        groups.append(Group(f"{source}/{index}", found, {**labels, **extra}))
    return tuple(groups)


def _group(item: object, where: str) -> tuple[list[str], dict[str, str]]:
    if not isinstance(item, dict):
        raise DiscoveryError(f"{where} is no mapping of `targets` and `labels`")
    if unknown := sorted(str(key) for key in item.keys() - _KEYS):
        raise DiscoveryError(f"{where} has an unknown key `{shortened(unknown[0], 40)}`")
    targets, labels = item.get("targets") or [], item.get("labels") or {}
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise DiscoveryError(f"the `targets` of {where} are no list of texts")
    if not isinstance(labels, dict):
        raise DiscoveryError(f"the `labels` of {where} are no mapping")
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            raise DiscoveryError(f"{where}: `{shortened(name, 40)}` is no label name")
        if not isinstance(value, str):
            raise DiscoveryError(f"{where}: the label `{shortened(name, 40)}` is no text")
    return targets, labels


def _plain(node: Node) -> object:
    """The node with every scalar as its text, so that a port or a version stays as written."""
    raw = node.raw
    if isinstance(raw, yaml.MappingNode):
        return {str(key.value): _plain(node.child(value)) for key, value in raw.value}
    if isinstance(raw, yaml.SequenceNode):
        return [_plain(node.child(value)) for value in raw.value]
    return None if raw.tag == NULL else str(raw.value)
