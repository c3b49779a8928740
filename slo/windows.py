"""Durations as people write them (30d, 5m, 1h30m), in seconds inside."""

import re

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"([0-9]+)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h|d|w))+")


def parse(text: str) -> float:
    """Seconds in a duration such as `30d` or `1h30m`; ValueError with the accepted form."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"`{text}` is not a duration: write e.g. 500ms, 15s, 5m, 1h30m, 30d, 4w")
    return sum(int(number) * UNITS_S[unit] for number, unit in _PART.findall(text))


def show(seconds: float) -> str:
    """The shortest exact spelling: 300.0 -> `5m`, 5400.0 -> `1h30m`, 0.5 -> `500ms`."""
    left_ms = round(seconds * 1000)
    if left_ms == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        size_ms = round(UNITS_S[unit] * 1000)
        count, left_ms = divmod(left_ms, size_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
