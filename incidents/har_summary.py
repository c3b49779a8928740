"""A HAR in a few lines: which requests failed, which were slow, and where their time went."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from incidents.har_urls import redacted_url, route_of

SLOW_MS: Final = 1_000.0
MOST: Final = 20  # routes in a list; how many more there are is said
MOST_PAGES: Final = 10
PHASES: Final = ("blocked", "dns", "connect", "ssl", "send", "wait", "receive")
_ERROR: Final = re.compile(r"(net::ERR|NS_ERROR|NS_BINDING)(_[A-Z0-9]{1,16}){1,6}")
_METHODS: Final = frozenset(
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]
)
_LARGEST: Final = 10**12


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and what came of it. `time_ms` is None where it is not known."""

    method: str
    route: str
    status: int  # 0: no answer
    error: str
    time_ms: float | None
    phases: Mapping[str, float]

    @property
    def failed(self) -> bool:
        return self.status < 100 or self.status >= 400


def summary(har: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader wants to know first of a HAR, redacted or not: the same comes out.

    `failing` and `slow` are routes (method, host and path with numbers as `{n}`), worst first, each
    with the requests it had; a request failed when it got no answer or a status from 400 on. A
    route is slow when its slowest request took SLOW_MS. Percentiles are by nearest rank, times in
    milliseconds, null where none was measured.
    """
    log = har["log"]
    exchanges = [_exchange(entry) for entry in log["entries"]]
    routes: dict[tuple[str, str], list[_Exchange]] = {}
    for one in exchanges:
        routes.setdefault((one.method, one.route), []).append(one)
    failing = [_failing(key, some) for key, some in routes.items() if any(x.failed for x in some)]
    timed = {key: [x for x in some if x.time_ms is not None] for key, some in routes.items()}
    slow = [_slow(key, some) for key, some in timed.items() if some]
    slow = [row for row in slow if row["slowest"]["time_ms"] >= SLOW_MS]
    failing.sort(key=lambda row: (-row["failed"], row["route"], row["method"]))
    slow.sort(key=lambda row: (-row["p95_ms"], row["route"], row["method"]))
    pages = [page for page in log.get("pages") or [] if isinstance(page, Mapping)]
    return {
        "requests": len(exchanges),
        "failed": sum(x.failed for x in exchanges),
        "statuses": _counted(x.status for x in exchanges),
        "failing": failing[:MOST],
        "failing_left_out": max(0, len(failing) - MOST),
        "slow": slow[:MOST],
        "slow_left_out": max(0, len(slow) - MOST),
        "pages": [_page(page, n) for n, page in enumerate(pages[:MOST_PAGES], start=1)],
        "pages_left_out": max(0, len(pages) - MOST_PAGES),
    }


def failure_of(response: Mapping[str, Any]) -> str:
    """The browser's name of an error, such as `net::ERR_CONNECTION_REFUSED`; empty without one."""
    error = response.get("_error")
    return error if isinstance(error, str) and _ERROR.fullmatch(error) else ""


def method_of(request: Mapping[str, Any]) -> str:
    """`GET` or another method of HTTP; `OTHER` for what is none of them."""
    method = request.get("method")
    return method.upper() if isinstance(method, str) and method.upper() in _METHODS else "OTHER"


def _exchange(entry: Mapping[str, Any]) -> _Exchange:
    request, response = _map(entry, "request"), _map(entry, "response")
    timings = _map(entry, "timings")
    phases = {name: _measured(timings.get(name)) for name in PHASES}
    url = request.get("url")
    status = _measured(response.get("status"))
    return _Exchange(
        method=method_of(request),
        route=route_of(redacted_url(url if isinstance(url, str) else "")[0]),
        status=min(int(status), 999) if status is not None else 0,
        error=failure_of(response),
        time_ms=_measured(entry.get("time")),
        phases={name: value for name, value in phases.items() if value is not None},
    )


def _failing(key: tuple[str, str], some: Sequence[_Exchange]) -> dict[str, Any]:
    failed = [one for one in some if one.failed]
    return {
        "method": key[0],
        "route": key[1],
        "count": len(some),
        "failed": len(failed),
        "statuses": _counted(one.status for one in failed),
        "errors": _counted(one.error for one in failed if one.error),
    }


def _slow(key: tuple[str, str], some: Sequence[_Exchange]) -> dict[str, Any]:
    times = sorted(one.time_ms or 0.0 for one in some)
    slowest = max(some, key=lambda one: one.time_ms or 0.0)
    return {
        "method": key[0],
        "route": key[1],
        "count": len(some),
        "p50_ms": _percentile(times, 0.50),
        "p95_ms": _percentile(times, 0.95),
        "slowest": {
            "time_ms": slowest.time_ms,
            "status": slowest.status,
            "phases_ms": dict(slowest.phases),
        },
    }


def _page(page: Mapping[str, Any], number: int) -> dict[str, Any]:
    timings = _map(page, "pageTimings")
    return {
        "page": number,
        "content_load_ms": _measured(timings.get("onContentLoad")),
        "load_ms": _measured(timings.get("onLoad")),
    }


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _counted(values: Any) -> dict[str, int]:
    counts = Counter(values)
    return {str(value): counts[value] for value in sorted(counts)}


def _measured(value: object) -> float | None:
    """A number of at least zero; -1 says in a HAR that something does not apply."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _LARGEST else None  # NaN is neither


def _map(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, Mapping) else {}
