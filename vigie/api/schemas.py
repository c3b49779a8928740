"""The shapes that the API documents. Answers are ready JSON and never pass through them; a test
holds what goes out against them.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

T = TypeVar("T")
Alert = Literal["ok", "firing", "frozen"]
Time = AwareDatetime


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Listing(Shape, Generic[T]):
    """A list; `next` is the `cursor` of the next page, null at the end."""

    items: list[T]
    next: str | None


class Window(Shape):
    """One SLI over one window; a ratio is null where nothing was measured or nothing happened."""

    window: str
    window_seconds: float
    burn_rate: float | None
    good: int
    total: int
    bad: int
    coverage: float
    sli: float | None
    start: Time = Field(alias="from")
    to: Time


class Arm(Shape):
    name: str
    kind: Literal["page", "ticket"]
    state: Alert
    since: Time
    burn_threshold: float
    long: Window
    short: Window


class Slo(Shape):
    """Figures are null until the first tick after the SLO was loaded is committed."""

    id: str
    service: str
    slo: str
    display_name: str
    description: str
    labels: dict[str, str]
    objective: float
    window: str
    window_seconds: float
    url: str
    start: Time | None = Field(alias="from")
    to: Time | None
    good: int | None
    total: int | None
    sli: float | None
    coverage: float | None
    budget_remaining: float | None
    burn_rates: dict[str, float | None]
    arms: list[Arm]
    no_data: bool | None
    alert: Alert | None
    query: dict[Literal["good", "bad", "total"], str]


class Outage(Shape):
    started_at: Time
    ended_at: Time | None


class TargetCount(Shape):
    up: int
    expected: int


class Service(Shape):
    """`up` is null where nobody can tell."""

    name: str
    display_name: str
    description: str
    labels: dict[str, str]
    state: Literal["down", "up", "degraded", "maintenance", "unknown"]
    up: bool | None
    reason: str
    downtime_seconds: float | None
    outage: Outage | None
    slos: list[str]
    incidents_open: int
    targets: TargetCount


class Target(Shape):
    id: str
    job: str
    instance: str
    service: str
    url: str
    labels: dict[str, str]
    health: Literal["up", "down", "unknown"]
    error: str | None
    last_scrape_at: Time | None
    last_good_at: Time | None
    duration_seconds: float | None
    samples: int | None
    body_bytes: int | None
    interval_seconds: float
    timeout_seconds: float


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
    key: str
    reporter: str
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


class Entry(Shape):
    """One line of a timeline."""

    id: int
    at: Time
    recorded_at: Time
    kind: str
    actor: str
    text: str
    data: dict[str, Any]


class WholeIncident(Incident):
    """`detail` holds the figures as last seen: arms for slo-burn, targets for no-data."""

    labels: dict[str, str]
    detail: dict[str, Any]
    runbooks: list[Runbook]
    deliveries: list[Delivery]
    timeline: list[Entry]


class Reloaded(Shape):
    generation: int
    slos: int
    targets: int
    warnings: list[str]


class Problem(BaseModel):
    """RFC 9457; some problems carry more members, such as `errors`."""

    type: str
    title: str
    status: int
    detail: str
