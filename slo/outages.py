"""Outages: the intervals in which a service was down."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Outage:
    """An interval in which a service was down, and why; `ended_at` is None while it lasts.

    `planned`: it lies within planned work of the whole service.
    """

    service: str
    started_at: float
    ended_at: float | None
    cause: str = ""
    planned: bool = False
    incident: int | None = None  # the worst one that was open while it lasted


def joined(outages: Iterable[Outage]) -> list[Outage]:
    """Outages without the seams where planned work began or ended; by time of their start."""
    found: list[Outage] = []
    last: dict[str, int] = {}
    for one in sorted(outages, key=lambda one: one.started_at):
        at = last.get(one.service)
        if at is not None and found[at].ended_at == one.started_at:
            found[at] = replace(found[at], ended_at=one.ended_at, planned=False)
        else:
            last[one.service] = len(found)
            found.append(one)
    return found
