"""What can go wrong while collecting, each with the reason that people read on the targets page.

CollectError            one scrape failed, as a whole; `reason` says why
├── ExpositionError     the page cannot be read
├── FetchError          no whole page arrived
│   └── AccessError     credentials or certificates can't be used, or got
└── SourceError         a DataSource gave no answer that can be used
    ├── SourceUnreachable   refused, no such host, TLS, cut short
    ├── SourceTimeout       no whole answer in time
    ├── SourceBusy          429, or 503 that says when to come back
    ├── SourceFailed        5xx, or what is no answer of this API
    ├── SourceDenied        401, 403, or credentials that can't be read
    ├── PartialAnswer       a part of the server's stores did not answer
    ├── AnswerTooLarge      more than is taken at once: ask for less
    ├── QueryRefused        the server refuses this query, and lives
    └── SourceResting       not asked: it failed before, and its time has not come
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


class AccessError(FetchError):
    """What the server must be shown can't be read or got. It never holds a secret."""


class SourceError(CollectError):
    """A DataSource gave no answer that can be used. Whoever asked tries again later."""


class SourceUnreachable(SourceError):  # noqa: N818 - these name a condition of the source
    """No answer: refused, no such host, TLS, cut short."""


class SourceTimeout(SourceError):  # noqa: N818 - as above
    """No whole answer in time."""


class SourceBusy(SourceError):  # noqa: N818 - as above
    """The server asks to be left alone; `retry_after_s` is for how long, None: it does not say."""

    def __init__(self, reason: str, retry_after_s: float | None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class SourceFailed(SourceError):  # noqa: N818 - as above
    """The server failed, or what answers is no such server."""


class SourceDenied(SourceError):  # noqa: N818 - as above
    """The server does not let us in, or the credentials can't be read."""


class PartialAnswer(SourceError):  # noqa: N818 - as above
    """A part of the server's stores did not answer: what came would count too little."""


class AnswerTooLarge(SourceError):  # noqa: N818 - as above
    """More than is taken at once. Asking for less helps, asking again doesn't."""


class QueryRefused(SourceError):  # noqa: N818 - as above
    """The server refuses this query, in its own words. It lives: others may be asked."""


class SourceResting(SourceError):  # noqa: N818 - as above
    """Not asked, because it failed before; `retry_at` is when it will be, Unix seconds."""

    def __init__(self, retry_at: float) -> None:
        super().__init__("resting after failures")
        self.retry_at = retry_at
