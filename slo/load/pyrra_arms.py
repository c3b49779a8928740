"""The burn-rate arms that Pyrra's format implies for an SLO.

Pyrra has four tiers, whose lengths scale with the SLO's window from those for 28 days.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slo.load.codes import Code
from slo.load.yaml import Mark, Problems
from slo.policies import SHORTS_IN_LONG, arm_name, outage_burn_rate
from slo.spec import Arm, ArmKind
from slo.windows import UNITS_S, show

_MINUTE_S, _H, _D = UNITS_S["m"], UNITS_S["h"], UNITS_S["d"]
_BASE_S: Final = 28 * _D
_SHORTEST_S: Final = _MINUTE_S  # four scrapes, at one every 15 s; `slo.policies` knows the rest


@dataclass(frozen=True, slots=True)
class Tier:
    """One of Pyrra's alerts. Its lengths are those of a 28-day SLO; `key` names its severity."""

    key: str
    kind: ArmKind
    burn_rate: float
    long_s: float
    short_s: float
    after_s: float


# By falling burn rate; 14x over 1 h spends 2.1 % of a 28-day budget.
TIERS: Final = (
    Tier("fastBurn", ArmKind.PAGE, 14.0, _H, 5 * _MINUTE_S, 2 * _MINUTE_S),
    Tier("mediumBurn", ArmKind.PAGE, 7.0, 6 * _H, 30 * _MINUTE_S, 15 * _MINUTE_S),
    Tier("slowBurn", ArmKind.TICKET, 2.0, _D, 2 * _H, _H),
    Tier("longTermBurn", ArmKind.TICKET, 1.0, 4 * _D, 6 * _H, 3 * _H),
)
# Severities are free text; these are the words that say what an alert does.
SEVERITIES: Final[Mapping[str, ArmKind]] = {
    "critical": ArmKind.PAGE,
    "page": ArmKind.PAGE,
    "info": ArmKind.TICKET,
    "ticket": ArmKind.TICKET,
    "warning": ArmKind.TICKET,
}


@dataclass(frozen=True, slots=True)
class Stated:
    """What the arms depend on, and where it stands."""

    objective: float
    target: Mark
    window_s: float
    window: Mark


def arms(stated: Stated, kinds: Sequence[ArmKind], problems: Problems) -> tuple[Arm, ...]:
    """The arms of an SLO, one of each of `TIERS`; nobody wrote them, so they carry no marks. None
    without an objective or a window: what is wrong with those was said.

    Lengths are rounded to the minute, as Pyrra's are. Where that leaves no short window, Pyrra's
    alert never fires; here it gets the shortest lengths that can, with a warning. A burn rate that
    the objective can't reach is capped as Vigie's own are, with a warning.
    """
    if not stated.objective or not stated.window_s:
        return ()
    if stated.window_s < SHORTS_IN_LONG * _SHORTEST_S:
        message = (
            f"a window of {show(stated.window_s)} is too short to alert on: make it at least "
            f"{show(SHORTS_IN_LONG * _SHORTEST_S)}"
        )
        problems.error(stated.window, message, Code.SHORT_WINDOW)
        return ()
    found: dict[str, Arm] = {}
    for tier, kind in zip(TIERS, kinds, strict=True):
        arm = _arm(tier, kind, stated, problems)
        # Bounds make arms of a short window alike; the later one, of the lower rate, fires first.
        found[arm.name] = arm
    _tell_capped(stated, problems)
    return tuple(found.values())


def _arm(tier: Tier, kind: ArmKind, stated: Stated, problems: Problems) -> Arm:
    scale = stated.window_s / _BASE_S
    long_s, short_s = _whole_minutes(tier.long_s * scale), _whole_minutes(tier.short_s * scale)
    if short_s < _SHORTEST_S:
        short_s = _SHORTEST_S
        long_s = max(long_s, SHORTS_IN_LONG * short_s)
        message = (
            f"in a window of {show(stated.window_s)} Pyrra rounds the short window of its "
            f"{tier.burn_rate:g}x alert to 0s, so that it never fires: here it looks at "
            f"{show(long_s)} and {show(short_s)}"
        )
        problems.warn(stated.window, message, Code.SHORT_WINDOW)
    most = outage_burn_rate(stated.objective)
    return Arm(
        name=arm_name(kind, long_s, short_s),
        kind=kind,
        burn_rate=tier.burn_rate if tier.burn_rate < most else most / 2,
        long_s=long_s,
        short_s=short_s,
        after_s=_whole_minutes(tier.after_s * scale),
    )


def _tell_capped(stated: Stated, problems: Problems) -> None:
    most = outage_burn_rate(stated.objective)
    if all(tier.burn_rate < most for tier in TIERS):
        return
    message = (
        f"with a target of {stated.objective * 100:g} % the burn rate is at most {most:g}: "
        f"alerts of Pyrra's that ask for more never fire, and are capped here at {most / 2:g}"
    )
    problems.warn(stated.target, message, Code.UNREACHABLE)


def _whole_minutes(seconds: float) -> float:
    """Half a minute is rounded up, as Go's Duration.Round does."""
    return math.floor(round(seconds, 3) / _MINUTE_S + 0.5) * _MINUTE_S
