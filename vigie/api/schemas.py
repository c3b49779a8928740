"""The shapes that the API documents. Answers are ready JSON and never pass through them; a test
holds what goes out against them.
"""

from typing import Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

T = TypeVar("T")
Alert = Literal["ok", "firing", "frozen"]
Health = Literal["up", "down", "unknown"]
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
    good: float
    total: float
    bad: float
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


class Calendar(Shape):
    start_time: str
    time_zone: str


class Budgeting(Shape):
    """`slice` is null for Occurrences."""

    method: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    slice: str | None
    slice_target: float | None


class Period(Shape):
    """A calendar period as a whole, against the traffic that it is expected to have."""

    start: Time = Field(alias="from")
    to: Time
    expected_total: float
    basis: Literal["previous", "pro_rata"]
    budget_remaining: float | None


class Exhaustion(Shape):
    """Seconds until a full budget, and what is left of this one, are gone at the burn rate of the
    last hour; null: never.
    """

    full_seconds: float | None
    left_seconds: float | None


class Contributor(Shape):
    """A label set and its bad events of about the last hour."""

    labels: dict[str, str]
    bad: int
    share: float


class Backfill(Shape):
    """How much of the past was read from a DataSource so far."""

    done_seconds: float
    total_seconds: float


class Slo(Shape):
    """Figures are null until the first tick after the SLO was loaded is committed. `whole` is the
    window with what is excluded, null where nothing is; `estimated` says why figures are estimates;
    `backfill` is null once its past was read.
    """

    id: str
    service: str
    slo: str
    display_name: str
    description: str
    labels: dict[str, str]
    objective: float
    window: str
    window_seconds: float
    calendar: Calendar | None
    budgeting: Budgeting
    parent: str | None
    group: dict[str, str]
    url: str
    backfill: Backfill | None
    start: Time | None = Field(alias="from")
    to: Time | None
    good: float | None
    total: float | None
    sli: float | None
    coverage: float | None
    budget_remaining: float | None
    whole: Window | None
    period: Period | None
    exhaustion: Exhaustion
    contributors: list[Contributor]
    estimated: str
    burn_rates: dict[str, float | None]
    arms: list[Arm]
    no_data: bool | None
    alert: Alert | None
    query: dict[str, str]


class Bucket(Shape):
    """One SLI in [start, end). Counts are null where nothing was measured, `sli` also where nothing
    happened. Events of a gap that began before it are in no bucket.
    """

    start: Time
    end: Time
    good: float | None
    total: float | None
    coverage: float
    sli: float | None


class SloHistory(Listing[Bucket]):
    """One SLO over a range up to now, oldest first, in buckets of equal width."""

    range: str
    step_seconds: int


class Target(Shape):
    """`by` says how its samples come; `found_by` who found it, null where a file names it."""

    id: str
    job: str
    instance: str
    service: str
    url: str
    by: Literal["scrape", "probe", "spans", "push"]
    found_by: str | None
    labels: dict[str, str]
    health: Health
    error: str | None
    last_scrape_at: Time | None
    last_good_at: Time | None
    duration_seconds: float | None
    samples: int | None
    body_bytes: int | None
    interval_seconds: float
    timeout_seconds: float


class Family(Shape):
    """Metrics of a page that belong together, as the page states them; `sample` is one line."""

    name: str
    type: str
    help: str
    samples: int
    sample: str


class WholeTarget(Target):
    """`families` are those of its last page, null where no page was kept; `families_left_out` were
    too many to list.
    """

    families: list[Family] | None
    families_left_out: int | None


class Probed(Shape):
    """The verdict on one target of a probe; `expires_at` is when its certificate ends."""

    probe: str
    service: str
    target: str
    state: Health
    since: Time | None
    reason: str
    by_location: dict[str, Health]
    quorum: int
    expires_at: Time | None


class Discovery(Shape):
    """Where a scrape job looks for targets; while it is down it keeps what it found before. Also
    `redundancy of SERVICE` and `integration NAME`, which look at workloads of a cluster.
    """

    job: str
    kind: Literal["file", "http", "dns", "kubernetes"]
    place: str
    health: Health
    error: str | None
    last_ok_at: Time | None
    targets: int


class Source(Shape):
    """A DataSource. `behind_seconds` is how far back it was read last; one that no SLO asks is not
    polled, and stays `unknown`.
    """

    name: str
    type: str
    url: str
    default: bool
    health: Health
    error: str | None
    last_ok_at: Time | None
    behind_seconds: float | None
    retry_at: Time | None
    interval_seconds: float
    lag_seconds: float
    slos: int
    backfill: Backfill | None
    backfill_error: str | None


class Change(Shape):
    """One change. `source` is `api` or the name of an Integration; null is not known."""

    number: int
    source: str
    id: str | None
    title: str
    services: list[str]
    kind: Literal["deploy", "flag", "config", "other"]
    status: Literal["pending", "running", "succeeded", "failed", "cancelled"]
    started_at: Time
    finished_at: Time | None
    version: str | None
    actor: str | None
    url: str | None
    environment: str | None
    labels: dict[str, str]
    recorded_at: Time


class ChangeBefore(Change):
    """One before an incident began; `before_seconds` is how long before."""

    before_seconds: float


class Exemplar(Shape):
    """A trace of a bad event of an SLO. `at` is when its span arrived; `reason` is `error` where
    the span failed, else `slow`; `url` is null where no `traces_url` is set.
    """

    trace_id: str
    span_id: str
    at: Time
    service: str
    span_name: str
    duration_seconds: float
    reason: Literal["error", "slow"]
    url: str | None


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
