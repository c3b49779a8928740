"""What Prometheus rules are made of, and where they belong: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slo.spec import Arm, Policy, Slo


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a recording has `record`, an alert has `alert`, `annotations` and `after_s`."""

    expr: str
    record: str = ""
    alert: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated in their order, every `interval_s`; 0: as often as the server's
    configuration says.
    """

    name: str
    rules: tuple[Rule, ...]
    interval_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Made:
    """The groups of one SLO."""

    slo: Slo
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """An SLO with what decides about its alerts; `runbooks` are the names of those that fit it."""

    slo: Slo
    policy: Policy
    arms: tuple[Arm, ...]
    runbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """A PrometheusRule object of Kubernetes."""

    name: str
    groups: tuple[Group, ...]
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
