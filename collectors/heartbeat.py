"""Heartbeats: what a job that says it lives promises, and where it stands. Pure.

A beat is `ok` or `fail`; a run may also be announced by `start`. What a heartbeat has not said
while Vigie could not hear it is unknown, never missed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import Final, Literal

from cronsim import CronSim

from collectors.keys import Secret
from slo.calendar import zone_of
from slo.load.yaml import Mark
from slo.windows import show

# A beat this early is that of the time it is early for: clocks of two machines differ.
EARLY_S: Final = 5.0


class Said(StrEnum):
    """What one signal says."""

    START = "start"
    OK = "ok"
    FAIL = "fail"


class HeartbeatState(StrEnum):
    """Where a heartbeat stands."""

    OK = "ok"
    LATE = "late"  # due, and within its grace
    MISSED = "missed"
    FAILED = "failed"  # it said so
    UNKNOWN = "unknown"  # not due since Vigie knows it, or due while Vigie did not listen


_WRONG: Final = frozenset({HeartbeatState.MISSED, HeartbeatState.FAILED})


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One promise to beat: every so often, or by a cron schedule. Durations in seconds."""

    name: str
    service: str
    every_s: float = 0.0  # 0: by `schedule`
    schedule: str = ""  # five fields of cron
    zone: str = "UTC"
    grace_s: float = 0.0
    runs_for_s: float | None = None  # None: only the beat at its end counts
    urgency: Literal["high", "low"] = "high"
    labels: Mapping[str, str] = field(default_factory=dict)
    key: Secret = field(default=Secret(), repr=False)
    mark: Mark | None = None

    @property
    def timing(self) -> str:
        """When it promises to beat; another timing is another promise, known from then on."""
        when = f"{self.schedule} {self.zone}" if self.schedule else f"{self.every_s}"
        return f"{when}|{self.grace_s}|{self.runs_for_s}"


@dataclass(frozen=True, slots=True)
class Beats:
    """What was heard of a heartbeat. Times in Unix seconds.

    `heard_since` is since when nothing that it said can have been lost: when Vigie learnt of it,
    or began to listen again after a silence of its own.
    """

    heard_since: float
    last_at: float | None = None  # of the last ok or fail; None: never
    last_state: Said | None = None
    started_at: float | None = None  # the first start since then; None: no run is under way
    duration_s: float | None = None  # of the last run that said both
    beats: int = 0  # ok and fail, ever


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a heartbeat stands, since when, and why in words.

    Without another signal it changes at `changes_at` (infinity: never); `expected_at` is when the
    next beat is due and `deadline` when it is missed.
    """

    state: HeartbeatState
    since: float
    expected_at: float
    deadline: float
    changes_at: float
    reason: str


def due(heartbeat: Heartbeat, last: Beats, now: float) -> Standing:
    """Where a heartbeat stands at `now`.

    Due is the first time of its schedule after the last beat; it is late from then on and missed
    once the grace is over. If Vigie did not listen in between, the beat may have come then: it is
    unknown until one more was due, and missed only after that. A run under way (with `runs_for`)
    counts instead of the schedule: it has until `runs_for` after its start.
    """
    if last.last_state is Said.FAIL and last.last_at is not None:
        at = expected_after(heartbeat, last.last_at)
        reason = "it said that it failed"
        return Standing(
            HeartbeatState.FAILED, last.last_at, at, at + heartbeat.grace_s, inf, reason
        )
    standing = _by_schedule(heartbeat, last, now)
    started, longest = last.started_at, heartbeat.runs_for_s
    if longest is None or started is None or started < last.heard_since:
        return standing
    return _running(standing, last, started, longest, now)


def expected_after(heartbeat: Heartbeat, at: float) -> float:
    """When the beat after one at `at` is due.

    Schedules follow Debian's cron where clocks change: a job of fixed hours runs once, at the end
    of the gap or at the first of two equal times; one with `*` runs by what the clock shows.
    """
    if not heartbeat.schedule:
        return at + heartbeat.every_s
    after, zone = at + EARLY_S, zone_of(heartbeat.zone)
    for wall in CronSim(heartbeat.schedule, datetime.fromtimestamp(after, zone)):
        # From the second of two equal hours the search begins with a time in the first.
        if (found := wall.timestamp()) > after:
            return found
    return inf


def heard(last: Beats, said: Said, at: float) -> Beats:
    """What is known once a signal came. Of several starts without an end the first counts, else a
    chain of runs that all hang would never be noticed.
    """
    if said is Said.START:
        return last if last.started_at is not None else replace(last, started_at=at)
    ran_s = None if last.started_at is None else max(0.0, at - last.started_at)
    return replace(
        last, last_at=at, last_state=said, started_at=None, duration_s=ran_s, beats=last.beats + 1
    )


def resumed(heartbeat: Heartbeat, last: Beats, listened_until: float, now: float) -> Beats:
    """What is known when Vigie listens again at `now`, having listened until `listened_until`.

    What was missed or failed before the silence stays so; of all else a beat may have been lost.
    """
    before = due(heartbeat, last, listened_until)
    return last if before.state in _WRONG else replace(last, heard_since=now)


def standings(
    heartbeats: Mapping[str, Heartbeat],
    beats: Mapping[str, Beats],
    before: Mapping[str, Standing],
    changed: frozenset[str],
    now: float,
) -> dict[str, Standing]:
    """Where all stand: those of `before` whose time to change has not come, and that are not
    `changed` (they beat, or their promise is another), are taken over.
    """
    found = {}
    for name, heartbeat in heartbeats.items():
        known = before.get(name)
        if known is None or name in changed or now >= known.changes_at:
            known = due(heartbeat, beats.get(name, Beats(now)), now)
        found[name] = known
    return found


def next_change(found: Mapping[str, Standing]) -> float:
    """When the first of them changes although nothing is heard; infinity: none does."""
    return min((standing.changes_at for standing in found.values()), default=inf)


def _by_schedule(heartbeat: Heartbeat, last: Beats, now: float) -> Standing:
    grace = heartbeat.grace_s
    if last.last_at is not None:
        expected = expected_after(heartbeat, last.last_at)
        deadline = expected + grace
        if now < expected:
            reason = "its last beat was ok"
            return Standing(HeartbeatState.OK, last.last_at, expected, deadline, expected, reason)
        if last.last_at >= last.heard_since:
            if now < deadline:
                reason = f"it is due, and within its grace of {show(grace)}"
                return Standing(HeartbeatState.LATE, expected, expected, deadline, deadline, reason)
            reason = "no beat came by its deadline"
            return Standing(HeartbeatState.MISSED, deadline, expected, deadline, inf, reason)
    return _unsure(heartbeat, last, now)


def _unsure(heartbeat: Heartbeat, last: Beats, now: float) -> Standing:
    """Never heard, or due while Vigie did not listen: nothing is certain before the deadline."""
    since, never = last.heard_since, last.last_at is None
    expected = expected_after(heartbeat, since)
    deadline = expected + heartbeat.grace_s
    if now < deadline:
        reason = "it was not due yet" if never else "it was due while Vigie did not listen"
        return Standing(HeartbeatState.UNKNOWN, since, expected, deadline, deadline, reason)
    reason = "it has never beaten" if never else "no beat came by its deadline"
    return Standing(HeartbeatState.MISSED, deadline, expected, deadline, inf, reason)


def _running(
    standing: Standing, last: Beats, started: float, longest: float, now: float
) -> Standing:
    """A run under way. One that began too late is late until it ends: only its end is a beat."""
    end = started + longest
    if now >= end:
        reason = f"it started and did not finish within {show(longest)}"
        return Standing(HeartbeatState.MISSED, end, standing.expected_at, end, inf, reason)
    sure = last.last_at is not None and last.last_at >= last.heard_since
    if started > standing.deadline:
        state, reason = HeartbeatState.LATE, "it started after its deadline, and runs"
    elif sure or standing.state is HeartbeatState.OK:
        state, reason = HeartbeatState.OK, "its last beat was ok, and it runs"
    else:
        state, reason = HeartbeatState.UNKNOWN, "it runs; how it ends nobody knows yet"
    return Standing(state, started, standing.expected_at, end, end, reason)
