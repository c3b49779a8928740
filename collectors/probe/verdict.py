"""What attempts add up to: damping at each location, a quorum over all of them. Pure.

A location holds a target for down after `failures` attempts that failed in a row, for up after
`successes`; until then it stays as it was, at first unknown. What a location could not find out
neither counts nor breaks a row, but a silence of over 2.5 intervals makes it unknown, and rows
begin anew after it. A target is down when `quorum` locations hold it for down; up when so many
hold it for up that the rest could not make up the quorum; otherwise unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from collectors.probe.model import Probe
from collectors.probe.readings import Result
from slo.series import MAX_GAP_INTERVALS

MAX_REASON: Final = 400


class State(StrEnum):
    """Of a target, in the eyes of one location or of all."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class History:
    """All that is remembered of the attempts at one target from one location.

    `since` is the first attempt of the row that brought the state about; times in Unix seconds.
    `reason` tells why the last attempt without success had none.
    """

    state: State = State.UNKNOWN
    since: float | None = None
    row: int = 0  # attempts in a row that ended alike
    row_success: bool = False
    row_since: float = 0.0
    seen_at: float | None = None  # the last attempt that found something out
    reason: str = ""
    expires_at: float | None = None  # when the first certificate ends, as last seen

    def state_at(self, at: float, interval_s: float) -> State:
        """The state at a time: unknown once the last finding is too old."""
        return State.UNKNOWN if self.is_silent(at, interval_s) else self.state

    def is_silent(self, at: float, interval_s: float) -> bool:
        """Whether nothing was found out for too long, or ever."""
        return self.seen_at is None or at - self.seen_at > MAX_GAP_INTERVALS * interval_s


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a target of a probe is up. `since`, Unix seconds: for up and down, the first attempt
    of the row that settled it, so that an outage starts there and not when it was noticed.

    `expires_at` is when the first certificate that any location saw ends: a date that is certain.
    """

    service: str
    probe: str
    target: str  # its address
    state: State
    since: float
    reason: str = ""
    by_location: Mapping[str, State] = field(default_factory=dict)
    expires_at: float | None = None


def taken(history: History, at: float, result: Result, probe: Probe) -> History:
    """What is remembered after an attempt that began `at`. One that is not later than the last
    changes nothing.
    """
    if history.seen_at is not None and at <= history.seen_at:
        return history
    if result.success is None:
        return replace(history, reason=result.reason)
    if history.is_silent(at, probe.interval_s):
        history = History(reason=history.reason, expires_at=history.expires_at)
    goes_on = history.row > 0 and history.row_success is result.success
    row = history.row + 1 if goes_on else 1
    row_since = history.row_since if goes_on else at
    state, since = history.state, history.since
    if row >= (probe.successes if result.success else probe.failures):
        reached = State.UP if result.success else State.DOWN
        state, since = reached, since if reached is state else row_since
    # An attempt that fails early sees no certificate; the one that was there has not changed.
    seen = result.expires_at is not None or result.success
    return History(
        state=state,
        since=since,
        row=row,
        row_success=result.success,
        row_since=row_since,
        seen_at=at,
        reason=history.reason if result.success else result.reason,
        expires_at=result.expires_at if seen else history.expires_at,
    )


def judge(
    histories: Mapping[str, History],
    probe: Probe,
    target: str,
    at: float,
    before: Verdict | None = None,
) -> Verdict:
    """The verdict on a target at a time, from what its locations remember. `before` is the last
    one: while the state stays the same, it is as old as that says.
    """
    names = [location.name for location in probe.locations]
    known = {name: histories.get(name, _NEVER) for name in names}
    states = {name: one.state_at(at, probe.interval_s) for name, one in known.items()}
    state, decisive = _decided(list(states.values()), probe.quorum)
    if before is not None and before.state is state:
        since = before.since
    else:
        times = sorted(
            one.since
            for name, one in known.items()
            if states[name] is state and one.since is not None
        )
        since = times[decisive - 1] if decisive and len(times) >= decisive else at
    ends = [one.expires_at for one in known.values() if one.expires_at is not None]
    return Verdict(
        service=probe.service,
        probe=probe.name,
        target=target,
        state=state,
        since=since,
        reason="" if state is State.UP else _reason(known, states, state),
        by_location=states,
        expires_at=min(ends, default=None),
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Of all targets of a service: one that is down, else one that is unknown, else one that is up,
    of several the one that has been so longest; None of none.
    """
    order = {State.DOWN: 0, State.UNKNOWN: 1, State.UP: 2}
    return min(verdicts, key=lambda one: (order[one.state], one.since), default=None)


_NEVER: Final = History(reason="not probed yet")


def _decided(states: list[State], quorum: int) -> tuple[State, int]:
    """The state of all, and how many locations it takes to settle it; 0: nothing is settled."""
    if states.count(State.DOWN) >= quorum:
        return State.DOWN, quorum
    enough = len(states) - quorum + 1
    if states.count(State.UP) >= enough:
        return State.UP, enough
    return State.UNKNOWN, 0


def _reason(known: Mapping[str, History], states: Mapping[str, State], state: State) -> str:
    """Why, in the words of the locations that are in this state."""
    said = [
        f"{name}: {one.reason or 'too few attempts yet'}"
        for name, one in known.items()
        if states[name] is state
    ]
    text = "; ".join(said)
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
