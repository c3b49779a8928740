"""Targets of time: until when an incident is to be answered and resolved, and who hears of it when.

An incident is answered when somebody acknowledges it, or when it is resolved without. Times are
Unix seconds; None where there is no target.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from incidents.matrix import PriorityMatrix, TimeTarget
from incidents.model import EventKind


class Promise(StrEnum):
    """What is promised about an incident."""

    RESPONSE = "response"
    RESOLUTION = "resolution"

    @property
    def due(self) -> str:
        """The field that says until when."""
        return f"{self.value}_due_at"

    def of(self, matrix: PriorityMatrix) -> Mapping[int, TimeTarget]:
        """The targets by priority."""
        return matrix.response if self is Promise.RESPONSE else matrix.resolution


class Moment(StrEnum):
    """When a notice goes out about a promise."""

    BEFORE = "before"
    BREACH = "breach"


@dataclass(frozen=True, slots=True)
class Timer:
    """Look at `run_at` whether a promise that is due at `due_at` was kept."""

    promise: Promise
    moment: Moment
    due_at: float
    run_at: float


KINDS: Mapping[tuple[Promise, Moment], EventKind] = {
    (Promise.RESPONSE, Moment.BEFORE): EventKind.RESPONSE_DUE,
    (Promise.RESPONSE, Moment.BREACH): EventKind.RESPONSE_BREACHED,
    (Promise.RESOLUTION, Moment.BEFORE): EventKind.RESOLUTION_DUE,
    (Promise.RESOLUTION, Moment.BREACH): EventKind.RESOLUTION_BREACHED,
}


def due_first(target: TimeTarget | None, opened_at: float) -> float | None:
    """When something is due of an incident that opens."""
    return None if target is None else opened_at + target.within_s


def due_again(
    target: TimeTarget | None,
    *,
    opened_at: float,
    due_at: float | None,
    raised: bool,
    now: float,
) -> float | None:
    """When it is due once the priority changed, having been due at `due_at`.

    An incident that was raised gives its new time in whole from now, so that being raised breaks
    no promise by itself, but never more than it had. One that was lowered is due as if it had
    opened so.
    """
    if not raised:
        return due_first(target, opened_at)
    if target is None:
        return due_at
    fresh = now + target.within_s
    return fresh if due_at is None else min(due_at, fresh)


def timers(
    promise: Promise, target: TimeTarget | None, due_at: float | None, now: float
) -> Iterator[Timer]:
    """What is looked at because of a promise that was made or changed now."""
    if due_at is None:
        return
    if target is not None and target.notice_before_s > 0.0 and now < due_at:
        notice_at = max(now, due_at - target.notice_before_s)
        yield Timer(promise, Moment.BEFORE, due_at, notice_at)
    yield Timer(promise, Moment.BREACH, due_at, max(now, due_at))


def answered_at(promise: Promise, incident: Mapping[str, float | None]) -> float | None:
    """When a promise was fulfilled; None while it is not."""
    resolved_at = incident["resolved_at"]
    if promise is Promise.RESOLUTION:
        return resolved_at
    acknowledged_at = incident["acknowledged_at"]
    return acknowledged_at if acknowledged_at is not None else resolved_at


def met(promise: Promise, incident: Mapping[str, float | None]) -> bool | None:
    """Whether a promise was kept; None without one, and while nobody has fulfilled it."""
    due_at, at = incident[promise.due], answered_at(promise, incident)
    return None if due_at is None or at is None else at <= due_at
