"""What is scraped: targets, and the `Targets` kind that lists them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from collectors.scraping import AS_USUAL, Scraping
from slo.load.yaml import Mark
from slo.spec import Births


class By(StrEnum):
    """How the samples of a target come."""

    SCRAPE = "scrape"
    PROBE = "probe"
    SPANS = "spans"
    PUSH = "push"


# Who finds the targets that OpenTelemetry tells of: by spans, by metrics that are pushed.
FOUND_BY_SPANS: Final = "spans"
FOUND_BY_PUSH: Final = "otlp"
FOUND_BY_WRITE: Final = "write"  # by Prometheus' remote write
OF_SPANS: Final = "traces_"
_MADE: Final[Mapping[By, str]] = {By.PROBE: "probe_", By.SPANS: OF_SPANS}


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped or probed endpoint, an instance of a service. Durations in seconds.

    `labels` are those that every series of its page gets (job, instance, service and the
    user's own); a label of the page that stands against one of them is renamed `exported_<label>`.
    """

    job: str
    instance: str  # host:port
    url: str
    service: str
    labels: Mapping[str, str] = field(default_factory=dict)
    interval_s: float = 15.0
    timeout_s: float = 10.0
    body_limit: int = 50_000_000  # bytes after decompression
    births: Births = Births.ZERO
    source: str = ""  # the DataSource that scrapes it; empty: Vigie does
    by: By = By.SCRAPE
    found_by: str = ""  # who found it, e.g. `job shop`; empty: a file names it, or a DataSource
    scraping: Scraping = AS_USUAL
    mark: Mark | None = None

    def may_show(self, metric: str) -> bool:
        """Whether series of a metric may be on its pages: those that Vigie makes hold their own."""
        return metric.startswith(_MADE.get(self.by, ""))

    @property
    def id(self) -> str:
        return target_id(self.job, self.instance, self.source)


def target_id(job: str, instance: str, source: str = "") -> str:
    """What a target is called everywhere; `source` is the DataSource that scrapes it."""
    scraped = f"{job}/{instance}"
    return f"{source}:{scraped}" if source else scraped


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """What the last scrape of a target said, for people. Times in Unix seconds."""

    target: Target
    health: str  # up | down | unknown (not scraped yet)
    last_scrape_at: float | None = None
    duration_s: float | None = None
    samples: int | None = None
    body_bytes: int | None = None
    error: str | None = None  # named reason: `timeout`, `status 500`, `body over limit`, ...
    last_good_at: float | None = None
