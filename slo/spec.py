"""What an objective is, whatever file format it was written in: plain values, no behaviour.

Loaders build these; the engine reads nothing else. Ratios are 0..1, durations seconds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, NewType, TypeAlias

from slo.calendar import Calendar
from slo.expression import Expression
from slo.load.marks import Mark
from slo.recovery import OnRecovery
from slo.selector import Matcher, MatchOp, Selector

__all__ = ["Calendar", "Expression", "MatchOp", "Matcher", "Selector"]

SloId = NewType("SloId", str)  # "service/slo": unique over all files and formats
MICRO: Final = 1_000_000  # a sampled value, or a ratio of a slice, is counted in millionths


@dataclass(frozen=True, slots=True)
class Events:
    """A counting query, compiled: the increments of all series that `selectors` name, summed, less
    those that `minus` name.

    A series that two of the selectors name counts twice, as it does in PromQL. `query` is the text
    as written, with its `{{.window}}`.
    """

    query: str
    selectors: tuple[Selector, ...]
    minus: tuple[Selector, ...] = ()

    @property
    def meaning(self) -> str:
        """The same for every spelling of the same query."""
        parts = ["+" + str(s) for s in self.selectors] + ["-" + str(s) for s in self.minus]
        return "".join(sorted(parts))


class RatioKind(StrEnum):
    """Which two of good, bad and total an SLI states; the third follows."""

    GOOD = "good"
    BAD = "bad"


class Op(StrEnum):
    """How a value compares to its threshold when it is good."""

    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"


@dataclass(frozen=True, slots=True)
class CountingSli:
    """`part` (the good or the bad events) and `total`, counted in increments of counters."""

    kind: RatioKind
    part: Events
    total: Events
    source: str = ""  # the DataSource that has the series; empty: what Vigie scrapes itself
    error_ratio: str = ""  # the bad share as one query, where one query was written

    @property
    def selectors(self) -> tuple[Selector, ...]:
        both = (self.part, self.total)
        return tuple(s for events in both for s in (*events.selectors, *events.minus))

    def fingerprint(self, slice_s: int) -> str:
        """The key of its ledger rows: the same query, source and slice width have the same past.

        The spelling of a query is not part of it, its meaning is.
        """
        origin = self.source or "embedded"
        return _hashed(origin, slice_s, self.kind, self.part.meaning, self.total.meaning)


@dataclass(frozen=True, slots=True)
class SampledSli:
    """One judged sample a slice, of current values. One of three forms:

    - a threshold (`op`, `value`): the sample is good when `part` compares so;
    - a ratio (`total` is None): `part` is the good or bad share itself, 0..1;
    - two numbers: `part` of `total` are good or bad now.

    What it adds to a slice is counted in millionths (`MICRO`).
    """

    kind: RatioKind
    part: Expression
    total: Expression | None = None
    op: Op | None = None
    value: float = 0.0
    source: str = ""
    error_ratio: str = ""  # the bad share as one query, where one query was written

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (*self.part.selectors, *(self.total.selectors if self.total else ()))

    def fingerprint(self, slice_s: int) -> str:
        origin = self.source or "embedded"
        total = self.total.meaning if self.total else ""
        judged = f"{self.op}{self.value!r}" if self.op else ""
        return _hashed(origin, slice_s, self.kind, "sampled", self.part.meaning, total, judged)


@dataclass(frozen=True, slots=True)
class ServerSli:
    """PromQL that only its DataSource can evaluate: texts, with their `{{.window}}`.

    `total` is empty where `part` is a ratio, or is compared (`op`, `value`). Its slices are
    estimated: a server's increase() extrapolates.
    """

    kind: RatioKind
    part: str
    total: str
    source: str
    op: Op | None = None
    value: float = 0.0

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return ()

    def fingerprint(self, slice_s: int) -> str:
        judged = f"{self.op}{self.value!r}" if self.op else ""
        return _hashed(self.source, slice_s, self.kind, "server", self.part, self.total, judged)


@dataclass(frozen=True, slots=True)
class ForeignSli:
    """An SLI that is understood and that nothing here can measure: its SLO stays unknown."""

    reason: str  # for people: names the source and what would serve it
    document: str = ""  # its `spec`, as JSON, for conversion

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return ()

    def fingerprint(self, slice_s: int) -> str:
        return _hashed("foreign", slice_s, self.document or self.reason)


BasicSli: TypeAlias = CountingSli | SampledSli | ServerSli | ForeignSli


class Method(StrEnum):
    """What a budget is counted in (OpenSLO's `budgetingMethod`)."""

    OCCURRENCES = "Occurrences"
    TIMESLICES = "Timeslices"
    RATIO_TIMESLICES = "RatioTimeslices"


@dataclass(frozen=True, slots=True)
class Budgeting:
    """Occurrences: good events per event. Timeslices: good slices per slice, a slice of `slice_s`
    being good from a good share of `slice_target` on. RatioTimeslices: the mean of their shares.
    """

    method: Method = Method.OCCURRENCES
    slice_target: float = 0.0
    slice_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Component:
    """One objective of a composite SLO, and how much it weighs."""

    name: str
    sli: BasicSli
    objective: float
    weight: float
    budgeting: Budgeting = Budgeting()


@dataclass(frozen=True, slots=True)
class CompositeSli:
    """The mean of its components' SLIs by weight, over any window."""

    components: tuple[Component, ...]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return tuple(s for component in self.components for s in component.sli.selectors)

    def fingerprint(self, slice_s: int) -> str:
        parts = [f"{c.sli.fingerprint(slice_s)}{c.budgeting}{c.weight!r}" for c in self.components]
        return _hashed("composite", slice_s, *parts)


Sli: TypeAlias = BasicSli | CompositeSli


@dataclass(frozen=True, slots=True)
class Service:
    """What users depend on."""

    name: str
    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None


class ArmKind(StrEnum):
    """A page opens an incident of high urgency that escalates; a ticket only notifies."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Arm:
    """Fires when both windows have burnt at `burn_rate` or more for `after_s`."""

    name: str  # "page-1h-5m": kind, long, short; a label value, so it never holds a number
    kind: ArmKind
    burn_rate: float
    long_s: float
    short_s: float
    after_s: float = 0.0
    mark: Mark | None = field(default=None, compare=False, repr=False)  # None: Vigie's own arm


@dataclass(frozen=True, slots=True)
class AlertText:
    """What one kind of alert carries in the formats that have alerts of their own (Sloth)."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alerting:
    """An SLO's own alerting. None leaves a thing to the Policy that selects the SLO."""

    arms: tuple[Arm, ...] | None = None
    without: frozenset[ArmKind] = frozenset()  # kinds of arms that are switched off
    no_data: bool | None = None  # OpenSLO's alertWhenNoData
    resolved: bool | None = None  # OpenSLO's alertWhenResolved
    channels: tuple[str, ...] = ()  # OpenSLO's notification targets, by name
    name: str = ""  # of the Prometheus alert
    both: AlertText = AlertText()
    page: AlertText = AlertText()
    ticket: AlertText = AlertText()


class Format(StrEnum):
    """The file format that an SLO was written in."""

    OPENSLO = "openslo/v1"
    OPENSLO_ALPHA = "openslo/v1alpha"
    SLOTH = "prometheus/v1"
    SLOTH_KUBERNETES = "sloth.slok.dev/v1"
    PYRRA = "pyrra.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective for one SLI over one window.

    `window_s` is the length of a rolling window; of a calendar-aligned one, the nominal length
    (months of 30 days), from which arms are scaled. With `group_by` it stands for one SLO per set
    of values of these labels, and is itself their sum; `group` are the values of one of them, and
    `parent` the SLO that it is one of.
    """

    service: str
    name: str
    objective: float
    window_s: float
    sli: Sli
    calendar: Calendar | None = None
    budgeting: Budgeting = Budgeting()
    group_by: tuple[str, ...] = ()
    group: tuple[tuple[str, str], ...] = ()
    parent: SloId | None = None
    alerting: Alerting = Alerting()
    display_name: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    format: Format = Format.OPENSLO
    document: str = ""  # metadata.name of the document, where several SLOs come from one
    namespace: str = ""  # of Kubernetes, in formats that are its resources
    resource_labels: Mapping[str, str] = field(default_factory=dict)  # of its metadata, there
    mark: Mark | None = None

    @property
    def id(self) -> SloId:
        return SloId(f"{self.service}/{self.name}")

    @property
    def budget(self) -> float:
        """The share of events that may fail."""
        return 1.0 - self.objective


class Rule(StrEnum):
    """What counts where nothing was measured, or nothing happened, or it was told too late."""

    GOOD = "good"
    BAD = "bad"
    IGNORE = "ignore"
    FREEZE = "freeze"


class Act(StrEnum):
    """What a budget policy does."""

    TICKET = "open_ticket"
    FREEZE = "freeze_deploys"
    RUNBOOK = "run_runbook"


@dataclass(frozen=True, slots=True)
class BudgetAction:
    """Acts while less than `remaining_below` of the budget is left, or while the burn rate over
    `over_s` is above `burning_above`; each is None where it isn't asked.
    """

    name: str
    acts: tuple[Act, ...]
    remaining_below: float | None = None
    burning_above: float | None = None
    over_s: float = 3600.0
    runbook: str = ""
    mark: Mark | None = field(default=None, compare=False, repr=False)


class Unknown(StrEnum):
    """What a deploy gate answers when it can't tell."""

    OPEN = "open"
    CLOSED = "closed"


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
    min_total: int = 1
    alpha: float = 0.05  # a page needs less than this chance of being chance
    zero_traffic: Rule = Rule.IGNORE
    missing: Rule = Rule.FREEZE
    late: Rule = Rule.IGNORE
    max_groups: int = 100
    no_data_after_s: float = 300.0
    recover_after_s: float = 120.0
    down_below: float = 0.5
    alert_no_data: bool = True
    alert_resolved: bool = True
    on_recovery: OnRecovery | None = None  # None: ask once somebody has acknowledged
    actions: tuple[BudgetAction, ...] = ()
    gate_on_unknown: Unknown = Unknown.OPEN
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """Time that does not count: `[start, end)` of one SLO, or of every SLO of a service.

    `planned` is maintenance; otherwise it is a correction made after the fact, by `author`.
    """

    service: str
    slo: str  # empty: every SLO of the service
    start: float
    end: float
    reason: str
    author: str
    planned: bool


@dataclass(frozen=True, slots=True)
class DataSource:
    """A server that answers PromQL: Prometheus, VictoriaMetrics, Mimir, Thanos."""

    name: str
    type: str
    url: str
    tenant: str = ""  # the value of X-Scope-OrgID
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password_file: str = ""
    bearer_token_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    interval_s: float = 15.0  # between two polls
    timeout_s: float = 10.0
    lag_s: float = 0.0  # how far the newest sample that is asked for lies back
    concurrency: int = 4
    max_samples: int = 1_000_000  # in one answer
    default: bool = False  # asked by SLOs that name no source
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


def _hashed(*parts: object) -> str:
    text = "|".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
