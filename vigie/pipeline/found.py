"""What no file says: the groups of grouped SLOs, and the targets that were found at run time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from collectors.jobs import ScrapeJob
from collectors.targets import By, Target
from slo.columns import Group
from slo.load.codes import Code
from slo.load.yaml import Mark, Problem
from slo.spec import Slo, SloId
from vigie.config import Config, Watch
from vigie.store import found as store


@dataclass(frozen=True, slots=True)
class Found:
    """By SLO: its groups in the order in which they were seen, and how many more there were than
    its policy allows; and targets by id.
    """

    groups: Mapping[SloId, tuple[Group, ...]] = field(default_factory=dict)
    refused: Mapping[SloId, int] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)


NOTHING = Found()


def read(c: Connection) -> Found:
    """What was found before the server stopped."""
    groups = {
        SloId(slo): tuple(tuple((str(n), str(v)) for n, v in group) for group in facts)
        for slo, facts in store.read(c, "group").items()
    }
    targets = {name: _target(facts) for name, facts in store.read(c, "target").items()}
    return Found(groups, {}, targets)


def write(c: Connection, found: Found) -> None:
    """Keep what was found over a restart."""
    store.write(c, "group", {str(slo): groups for slo, groups in found.groups.items()})
    store.write(c, "target", {name: _facts(target) for name, target in found.targets.items()})


def _facts(target: Target) -> dict[str, object]:
    return {
        "job": target.job,
        "instance": target.instance,
        "url": target.url,
        "service": target.service,
        "labels": target.labels,
        "interval_s": target.interval_s,
        "timeout_s": target.timeout_s,
        "source": target.source,
        "by": target.by.value,
        "found_by": target.found_by,
    }


def _target(facts: Mapping[str, Any]) -> Target:
    return Target(**{**facts, "by": By(facts.get("by", By.SCRAPE))})


def fitting(config: Config, found: Found) -> Found:
    """What a configuration still asks for of what was found."""
    groups = {
        slo: tuple(g for g in groups if tuple(n for n, _ in g) == config.watches[slo].slo.group_by)
        for slo, groups in found.groups.items()
        if slo in config.watches
    }
    finders = config.finders
    targets = {
        name: _as_configured(target, finders.get(target.found_by))
        for name, target in found.targets.items()
        if (target.source in config.sources or target.found_by in finders)
        and name not in config.targets  # what a file names is meant over what was found
    }
    return Found({slo: kept for slo, kept in groups.items() if kept}, found.refused, targets)


def _as_configured(target: Target, job: ScrapeJob | None) -> Target:
    """The target with what its job says now of how it is fetched and read."""
    if job is None:
        return target
    return replace(target, scraping=job.scraping, body_limit=job.body_limit, births=job.births)


def with_groups(config: Config, found: Found, new: list[tuple[SloId, Group]]) -> Found:
    """With groups that pages show for the first time, up to what each SLO's policy allows."""
    groups, refused = dict(found.groups), dict(found.refused)
    for slo, group in new:
        have = groups.get(slo, ())
        if group in have:
            continue
        if len(have) < config.watches[slo].policy.max_groups:
            groups[slo] = (*have, group)
        else:
            refused[slo] = refused.get(slo, 0) + 1
    return replace(found, groups=groups, refused=refused)


def expanded(config: Config, found: Found) -> Config:
    """The configuration with every group as an SLO of its own, and with the targets found."""
    watches = dict(config.watches)
    for slo, groups in found.groups.items():
        for group in groups:
            one = _group_watch(config.watches[slo], group)
            watches[one.slo.id] = one
    warnings = [_capped(config.watches[slo], count) for slo, count in found.refused.items()]
    return replace(
        config,
        watches=watches,
        targets={**config.targets, **found.targets},
        warnings=(*config.warnings, *warnings),
    )


def group_name(slo: Slo, group: Group) -> str:
    """`availability[method=GET,code=200]`: what a group is called."""
    return f"{slo.name}[{','.join(f'{label}={value}' for label, value in group)}]"


def _group_watch(parent: Watch, group: Group) -> Watch:
    slo = replace(
        parent.slo,
        name=group_name(parent.slo, group),
        group=group,
        parent=parent.slo.id,
        labels={**parent.slo.labels, **dict(group)},
    )
    return replace(parent, slo=slo)


def _capped(watch: Watch, count: int) -> Problem:
    allowed = watch.policy.max_groups
    message = (
        f"SLO `{watch.slo.id}` has more than {allowed} groups: {count} more pages showed others, "
        "which count in its sum only; raise `max_groups` of its Policy"
    )
    return Problem(
        watch.slo.mark or Mark("?", 1, 1), message, warning=True, code=Code.TOO_MANY_GROUPS
    )
