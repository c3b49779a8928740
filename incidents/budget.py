"""Budget actions in the tick: which begin and which end, and what follows for incidents and runs.

An action acts once when its condition begins, and again only after it ended. `freeze_deploys` is
not seen here: the gate asks for its condition whenever it is asked itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from incidents.model import (
    Event,
    EventKind,
    IncidentType,
    Json,
    OpenIncident,
    Severity,
    Signal,
    Urgency,
)
from slo import windows
from slo.gate import Finding, Subject, judge, what_is_left
from slo.spec import Act, BudgetAction, Policy, SloId

Floats: TypeAlias = npt.NDArray[np.float64]
Key: TypeAlias = tuple[SloId, str]  # SLO, name of the action

# A run belongs to an incident, on whose page its output is read: `run_runbook` alone opens one too.
_OPENING: Final = frozenset({Act.TICKET, Act.RUNBOOK})


class Standing(StrEnum):
    """Where an action stands between two ticks."""

    OFF = "off"  # its condition does not hold
    ON = "on"  # it holds and was acted on
    HELD = "held"  # it holds, and a burn incident of the same SLO holds the ticket back


@dataclass(frozen=True, slots=True)
class Acting:
    """One action of one SLO, and since when its condition holds, or no longer does."""

    slo: SloId
    action: str
    state: Standing
    since: float


@dataclass(frozen=True, slots=True)
class RunWanted:
    """A runbook to run for the open incident with this dedup key."""

    key: str
    runbook: str
    reason: str


@dataclass(frozen=True, slots=True)
class Due:
    """What one look decided. `after` is `before` where nothing changed; `changed` is to be stored,
    `signals` go to `incidents.decide`, `events` are decisions already.
    """

    after: Mapping[Key, Acting]
    changed: tuple[Acting, ...] = ()
    started: tuple[Key, ...] = ()
    ended: tuple[Key, ...] = ()
    signals: tuple[Signal, ...] = ()
    events: tuple[Event, ...] = ()
    runs: tuple[RunWanted, ...] = ()


class Turn(StrEnum):
    """What happened to the condition of an action."""

    STARTED = "started"
    ENDED = "ended"
    NONE = "none"


def step(before: Standing, holds: bool | None) -> Turn:
    """Whether a condition begins or ends; what nobody can tell (None) changes nothing."""
    if holds is True and before is Standing.OFF:
        return Turn.STARTED
    if holds is False and before is not Standing.OFF:
        return Turn.ENDED
    return Turn.NONE


@dataclass(frozen=True, slots=True)
class Judged:
    """One action before and after a look at it, and what was found."""

    action: BudgetAction
    was: Acting
    now: Acting
    finding: Finding

    @property
    def turn(self) -> Turn:
        return step(self.was.state, self.finding.holds)

    @property
    def key(self) -> Key:
        return self.now.slo, self.now.action


def acting(policy: Policy) -> tuple[BudgetAction, ...]:
    """The actions of a policy that a tick acts on."""
    return tuple(action for action in policy.actions if _OPENING & set(action.acts))


def due(
    before: Mapping[Key, Acting],
    subjects: Sequence[Subject],
    open_: Mapping[str, OpenIncident],
    burning: Collection[SloId],
    now: float,
) -> Due:
    """What the actions of these SLOs do now. `open_` are the open incidents by dedup key, `burning`
    the SLOs whose burn signal fires in this tick.

    An SLO has one incident: while it burns, a ticket waits until that is over and opens then if
    its condition still holds; a ticket that is open and that nobody has acknowledged gives way. A
    runbook does not wait: it runs for the burn incident.
    """
    looks = [_look(before, subject, open_, burning, now) for subject in subjects]
    judged = [one for look in looks for one in look.judged]
    changed = tuple(one.now for one in judged if one.now.state is not one.was.state)
    return Due(
        after={**before, **{(one.slo, one.action): one for one in changed}} if changed else before,
        changed=changed,
        started=tuple(one.key for one in judged if one.turn is Turn.STARTED),
        ended=tuple(one.key for one in judged if one.turn is Turn.ENDED),
        signals=tuple(look.signal for look in looks if look.signal is not None),
        events=tuple(look.event for look in looks if look.event is not None),
        runs=tuple(run for look in looks for run in look.runs),
    )


def budget_signal(
    subject: Subject,
    judged: Sequence[Judged],
    *,
    opens: bool,
    open_: OpenIncident | None,
    now: float,
) -> Signal | None:
    """What the actions of an SLO say, `judged` being all that a tick acts on. None when none of
    them `opens` an incident and none is open.

    It fires while an action is on, and is clear once every condition is measured not to hold.
    """
    if open_ is None and not opens:
        return None
    on = [one for one in judged if one.now.state is not Standing.OFF]
    slo = subject.slo
    return Signal(
        key=_key(slo.id),
        type=IncidentType.BUDGET,
        service=slo.service,
        slo=slo.name,
        title=_title(slo.id, on),
        urgency=Urgency.LOW,
        severity=_severity(subject),
        started_at=min((one.now.since for one in on), default=now),
        firing=bool(on),
        clear=not on and all(one.finding.holds is False for one in judged),
        recover_after_s=subject.policy.recover_after_s,
        labels={**slo.labels, "service": slo.service, "slo": slo.name},
        detail=_detail(subject, judged),
    )


@dataclass(frozen=True, eq=False, slots=True)
class Limits:
    """By SLO: the least that its actions ask, so that a tick looks closely at few SLOs only."""

    below: Floats
    above: Mapping[float, Floats]  # by the window of the burn rate, in seconds

    @classmethod
    def of(cls, policies: Sequence[Policy]) -> "Limits":
        """From the policy of each SLO."""
        below = np.full(len(policies), -np.inf)
        above: dict[float, Floats] = {}
        for index, policy in enumerate(policies):
            for action in acting(policy):
                if action.remaining_below is not None:
                    below[index] = max(below[index], action.remaining_below)
                if action.burning_above is not None:
                    limit = above.setdefault(action.over_s, np.full(len(policies), np.inf))
                    limit[index] = min(limit[index], action.burning_above)
        return cls(below, above)

    def reached(self, left: Floats, burns: Mapping[float, Floats]) -> npt.NDArray[np.bool_]:
        """The SLOs of which a condition may hold, coverage aside. `left` is what is left of each
        budget, `burns` the burn rates over each window of `above`; NaN without events.
        """
        found = left < self.below
        for over_s, limit in self.above.items():
            found |= burns[over_s] > limit
        return np.asarray(found, dtype=np.bool_)


# -- one SLO ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    judged: tuple[Judged, ...]
    signal: Signal | None
    event: Event | None
    runs: tuple[RunWanted, ...]


def _look(
    before: Mapping[Key, Acting],
    subject: Subject,
    open_: Mapping[str, OpenIncident],
    burning: Collection[SloId],
    now: float,
) -> _Look:
    slo = subject.slo.id
    burn_key = f"{IncidentType.SLO_BURN}:{slo}"
    ticket, burn = open_.get(_key(slo)), open_.get(burn_key)
    burns = burn is not None or slo in burning
    judged = []
    for action in acting(subject.policy):
        was = before.get((slo, action.name), Acting(slo, action.name, Standing.OFF, now))
        finding = judge(action, subject.policy, subject.figures, now)
        gives_way = _gives_way(ticket, burn) and Act.TICKET in action.acts
        state = _next(was.state, action, finding.holds, burns=burns, gives_way=gives_way)
        since = was.since if (state is Standing.OFF) == (was.state is Standing.OFF) else now
        judged.append(Judged(action, was, Acting(slo, action.name, state, since), finding))
    runs = tuple(
        RunWanted(burn_key if burns else _key(slo), one.action.runbook, _why(one))
        for one in judged
        if one.turn is Turn.STARTED and Act.RUNBOOK in one.action.acts
    )
    if ticket is not None and burn is not None and _gives_way(ticket, burn):
        return _Look(tuple(judged), None, _given_way(ticket, burn, now), runs)
    newly_on = any(Standing.ON is one.now.state is not one.was.state for one in judged)
    opens = newly_on and not burns
    signal = budget_signal(subject, judged, opens=opens, open_=ticket, now=now)
    return _Look(tuple(judged), signal, None, runs)


def _next(
    before: Standing, action: BudgetAction, holds: bool | None, *, burns: bool, gives_way: bool
) -> Standing:
    """Where an action stands next. What waits behind a burn incident is on once that is over."""
    turn = step(before, holds)
    if turn is Turn.ENDED:
        return Standing.OFF
    if turn is Turn.STARTED:
        return Standing.HELD if burns and Act.TICKET in action.acts else Standing.ON
    if before is Standing.HELD and holds is True and not burns:
        return Standing.ON
    if before is Standing.ON and gives_way:
        return Standing.HELD
    return before


def _gives_way(ticket: OpenIncident | None, burn: OpenIncident | None) -> bool:
    """Whether an open ticket ends because its SLO burns: not under somebody who works on it."""
    return burn is not None and ticket is not None and not ticket.acknowledged


def _given_way(ticket: OpenIncident, burn: OpenIncident, now: float) -> Event:
    text = f"incident #{burn.number} has it now; should the budget need it still, another one opens"
    return Event(EventKind.RESOLVED, ticket.key, now, ticket.number, text=text)


def _key(slo: SloId) -> str:
    return f"{IncidentType.BUDGET}:{slo}"


def _why(one: Judged) -> str:
    return f"budget action `{one.action.name}`: {one.finding.text}"


def _title(slo: SloId, on: Sequence[Judged]) -> str:
    """By the action that began last: it says the worst."""
    if not on:
        return f"{slo}: error budget"
    last = max(on, key=lambda one: one.now.since)
    return f"{slo}: {last.finding.text}"


def _severity(subject: Subject) -> Severity:
    """An objective that is missed by now is worse than one that may be."""
    left = what_is_left(subject.figures) if subject.figures is not None else None
    missed = left is not None and round(left, 9) < 0.0
    return Severity.SEV3 if missed else Severity.SEV4


def _detail(subject: Subject, judged: Sequence[Judged]) -> dict[str, Json]:
    figures = subject.figures
    return {
        "objective": subject.slo.objective,
        "sli": figures.window.sli if figures is not None else None,
        "budget_remaining": what_is_left(figures) if figures is not None else None,
        "coverage": figures.window.coverage if figures is not None else None,
        "actions": [_action_detail(one) for one in judged],
    }


def _action_detail(one: Judged) -> Json:
    action = one.action
    return {
        "name": action.name,
        "acts": [act.value for act in action.acts],
        "state": one.now.state.value,
        "since": one.now.since,
        "remaining_below": action.remaining_below,
        "burning_above": action.burning_above,
        "over": windows.show(action.over_s) if action.burning_above is not None else None,
        "says": one.finding.text,
    }
