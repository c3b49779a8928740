"""What is scraped: targets, and the `Targets` kind that lists them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slo.load.yaml import Mark
from slo.spec import Births


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped endpoint, an instance of a service. Durations in seconds.

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
    mark: Mark | None = None

    @property
    def id(self) -> str:
        scraped = f"{self.job}/{self.instance}"
        return f"{self.source}:{scraped}" if self.source else scraped


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
