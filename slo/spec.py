"""What an objective is, whatever file format it was written in: plain values, no behaviour.

Loaders build these; the engine reads nothing else. Ratios are 0..1, durations seconds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NewType

from slo.load.yaml import Mark

SloId = NewType("SloId", str)  # "service/slo": unique over all files and formats


class MatchOp(StrEnum):
    """The four PromQL label matchers; patterns are RE2 and anchored at both ends."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCH = "=~"
    NOT_MATCH = "!~"


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One condition on one label; an absent label equals the empty string."""

    label: str
    op: MatchOp
    value: str


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """The series of one metric whose labels fulfil every matcher (sorted by label)."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        inner = ",".join(f"{m.label}{m.op}{_quoted(m.value)}" for m in self.matchers)
        return f"{self.metric}{{{inner}}}"


@dataclass(frozen=True, slots=True)
class Events:
    """A counting query, compiled: the increments of all series that these selectors name, summed.

    A series that two of the selectors name counts twice, as it does in PromQL.
    """

    query: str
    selectors: tuple[Selector, ...]


class RatioKind(StrEnum):
    """Which two of good, bad and total an SLI states; the third follows."""

    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Sli:
    """A counting SLI: `part` (the good or the bad events) and `total`."""

    kind: RatioKind
    part: Events
    total: Events

    def fingerprint(self, slice_s: int) -> str:
        """The key of its ledger rows: the same query, source and slice width have the same past.

        The spelling of a query is not part of it, its meaning is.
        """
        part = "+".join(sorted(str(s) for s in self.part.selectors))
        total = "+".join(sorted(str(s) for s in self.total.selectors))
        text = f"embedded|{slice_s}|{self.kind}|{part}|{total}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Service:
    """What users depend on."""

    name: str
    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective for one SLI over one rolling window."""

    service: str
    name: str
    objective: float
    window_s: float
    sli: Sli
    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None

    @property
    def id(self) -> SloId:
        return SloId(f"{self.service}/{self.name}")

    @property
    def budget(self) -> float:
        """The share of events that may fail."""
        return 1.0 - self.objective


class ArmKind(StrEnum):
    """A page opens an incident of high urgency that escalates; a ticket only notifies."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Arm:
    """Fires when both windows burn at `burn_rate` or more."""

    name: str  # "page-1h-5m": kind, long, short; a label value, so it never holds a number
    kind: ArmKind
    burn_rate: float
    long_s: float
    short_s: float
    mark: Mark | None = field(default=None, compare=False, repr=False)  # None: Vigie's own arm


@dataclass(frozen=True, slots=True)
class Policy:
    """How objectives are watched. A field that is None takes Vigie's default."""

    name: str
    services: tuple[str, ...] = ()  # selects by name; empty selects every one
    slos: tuple[str, ...] = ()
    match_labels: Mapping[str, str] = field(default_factory=dict)
    arms: tuple[Arm, ...] | None = None
    coverage_floor: float = 0.9
    min_bad: int = 3
    no_data_after_s: float = 300.0
    recover_after_s: float = 120.0
    down_below: float = 0.5
    mark: Mark | None = None


class Births(StrEnum):
    """What the first sample of a series born under watch counts from.

    `baseline` is for relays (federation, pushgateway): what they show was counted elsewhere, and
    the process start on their page is their own, so it says nothing about the series.
    """

    ZERO = "zero"
    BASELINE = "baseline"


class AlertState(IntEnum):
    """The state of one arm of one SLO; the numbers are those of `vigie_alert_state`."""

    OK = 0
    FIRING = 1
    FROZEN = 2


class ServiceState(IntEnum):
    """The state of a service; the numbers are those of `vigie_service_state`."""

    DOWN = 0
    UP = 1
    DEGRADED = 2
    MAINTENANCE = 3
    UNKNOWN = 4


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
