"""How far back a source remembers, as far as it says."""

import re
from typing import Final

import orjson

from collectors.errors import SourceError
from collectors.promapi import PromApi

DAY_S: Final = 86_400.0
_UNIT_S: Final = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": DAY_S,
    "w": 7 * DAY_S,
    "y": 365 * DAY_S,
    "": 31 * DAY_S,  # VictoriaMetrics counts in months of 31 days where no unit is written
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy]|)")
_FLAG = re.compile(rb'^flag\{name="retentionPeriod", ?value="([^"]*)"', re.MULTILINE)


async def retention(api: PromApi) -> float | None:
    """Seconds that the server keeps samples; None when it doesn't say, or not by time."""
    for path, find in (
        ("api/v1/status/runtimeinfo", _of_runtime),
        ("api/v1/status/flags", _of_flags),
        ("metrics", _of_metrics),
    ):
        try:
            body = await api.get(path)
        except SourceError:
            continue
        if (found := find(body)) is not None:
            return found
    return None


def _of_runtime(body: bytes) -> float | None:
    """Prometheus: `15d`, `15d or 10GiB`, `10GiB`."""
    text = _field(body, "storageRetention").partition(" or ")[0]
    return None if "B" in text else _seconds(text)


def _of_flags(body: bytes) -> float | None:
    return _seconds(_field(body, "storage.tsdb.retention.time"))


def _of_metrics(body: bytes) -> float | None:
    """VictoriaMetrics shows its flags as metrics."""
    found = _FLAG.search(body)
    return _seconds(found[1].decode(errors="replace")) if found else None


def _field(body: bytes, name: str) -> str:
    try:
        return str(orjson.loads(body)["data"][name])
    except (ValueError, LookupError, TypeError):
        return ""


def _seconds(text: str) -> float | None:
    """A length such as `15d` or `1d12h`; 0 says nothing: then the default holds, or no bound."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts) or None
