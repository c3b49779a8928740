"""What answers about services hold."""

from typing import Literal

from pydantic import Field

from vigie.api.schemas import Shape, Time


class Outage(Shape):
    """`seconds` of one that goes on are those that are certain. `incident` is the number of the one
    that was open while it lasted.
    """

    started_at: Time
    ended_at: Time | None
    seconds: float
    cause: str
    planned: bool
    incident: int | None


class Availability(Shape):
    """A service over [from, to), which begins when it was first measured. Planned downtime is no
    part of `availability` at all, and counts like any other in `availability_with_planned`. Null:
    nothing was measured; no nines: no downtime; no mean time: no outage.
    """

    window: str
    start: Time | None = Field(alias="from")
    to: Time | None
    known_seconds: float
    availability: float | None
    availability_with_planned: float | None
    nines: float | None
    downtime_seconds: float
    downtime_planned_seconds: float
    outages: int
    mtbf_seconds: float | None
    mttr_seconds: float | None


class State(Shape):
    """What a service was found to be in [from, to), and why it was when that began."""

    state: str
    reason: str
    start: Time | None = Field(alias="from")
    to: Time | None


class Redundancy(Shape):
    """`declared`: a Redundancy document says what is wanted; else it is only shown. `skew` is the
    largest share of the load over the mean.
    """

    state: Literal["redundant", "degraded", "at_risk", "down", "unknown"]
    reason: str
    since: Time
    declared: bool
    ready: int | None
    expected: int | None
    minimum: int
    zones: int | None
    zones_wanted: int
    skew: float | None
    leader: str | None
    leads_since: Time | None
    failovers: int
    failed_over_at: Time | None


class TargetCount(Shape):
    up: int
    expected: int


class Service(Shape):
    """`up` is null where nobody can tell; `redundancy` where nobody looks at its replicas."""

    name: str
    url: str
    display_name: str
    description: str
    labels: dict[str, str]
    state: Literal["down", "up", "degraded", "maintenance", "unknown"]
    up: bool | None
    reason: str
    downtime_seconds: float | None
    downtime_planned_seconds: float | None
    outage: Outage | None
    redundancy: Redundancy | None
    availability: list[Availability]
    slos: list[str]
    incidents_open: int
    targets: TargetCount
