"""Alerting of an SLO as OpenSLO's AlertPolicies, whole and inside the SLO.

One policy for each arm, because OpenSLO allows a policy one condition. An arm's short window has no
key: Vigie takes a twelfth of the long one, so that one of another length is lost.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from slo.convert.model import Document, Losses, number, without_empty
from slo.load.document import OPENSLO
from slo.load.marks import Problems
from slo.load.openslo_alerts import MIN_SHORT_S, SHORT_OF_LONG
from slo.policies import DEFAULT, arms_for
from slo.spec import Alerting, Arm, ArmKind, Slo
from slo.windows import UNITS_S, show

_INTERVAL_S: Final = 15.0  # by which Vigie's own arms are bounded
_UNITS: Final = ("d", "h", "m")
# A policy must have a condition, also one that alerts on nothing.
_NEVER: Final = Arm("never", ArmKind.TICKET, 1.0, UNITS_S["h"], 5 * UNITS_S["m"])


def shorthand(seconds: float) -> str:
    """A length in one unit, as OpenSLO has it: 90m rather than 1h30m. Below a minute there is no
    such unit: Vigie reads seconds too.
    """
    for unit in _UNITS:
        if seconds and seconds % UNITS_S[unit] == 0:
            return f"{seconds / UNITS_S[unit]:.0f}{unit}"
    return show(seconds)


def policies(slo: Slo, losses: Losses) -> list[Document]:
    """The policies; none where the SLO leaves everything to Vigie's Policy."""
    alerting = slo.alerting
    flags = (alerting.no_data, alerting.resolved)
    left = alerting.arms is None and flags == (None, None) and not alerting.channels
    if left and not alerting.without:
        return []
    arms = stated_arms(slo)
    if alerting.arms is None and arms:
        why = "OpenSLO can't leave arms to a Policy here: those of Vigie's default are written"
        losses.add("alerting.arms", why)
    _tell(arms, alerting, losses)
    if arms:
        return [_policy(slo, arm, breaching=True) for arm in arms]
    return [_policy(slo, _NEVER, breaching=False)]


def stated_arms(slo: Slo) -> tuple[Arm, ...]:
    """The arms of an SLO: its own, or else Vigie's, without those that are switched off."""
    arms = slo.alerting.arms
    if arms is None:
        plain = replace(slo, alerting=Alerting(without=slo.alerting.without))
        return arms_for(plain, DEFAULT, _INTERVAL_S, Problems())
    return tuple(arm for arm in arms if arm.kind not in slo.alerting.without)


def targets(slos: Iterable[Slo]) -> list[Document]:
    """A document for each name that is notified, without which the names would lead nowhere."""
    names = sorted({name for slo in slos for name in slo.alerting.channels})
    return [
        {
            "apiVersion": OPENSLO,
            "kind": "AlertNotificationTarget",
            "metadata": {"name": name},
            "spec": {"target": "unknown"},
        }
        for name in names
    ]


def short_of(long_s: float) -> float:
    """The short window that Vigie takes for a long one of OpenSLO."""
    return min(max(float(round(long_s * SHORT_OF_LONG)), MIN_SHORT_S), long_s)


def _tell(arms: Iterable[Arm], alerting: Alerting, losses: Losses) -> None:
    odd = [arm for arm in arms if arm.short_s != short_of(arm.long_s)]
    if odd:
        pairs = ", ".join(
            f"{show(arm.short_s)} beside {show(arm.long_s)} ({show(short_of(arm.long_s))} taken)"
            for arm in odd
        )
        losses.add("alerting.arms", f"OpenSLO has no short windows: {pairs}")
    if alerting.channels:
        why = f"what {', '.join(alerting.channels)} are is not known: `target: unknown` is written"
        losses.add("alerting.channels", why)


def _policy(slo: Slo, arm: Arm, *, breaching: bool) -> Document:
    alerting = slo.alerting
    name = f"{slo.name}-{arm.kind}-{shorthand(arm.long_s)}" if breaching else f"{slo.name}-never"
    flags = {"alertWhenNoData": alerting.no_data, "alertWhenResolved": alerting.resolved}
    spec = {
        **flags,
        "alertWhenBreaching": breaching,
        "conditions": [_condition(name, arm)],
        "notificationTargets": [{"targetRef": channel} for channel in alerting.channels],
    }
    return {"kind": "AlertPolicy", "metadata": {"name": name}, "spec": without_empty(spec)}


def _condition(name: str, arm: Arm) -> Document:
    condition: Document = {
        "kind": "burnrate",
        "op": "gte",
        "threshold": number(arm.burn_rate),
        "lookbackWindow": shorthand(arm.long_s),
    }
    if arm.after_s:
        condition["alertAfter"] = shorthand(arm.after_s)
    spec = {"severity": arm.kind.value, "condition": condition}
    return {"kind": "AlertCondition", "metadata": {"name": name}, "spec": spec}
