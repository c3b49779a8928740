"""Problems: what is behind incidents, from the first suspicion to a fix that holds."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class ProblemState(StrEnum):
    """Where a problem stands. A known error has a workaround; what is fixed is watched until it is
    closed, and open again when its cause recurs.
    """

    OPEN = "open"
    KNOWN_ERROR = "known_error"
    FIXED = "fixed"
    CLOSED = "closed"


class ProblemEvent(StrEnum):
    """What can happen to a problem."""

    OPENED = "opened"
    CHANGED = "changed"
    KNOWN_ERROR = "known_error"
    FIXED = "fixed"
    CLOSED = "closed"
    REOPENED = "reopened"


S = ProblemState
# From where a problem gets to a state.
FROM: Final[Mapping[ProblemState, frozenset[ProblemState]]] = {
    S.OPEN: frozenset({S.FIXED, S.CLOSED}),
    S.KNOWN_ERROR: frozenset({S.OPEN, S.KNOWN_ERROR}),
    S.FIXED: frozenset({S.OPEN, S.KNOWN_ERROR}),
    S.CLOSED: frozenset({S.OPEN, S.KNOWN_ERROR, S.FIXED}),
}
UNSOLVED: Final = frozenset({S.OPEN, S.KNOWN_ERROR})
