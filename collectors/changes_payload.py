"""Reading payloads that others made: what is missing or odd is not there, and never an error."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

MAX_TITLE: Final = 300
MAX_WORD: Final = 253
MAX_URL: Final = 2_000
_NO_COMMIT: Final = "0" * 40
_LATEST: Final = 4e9  # of a time that makes sense: in the year 2096
Payload: TypeAlias = Mapping[str, Any]


def inner(payload: Payload, *path: str) -> Payload:
    """The object at a path; empty when there is none."""
    found: Any = payload
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def word(payload: Payload, *path: str, most: int = MAX_WORD) -> str:
    """The text or number at a path, on one line and bounded; empty when there is none."""
    found = inner(payload, *path[:-1]).get(path[-1])
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return line(str(found), most)


def line(text: str, most: int = MAX_WORD) -> str:
    """The first line of a text, without what can't be shown."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    kept = "".join(c if c.isprintable() else " " for c in first).strip()
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def link(payload: Payload, *paths: tuple[str, ...]) -> str:
    """The first of these places that holds a web address; empty when none does."""
    for path in paths:
        url = word(payload, *path, most=MAX_URL + 1)
        if is_link(url):
            return url
    return ""


def is_link(url: str) -> bool:
    """Whether this is an http(s) address that a page can link to."""
    if len(url) > MAX_URL:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # brackets that hold no address
        return False


def moment(payload: Payload, *path: str) -> float | None:
    """The time at a path as Unix seconds; None when there is none.

    RFC 3339, GitLab's `2021-04-28 21:50:00 +0200` and `2020-11-02 12:55:12 UTC`, and the seconds
    that GitHub's pushes have. A time without a zone is nobody's.
    """
    found = inner(payload, *path[:-1]).get(path[-1])
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found) if 0 < found < _LATEST else None
    if not isinstance(found, str) or len(found) > 40:
        return None
    text = found.strip()
    if text.endswith(" UTC"):
        text = text.removesuffix(" UTC") + "Z"
    text = text.replace(" +", "+").replace(" -", "-")
    try:
        parsed = datetime.fromisoformat(text)
        at = parsed.timestamp() if parsed.tzinfo is not None else 0.0
    except (ValueError, OverflowError):
        return None
    return at if 0 < at < _LATEST else None


def seen(event: str, payload: Payload) -> str:
    """What an unknown payload looks like, for whoever sent it: its event and first keys."""
    said = f"event `{line(event, 60)}`" if event else "no event header"
    names = [line(str(name), 40) for name in list(payload)[:8]]
    keys = ", ".join(f"`{name}`" for name in names) or "none"
    return f"{said}, keys {keys}"


def is_commit(sha: str) -> bool:
    """Whether a push left anything behind: deleting a branch leaves zeros."""
    return bool(sha) and sha != _NO_COMMIT
