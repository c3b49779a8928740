"""The shapes of analytics as the API shows them; definitions in docs/reference/metrics.md."""

from typing import Literal

from pydantic import Field

from vigie.api.schemas import Listing, Shape, Time

Severity = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
Priority = Literal["P1", "P2", "P3", "P4", "P5"]


class Spread(Shape):
    """Of the `n` incidents of which both ends are known; null where none are."""

    n: int
    median_seconds: float | None
    p90_seconds: float | None
    mean_seconds: float | None


class Times(Shape):
    detect: Spread
    acknowledge: Spread
    mitigate: Spread
    recover: Spread
    resolve: Spread
    between: Spread


class Recurrence(Shape):
    within_30d: int
    share_30d: float | None
    within_90d: int
    share_90d: float | None


class Kept(Shape):
    """`n` is met and missed; `pending` ones may still be met."""

    met: int
    missed: int
    pending: int
    n: int
    share: float | None


class Promises(Shape):
    response: Kept
    resolution: Kept


class Reopened(Shape):
    """`n` were resolved once."""

    count: int
    n: int
    share: float | None


class Detection(Shape):
    machine: int
    person: int
    machine_share: float | None


class Sum(Shape):
    """Over the `n` incidents of which it is known; null where it is known of none."""

    sum: float | None
    n: int


class Tasks(Shape):
    """Of the incidents counted: those to be done yet."""

    left: int
    overdue: int


class Response(Shape):
    """`cost` is null without the setting `response_cost_per_hour`."""

    person_hours: float | None
    n: int
    cost: float | None


class Figures(Shape):
    """Without `cancelled` and `merged` incidents, which are only counted."""

    count: int
    open: int
    cancelled: int
    merged: int
    times: Times
    recurrence: Recurrence
    targets: Promises
    reopened: Reopened
    detection: Detection
    budget_burned: Sum
    bad_events: Sum
    downtime_seconds: Sum
    planned_downtime_seconds: Sum
    tasks: Tasks
    response: Response


class Beside(Figures):
    """`change` is the share by which `count` is more than in the period before."""

    count_before: int
    change: float | None


class Group(Beside):
    """`key` is null for those of which it is not set."""

    key: str | None


class Step(Shape):
    key: str
    start: Time = Field(alias="from")
    to: Time
    count: int
    resolve_median_seconds: float | None
    resolve_n: int


class Stats(Shape):
    """Incidents opened in [from, to), beside those in [before_from, from)."""

    start: Time = Field(alias="from")
    to: Time
    before_from: Time
    by: str
    only: dict[str, str]
    figures: Beside
    groups: list[Group]
    groups_left_out: int
    every: Literal["week", "month"]
    series: list[Step]


class BehindOne(Shape):
    """`value`, in `unit`, is what they are sorted by."""

    number: int
    title: str
    service: str
    severity: Severity
    priority: Priority
    state: str
    opened_at: Time
    value: float | None
    unit: str
    url: str


class Behind(Listing[BehindOne]):
    which: str
    total: int


class Compared(Shape):
    """`change` is the difference as a share of the greater of the two, -1 to 1."""

    title: str
    unit: str
    value: float | None
    n: int
    before: float | None
    before_n: int
    change: float | None
    verdict: Literal["better", "worse", "same", "unknown"]


class Named(Shape):
    number: int
    title: str
    url: str


class Worst(Compared):
    incidents: list[Named]
    url: str


class Improve(Shape):
    """One rule that found something: `text` is `template` with its `names`."""

    rule: str
    text: str
    template: str
    names: dict[str, str]
    part: float
    of: float
    incidents: list[int]
    url: str


class Summary(Shape):
    month: str
    start: Time = Field(alias="from")
    to: Time
    complete: bool
    figures: Figures
    compared: list[Compared]
    worst: list[Worst]
    improve: list[Improve]
