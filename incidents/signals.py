"""From the figures of an SLO or a service to the signal that `incidents.decide` acts on."""

from collections.abc import Sequence
from math import isfinite

from incidents.model import (
    HeardBeat,
    IncidentType,
    Json,
    OpenIncident,
    Severity,
    Signal,
    SilentTarget,
    Urgency,
)
from slo import windows
from slo.spec import AlertState, ArmKind, Policy
from slo.status import ArmFigures, SloFigures, WindowFigures

# The share of requests failing now from which a severity is meant. Below the last one a page is
# still SEV3, for it says that the budget will not last; a ticket is SEV4.
_SEVERITY_FROM = ((0.5, Severity.SEV1), (0.1, Severity.SEV2), (0.01, Severity.SEV3))
_WRONG_BEATS = frozenset({"missed", "failed"})


def burn_signal(
    slo: SloFigures,
    policy: Policy,
    open_: OpenIncident | None,
    groups: Sequence[SloFigures] = (),
) -> Signal | None:
    """What the arms of an SLO say, and those of its groups that burn; None when nothing fires and
    no incident is open.

    While an incident is open its urgency and severity are never lowered. One that pages is judged
    by the arms that page: tickets look back for days, and nobody shall be kept up by them.

    `clear` is measured: an arm never stops firing while frozen, so none fires, and what happens
    just now is covered. (Arms of a young SLO are frozen for days without ever having fired.)
    """
    judged = _judged([arm for one in (slo, *groups) for arm in one.arms], open_)
    firing = [arm for arm in judged if arm.state is AlertState.FIRING]
    if not firing and open_ is None:
        return None
    shown = _worst(firing or judged)
    named = next((one for one in (slo, *groups) if shown in one.arms), slo)
    return Signal(
        key=f"{IncidentType.SLO_BURN}:{slo.slo.id}",
        type=IncidentType.SLO_BURN,
        service=slo.slo.service,
        slo=slo.slo.name,
        title=_burn_title(named, shown),
        urgency=_burn_urgency(firing, open_),
        severity=_burn_severity(firing, open_),
        started_at=min((_began(arm) for arm in firing), default=slo.window.end),
        firing=bool(firing),
        clear=not firing and _now_measured(judged, policy.coverage_floor),
        recover_after_s=policy.recover_after_s,
        labels={**slo.slo.labels, "service": slo.slo.service, "slo": slo.slo.name},
        detail=_burn_detail(slo, groups),
    )


def no_data_signal(
    service: str,
    slos: Sequence[SloFigures],
    targets: Sequence[SilentTarget],
    *,
    recover_after_s: float,
    coverage_floor: float,
    since: float,
    open_: OpenIncident | None,
) -> Signal | None:
    """One signal for the silence of a whole service; None when all is heard and none is open.

    `slos` and `targets` are those of the service, `since` is when the first of its SLOs fell below
    its floor. Clear only when coverage is back: no SLO is silent *and* the figures show it, for
    right after a restart nothing has been silent for long.
    """
    silent = [slo for slo in slos if slo.no_data]
    if not silent and open_ is None:
        return None
    dead = bool(targets) and all(target.health == "down" for target in targets)
    urgency = Urgency.HIGH if silent and dead else Urgency.LOW
    severity = Severity.SEV2 if silent and dead else Severity.SEV4
    return Signal(
        key=f"{IncidentType.NO_DATA}:{service}",
        type=IncidentType.NO_DATA,
        service=service,
        slo="",
        title=_no_data_title(service, slos, targets),
        urgency=_not_lowered(urgency, open_),
        severity=_worse(severity, open_),
        started_at=since,
        firing=bool(silent),
        clear=not silent and _heard(slos, targets, coverage_floor),
        recover_after_s=recover_after_s,
        labels={"service": service},
        detail=_no_data_detail(slos, targets, since),
    )


def heartbeat_signal(beat: HeardBeat, open_: OpenIncident | None) -> Signal | None:
    """What one heartbeat says; None when nothing is wrong and none is open.

    Only a beat that is ok and in time clears. What is late, or unknown because Vigie did not
    listen, decides nothing. Its impact is not measured, so the severity follows the urgency.
    """
    wrong = beat.state in _WRONG_BEATS
    if not wrong and open_ is None:
        return None
    severity = Severity.SEV3 if beat.urgency is Urgency.HIGH else Severity.SEV4
    return Signal(
        key=f"{IncidentType.MISSED_HEARTBEAT}:{beat.name}",
        type=IncidentType.MISSED_HEARTBEAT,
        service=beat.service,
        slo="",
        title=f"{beat.service}: heartbeat {beat.name} {beat.state}, {beat.reason}",
        urgency=_not_lowered(beat.urgency, open_),
        severity=_worse(severity, open_),
        started_at=beat.since,
        firing=wrong,
        clear=beat.state == "ok",
        recover_after_s=0.0,  # one beat says it all
        labels={**beat.labels, "service": beat.service, "heartbeat": beat.name},
        detail={
            "heartbeat": beat.name,
            "state": beat.state,
            "since": beat.since,
            "reason": beat.reason,
            "expected_at": beat.expected_at,
            "deadline": beat.deadline,
            "last_at": beat.last_at,
            "last_state": beat.last_state,
            "started_at": beat.started_at,
        },
    )


# -- slo-burn ---------------------------------------------------------------------------------


def severity_of(failing: float, *, pages: bool) -> Severity:
    """How bad an arm is whose short window fails by this share (0..1); what pages is never SEV4."""
    for share, severity in _SEVERITY_FROM:
        if failing >= share - 1e-12:  # 1 - 0.9 is a hair under 0.1
            return severity
    return Severity.SEV3 if pages else Severity.SEV4


def _judged(arms: Sequence[ArmFigures], open_: OpenIncident | None) -> list[ArmFigures]:
    if open_ is None or open_.urgency is Urgency.LOW:
        return list(arms)
    return [arm for arm in arms if arm.arm.kind is ArmKind.PAGE] or list(arms)


def _began(arm: ArmFigures) -> float:
    """When the failing probably began: as long ago as the bad events of the long window take to
    happen at the rate of the short one. An arm says only when it fired, which is later.
    """
    now, bad = arm.short.end, arm.short.total - arm.short.good
    if bad == 0:
        return arm.since
    lasted_s = (arm.long.total - arm.long.good) / bad * (now - arm.short.start)
    return min(max(now - lasted_s, arm.long.start), arm.since)


def _now_measured(arms: Sequence[ArmFigures], floor: float) -> bool:
    """Whether the shortest window that is judged is covered."""
    shorts = sorted((arm.short for arm in arms), key=lambda window: window.window_s)
    return bool(shorts) and shorts[0].coverage >= floor


def _worst(arms: Sequence[ArmFigures]) -> ArmFigures | None:
    """The arm to show: a page before a ticket, then the one that asks for the fastest burn."""
    order = sorted(arms, key=lambda arm: (arm.arm.kind is ArmKind.TICKET, -arm.arm.burn_rate))
    return order[0] if order else None


def _burn_title(slo: SloFigures, shown: ArmFigures | None) -> str:
    if shown is None:
        return f"{slo.slo.id}: error budget"
    arm = shown.arm
    lengths = f"{windows.show(arm.long_s)}/{windows.show(arm.short_s)}"
    rate = shown.short.burn_rate
    if rate is None:
        return f"{slo.slo.id} burns its error budget ({lengths})"
    return f"{slo.slo.id} burns {_times(rate)} its error budget ({lengths})"


def _times(rate: float) -> str:
    return f"{rate:.0f}x" if rate >= 10 else f"{rate:.1f}x"


def _burn_urgency(firing: Sequence[ArmFigures], open_: OpenIncident | None) -> Urgency:
    page = any(arm.arm.kind is ArmKind.PAGE for arm in firing)
    return _not_lowered(Urgency.HIGH if page else Urgency.LOW, open_)


def _burn_severity(firing: Sequence[ArmFigures], open_: OpenIncident | None) -> Severity:
    return _worse(min((_severity(arm) for arm in firing), default=Severity.SEV4), open_)


def _severity(arm: ArmFigures) -> Severity:
    failing = 1.0 - arm.short.sli if arm.short.sli is not None else 0.0
    return severity_of(failing, pages=arm.arm.kind is ArmKind.PAGE)


def _burn_detail(slo: SloFigures, groups: Sequence[SloFigures]) -> dict[str, Json]:
    burning: dict[str, Json] = {"groups": [group.slo.name for group in groups]} if groups else {}
    return {
        **burning,
        "objective": slo.slo.objective,
        "sli": slo.window.sli,
        "budget_remaining": slo.budget_remaining,
        "arms": [_arm_detail(arm) for arm in slo.arms],
        **_contributors(slo),
    }


def _contributors(slo: SloFigures) -> dict[str, Json]:
    if not slo.contributors:
        return {}
    return {
        "contributors": [
            {"labels": dict(one.labels), "bad": one.bad, "share": one.share}
            for one in slo.contributors
        ]
    }


def _arm_detail(arm: ArmFigures) -> dict[str, Json]:
    return {
        "name": arm.arm.name,
        "kind": arm.arm.kind.value,
        "state": arm.state.name.lower(),
        "burn_threshold": arm.arm.burn_rate,
        "long": _window_detail(arm.arm.long_s, arm.long),
        "short": _window_detail(arm.arm.short_s, arm.short),
    }


def _window_detail(length_s: float, window: WindowFigures) -> dict[str, Json]:
    return {
        "window": windows.show(length_s),
        "window_seconds": length_s,
        "burn_rate": window.burn_rate,
        "good": window.good,
        "total": window.total,
        "bad": window.total - window.good,
        "coverage": window.coverage,
        "from": window.start,
        "to": window.end,
    }


# -- no-data ----------------------------------------------------------------------------------


def _no_data_title(
    service: str, slos: Sequence[SloFigures], targets: Sequence[SilentTarget]
) -> str:
    silent = sum(target.health != "up" for target in targets)
    if silent:
        return f"{service}: no data from {silent} of {len(targets)} targets"
    if not targets:
        return f"{service}: no data, and no target to ask"
    names = ", ".join(slo.slo.name for slo in slos if slo.no_data)
    return f"{service}: no data for {names}" if names else f"{service}: data is back"


def _heard(
    slos: Sequence[SloFigures], targets: Sequence[SilentTarget], coverage_floor: float
) -> bool:
    """Whether what happens just now is measured well enough, or at least every target answers."""
    if targets and all(target.health == "up" for target in targets):
        return True
    return bool(slos) and all(slo.recent.coverage >= coverage_floor for slo in slos)


def _no_data_detail(
    slos: Sequence[SloFigures], targets: Sequence[SilentTarget], since: float
) -> dict[str, Json]:
    silent: list[Json] = [slo.slo.name for slo in slos if slo.no_data]
    asked: list[Json] = [
        {
            "id": target.id,
            "health": target.health,
            "error": target.error,
            "last_good_at": target.last_good_at,
        }
        for target in sorted(targets, key=lambda target: (target.health == "up", target.id))
    ]
    return {"targets": asked, "slos": silent, "since": since if isfinite(since) else None}


# -- both -------------------------------------------------------------------------------------


def _not_lowered(urgency: Urgency, open_: OpenIncident | None) -> Urgency:
    held = open_ is not None and open_.urgency is Urgency.HIGH
    return Urgency.HIGH if held else urgency


def _worse(severity: Severity, open_: OpenIncident | None) -> Severity:
    return severity if open_ is None else min(severity, open_.severity)
