"""Which policy watches an SLO, and the arms that it then has: scaled, bounded and reachable."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from slo import labels
from slo.load.codes import Code
from slo.load.marks import Mark, Problems
from slo.spec import Arm, ArmKind, Policy, Service, Slo
from slo.windows import UNITS_S, show

DEFAULT: Final = Policy("default")
# 14.4x for 1 h spends 2 % of a 30-day budget, 6x for 6 h 5 %, 3x for 1 d and 1x for 3 d 10 %:
# SRE Workbook, "Alerting on SLOs".
_MONTH_S: Final = 30 * UNITS_S["d"]
_M, _H, _D = UNITS_S["m"], UNITS_S["h"], UNITS_S["d"]
# (kind, burn rate, long, short), by falling burn rate within a kind.
_DEFAULT_ARMS: Final = (
    (ArmKind.PAGE, 14.4, 1 * _H, 5 * _M),
    (ArmKind.PAGE, 6.0, 6 * _H, 30 * _M),
    (ArmKind.TICKET, 3.0, 1 * _D, 2 * _H),
    (ArmKind.TICKET, 1.0, 3 * _D, 6 * _H),
)
# A short window with fewer scrapes is empty once one is late.
SCRAPES_IN_SHORT: Final = 4
SHORTS_IN_LONG: Final = 4


def policy_for(
    slo: Slo, policies: Sequence[Policy], problems: Problems, service: Service | None = None
) -> Policy:
    """The most specific policy that selects an SLO; a tie is an error; DEFAULT when none does.

    Naming SLOs is more specific than naming services, and that than any number of labels; of two
    policies alike in names the one that asks for more labels wins. Labels are those of the SLO
    and, where it has none of that name, of its service.
    """
    have = {**(service.labels if service else {}), **slo.labels}
    matching = [policy for policy in policies if _selects(policy, slo, have)]
    if not matching:
        return DEFAULT
    most = max(specificity(policy) for policy in matching)
    first, *others = [policy for policy in matching if specificity(policy) == most]
    for other in others:
        message = (
            f"policies `{first.name}` ({first.mark}) and `{other.name}` select SLO `{slo.id}` "
            "equally: make one of them more specific"
        )
        problems.error(_mark(other.mark), message, Code.TIE)
    return first


def specificity(policy: Policy) -> tuple[bool, bool, int]:
    """How narrowly a policy selects; the greater wins."""
    return bool(policy.slos), bool(policy.services), len(policy.match_labels)


def arms_for(
    slo: Slo, policy: Policy, slowest_interval_s: float, problems: Problems
) -> tuple[Arm, ...]:
    """The arms that watch an SLO. `slowest_interval_s` is that of the targets it is measured on.

    Those of the SLO's own alerting replace the policy's; kinds that it switches off are left out.
    Written arms are taken as they are: one that could not work is an error at its mark. Those that
    a format implies, so that nobody wrote them, look longer where that is too short for the
    scrapes, with a warning. Vigie's own are scaled to the SLO's window, bounded and capped. An
    objective that leaves no budget, or no event that must be good, is an error and has no arms.
    """
    if not 0.0 < slo.objective < 1.0:
        _refuse_objective(slo, problems)
        return ()
    own, without = slo.alerting.arms, slo.alerting.without
    written = policy.arms if own is None else own
    if written is None:
        return _default_arms(slo, slowest_interval_s, without, problems)
    arms = [arm for arm in written if arm.kind not in without]
    shortest_s = _shortest_s(slowest_interval_s)
    if any(arm.mark is None and arm.short_s < shortest_s for arm in arms):
        if not _has_room(slo, slowest_interval_s, problems):
            return ()
        arms = [_raised(arm, slo, slowest_interval_s, problems) for arm in arms]
    for arm in arms:
        _check_written(arm, slo, slowest_interval_s, problems)
    # Raised arms may have become alike; the later one, of the lower rate, fires first.
    return tuple({arm.name: arm for arm in arms}.values())


def outage_burn_rate(objective: float) -> float:
    """The burn rate of a total outage, below which every arm must stay."""
    return round(1.0 / (1.0 - objective), 9)  # 1 / (1 - 0.9) is 10.000000000000002 in floats


def arm_name(kind: ArmKind, long_s: float, short_s: float) -> str:
    """`page-1h-5m`: never the factor, which may change without it becoming another arm."""
    return f"{kind}-{show(long_s)}-{show(short_s)}"


def _selects(policy: Policy, slo: Slo, have: dict[str, str]) -> bool:
    return (
        (not policy.services or slo.service in policy.services)
        and (not policy.slos or slo.name in policy.slos)
        and labels.fit(have, policy.match_labels)
    )


def _refuse_objective(slo: Slo, problems: Problems) -> None:
    name = f"the objective of SLO `{slo.id}` is {slo.objective:g}"
    if slo.objective == 1.0:
        message = f"{name}, which leaves no budget to spend: write e.g. 0.999"
        problems.error(_mark(slo.mark), message, Code.NO_BUDGET)
    else:
        message = f"{name}; it must be above 0 and below 1"
        problems.error(_mark(slo.mark), message, Code.OBJECTIVE)


def _shortest_s(interval_s: float) -> float:
    return float(math.ceil(SCRAPES_IN_SHORT * interval_s))


def _has_room(slo: Slo, interval_s: float, problems: Problems) -> bool:
    """Whether the window of an SLO is long enough for any arm."""
    least_s = SHORTS_IN_LONG * _shortest_s(interval_s)
    if least_s <= slo.window_s:
        return True
    message = (
        f"a window of {show(slo.window_s)} is too short for a scrape every {show(interval_s)}: "
        f"it must be at least {show(least_s)}"
    )
    problems.error(_mark(slo.mark), message, Code.SHORT_WINDOW)
    return False


def _raised(arm: Arm, slo: Slo, interval_s: float, problems: Problems) -> Arm:
    short_s = _shortest_s(interval_s)
    if arm.mark or arm.short_s >= short_s:
        return arm
    long_s = max(arm.long_s, SHORTS_IN_LONG * short_s)
    name = arm_name(arm.kind, long_s, short_s)
    message = (
        f"arm `{arm.name}`, which the format of SLO `{slo.id}` implies, looks at "
        f"{show(arm.short_s)}, which holds under {SCRAPES_IN_SHORT} scrapes (one every "
        f"{show(interval_s)}): it is `{name}` here"
    )
    problems.warn(_mark(slo.mark), message, Code.SHORT_WINDOW)
    return replace(arm, name=name, long_s=long_s, short_s=short_s)


def _check_written(arm: Arm, slo: Slo, interval_s: float, problems: Problems) -> None:
    """An arm that could not work is an error where it is written; one that the SLO's format
    implies, so that nobody wrote it, is a warning at the SLO.
    """
    mark, tell = _mark(arm.mark or slo.mark), problems.error if arm.mark else problems.warn
    name, most = f"arm `{arm.name}` of SLO `{slo.id}`", outage_burn_rate(slo.objective)
    if arm.burn_rate >= most:
        message = (
            f"{name} can never fire: with an objective of {slo.objective:g} the burn rate is at "
            f"most {most:g}, and this asks for {arm.burn_rate:g}"
        )
        tell(mark, message, Code.UNREACHABLE)
    shortest_s = SCRAPES_IN_SHORT * interval_s
    if arm.short_s < shortest_s:
        message = (
            f"{name} looks at {show(arm.short_s)}, which holds under {SCRAPES_IN_SHORT} scrapes "
            f"(one every {show(interval_s)}): make `short` at least {show(shortest_s)}"
        )
        tell(mark, message, Code.SHORT_WINDOW)
    if arm.long_s > slo.window_s:
        message = (
            f"{name} looks at {show(arm.long_s)}, longer than the SLO's window of "
            f"{show(slo.window_s)}: shorten `long`"
        )
        tell(mark, message, Code.LONG_WINDOW)


def _default_arms(
    slo: Slo, interval_s: float, without: Collection[ArmKind], problems: Problems
) -> tuple[Arm, ...]:
    if not _has_room(slo, interval_s, problems):
        return ()
    shortest_s, most = _shortest_s(interval_s), outage_burn_rate(slo.objective)
    wanted = [arm for arm in _DEFAULT_ARMS if arm[0] not in without]
    arms: dict[str, Arm] = {}
    for kind, burn_rate, long_s, short_s in wanted:
        short = max(float(round(short_s * slo.window_s / _MONTH_S)), shortest_s)
        long = max(float(round(long_s * slo.window_s / _MONTH_S)), SHORTS_IN_LONG * short)
        reachable = burn_rate if burn_rate < most else most / 2
        name = arm_name(kind, long, short)
        # Bounds make arms of a short window alike; the later one, of the lower rate, fires first.
        arms[name] = _arm(name, kind, reachable, long, short)
    if any(burn_rate >= most for _, burn_rate, _, _ in wanted):
        message = (
            f"with an objective of {slo.objective:g} the burn rate of SLO `{slo.id}` is at most "
            f"{most:g}: default arms that ask for more are capped at {most / 2:g}"
        )
        problems.warn(_mark(slo.mark), message, Code.UNREACHABLE)
    return tuple(arms.values())


def _mark(mark: Mark | None) -> Mark:
    return mark or Mark("?", 1, 1)  # made by hand, not read from a file


@lru_cache(maxsize=256)
def _arm(name: str, kind: ArmKind, burn_rate: float, long_s: float, short_s: float) -> Arm:
    return Arm(name, kind, burn_rate, long_s, short_s)
