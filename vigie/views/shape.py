"""The JSON conventions of everything that Vigie shows: times, ratios, words, lists."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import modf
from typing import Any, Final, TypeAlias, overload

Object: TypeAlias = dict[str, Any]  # ready for JSON: str, int, float, bool, None, lists, objects

_TIMES = frozenset(
    {"from", "to", "at", "since", "started_at", "last_good_at", "last_scrape_at", "last_at"}
    | {"expected_at", "deadline", "expires_at", "risk_since", "led_since", "failed_over_at"}
    | {"due_at"}
)


@overload
def when(at: float) -> str: ...


@overload
def when(at: None) -> None: ...


def when(at: float | None) -> str | None:
    """Unix seconds as RFC 3339 in UTC with milliseconds; None stays None."""
    if at is None:
        return None
    # As datetime does: to the nearest microsecond, then cut. A list has a thousand times, and this
    # takes a third of the time.
    part, whole = modf(at)
    seconds, micros = divmod(int(whole) * 1_000_000 + round(part * 1e6), 1_000_000)
    days, second = divmod(seconds, _DAY_S)
    minute, second = divmod(second, 60)
    return f"{_date(days)}{_MINUTES[minute]}{_TWO[second]}.{micros // 1000:03d}Z"


_DAY_S: Final = 86_400
_TWO: Final = tuple(f"{n:02d}" for n in range(60))
_MINUTES: Final = tuple(f"T{hour:02d}:{minute}:" for hour in range(24) for minute in _TWO)


@lru_cache(maxsize=4096)
def _date(days: int) -> str:
    """A day since 1970."""
    return datetime.fromtimestamp(days * _DAY_S, UTC).date().isoformat()


def listing(items: Sequence[Object], following: str | None = None) -> Object:
    """A list as it goes out; `following` is the cursor of the next page, None at the end."""
    return {"items": list(items), "next": following}


def times_shown(value: Any) -> Any:
    """A stored detail with its Unix times written as RFC 3339, at any depth."""
    if isinstance(value, list):
        return [times_shown(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: when(item) if _is_time(key, item) else times_shown(item) for key, item in value.items()
    }


def _is_time(key: str, value: Any) -> bool:
    return key in _TIMES and isinstance(value, int | float)
