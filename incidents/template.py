"""Texts with placeholders for words of an incident: `${title}`, with `$$` for a dollar. Pure.

A fixed list of names and nothing else: no expressions, no format, nothing of the record by itself.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

PLACEHOLDERS: Final = (
    "number", "title", "service", "slo", "type", "severity", "priority", "urgency", "state",
    "sub_status", "category", "subcategory", "cause", "tier", "reporter", "acknowledged_by",
    "users_affected", "event", "actor", "text", "automation",
)  # fmt: skip
MAX_WORD: Final = 300  # characters of one that are filled in
_SIGN: Final = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[^{}]*)\}|(?P<bad>))")


def problems(text: str) -> Iterator[tuple[int, str, str | None]]:
    """What is wrong with a text: at which of its characters (the first is 1), in words, and the
    name that is not known, if it is that.
    """
    for found in _SIGN.finditer(text):
        name = found["name"]
        if found["bad"] is not None:
            yield found.start() + 1, "`$` begins no placeholder: write `${name}`, or `$$`", None
        elif name is not None and name not in PLACEHOLDERS:
            yield found.start() + 1, f"there is no placeholder `${{{name[:MAX_WORD]}}}`", name


def is_plain(text: str) -> bool:
    """Whether a text stands for itself."""
    return "$" not in text


def filled(text: str, words: Mapping[str, str]) -> str:
    """A text without problems, each placeholder replaced by its word."""
    return _SIGN.sub(lambda found: "$" if found["escaped"] else words[found["name"]], text)


def words(incident: Mapping[str, Any], entry: Mapping[str, Any], by: str) -> dict[str, str]:
    """What every placeholder stands for, on one line each and bounded: of an incident and the entry
    that something follows from, as the store gives them, and the automation that does it.
    """
    said: dict[str, Any] = {
        **{name: incident.get(name) for name in PLACEHOLDERS},
        "severity": f"SEV{int(incident['severity'])}",
        "priority": f"P{int(incident['priority'])}",
        "tier": f"L{int(incident['tier'])}",
        "event": entry["kind"],
        "actor": entry["actor"],
        "text": entry["text"],
        "automation": by,
    }
    return {name: _line("" if value is None else str(value)) for name, value in said.items()}


def _line(text: str) -> str:
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= MAX_WORD else f"{flat[: MAX_WORD - 3]}..."
