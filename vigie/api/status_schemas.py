"""What answers about status pages hold."""

from typing import Literal

from pydantic import Field

from vigie.api.schemas import Shape, Time

State = Literal[
    "operational",
    "under_maintenance",
    "unknown",
    "degraded_performance",
    "partial_outage",
    "major_outage",
]
Status = Literal["investigating", "identified", "monitoring", "resolved"]


class Subscribers(Shape):
    """How many are mailed, and how many have not confirmed yet."""

    confirmed: int
    unconfirmed: int


class Short(Shape):
    """One page in short; `subscribers` is null where nobody can subscribe."""

    name: str
    title: str
    url: str
    state: State
    stale: bool
    public: bool
    subscribers: Subscribers | None


class Figures(Shape):
    """A component over [from, to), as `/api/v1/services/{service}/availability` has it; null where
    nothing was measured. `coverage` is the share of the time until now that was.
    """

    start: Time = Field(alias="from")
    to: Time
    known_seconds: float
    coverage: float
    availability: float | None
    downtime_seconds: float | None
    downtime_planned_seconds: float | None


class Day(Figures):
    """One day (`2026-10-01`) in the page's time zone."""

    day: str


class Component(Figures):
    """One component over `window`; `measured_until` is null while it is measured."""

    name: str
    title: str
    description: str
    state: State
    measured_until: Time | None
    window: str
    days: list[Day]


class Group(Shape):
    """Components under one heading, as well as the worst of them."""

    title: str
    state: State
    components: list[Component]


class Update(Shape):
    """What customers were told, in Markdown."""

    id: str
    at: Time
    status: Status
    text: str


class PublishedIncident(Shape):
    """One incident, as customers may know it."""

    id: str
    title: str
    status: Status
    components: list[str]
    started_at: Time
    resolved_at: Time | None
    updates: list[Update]


class Maintenance(Shape):
    """Planned work on components; `now`: it goes on."""

    start: Time = Field(alias="from")
    to: Time
    now: bool
    components: list[str]


class Page(Shape):
    """A whole page. `stale`: the measurement stopped at `measured_at`, and no component is called
    operational.
    """

    name: str
    title: str
    description: str
    url: str
    time_zone: str
    state: State
    measured_at: Time | None
    stale: bool
    history_days: int
    groups: list[Group]
    incidents: list[PublishedIncident]
    maintenance: list[Maintenance]
    subscribers: bool
