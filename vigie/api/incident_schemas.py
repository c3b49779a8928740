"""The shapes of incidents as the API shows them, for its documentation. Times are RFC 3339."""

from typing import Any, Literal

from vigie.api.people_schemas import People
from vigie.api.schemas import ChangeBefore, Exemplar, Shape, Time


class Incident(Shape):
    """The record, as lists show it."""

    number: int
    title: str
    type: str
    service: str
    slo: str
    state: str
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"]
    urgency: Literal["high", "low"]
    priority: Literal["P1", "P2", "P3", "P4", "P5"]
    priority_reasons: list[str]
    severity_measured: Literal["SEV1", "SEV2", "SEV3", "SEV4"] | None
    severity_set_at: Time | None
    severity_set_by: str | None
    severity_set_for: str | None
    response_due_at: Time | None
    response_met: bool | None
    resolution_due_at: Time | None
    resolution_met: bool | None
    key: str
    reporter: str
    detected_by: Literal["machine", "person"]
    description: str
    affected: list[str]
    category: str | None
    subcategory: str | None
    cause: str | None
    resolution: str | None
    fields: dict[str, Any]
    sub_status: str | None
    users_affected: int | None
    restricted: bool
    tier: Literal[1, 2, 3]
    merged_into: int | None
    budget_burned: float | None
    bad_events: int | None
    downtime_seconds: float | None
    planned_downtime_seconds: float | None
    traffic_share: float | None
    acknowledged_by: str | None
    resolved_by: str | None
    started_at: Time
    detected_at: Time
    reported_at: Time
    opened_at: Time
    acknowledged_at: Time | None
    mitigated_at: Time | None
    recovered_at: Time | None
    resolved_at: Time | None
    closed_at: Time | None
    closed_by: str | None
    reopened: int
    confirmed_at: Time | None
    satisfaction: int | None
    url: str


class RunStep(Shape):
    id: str
    kind: Literal["manual", "http"]
    title: str
    text: str
    url: str
    read_only: bool
    state: str | None
    output: str
    error: str | None
    started_at: Time | None
    finished_at: Time | None


class Runbook(Shape):
    """A runbook that fits the incident; `state` is null when it was not run."""

    name: str
    title: str
    description: str
    mode: Literal["suggest", "diagnose"]
    reason: str
    state: str | None
    started_at: Time | None
    finished_at: Time | None
    steps: list[RunStep]


class Delivery(Shape):
    """One attempt to reach somebody."""

    at: Time
    channel: str
    kind: str
    attempt: int
    outcome: Literal["delivered", "failed"]
    detail: str
    dedup: str


class Correction(Shape):
    """Words for an entry that came later; `position` is that of the entry that says them."""

    position: int
    recorded_at: Time
    actor: str
    text: str
    reason: str


class Entry(Shape):
    """One line of a timeline: `position` counts within the incident, `hash` links it to the one
    before, `corrections` came later. `at` is the same as `occurred_at`.
    """

    id: int
    position: int
    at: Time
    occurred_at: Time
    recorded_at: Time
    kind: str
    actor: str
    text: str
    data: dict[str, Any]
    hash: str
    corrections: list[Correction]


class WholeIncident(Incident):
    """`detail` holds the figures as last seen: arms for slo-burn, targets for no-data. `cost`
    says in words what it cost, `impact` how that was found (docs/reference/impact.md).
    """

    cost: str
    cost_notes: list[str]
    impact: dict[str, Any]
    labels: dict[str, str]
    detail: dict[str, Any]
    people: People
    runbooks: list[Runbook]
    changes: list[ChangeBefore]
    exemplars: list[Exemplar]
    deliveries: list[Delivery]
    timeline: list[Entry]
    timeline_head: str
