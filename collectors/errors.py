"""What can go wrong while collecting, each with the reason that people read on the targets page.

CollectError            one scrape failed, as a whole; `reason` says why
├── ExpositionError     the page cannot be read
└── FetchError          no whole page arrived
"""


class CollectError(Exception):
    """One scrape failed as a whole. `reason` is short and in words: `timeout`, `status 500`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ExpositionError(CollectError):
    """A page that cannot be read, or whose counters cannot be counted."""


class OpenMetricsRefused(ExpositionError):  # noqa: N818 - it says who was refused, not what failed
    """An OpenMetrics page that prometheus_client refuses, though its wanted lines may be sound."""


class FetchError(CollectError):
    """No whole page arrived."""
