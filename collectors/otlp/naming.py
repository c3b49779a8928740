"""The names that OTLP metrics have in Prometheus.

Source: OpenTelemetry, "Prometheus and OpenMetrics Compatibility", and the translator that
Prometheus' own OTLP endpoint uses: units as words at the end, `_total` on counters.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Kind(StrEnum):
    """What a metric is on a page."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER: Final = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_WORD: Final = re.compile(r"[a-zA-Z0-9:]+")


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, kind: Kind) -> str:
    """`http.server.request.duration` in `s` is `http_server_request_duration_seconds`; empty when
    nothing of the name can stand in Prometheus.
    """
    words = _WORD.findall(name)
    if not words:
        return ""
    main, _, per = unit.strip().partition("/")
    words += [word for word in _words(_UNITS, main) if word not in words]
    rate = _words(_PER, per)
    if rate and rate[0] not in words:
        words += ["per", *rate]
    if kind is Kind.COUNTER:
        words = [*(word for word in words if word != "total"), "total"]
    if kind is Kind.GAUGE and unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    joined = "_".join(words)
    return f"_{joined}" if joined[0].isdigit() else joined


def _words(known: dict[str, str], unit: str) -> list[str]:
    """A unit as words; what stands in braces is a remark (`{request}`) and no unit."""
    if "{" in unit or "}" in unit:
        return []
    return _WORD.findall(known.get(unit, unit))
