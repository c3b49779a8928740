"""The deploy gate of a service: open, closed or unknown, by what is left of its error budgets.

Three answers, because what was not measured is neither spent nor left. Pure; time is an argument.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from slo import windows
from slo.spec import Act, BudgetAction, Policy, Slo, SloId, Unknown
from slo.status import SloFigures, WindowFigures

MAX_OVERRIDE_S: Final = 7 * windows.UNITS_S["d"]

_ROUNDING: Final = 1e-9  # budgets of one event in 10**8 and more are taken as they are
# What is left of a budget that is spent to its last event is zero but for rounding.
_NOTHING_LEFT: Final = 2 * _ROUNDING
# What a policy without budget actions does: whoever asks the gate expects it to close once nothing
# is left. A policy that has actions is taken by its word.
SPENT: Final = BudgetAction("budget-spent", (Act.FREEZE,), remaining_below=_NOTHING_LEFT)

# A tick comes at least once a minute; figures that are older than this are of a server that could
# not record, and the time since was not measured.
_FRESH_S: Final = 150.0


class GateState(StrEnum):
    """What the measurements say, of one SLO or of all."""

    CLOSED = "closed"
    UNKNOWN = "unknown"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word that deploys go on until `expires_at`, whatever the budget says."""

    id: int
    service: str
    author: str
    reason: str
    created_at: float
    expires_at: float
    withdrawn_at: float | None = None
    withdrawn_by: str | None = None

    def in_force(self, now: float) -> bool:
        return self.withdrawn_at is None and self.created_at <= now < self.expires_at


@dataclass(frozen=True, slots=True)
class Subject:
    """One SLO, the policy that watches it, and its figures; None before its first tick."""

    slo: Slo
    policy: Policy
    figures: SloFigures | None


@dataclass(frozen=True, slots=True)
class Reason:
    """What one SLO says to the gate, and whether deploys pass for all of it. `slo` and `action` are
    empty where nothing freezes the service.
    """

    state: GateState
    opens: bool
    text: str
    slo: SloId | None = None
    action: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """The answer. `state` is what was measured; `open` is what a pipeline goes by: the policies map
    what is unknown, and an override opens whatever was measured. The worst reason comes first.
    """

    state: GateState
    open: bool
    reasons: tuple[Reason, ...]
    override: Override | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether the condition of an action holds; None where nobody can tell. `text` says by which
    figures.
    """

    holds: bool | None
    text: str


def verdict(subjects: Sequence[Subject], overrides: Iterable[Override], now: float) -> Gate:
    """The gate of the service whose SLOs these are.

    Closed while any of them has an action that freezes deploys and whose condition holds; unknown
    while none is closed and of some nobody can tell. Of the overrides in force the one that lasts
    longest is shown.
    """
    found = [reason for subject in subjects if (reason := _reason(subject, now)) is not None]
    reasons = sorted(found, key=lambda reason: _RANK[reason.state]) or [_nothing(subjects)]
    in_force = [override for override in overrides if override.in_force(now)]
    override = max(in_force, key=lambda one: (one.expires_at, one.id), default=None)
    passes = all(reason.opens for reason in reasons)
    return Gate(reasons[0].state, passes or override is not None, tuple(reasons), override)


def actions_of(policy: Policy) -> tuple[BudgetAction, ...]:
    """The actions of a policy; of one that has none, that deploys freeze when nothing is left."""
    return policy.actions or (SPENT,)


def what_is_left(figures: SloFigures) -> float | None:
    """The share of the budget that actions and the gate go by, None without events: of a calendar
    window, that of what the whole period may spend.
    """
    return figures.budget_for_action


def judge(action: BudgetAction, policy: Policy, figures: SloFigures | None, now: float) -> Finding:
    """Whether an action's condition holds now: any of the things that it asks.

    A window that was measured for less than the policy's `coverage_floor` decides only what no
    unmeasured event can change: the condition holds if it would with all of them good.
    """
    if figures is None:
        return Finding(None, "nothing was measured yet")
    asked = [*_left(action, policy, figures, now), *_burning(action, policy, figures, now)]
    return min(asked, key=_severity, default=Finding(False, "it asks nothing"))


# -- one SLO ----------------------------------------------------------------------------------

_RANK: Final = {GateState.CLOSED: 0, GateState.UNKNOWN: 1, GateState.OPEN: 2}
_STATES: Final = {True: GateState.CLOSED, None: GateState.UNKNOWN, False: GateState.OPEN}


def _reason(subject: Subject, now: float) -> Reason | None:
    """The worst that an action of one SLO says; None when none of them freezes deploys."""
    policy = subject.policy
    freezing = [action for action in actions_of(policy) if Act.FREEZE in action.acts]
    found = [(judge(action, policy, subject.figures, now), action) for action in freezing]
    if not found:
        return None
    finding, action = min(found, key=lambda one: _severity(one[0]))
    opens = finding.holds is False or (
        finding.holds is None and policy.gate_on_unknown is Unknown.OPEN
    )
    return Reason(_STATES[finding.holds], opens, finding.text, subject.slo.id, action.name)


def _nothing(subjects: Sequence[Subject]) -> Reason:
    if not subjects:
        return Reason(GateState.OPEN, True, "the service has no SLO: nothing freezes its deploys")
    names = ", ".join(sorted({f"`{subject.policy.name}`" for subject in subjects}))
    return Reason(
        GateState.OPEN, True, f"nothing freezes deploys: no budget action of {names} does"
    )


def _severity(finding: Finding) -> int:
    """What holds comes before what nobody can tell, and that before what does not hold."""
    return _RANK[_STATES[finding.holds]]


# -- what an action asks ----------------------------------------------------------------------


def _left(
    action: BudgetAction, policy: Policy, figures: SloFigures, now: float
) -> Iterator[Finding]:
    below = action.remaining_below
    if below is None:
        return
    window, left = figures.window, what_is_left(figures)
    seen, limit = _seen(window, now), "" if below == _NOTHING_LEFT else _percent(below)
    if left is not None and 1.0 - (1.0 - left) * _sure(seen, policy) < below - _ROUNDING:
        yield Finding(True, f"{_what_is_left(left)}{limit and f', under {limit}'}")
    elif not _covered(seen, policy):
        asked = f"{f'less than {limit}' if limit else 'nothing'} of the error budget is left"
        yield Finding(None, _untold(_span(figures), seen, policy, now - window.end, asked))
    elif left is None:
        yield Finding(False, f"nothing happened in {_span(figures)}: none is spent")
    else:
        yield Finding(False, f"{_what_is_left(left)}{limit and f', not under {limit}'}")


def _burning(
    action: BudgetAction, policy: Policy, figures: SloFigures, now: float
) -> Iterator[Finding]:
    above = action.burning_above
    if above is None:
        return
    window = _over(figures, action.over_s)
    seen, rate = _seen(window, now), window.burn_rate
    over, asked = _shown_window(window, action.over_s), f"the budget burns above {above:g}x"
    bad = window.total - window.good
    # One or two failures freeze nothing, as they page nobody.
    enough, limit = bad >= policy.min_bad, above * (1.0 + _ROUNDING)
    if rate is not None and enough and rate * _sure(seen, policy) > limit:
        yield Finding(True, f"the error budget burns {rate:.3g}x over {over}, above {above:g}x")
    elif not _covered(seen, policy):
        last, age_s = f"the last {windows.show(window.window_s)}", now - window.end
        yield Finding(None, _untold(last, seen, policy, age_s, f"{asked} over {over}"))
    elif rate is None:
        yield Finding(False, f"nothing happened in {over}: nothing burns")
    elif rate > limit:
        yield Finding(False, f"{bad:g} failed in {over}, too few to tell (`min_bad`)")
    else:
        rest = f"over {over}, not above {above:g}x"
        yield Finding(False, f"the error budget burns {rate:.3g}x {rest}")


def _over(figures: SloFigures, over_s: float) -> WindowFigures:
    """The window of this length, else the next longer one that there is, else the longest."""
    known = {figures.window.window_s: figures.window, **figures.burns}
    return known[min((s for s in known if s >= over_s), default=max(known))]


def _seen(window: WindowFigures, now: float) -> float:
    """The share of a window that was measured, where the time since its end was not."""
    age_s = now - window.end
    fresh = 1.0 if age_s <= _FRESH_S else max(0.0, 1.0 - age_s / (now - window.start))
    return window.coverage * fresh


def _covered(seen: float, policy: Policy) -> bool:
    return seen > 0.0 and seen >= policy.coverage_floor


def _sure(seen: float, policy: Policy) -> float:
    """What a burn shrinks to at the most, if every unmeasured event, at the rate of the measured
    ones, had been good.
    """
    return 1.0 if _covered(seen, policy) else seen


def _untold(span: str, seen: float, policy: Policy, age_s: float, asked: str) -> str:
    old = f", and the newest figures are {windows.show(round(age_s))} old"
    return (
        f"nobody can tell whether {asked}: {_percent(seen)} of {span} was measured, under the "
        f"floor of {_percent(policy.coverage_floor)}{old if age_s > _FRESH_S else ''}"
    )


def _span(figures: SloFigures) -> str:
    """The time that a budget is for, in words."""
    if figures.slo.calendar is not None:
        return "the period so far"
    return f"the last {windows.show(figures.window.window_s)}"


def _what_is_left(left: float) -> str:
    if left < -_NOTHING_LEFT:
        return f"the error budget is overspent by {_percent(-left)}"
    share = _percent(left) if left > _NOTHING_LEFT else "nothing"
    return f"{share} of the error budget is left"


def _shown_window(window: WindowFigures, over_s: float) -> str:
    shown = windows.show(window.window_s)
    if window.window_s == over_s:
        return shown
    return f"{shown} (the window kept that is nearest to {windows.show(over_s)})"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.4g} %"
