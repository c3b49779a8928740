"""The keys `relabel_configs` and `metric_relabel_configs`, as prometheus.yml has them."""

import yaml

from collectors.relabel import DEFAULT, Action, Rule, fault_of
from slo.load.codes import Code
from slo.load.yaml import Fields, did_you_mean, text_of

_MOST_MODULUS = 2**53  # a YAML number is read as a float


def rules(fields: Fields, key: str) -> tuple[Rule, ...]:
    """The rules under `key`; none when the key is absent. A rule with a fault is a problem at the
    key that is to blame, and left out.
    """
    found = [_rule(entry) for entry in fields.maps(key)]
    return tuple(rule for rule in found if rule is not None)


def _rule(fields: Fields) -> Rule | None:
    before = len(fields.problems.errors)
    rule = Rule(
        action=_action(fields),
        source_labels=tuple(fields.texts("source_labels")),
        separator=_text(fields, "separator", DEFAULT.separator),
        regex=_text(fields, "regex", DEFAULT.regex),
        target_label=_text(fields, "target_label", DEFAULT.target_label),
        replacement=_text(fields, "replacement", DEFAULT.replacement),
        modulus=fields.integer("modulus", 0, at_least=0, at_most=_MOST_MODULUS),
    )
    if len(fields.problems.errors) > before:
        return None
    fault = fault_of(rule)
    if fault is None:
        return rule
    name = f"{fields.where}.{fault.key}" if fields.where else fault.key
    fields.problems.error(fields.mark(fault.key), f"`{name}` {fault.reason}", fault.code)
    return None


def _action(fields: Fields) -> Action:
    """Prometheus takes an action in any case."""
    written = _text(fields, "action", DEFAULT.action.value)
    try:
        return Action(written.lower())
    except ValueError:
        known = [action.value for action in Action]
        name = f"{fields.where}.action" if fields.where else "action"
        hint = did_you_mean(written.lower(), known)
        message = f"`{name}` is `{written}`; it must be one of {', '.join(known)}{hint}"
        fields.problems.error(fields.mark("action"), message, Code.NOT_ALLOWED)
        return DEFAULT.action


def _text(fields: Fields, key: str, default: str) -> str:
    """A scalar as it is spelt: files say `regex: true` and `replacement: 8080` without quotes."""
    node = fields.node_of(key, required=False)
    if node is None:
        return default
    if isinstance(node.raw, yaml.ScalarNode):
        return str(node.raw.value)
    return text_of(node, fields.problems, f"{fields.where}.{key}" if fields.where else key)
