"""Redundancy: how far a service is from an outage, from what is seen of its replicas."""

from math import inf
from typing import Final

from slo.redundancy_look import Look, expected, look, minimum
from slo.redundancy_model import (
    MAX_NAMES,
    Observed,
    Redundancy,
    RedundancyState,
    Replica,
    Rollout,
    Spell,
    Standing,
    Workload,
)
from slo.redundancy_reasons import reason_for, unseen

__all__ = [
    "DOWN_AFTER_S",
    "STEADY_S",
    "Observed",
    "Redundancy",
    "RedundancyState",
    "Replica",
    "Rollout",
    "Spell",
    "Standing",
    "Workload",
    "is_out",
    "judge",
    "next_due",
    "overdue",
]

DOWN_AFTER_S: Final = 60.0  # without any ready replica for so long is an outage, no blip
# Shorter times out of risk don't end it where the same replica fails again: a container that
# crashes over and over is ready for a moment each time.
STEADY_S: Final = 120.0
MAX_FAILED: Final = 10_000  # names of one spell

_AT_RISK: Final = (RedundancyState.AT_RISK, RedundancyState.DOWN)


def judge(
    declared: Redundancy,
    observed: Observed,
    before: Standing | None,
    now: float,
    *,
    is_declared: bool = True,
) -> Standing:
    """How redundant a service is now, after one more look at it.

    `before` is what was returned last time, None the first time; `now` is in Unix seconds.
    """
    hidden = unseen(observed)
    if hidden:
        return _unknown(declared, observed, before, now, hidden, is_declared=is_declared)
    found = look(declared, observed, hopeful=True)
    state = _state(found, look(declared, observed, hopeful=False))
    missing = found.missing[:MAX_NAMES]
    lacks = found.lacks and state is not RedundancyState.UNKNOWN
    risk_since = before.risk_since if before else None
    spell = before.spell if before else None
    if state in _AT_RISK and lacks:
        spell = _spell(observed, before, frozenset(found.missing), now)
        risk_since = spell.since
    elif state is not RedundancyState.UNKNOWN:
        risk_since = None
    leader, led_since, failovers, failed_over_at = _led(found.leaders, before, now)
    return Standing(
        state=state,
        reason=reason_for(state, found, observed.rollout),
        since=_since(state, before, now),
        lacks=lacks,
        ready=len(found.ready),
        expected=found.expected,
        minimum=found.minimum,
        zones=len(found.known_zones) or None,
        zones_wanted=found.zones_wanted,
        skew=found.skew,
        leader=leader,
        led_since=led_since,
        failovers=failovers,
        failed_over_at=failed_over_at,
        risk_since=risk_since,
        declared=is_declared,
        missing=missing,
        spell=spell,
    )


def overdue(declared: Redundancy, standing: Standing, now: float) -> bool:
    """Whether it has been at risk, or down, for as long as the file lets it."""
    since = _lacking_since(standing)
    return since is not None and now >= since + declared.for_s


def is_out(standing: Standing, now: float) -> bool:
    """Whether it has been down for so long that it is an outage."""
    since = _lacking_since(standing)
    if since is None or standing.state is not RedundancyState.DOWN:
        return False
    return now >= max(since, standing.since) + DOWN_AFTER_S


def next_due(declared: Redundancy, standing: Standing, now: float) -> float | None:
    """When `overdue` or `is_out` comes true next, if nothing changes; None: never."""
    since = _lacking_since(standing)
    if since is None:
        return None
    times = [since + declared.for_s]
    if standing.state is RedundancyState.DOWN:
        times.append(max(since, standing.since) + DOWN_AFTER_S)
    return min((at for at in times if at > now), default=None)


def _lacking_since(standing: Standing) -> float | None:
    """None where nothing may be opened: undeclared, not at risk, as small as it is meant to be."""
    wrong = standing.declared and standing.state in _AT_RISK
    return standing.risk_since if wrong else None


def _unknown(
    declared: Redundancy,
    observed: Observed,
    before: Standing | None,
    now: float,
    reason: str,
    *,
    is_declared: bool,
) -> Standing:
    """Nothing is seen: what was known of leaders and risks stays, for nothing disproves it."""
    return Standing(
        state=RedundancyState.UNKNOWN,
        reason=reason,
        since=_since(RedundancyState.UNKNOWN, before, now),
        expected=expected(declared, observed) or None,
        minimum=minimum(declared, observed),
        zones_wanted=declared.zones,
        leader=before.leader if before else None,
        led_since=before.led_since if before else None,
        failovers=before.failovers if before else 0,
        failed_over_at=before.failed_over_at if before else None,
        risk_since=before.risk_since if before else None,
        declared=is_declared,
        spell=before.spell if before else None,
    )


def _state(hopeful: Look, grim: Look) -> RedundancyState:
    """The worst that is certain, whatever it is that nobody can tell; redundant only where it is
    so at the worst.
    """
    found, worst = _state_of(hopeful), _state_of(grim)
    if found is RedundancyState.REDUNDANT and worst is not found:
        return RedundancyState.UNKNOWN
    return found


def _state_of(found: Look) -> RedundancyState:
    if not found.able:
        return RedundancyState.DOWN
    if found.at_risk:
        return RedundancyState.AT_RISK
    return RedundancyState.DEGRADED if found.lacks else RedundancyState.REDUNDANT


def _since(state: RedundancyState, before: Standing | None, now: float) -> float:
    return before.since if before is not None and before.state is state else now


def _spell(
    observed: Observed, before: Standing | None, missing: frozenset[str], now: float
) -> Spell:
    """The time at risk that goes on now, of which the one before may be a part."""
    last = before.spell if before is not None else None
    began = before.risk_since if before is not None else None
    if last is not None and began is None and now - last.until >= STEADY_S:
        last = None
    failed = last.missing if last is not None else frozenset()
    if last is not None and began is None and missing & failed:
        began = last.since
    # What fails now is another one than ever, and what failed is back: so targets are restarted
    # one after the other. A workload says itself that it does that, and renames its replicas.
    if missing and failed and not missing & failed and observed.wanted is None:
        began = None
    since = max(now if began is None else began, _progressed_at(observed.rollout, now))
    known = failed | missing
    return Spell(since, now, known if len(known) <= MAX_FAILED else missing)


def _progressed_at(rollout: Rollout | None, now: float) -> float:
    """When a rollout that isn't stuck got further. Clocks of clusters may be ahead."""
    if rollout is None or rollout.stuck:
        return -inf
    return min(rollout.progressed_at, now)


def _led(
    leaders: tuple[str, ...] | None, before: Standing | None, now: float
) -> tuple[str | None, float | None, int, float | None]:
    """`leader`, `led_since`, `failovers` and `failed_over_at` of a standing.

    Between two leaders there is often a time without one, or with two: a failover is another
    leader than the last that was alone.
    """
    known = before or Standing(RedundancyState.UNKNOWN, "", now)
    last = (known.leader, known.led_since, known.failovers, known.failed_over_at)
    if leaders is None or len(leaders) != 1 or leaders[0] == known.leader:
        return last
    if known.leader is None:
        return leaders[0], now, known.failovers, known.failed_over_at
    return leaders[0], now, known.failovers + 1, now
