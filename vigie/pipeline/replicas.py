"""Replicas: which targets of a service are its replicas, and what their pages say of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collectors.targets import By, Target, TargetStatus
from slo import labels
from slo.redundancy import Observed, Redundancy, Replica, Rollout
from slo.series import Page
from slo.spec import Selector

NOT_ASKED: Final = "none of its replicas was asked yet"


@dataclass(frozen=True, slots=True)
class Group:
    """The replicas of a service: by its declaration, or, where it has none, all of its targets that
    are scraped. With a workload a cluster says what they are, and no target does.
    """

    redundancy: Redundancy
    declared: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last good page of a replica said; None where it said nothing of it."""

    at: float
    ready: bool | None
    leads: bool | None
    work: float | None
    load: float | None  # work a second, since the page before


def groups_of(
    declared: Mapping[str, Redundancy], services: Iterable[str], targets: Iterable[Target]
) -> dict[str, Group]:
    """By service: the replicas of every service that declares some or has a scraped target."""
    scraped: dict[str, list[Target]] = {}
    for target in targets:
        if target.by is By.SCRAPE:
            scraped.setdefault(target.service, []).append(target)
    groups = {}
    for name in services:
        one, mine = declared.get(name), scraped.get(name, [])
        if one is None and mine:
            groups[name] = Group(Redundancy(name, name), declared=False, targets=tuple(mine))
        elif one is not None:
            fitting = [t for t in mine if labels.fit(t.labels, one.targets)]
            known = () if one.workload is not None else tuple(fitting)
            groups[name] = Group(one, declared=True, targets=known)
    return groups


def read_for(groups: Iterable[Group]) -> dict[str, Redundancy]:
    """By target: whose selectors are read of its pages. What a DataSource scrapes is not asked."""
    return {
        target.id: group.redundancy
        for group in groups
        if selectors_of(group.redundancy)
        for target in group.targets
        if not target.source
    }


def selectors_of(one: Redundancy) -> frozenset[Selector]:
    """The series that say more of a replica than that it answers."""
    return frozenset(s for s in (one.ready, one.leader, one.load) if s is not None)


def reading(one: Redundancy, page: Page, before: Reading | None) -> Reading:
    """What a good page says of its replica."""
    work, load = _sum(page, one.load), None
    if before is not None and before.work is not None and work is not None and page.at > before.at:
        done = work - before.work
        load = done / (page.at - before.at) if done >= 0.0 else None  # else it was restarted
    return Reading(page.at, _is_one(page, one.ready), _is_one(page, one.leader), work, load)


def observed(
    group: Group,
    statuses: Mapping[str, TargetStatus],
    readings: Mapping[str, Reading],
    rollout: Rollout | None,
    at: float,
) -> Observed:
    """What is seen of the replicas that are targets. Where one of them answers, those that don't
    are not ready; where none does, it may as well be we who can't reach them.
    """
    answers = any(statuses[target.id].health == "up" for target in group.targets)
    replicas = tuple(
        _replica(group.redundancy, target, statuses[target.id].health, readings.get(target.id))
        if answers
        else Replica(target.instance, ready=None, zone=_zone(group.redundancy, target))
        for target in group.targets
    )
    return Observed(at, replicas, rollout=rollout, error=_error(group, statuses, answers=answers))


def _error(group: Group, statuses: Mapping[str, TargetStatus], *, answers: bool) -> str:
    if answers:
        return ""
    if not group.targets:
        return "none of its targets is a replica"
    down = sum(statuses[target.id].health == "down" for target in group.targets)
    return f"none of its {len(group.targets)} replicas answers" if down else NOT_ASKED


def _replica(one: Redundancy, target: Target, health: str, said: Reading | None) -> Replica:
    zone = _zone(one, target)
    if health != "up":
        return Replica(target.instance, ready=False if health == "down" else None, zone=zone)
    if said is None:
        return Replica(target.instance, ready=one.ready is None or None, zone=zone)
    ready = True if one.ready is None else said.ready
    return Replica(target.instance, ready, zone, said.leads, said.load)


def _zone(one: Redundancy, target: Target) -> str:
    return target.labels.get(one.zone_label, "")


def _is_one(page: Page, selector: Selector | None) -> bool | None:
    values = _values(page, selector)
    return any(value == 1.0 for value in values) if values else None


def _sum(page: Page, selector: Selector | None) -> float | None:
    values = _values(page, selector)
    return sum(values) if values else None


def _values(page: Page, selector: Selector | None) -> Sequence[float]:
    if selector is None:
        return ()
    name = str(selector)
    rows = [row for row, named in enumerate(page.gauge_layout.named_by) if name in named]
    return [float(page.gauges[row]) for row in rows]
