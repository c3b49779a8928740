"""Converted SLOs, read again and compared with what they were made from.

from converting import lost_silently, reread

again = reread(to_sloth(slos, {}, {}), tmp_path)
assert lost_silently(slo, again, losses) == set()
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import product
from pathlib import Path

from slo.convert import kept, openslo_sli, text
from slo.convert.model import Converted, Loss
from slo.convert.openslo_alerts import stated_arms
from slo.load.pyrra import SERVICE_LABELS
from slo.spec import (
    Arm,
    CompositeSli,
    CountingSli,
    ForeignSli,
    MatchOp,
    RatioKind,
    SampledSli,
    Selector,
    Sli,
    Slo,
)
from vigie.config import Config, load

PLAIN = (
    *("service", "name", "objective", "window_s", "calendar", "budgeting", "group_by"),
    *("display_name", "description", "namespace", "resource_labels"),
)
ALERTING = ("no_data", "resolved", "channels", "name", "both", "page", "ticket")


def reread(converted: Converted, folder: Path) -> Config:
    """The configuration that converted documents make."""
    file = folder / "converted.yaml"
    file.write_text(text.stream(converted.documents), encoding="utf-8")
    return load([file], need_slo=False, for_server=True)


def slos_of(config: Config) -> list[Slo]:
    return [watch.slo for watch in config.watches.values()]


def pairs(slos: Iterable[Slo], converted: Converted, again: Config) -> list[tuple[Slo, Slo]]:
    """Each SLO that was converted with itself read again; those that got another name in order."""
    left_out = {loss.slo for loss in converted.losses if loss.whole}
    before = [slo for slo in slos if slo.id not in left_out]
    after = {slo.id: slo for slo in slos_of(again)}
    same = [(slo, after.pop(slo.id)) for slo in before if slo.id in after]
    known = {slo.id for slo, _ in same}
    renamed = [slo for slo in before if slo.id not in known]
    return [*same, *zip(renamed, after.values(), strict=True)]


def differences(before: Slo, after: Slo) -> set[str]:
    """The fields in which two SLOs say different things, as losses name them."""
    found = {name for name in PLAIN if getattr(before, name) != getattr(after, name)}
    found |= {
        f"alerting.{name}"
        for name in ALERTING
        if getattr(before.alerting, name) != getattr(after.alerting, name)
    }
    told = (
        ("labels", _labels(before), _labels(after)),
        ("annotations", _annotations(before), _annotations(after)),
        ("alerting.arms", _arms(stated_arms(before)), _arms(stated_arms(after))),
        ("sli", meaning(before.sli, after.sli), meaning(after.sli, before.sli)),
        ("sli.source", _sources(before.sli), _sources(after.sli)),
    )
    return found | {name for name, one, other in told if one != other}


def lost_silently(before: Slo, after: Slo, losses: Iterable[Loss]) -> set[str]:
    """The differences that no loss names. Arms that nobody wrote follow the window."""
    named = {loss.what for loss in losses if loss.slo == before.id}
    if "window_s" in named and before.alerting.arms is None:
        named.add("alerting.arms")
    return differences(before, after) - named


def meaning(sli: Sli, beside: Sli) -> object:
    """What an SLI measures, alike for all ways to state it. Counting ones are told by how often
    each series of a small world counts as bad and at all; `beside` helps to make that world.
    """
    if isinstance(sli, CompositeSli):
        others = beside.components if isinstance(beside, CompositeSli) else ()
        pairs = zip(sli.components, others, strict=False)
        parts = [(c.name, c.objective, c.weight, c.budgeting) for c in sli.components]
        return parts, [meaning(c.sli, other.sli) for c, other in pairs]
    if isinstance(sli, CountingSli):
        return _counts(sli, (*sli.selectors, *beside.selectors))
    if isinstance(sli, SampledSli):
        total = sli.total.meaning if sli.total else ""
        return sli.kind, sli.part.meaning, total, sli.op, sli.value
    if isinstance(sli, ForeignSli):
        return openslo_sli.spec_of(sli, {})
    share = f"{sli.part}/{sli.total}" if sli.total else sli.part
    bad = share if sli.kind is RatioKind.BAD else f"1 - ({share})"
    return "".join(bad.split()), sli.op, sli.value


def _counts(sli: CountingSli, selectors: Collection[Selector]) -> object:
    part, total = (
        Counter(
            {s: _times(events.selectors, s) - _times(events.minus, s) for s in _world(selectors)}
        )
        for events in (sli.part, sli.total)
    )
    if sli.kind is RatioKind.GOOD:
        part = Counter({s: total[s] - part[s] for s in part})
    return part, total


Series = tuple[str, tuple[tuple[str, str], ...]]


def _world(selectors: Collection[Selector]) -> Iterator[Series]:
    """Every series of these metrics whose labels have values that tell matchers apart."""
    values: dict[str, set[str]] = {}
    for matcher in (m for s in selectors for m in s.matchers):
        words = values.setdefault(matcher.label, {"", "other"})
        for word in re.split(r"[|()]", matcher.value):
            words |= {word, word.replace(".*", "x").replace(".", "0")}
        words.add(matcher.value)
    for metric in sorted({s.metric for s in selectors}):
        for chosen in product(*(sorted(values[label]) for label in sorted(values))):
            yield metric, tuple(zip(sorted(values), chosen, strict=True))


def _times(selectors: Iterable[Selector], series: Series) -> int:
    metric, labels = series
    have = dict(labels)
    return sum(
        s.metric == metric and all(_fits(m.op, m.value, have.get(m.label, "")) for m in s.matchers)
        for s in selectors
    )


def _fits(op: MatchOp, wanted: str, value: str) -> bool:
    pattern = op in (MatchOp.MATCH, MatchOp.NOT_MATCH)
    same = bool(re.fullmatch(wanted, value)) if pattern else wanted == value
    return same is (op in (MatchOp.EQUAL, MatchOp.MATCH))


def _labels(slo: Slo) -> dict[str, str]:
    """Without the one that tells Pyrra the service."""
    return {name: text for name, text in slo.labels.items() if name != SERVICE_LABELS[0]}


def _annotations(slo: Slo) -> dict[str, str]:
    return {name: text for name, text in slo.annotations.items() if name != kept.KEY}


def _arms(arms: Iterable[Arm]) -> set[tuple[object, ...]]:
    return {(arm.kind, arm.burn_rate, arm.long_s, arm.short_s, arm.after_s) for arm in arms}


def _sources(sli: Sli) -> tuple[str, ...]:
    if isinstance(sli, CompositeSli):
        return tuple(name for part in sli.components for name in _sources(part.sli))
    return () if isinstance(sli, ForeignSli) or not sli.source else (sli.source,)
