"""What a `PriorityMatrix` says: levels by severity and urgency, modifiers, targets of time.

Severities are 1..4 and priorities 1..5, 1 the worst and the first. Numbers, words and named
tuples rather than enums and dataclasses, for which `vigie slo check` would have to wait.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from slo import labels as label
from slo.load.marks import Mark

SEVERITIES: Final = (1, 2, 3, 4)
URGENCIES: Final = ("high", "low")  # the more urgent first
PRIORITIES: Final = (1, 2, 3, 4, 5)
NONE: Final[Mapping[Any, Any]] = MappingProxyType({})
# A page takes the number of its severity; what can wait comes one later.
USUAL: Final[Mapping[tuple[int, str], int]] = {
    (severity, urgency): severity + later
    for severity in SEVERITIES
    for later, urgency in enumerate(URGENCIES)
}


class Modifier(NamedTuple):
    """A rule that moves the priority of the incidents for which its conditions hold.

    `labels` are those of the incident, its SLO and its service; `types` of incidents, empty for
    all. `moves` levels towards P1 (negative: away from it); `at_least` and `at_most` are the least
    and the most urgent level that may come out, None for no bound.
    """

    reason: str
    labels: Mapping[str, str] = NONE
    types: tuple[str, ...] = ()
    moves: int = 0
    at_least: int | None = None
    at_most: int | None = None

    def holds(self, type_: str, have: Mapping[str, str]) -> bool:
        """Whether it is about an incident of this type with these labels."""
        return (not self.types or type_ in self.types) and label.fit(have, self.labels)


class TimeTarget(NamedTuple):
    """How soon something is to be done, and how long before that a notice goes out; seconds."""

    within_s: float
    notice_before_s: float


class PriorityMatrix(NamedTuple):
    """Which priority the incidents of some services have, and how soon each is to be answered and
    resolved. `response` and `resolution` are by priority; one that is not there has no target.
    """

    name: str
    services: tuple[str, ...] = ()
    match_labels: Mapping[str, str] = NONE
    levels: Mapping[tuple[int, str], int] = USUAL
    modifiers: tuple[Modifier, ...] = ()
    response: Mapping[int, TimeTarget] = NONE
    resolution: Mapping[int, TimeTarget] = NONE
    mark: Mark | None = None


DEFAULT: Final = PriorityMatrix("default")


class Priorities(NamedTuple):
    """Every matrix of the files, and the labels of the services that they select, by name."""

    matrices: tuple[PriorityMatrix, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = NONE

    def of(self, service: str) -> PriorityMatrix:
        """The most specific matrix that selects a service; DEFAULT when none does."""
        found = most_specific(self.matrices, service, self.labels_of(service))
        return found[0] if found else DEFAULT

    def labels_of(self, service: str) -> Mapping[str, str]:
        return self.labels.get(service, {})


NO_FILES: Final = Priorities()


def most_specific(
    matrices: Sequence[PriorityMatrix], service: str, have: Mapping[str, str]
) -> list[PriorityMatrix]:
    """The matrices that select a service most narrowly; more than one is a tie.

    Naming services is more specific than any number of labels, and more labels than fewer.
    """
    fitting = [one for one in matrices if _selects(one, service, have)]
    most = max((_specificity(one) for one in fitting), default=None)
    return [one for one in fitting if _specificity(one) == most]


def inversions(levels: Mapping[tuple[int, str], int]) -> Iterator[tuple[int, str, str]]:
    """Where a matrix puts what is worse later than what is better: the severity of the row, and
    the two cells in words.
    """
    for urgency in URGENCIES:
        for worse, better in pairwise(SEVERITIES):
            if levels[worse, urgency] > levels[better, urgency]:
                yield better, _cell(worse, urgency), _cell(better, urgency)
    for severity in SEVERITIES:
        if levels[severity, "high"] > levels[severity, "low"]:
            yield severity, _cell(severity, "high"), _cell(severity, "low")


def _cell(severity: int, urgency: str) -> str:
    return f"SEV{severity} of {urgency} urgency"


def _selects(matrix: PriorityMatrix, service: str, have: Mapping[str, str]) -> bool:
    named = not matrix.services or service in matrix.services
    return named and label.fit(have, matrix.match_labels)


def _specificity(matrix: PriorityMatrix) -> tuple[bool, int]:
    return bool(matrix.services), len(matrix.match_labels)
