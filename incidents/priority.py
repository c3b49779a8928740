"""Priority: what to do first. Derived from impact and urgency, never set by hand.

ITIL derives priority from impact and urgency. Impact is the severity here, for both say how much
is hurt: it is measured, and a person may set another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from incidents.matrix import DEFAULT, PRIORITIES, Modifier, PriorityMatrix
from incidents.model import Severity, Urgency

FIRST: Final = PRIORITIES[0]
LOWEST: Final = PRIORITIES[-1]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the priority of an incident depends on. `labels` are the incident's own (with those of
    its SLO) over those of its service.
    """

    severity: Severity
    urgency: Urgency
    type: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Priority:
    """A level of 1 (first) to 5, and in words why: the cell of the matrix, then what moved it."""

    level: int
    reasons: tuple[str, ...]


def prioritize(matrix: PriorityMatrix, facts: Facts) -> Priority:
    """The priority of an incident by a matrix.

    The order of the modifiers says nothing: their moves are added up and end at P1 and P5; then
    `at_most` holds what came out down, and `at_least` has the last word, for an incident that is
    worked on too early costs less than one that waits.
    """
    cell = matrix.levels[int(facts.severity), facts.urgency.value]
    holding = [m for m in matrix.modifiers if m.holds(facts.type, facts.labels)]
    level = min(LOWEST, max(FIRST, cell - sum(m.moves for m in holding)))
    reasons = [f"{facts.severity.name} x {facts.urgency} urgency: P{cell}"]
    reasons += [_moved(m) for m in holding if m.moves]
    for bound in (m for m in holding if m.at_most is not None):
        level, said = _held(level, max(level, bound.at_most or FIRST), "at most", bound)
        reasons += said
    for bound in (m for m in holding if m.at_least is not None):
        level, said = _held(level, min(level, bound.at_least or LOWEST), "at least", bound)
        reasons += said
    return Priority(level, tuple(reasons))


def priority_of(severity: Severity, urgency: Urgency) -> int:
    """The level where no matrix was written: a page takes the number of its severity; what can
    wait comes one later.
    """
    return prioritize(DEFAULT, Facts(severity, urgency)).level


def _moved(modifier: Modifier) -> str:
    word = "raised" if modifier.moves > 0 else "lowered"
    return f"{word} by {abs(modifier.moves)}: {modifier.reason}"


def _held(before: int, after: int, word: str, bound: Modifier) -> tuple[int, list[str]]:
    """The level within a bound, and the reason if that changed it."""
    return after, [f"{word} P{after}: {bound.reason}"] if after != before else []
