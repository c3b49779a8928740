"""Rollouts of one workload, from what is seen of it one time after another."""

from dataclasses import dataclass, field
from typing import NamedTuple

from collectors.changes import KUBERNETES, Change, Kind, Status
from collectors.changes_payload import MAX_TITLE, line
from collectors.workloads.objects import DAEMONSET, Controller
from slo.redundancy import Rollout


class Told(NamedTuple):
    """One word on a rollout: how far it is at `at`, and what was rolled out."""

    status: Status
    began_at: float
    at: float
    of: Controller


@dataclass(slots=True)
class Rollouts:
    """Follows one workload. A rollout begins when its template becomes another one, and ends when
    all pods that are due are of it, none of another is left and as many as are wanted serve.

    Scaling is none: it leaves the template as it is. What is under way when a workload is seen for
    the first time is known by its status alone.
    """

    _settled: Controller | None = None  # what was rolled out, or was there at first
    _going: "_Going | None" = field(default=None)

    @property
    def rollout(self) -> Rollout | None:
        """The one under way."""
        going = self._going
        if going is None:
            return None
        return Rollout(going.began_at, going.progressed_at, going.last.is_stuck)

    def take(self, found: Controller, now: float) -> list[Told]:
        """This is the workload now; what there is to tell, in order."""
        told: list[Told] = []
        known = self._going.last if self._going is not None else self._settled
        if known is not None and known.uid != found.uid:
            told += self.gone(now)
            known = None
        if self._begins(known, found):
            told += self._cancelled(now)
            self._going = _Going.of(found, now, seen_first=known is None)
        if self._going is not None:
            told += self._went_on(self._going, found, now)
        elif not _waits(known, found):
            self._settled = found
        return told

    def gone(self, now: float) -> list[Told]:
        """There is no such workload any more."""
        told = self._cancelled(now)
        self._settled = self._going = None
        return told

    def _begins(self, known: Controller | None, found: Controller) -> bool:
        if known is None:
            return not found.is_settled and not found.is_paused
        if self._going is None and found.is_paused:
            return False  # it begins when it is let go
        return known.generation != found.generation and _differ(known, found)

    def _cancelled(self, now: float) -> list[Told]:
        going, self._going = self._going, None
        if going is None or going.named is None or going.was_stuck:
            return []
        return [Told(Status.CANCELLED, going.began_at, now, going.named)]

    def _went_on(self, going: "_Going", found: Controller, now: float) -> list[Told]:
        told: list[Told] = []
        going.take(found, now)
        if going.named is None and found.revision:
            going.named = found
            told.append(Told(Status.RUNNING, going.began_at, now, found))
        of = going.named or found
        if found.is_stuck and not going.was_stuck and going.named is not None:
            going.was_stuck = True
            told.append(Told(Status.FAILED, going.began_at, now, of))
        if going.is_over(found):
            told += [Told(Status.SUCCEEDED, going.began_at, now, of)] if going.named else []
            self._settled, self._going = found, None
        return told


@dataclass(slots=True)
class _Going:
    """The rollout under way. `named` is the workload as it was once its revision was known."""

    began_at: float
    progressed_at: float
    last: Controller
    served: int  # how many did when it began
    named: Controller | None = None
    was_stuck: bool = False
    _best: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def of(cls, found: Controller, now: float, *, seen_first: bool) -> "_Going":
        # Of one that was under way before anybody looked its own status knows more.
        said = found.progressed_at if seen_first else None
        at = now if said is None else min(now, said)
        return cls(at, at, found, found.available, _best=_reached(found))

    def take(self, found: Controller, now: float) -> None:
        """Take note of progress: more of the newest template, fewer others, more that serve than
        there ever were. A pod that comes and goes makes none.
        """
        reached = _reached(found)
        if found.wanted != self.last.wanted:
            self._best = reached
        best = tuple(max(pair) for pair in zip(reached, self._best, strict=True))
        if best != self._best:
            self._best = best[0], best[1], best[2]
            self.progressed_at = now
        self.last = found

    def is_over(self, found: Controller) -> bool:
        wanted = found.wanted
        if found.kind == DAEMONSET and self.served:
            # Of many nodes one is always away; that is none of the rollout's.
            wanted = min(wanted, self.served)
        return (
            found.is_observed
            and not found.is_stuck
            and found.updated >= found.due
            and not found.old
            and found.available >= wanted
        )


def change_of(told: Told, services: tuple[str, ...]) -> Change:
    """The change that a rollout is. The same rollout has the same id, also after a restart."""
    of = told.of
    ended = told.status is not Status.RUNNING
    return Change(
        source=KUBERNETES,
        id=f"{of.namespace}/{of.kind}/{of.name}@{of.revision}/{of.uid[:8]}",
        title=line(f"rollout of {of.kind} {of.key}", MAX_TITLE),
        kind=Kind.DEPLOY,
        status=told.status,
        started_at=told.began_at,
        stated_at=told.at,
        finished_at=told.at if ended else None,
        services=services,
        subject=of.key,
        version=of.version,
        actor=of.actor,
        labels={"namespace": of.namespace, "workload": f"{of.kind}/{of.name}"},
    )


def _waits(known: Controller | None, found: Controller) -> bool:
    """Whether a template is written and paused, so that it is to be rolled out yet."""
    if known is None:
        return not found.is_settled
    return known.generation != found.generation and _differ(known, found)


def _differ(known: Controller, found: Controller) -> bool:
    return known.template != found.template


def _reached(found: Controller) -> tuple[int, int, int]:
    return found.updated, -found.old, found.ready
