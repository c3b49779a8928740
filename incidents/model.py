"""What an incident is: words, states and the record. Times are Unix seconds, ratios 0..1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

from slo.recovery import OnRecovery

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


# The times of an incident, in the order of its life.
TIMES = (
    "started_at",
    "detected_at",
    "reported_at",
    "opened_at",
    "acknowledged_at",
    "mitigated_at",
    "recovered_at",
    "resolved_at",
    "closed_at",
)


class IncidentState(StrEnum):
    """The fixed core of states, in the order of a life."""

    TRIAGE = "triage"
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REVIEW = "review"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"


OPEN_STATES = frozenset(
    {
        IncidentState.TRIAGE,
        IncidentState.INVESTIGATING,
        IncidentState.IDENTIFIED,
        IncidentState.MITIGATED,
    }
)


class Severity(IntEnum):
    """Measured impact; 1 is the worst. Shown as SEV1..SEV4."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4


class Urgency(StrEnum):
    HIGH = "high"
    LOW = "low"


class IncidentType(StrEnum):
    """The types that Vigie opens by itself."""

    SLO_BURN = "slo-burn"
    NO_DATA = "no-data"
    BUDGET = "budget"
    MISSED_HEARTBEAT = "missed-heartbeat"
    LOST_REDUNDANCY = "lost-redundancy"
    CERTIFICATE_EXPIRY = "certificate-expiry"


@dataclass(frozen=True, slots=True)
class Signal:
    """What the figures say now about one possible incident.

    `firing` demands one; `clear` is measured to be over; neither: undecided, and nothing changes.
    `detail` is what a person needs to see: for slo-burn the arms with window, value, threshold,
    good, total and coverage; for no-data the targets with their scrape errors; for missed-heartbeat
    when it beat last and when it should have; for lost-redundancy the replicas that are missing;
    for certificate-expiry when it ends.
    """

    key: str  # dedup key: "slo-burn:checkout/availability"
    type: IncidentType
    service: str
    slo: str
    title: str
    urgency: Urgency
    severity: Severity
    started_at: float  # of a burn, an estimate from the rate at which events fail
    firing: bool
    clear: bool
    recover_after_s: float
    labels: Mapping[str, str] = field(default_factory=dict)
    detail: Mapping[str, Json] = field(default_factory=dict)
    on_recovery: OnRecovery | None = None  # as the Policy says


@dataclass(frozen=True, slots=True)
class SilentTarget:
    """What a no-data incident says of one target of the service, silent or not."""

    id: str
    health: str  # up | down | unknown (not asked yet)
    error: str | None
    last_good_at: float | None


@dataclass(frozen=True, slots=True)
class HeardBeat:
    """What an incident says of a heartbeat, and what decides about it. Times in Unix seconds.

    `state` is one of ok, late, missed, failed and unknown; `reason` is a clause without its name.
    """

    name: str
    service: str
    state: str
    since: float
    reason: str
    urgency: Urgency
    expected_at: float | None = None
    deadline: float | None = None
    last_at: float | None = None  # the last ok or fail; None: never
    last_state: str | None = None
    started_at: float | None = None  # of the run under way
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The first certificate of a probed target to end, and how long before its end a notice, and
    then a page, is wanted (0: none). Unix seconds and seconds.
    """

    service: str
    probe: str
    target: str
    expires_at: float
    notice_s: float
    page_s: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What `decide` needs to know of an incident that is open."""

    number: int
    key: str
    state: IncidentState
    urgency: Urgency
    severity: Severity
    acknowledged: bool
    clear_since: float | None = None
    recovered_at: float | None = None
    severity_set: bool = False  # by a person; `severity` is what was measured all the same


class EventKind(StrEnum):
    """What can happen to an incident; also the timeline's entry kinds."""

    OPENED = "opened"
    UPGRADED = "upgraded"  # a ticket became a page, or the severity rose
    CLEARING = "clearing"  # below every threshold since `at`; not shown on the timeline
    # No longer clear, and not clear for long enough before: `clear_since` is withdrawn, the clear
    # time starts again from zero. Not shown on the timeline: a rate that hovers about its threshold
    # would fill it.
    UNSETTLED = "unsettled"
    RELAPSED = "relapsed"  # burns again after it recovered
    RECOVERED = "recovered"  # clear for long enough
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    COMMENTED = "commented"
    ATTACHED = "attached"  # a file
    ATTACHMENT_REMOVED = "attachment_removed"
    STATUS_SET = "status_set"  # state, sub-status or tier, by a person
    FIELD_SET = "field_set"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    CONFIRMED = "confirmed"  # by the requester
    ESCALATED = "escalated"  # to the next tier, or back to the desk
    MERGED = "merged"
    SPLIT = "split"
    LINKED = "linked"
    UNLINKED = "unlinked"
    ROLE_TAKEN = "role_taken"
    ROLE_LEFT = "role_left"
    TEAM_CALLED = "team_called"
    RESTRICTED = "restricted"  # or open to all again
    TASK_ADDED = "task_added"
    TASK_CHANGED = "task_changed"
    TASK_DUE = "task_due"
    UPDATE_SENT = "update_sent"  # to stakeholders
    UPDATE_DUE = "update_due"
    AUTOMATED = "automated"  # what an Automation did
    MEASURED = "measured"  # what it cost, once it was over
    REVIEWED = "reviewed"  # its review moved on
    CORRECTED = "corrected"  # other words for an earlier entry, which stays as it is
    PAGED = "paged"  # a delivery succeeded
    PAGE_FAILED = "page_failed"
    PAGE_SKIPPED = "page_skipped"  # answered before it was sent
    RUN_STARTED = "run_started"
    STEP_FINISHED = "step_finished"
    RUN_FINISHED = "run_finished"
    SEVERITY_SET = "severity_set"  # by a person, or given back to what is measured
    RESPONSE_DUE = "response_due"  # a target of time is near, and not met
    RESPONSE_BREACHED = "response_breached"
    RESOLUTION_DUE = "resolution_due"
    RESOLUTION_BREACHED = "resolution_breached"


@dataclass(frozen=True, slots=True)
class Event:
    """One decision about one incident, to be applied in the tick's transaction.

    `number` is None for `opened`: the transaction gives it one.
    """

    kind: EventKind
    key: str
    at: float
    number: int | None = None
    signal: Signal | None = None
    text: str = ""
    actor: str = "vigie"  # a person's name, or vigie itself
