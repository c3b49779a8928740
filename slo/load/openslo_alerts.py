"""Alerting in OpenSLO: AlertPolicy, AlertCondition and AlertNotificationTarget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import yaml

from slo.load import openslo_metadata, openslo_window
from slo.load.codes import Code
from slo.load.openslo_metadata import Reference, reference
from slo.load.yaml import Fields, Node, Problems, text_of
from slo.policies import arm_name
from slo.spec import Arm, ArmKind

# The SRE Workbook confirms a long window by one of a twelfth of its length.
SHORT_OF_LONG: Final = 1 / 12
MIN_SHORT_S: Final = 60.0
# Severities that wake somebody, without case, spaces and dashes; every other one is a ticket.
PAGING: Final = frozenset(
    ("page", "pager", "paging", "critical", "crit", "high", "urgent", "emergency", "fatal")
).union(("sev0", "sev1", "p0", "p1", "0", "1"))
_RISING: Final = ("gt", "gte")
_FALLING: Final = ("lt", "lte")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """A burn rate over a look-back window, as an arm; OpenSLO has no short window of its own."""

    name: str
    arm: Arm


@dataclass(frozen=True, slots=True)
class AlertNotificationTarget:
    """Who is told: by its name, which a Channel may have. `target` is the kind, e.g. `email`."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """Conditions and whom they notify. Flags are None where they are not written."""

    name: str
    conditions: tuple[AlertCondition | Reference, ...]
    targets: tuple[AlertNotificationTarget | Reference, ...]
    breaching: bool | None
    no_data: bool | None
    resolved: bool | None


def read_policy(node: Node, problems: Problems) -> AlertPolicy | None:
    """An `AlertPolicy` document."""
    return _document(node, problems, _policy)


def read_condition(node: Node, problems: Problems) -> AlertCondition | None:
    """An `AlertCondition` document."""
    return _document(node, problems, _condition)


def read_target(node: Node, problems: Problems) -> AlertNotificationTarget | None:
    """An `AlertNotificationTarget` document."""
    return _document(node, problems, _target)


def policies(spec: Fields) -> tuple[AlertPolicy | Reference, ...]:
    """`alertPolicies` of an SLO: names, references or whole policies."""
    return _each(spec, "alertPolicies", "alertPolicyRef", "AlertPolicy", _policy)


def _document(node: Node, problems: Problems, read: Callable[[Fields, str], T | None]) -> T | None:
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    name = openslo_metadata.read(fields).name
    with fields.map("spec") as spec:
        value = read(spec, name)
    fields.close()
    return value if len(problems.errors) == before else None


def _each(
    fields: Fields,
    key: str,
    ref_key: str,
    kind: str,
    read: Callable[[Fields, str], T | None],
    *,
    required: bool = False,
) -> tuple[T | Reference, ...]:
    """The items of a list: each a name, a mapping with a reference, or a document of `kind`."""
    found: list[T | Reference] = []
    for index, node in enumerate(fields.items(key, required=required)):
        where = f"{fields.where}.{key}[{index}]"
        if isinstance(node.raw, yaml.ScalarNode):
            if name := text_of(node, fields.problems, where):
                found.append(Reference(name, node.mark))
            continue
        item = Fields(node, fields.problems, where)
        value = (
            _referred(item, ref_key) if item.has(ref_key) else _inline(item, kind, read, ref_key)
        )
        found.extend(() if value is None else (value,))
        item.close()
    return tuple(found)


def _referred(item: Fields, ref_key: str) -> Reference | None:
    item.refuse("spec", f"stands beside `{ref_key}`: keep one of them", Code.CONFLICT)
    item.ignore("kind", "metadata")
    if item.has("operator"):
        item.ignore("operator")
        message = f"`{item.where}.operator` is ignored: each condition is an arm of its own"
        item.problems.warn(item.mark("operator"), message, Code.IGNORED)
    return reference(item, ref_key)


def _inline(
    item: Fields, kind: str, read: Callable[[Fields, str], T | None], ref_key: str
) -> T | None:
    item.ignore("apiVersion", ref_key)
    if not item.has("spec"):
        item.ignore("kind", "metadata", "spec")
        message = f"`{item.where}` needs a `{ref_key}`, or the `spec` of a whole {kind}"
        item.problems.error(item.node.mark, message, Code.MISSING_KEY)
        return None
    item.choice("kind", (kind,))
    name = openslo_metadata.read_inline(item).name
    with item.map("spec") as spec:
        return read(spec, name)


def _policy(spec: Fields, name: str) -> AlertPolicy:
    spec.ignore("description")
    return AlertPolicy(
        name=name,
        conditions=_each(
            spec, "conditions", "conditionRef", "AlertCondition", _condition, required=True
        ),
        targets=_each(spec, "notificationTargets", "targetRef", "AlertNotificationTarget", _target),
        breaching=_flag(spec, "alertWhenBreaching"),
        no_data=_flag(spec, "alertWhenNoData"),
        resolved=_flag(spec, "alertWhenResolved"),
    )


def _flag(spec: Fields, key: str) -> bool | None:
    return None if spec.node_of(key, required=False) is None else spec.flag(key)


def _target(spec: Fields, name: str) -> AlertNotificationTarget:
    spec.ignore("description")
    return AlertNotificationTarget(name, spec.text("target"))


def _condition(spec: Fields, name: str) -> AlertCondition:
    spec.ignore("description")
    kind = _arm_kind(spec.text("severity"))
    with spec.map("condition") as condition:
        condition.choice("kind", ("burnrate",), "burnrate")
        _check_op(condition)
        burn_rate = condition.number("threshold", above=0.0)
        long_s = openslo_window.shorthand(condition, "lookbackWindow").seconds
        after_s = _after(condition)
        mark = condition.mark("threshold")
    short_s = min(max(float(round(long_s * SHORT_OF_LONG)), MIN_SHORT_S), long_s)
    arm = Arm(arm_name(kind, long_s, short_s), kind, burn_rate, long_s, short_s, after_s, mark)
    return AlertCondition(name, arm)


def _arm_kind(severity: str) -> ArmKind:
    word = "".join(char for char in severity.casefold() if char.isalnum())
    return ArmKind.PAGE if word in PAGING else ArmKind.TICKET


def _check_op(condition: Fields) -> None:
    """A burn rate is bad when it is high, whatever the file says."""
    text = condition.maybe_text("op")
    if not text or text.casefold() in _RISING:
        return
    if text.casefold() in _FALLING:
        message = (
            f"`{condition.where}.op` is `{text}`, which would alert while all is well: it is read "
            "as `gte`, write that"
        )
        condition.problems.warn(condition.mark("op"), message, Code.WRONG_WAY)
    else:
        condition.choice("op", (*_RISING, *_FALLING))


def _after(condition: Fields) -> float:
    """How long the condition must hold before it alerts; zero may be written as `0m`."""
    if condition.node_of("alertAfter", required=False) is None:
        return 0.0
    if condition.text("alertAfter").strip("0") in ("", "m", "h", "d", "s"):
        return 0.0
    return openslo_window.shorthand(condition, "alertAfter").seconds
