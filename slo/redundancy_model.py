"""What redundancy is made of: what a service is meant to have, what is seen, where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from slo.load.marks import Mark
from slo.selector import Selector

MAX_NAMES: Final = 20  # of missing replicas that are kept


class RedundancyState(IntEnum):
    """The high-availability state of a service; the numbers stand on /metrics.

    At risk: one failure, of a replica or of a zone that the service is meant to survive, leaves
    less than the minimum. Down: no replica is ready. Unknown: nobody can tell.
    """

    DOWN = 0
    REDUNDANT = 1
    DEGRADED = 2
    AT_RISK = 3
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs a service's replicas in a Kubernetes cluster. `lease` is the name of the Lease
    whose holder leads; empty: none does. Empty `api_server` and `kubeconfig_file`: the cluster that
    Vigie runs in.
    """

    kind: str  # deployment | statefulset | daemonset
    namespace: str
    name: str
    lease: str = ""
    api_server: str = ""
    kubeconfig_file: str = ""


@dataclass(frozen=True, slots=True)
class Redundancy:
    """How redundant a service is meant to be, and where its replicas are seen.

    Without a workload its replicas are its scraped targets whose labels are `targets`. Of these
    `ready` (a gauge, 1 where one serves), `leader` (1 on the one that leads) and `load` (a counter
    of its work) are read; without `ready` one that answers is ready.
    """

    name: str
    service: str
    expected: int | None = None  # None: as many as the workload wants, or as there are targets
    minimum: int | None = None  # None: 1, or what a PodDisruptionBudget asks for
    zones: int = 1  # to be spread over at least so many; 1: not asked
    zone_label: str = "zone"
    for_s: float = 600.0  # at risk for so long opens an incident
    skew_above: float | None = None  # degraded where the largest share is over so many means
    targets: Mapping[str, str] = field(default_factory=dict)
    ready: Selector | None = None
    leader: Selector | None = None
    load: Selector | None = None
    workload: Workload | None = None
    mark: Mark | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica as it is seen. None where nobody can tell."""

    name: str
    ready: bool | None
    zone: str = ""
    leads: bool | None = None
    load: float | None = None  # events a second


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout under way: since when, and when it last got further. Unix seconds."""

    started_at: float
    progressed_at: float
    stuck: bool = False  # it said itself that it makes no progress


@dataclass(frozen=True, slots=True)
class Observed:
    """What is seen of a service's replicas at one time; `error` is why it isn't seen now.

    `wanted` and `minimum` are what the workload itself asks for; `leader` is who holds its lease,
    empty: nobody, None: not known or not asked.
    """

    at: float
    replicas: tuple[Replica, ...] = ()
    wanted: int | None = None
    minimum: int | None = None
    leader: str | None = None
    rollout: Rollout | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Spell:
    """The last time at risk, `[since, until]`, and the replicas that were not ready in it."""

    since: float
    until: float
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """How redundant a service is now.

    `lacks`: something that is wanted is missing; else it is what it was meant to be, however small.
    `risk_since` is since when it is at risk or down and lacks something, without the time in which
    a rollout made progress; None: it is not. While nobody can tell it stays what it was. `leader`
    is who leads, or led last where nobody does now; `led_since` is since when.
    """

    state: RedundancyState
    reason: str
    since: float
    lacks: bool = False
    ready: int | None = None
    expected: int | None = None
    minimum: int = 1
    zones: int | None = None
    zones_wanted: int = 1
    skew: float | None = None
    leader: str | None = None
    led_since: float | None = None
    failovers: int = 0
    failed_over_at: float | None = None
    risk_since: float | None = None
    declared: bool = True
    missing: tuple[str, ...] = ()  # names of replicas that are not ready: the first `MAX_NAMES`
    spell: Spell | None = None  # kept a while after it, so that what flaps is not forgotten
