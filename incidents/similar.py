"""Which earlier incidents are like one, and why: a score of reasons that are said in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

MOST: Final = 5
DAY_S: Final = 86_400.0
# What each reason is worth. Recency only orders what is equally alike.
KEY, SLO, SERVICE_AND_TYPE = 30.0, 25.0, 12.0
CAUSE, CATEGORY, CHANGE, WORDS = 25.0, 6.0, 10.0, 30.0
RECENT: Final = 4.0
_HALF_LIFE_S: Final = 60 * DAY_S
_LEAST_WORDS: Final = 0.3  # of the words in common, below which they say nothing
_SHOWN_WORDS: Final = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of an incident. `words` are the rare ones of its title and description,
    `changes` the kinds and sources of what changed before it began, as (kind, source).
    """

    number: int
    key: str
    type: str
    service: str
    slo: str
    opened_at: float
    cause: str | None = None
    category: str | None = None
    words: frozenset[str] = frozenset()
    changes: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier incident, how alike it is, and in which ways; the strongest first."""

    number: int
    score: float
    reasons: tuple[str, ...]


def most_alike(of: Facts, candidates: Iterable[Facts], most: int = MOST) -> list[Match]:
    """The earlier incidents that are most like one. The same service alone is no reason."""
    found = [match for one in candidates if (match := compare(of, one)) is not None]
    return sorted(found, key=lambda match: (-match.score, -match.number))[:most]


def compare(of: Facts, other: Facts) -> Match | None:
    """How an incident is like another; None where nothing is alike."""
    if other.number == of.number:
        return None
    weighed = [(weight, why) for weight, why in _reasons(of, other) if weight]
    if not weighed:
        return None
    weighed.sort(key=lambda reason: -reason[0])
    age_s = abs(of.opened_at - other.opened_at)
    score = sum(weight for weight, _ in weighed) + RECENT * exp(-age_s / _HALF_LIFE_S)
    return Match(other.number, score, tuple(why for _, why in weighed))


def ago(seconds: float) -> str:
    """How long before: `12 days ago`."""
    for length, name in ((DAY_S, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count != 1 else ''} ago"
    return "just before"


def in_words(reasons: Sequence[str], before_s: float, ended: str) -> str:
    """`same SLO, 12 days ago; resolved by rollback`."""
    line = ", ".join([*reasons, ago(before_s)])
    return f"{line}; {ended}" if ended else line


def _reasons(of: Facts, other: Facts) -> list[tuple[float, str]]:
    same_service = bool(of.service) and of.service == other.service
    found: list[tuple[float, str]] = []
    if same_service and of.slo and of.slo == other.slo:
        again = of.key == other.key
        found.append((SLO + KEY * again, "the same again" if again else "same SLO"))
    elif of.key == other.key:
        found.append((KEY, "the same again"))
    elif same_service and of.type == other.type:
        found.append((SERVICE_AND_TYPE, "same service and type"))
    if of.cause and of.cause == other.cause:
        found.append((CAUSE, f"same cause: {of.cause}"))
    elif of.category and of.category == other.category and same_service:
        found.append((CATEGORY, f"same category: {of.category}"))
    if same_service and (both := sorted(of.changes & other.changes)):
        kind, source = both[0]
        found.append((CHANGE, f"after a {kind} from {source}, too"))
    shared = of.words & other.words
    alike = len(shared) / sqrt(len(of.words) * len(other.words)) if shared else 0.0
    if alike >= _LEAST_WORDS and len(shared) > 1:
        shown = ", ".join(sorted(shared, key=lambda word: (-len(word), word))[:_SHOWN_WORDS])
        found.append((WORDS * alike, f"same words: {shown}"))
    return found
