"""Instants as people and programs write them."""

import math
from datetime import datetime


def instant(text: str) -> float:
    """Unix seconds of an RFC 3339 time with its zone, or of a number; ValueError, for people."""
    words = text.strip()
    try:
        if math.isfinite(seconds := float(words)):
            return seconds
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(
            f"`{words}` is no instant: write e.g. 2026-10-03T22:00:00Z, zone and all, or Unix "
            "seconds"
        )
    return found.timestamp()
