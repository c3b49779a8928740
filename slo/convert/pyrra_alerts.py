"""Alerting of an SLO as Pyrra has it: four fixed alerts with a severity each, or none."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Final

from slo.convert.model import Document, Losses, without_empty
from slo.convert.openslo_alerts import stated_arms
from slo.load import pyrra_arms
from slo.load.marks import Mark, Problems
from slo.load.pyrra_arms import SEVERITIES, TIERS
from slo.spec import AlertText, Arm, ArmKind, Format, Slo
from slo.windows import show

Kinds = tuple[ArmKind, ...]  # of each tier's alert
# Two of each: one word for all alerts of a kind would become a label of theirs.
_WORDS: Final = {ArmKind.PAGE: ("critical", "page"), ArmKind.TICKET: ("warning", "info")}
_USUAL: Final = tuple(tier.kind for tier in TIERS)
_NOWHERE: Final = Mark("?", 1, 1)


def alerting(slo: Slo, losses: Losses) -> Document:
    """`alerting`; empty where Pyrra's own defaults say the same."""
    own = slo.alerting
    off = not stated_arms(slo)
    kinds = _kinds(slo, losses)
    _tell(slo, losses)
    return without_empty(
        {
            "disabled": True if off and own.no_data is not True else None,
            "name": own.name,
            "burnrates": False if off and own.no_data is True else None,
            "absent": False if own.no_data is False else None,
            "severities": _severities(slo, kinds, losses),
        }
    )


def _kinds(slo: Slo, losses: Losses) -> Kinds:
    """The kinds of the four alerts. That they are other alerts than the SLO's is a loss."""
    stated = stated_arms(slo)
    if not stated:
        return _USUAL
    if slo.alerting.arms is not None:
        for kinds in sorted(product(ArmKind, repeat=len(TIERS)), key=lambda found: found != _USUAL):
            if _told(_theirs(slo, kinds), slo) == _told(stated, slo):
                return kinds
    theirs = ", ".join(
        f"{arm.burn_rate:g}x over {show(arm.long_s)} and {show(arm.short_s)}"
        for arm in _theirs(slo, _USUAL)
    )
    losses.add("alerting.arms", f"Pyrra has alerts of its own: {theirs}")
    return _USUAL


def _theirs(slo: Slo, kinds: Kinds) -> tuple[Arm, ...]:
    stated = pyrra_arms.Stated(slo.objective, _NOWHERE, slo.window_s, _NOWHERE)
    return pyrra_arms.arms(stated, kinds, Problems())


def _told(arms: Iterable[Arm], slo: Slo) -> set[tuple[object, ...]]:
    """What arms say: of OpenSLO not the short window, which nobody wrote."""
    short = slo.format not in (Format.OPENSLO, Format.OPENSLO_ALPHA)
    return {
        (arm.kind, arm.burn_rate, arm.long_s, arm.after_s, arm.short_s if short else 0.0)
        for arm in arms
    }


def _severities(slo: Slo, kinds: Kinds, losses: Losses) -> Document:
    """The severity of each alert that has to have one, to be of its kind or to carry its label."""
    words = dict.fromkeys(range(len(TIERS)), "")
    for kind, text in ((ArmKind.PAGE, slo.alerting.page), (ArmKind.TICKET, slo.alerting.ticket)):
        tiers = [index for index, found in enumerate(kinds) if found is kind]
        words |= _words(kind, tiers, text.labels.get("severity", ""))
        said = {words[index] for index in tiers}
        word = next(iter(said)) if len(said) == 1 else ""
        if text != AlertText({"severity": word} if word else {}):
            why = "Pyrra's alerts carry a severity and no other labels or annotations"
            losses.add(f"alerting.{kind}", why)
    return {tier.key: words[index] for index, tier in enumerate(TIERS) if words[index]}


def _words(kind: ArmKind, tiers: Sequence[int], severity: str) -> dict[int, str]:
    """The severities of the tiers of one kind."""
    moved = [index for index in tiers if TIERS[index].kind is not kind]
    if severity and SEVERITIES.get(severity.lower(), None if moved else kind) is kind:
        return dict.fromkeys(tiers, severity)
    return {index: _WORDS[kind][number % 2] for number, index in enumerate(moved)}


def _tell(slo: Slo, losses: Losses) -> None:
    own = slo.alerting
    losses.add_if(own.both != AlertText(), "alerting.both", "Pyrra's alerts carry a severity only")
    losses.add_if(
        own.no_data is True, "alerting.no_data", "Pyrra tells of no data unless told not to"
    )
    losses.add_if(own.resolved is not None, "alerting.resolved", "Pyrra can't say it")
    names = ", ".join(own.channels)
    losses.add_if(names, "alerting.channels", f"Pyrra notifies nobody itself: {names}")
