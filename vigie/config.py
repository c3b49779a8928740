"""The users' files as one immutable, cross-checked Config."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from collectors import changes_load, load_heartbeat
from collectors.changes import Integration
from collectors.heartbeat import Heartbeat
from collectors.jobs import ScrapeJob
from collectors.jobs import targets_of as targets_of_job
from collectors.probe.model import Probe, targets_of
from collectors.targets import FOUND_BY_PUSH, FOUND_BY_SPANS, FOUND_BY_WRITE, Target
from incidents import load_priority, load_status, load_types
from incidents.automation import Automation
from incidents.matrix import NO_FILES, Priorities, PriorityMatrix
from incidents.status_page import StatusPage
from incidents.types import NO_TYPES, Taxonomy, TypeRules, Types
from runbooks.model import Runbook
from slo.exclusions import MaintenanceWindow
from slo.load.codes import Code
from slo.load.yaml import LoadError, Mark, Problem, Problems, did_you_mean
from slo.policies import SCRAPES_IN_SHORT, arm_name, arms_for, policy_for
from slo.redundancy import Redundancy
from slo.spec import (
    Arm,
    BasicSli,
    CompositeSli,
    DataSource,
    ForeignSli,
    Format,
    Policy,
    Service,
    Sli,
    Slo,
    SloId,
)
from vigie import checks
from vigie.channels import Channel
from vigie.documents import SLO_KINDS, Documents, read_files

__all__ = ["Channel", "Config", "Watch", "load"]

DEFAULT_INTERVAL_S: Final = Target(job="", instance="", url="", service="").interval_s


@dataclass(frozen=True, slots=True)
class Watch:
    """An SLO with the policy that applies to it, arms scaled and capped."""

    slo: Slo
    policy: Policy
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the files say, cross-checked. `generation` grows with every good (re)load."""

    services: Mapping[str, Service]
    watches: Mapping[SloId, Watch]
    targets: Mapping[str, Target]
    channels: Mapping[str, Channel]
    runbooks: tuple[Runbook, ...]
    sources: Mapping[str, DataSource] = field(default_factory=dict)
    jobs: Mapping[str, ScrapeJob] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    integrations: Mapping[str, Integration] = field(default_factory=dict)
    redundancy: Mapping[str, Redundancy] = field(default_factory=dict)  # by service
    priorities: Priorities = NO_FILES
    types: Types = NO_TYPES
    automations: tuple[Automation, ...] = ()
    pages: Mapping[str, StatusPage] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    generation: int = 1

    @property
    def finders(self) -> Mapping[str, ScrapeJob | None]:
        """By the name of who finds targets at run time: the job that says how they are read; None
        for those that push.
        """
        jobs = {f"job {name}": job for name, job in self.jobs.items() if job.discoveries}
        return {FOUND_BY_SPANS: None, FOUND_BY_PUSH: None, FOUND_BY_WRITE: None, **jobs}


def load(paths: Sequence[Path], *, need_slo: bool = True, for_server: bool = False) -> Config:
    """The configuration that files and folders make; LoadError with all problems of all files.

    Folders are read recursively, *.yaml and *.yml, without what begins with a dot. Files without
    any SLO are an error; where they may be one part of more (`need_slo=False`), a warning. Queries
    that only a server can evaluate are errors unless a DataSource is asked, or the files are only
    written on for one (`for_server`). The caller sets `generation` on a reload.
    """
    problems = Problems(served=for_server)
    found = read_files(paths, problems)
    if any(source.default for _, source in found.of(DataSource)):
        problems = Problems(served=True)
        found = read_files(paths, problems)
        _ask_default(found, problems)
    _name_targets(found)
    checks.check_targets(found, problems)
    checks.check_policies(found, problems)
    checks.check_sampling(found, problems)
    checks.check_redundancy(found, problems)
    load_heartbeat.check_keys((one for _, one in found.of(Heartbeat)), problems)
    changes_load.check_keys((one for _, one in found.of(Integration)), problems)
    top = Mark(str(paths[0]) if paths else ".", 1, 1)
    if not any(kind in found.kinds for kind in SLO_KINDS):
        tell = problems.error if need_slo else problems.warn
        tell(top, _no_slo(paths), Code.NOTHING_TO_DO)
    services = _services(found)
    priorities = _priorities(found, services)
    load_priority.check(priorities.matrices, priorities.labels, problems)
    types = _types(found, problems)
    checks.check_automations(found, services, types, problems)
    pages = _pages(found, services, problems)
    watches = _watches(found, services, problems)
    if not problems.errors:  # a file that could not be read would raise false alarms
        _warn(found, watches, top, problems)
    if problems.errors:
        raise LoadError(problems.in_order())
    return Config(
        services=services,
        watches=watches,
        targets={target.id: target for _, target in found.of(Target)},
        heartbeats={one.name: one for _, one in found.of(Heartbeat)},
        integrations={one.name: one for _, one in found.of(Integration)},
        redundancy={one.service: one for _, one in found.of(Redundancy)},
        priorities=priorities,
        types=types,
        automations=tuple(one for _, one in found.of(Automation)),
        pages=pages,
        channels={channel.name: channel for _, channel in found.of(Channel)},
        runbooks=tuple(book for _, book in found.of(Runbook)),
        sources={source.name: source for _, source in found.of(DataSource)},
        jobs={job.name: job for _, job in found.of(ScrapeJob)},
        probes=tuple(probe for _, probe in found.of(Probe)),
        maintenance=tuple(window for _, window in found.of(MaintenanceWindow)),
        warnings=tuple(problems.in_order()),
    )


def _name_targets(found: Documents) -> None:
    """Put the targets of probes, and of jobs that discover none, beside those of `Targets`."""
    found.values += [(places, t) for places, p in found.of(Probe) for t in targets_of(p)]
    for places, job in found.of(ScrapeJob):
        if not job.discoveries:
            found.values += [(places, t) for t in targets_of_job(job, job.static).targets]


def _ask_default(found: Documents, problems: Problems) -> None:
    """Let SLOs that name no source ask the default DataSource."""
    defaults = [source for _, source in found.of(DataSource) if source.default]
    for other in defaults[1:]:
        message = f"DataSource `{defaults[0].name}` is the default one already: keep one of them"
        problems.error(other.mark or Mark("?", 1, 1), message, Code.CONFLICT)
    name = defaults[0].name
    found.values = [
        (places, replace(one, sli=_asking(one.sli, name)) if isinstance(one, Slo) else one)
        for places, one in found.values
    ]


def _asking(sli: Sli, name: str) -> Sli:
    if isinstance(sli, CompositeSli):
        parts = (replace(part, sli=_basic_asking(part.sli, name)) for part in sli.components)
        return CompositeSli(tuple(parts))
    return _basic_asking(sli, name)


def _basic_asking(sli: BasicSli, name: str) -> BasicSli:
    if isinstance(sli, ForeignSli) or sli.source:
        return sli
    return replace(sli, source=name)


def _no_slo(paths: Sequence[Path]) -> str:
    looked = ", ".join(str(path) for path in paths) or "no file at all"
    return f"there is no SLO; looked in {looked}: `vigie init DIR` writes an example"


def _services(found: Documents) -> dict[str, Service]:
    """The declared services, and those that SLOs and targets name without a document."""
    services: dict[str, Service] = {}
    for _, service in found.of(Service):
        services.setdefault(service.name, service)
    for _, slo in found.of(Slo):
        services.setdefault(slo.service, Service(slo.service, mark=slo.mark))
    for _, target in found.of(Target):
        services.setdefault(target.service, Service(target.service, mark=target.mark))
    for _, beat in found.of(Heartbeat):
        services.setdefault(beat.service, Service(beat.service, mark=beat.mark))
    for _, one in found.of(Redundancy):
        services.setdefault(one.service, Service(one.service, mark=one.mark))
    return services


def _priorities(found: Documents, services: Mapping[str, Service]) -> Priorities:
    labels = {name: service.labels for name, service in services.items()}
    return Priorities(tuple(matrix for _, matrix in found.of(PriorityMatrix)), labels)


def _types(found: Documents, problems: Problems) -> Types:
    taxonomies = [taxonomy for _, taxonomy in found.of(Taxonomy)]
    return load_types.joined((rules for _, rules in found.of(TypeRules)), taxonomies, problems)


def _pages(
    found: Documents, services: Mapping[str, Service], problems: Problems
) -> dict[str, StatusPage]:
    pages = [page for _, page in found.of(StatusPage)]
    channels = {channel.name: channel.type for _, channel in found.of(Channel)}
    load_status.check(pages, services, channels, problems)
    return {page.name: page for page in pages}


def _watches(
    found: Documents, services: Mapping[str, Service], problems: Problems
) -> dict[SloId, Watch]:
    policies = [policy for _, policy in found.of(Policy)]
    targets = [target for _, target in found.of(Target)]
    sources = {source.name: source for _, source in found.of(DataSource)}
    discovered_s = [job.interval_s for _, job in found.of(ScrapeJob) if job.discoveries]
    watches: dict[SloId, Watch] = {}
    for _, slo in found.of(Slo):
        policy = _overridden(policy_for(slo, policies, problems, services[slo.service]), slo)
        default_s = max(discovered_s, default=DEFAULT_INTERVAL_S)
        interval_s = _slowest_s(slo, targets, sources, default_s)
        arms: tuple[Arm, ...] = ()
        if not _is_foreign(slo):
            arms = arms_for(_bounded(slo, interval_s), policy, interval_s, problems)
        watches[slo.id] = Watch(slo, policy, arms)
    return watches


def _overridden(policy: Policy, slo: Slo) -> Policy:
    """The policy with what the SLO's own alerting says instead. Its arms `arms_for` puts in."""
    no_data, resolved = slo.alerting.no_data, slo.alerting.resolved
    if no_data is None and resolved is None:
        return policy
    return replace(
        policy,
        alert_no_data=policy.alert_no_data if no_data is None else no_data,
        alert_resolved=policy.alert_resolved if resolved is None else resolved,
    )


def _bounded(slo: Slo, interval_s: float) -> Slo:
    """OpenSLO's alert conditions have one window: the short one, which nobody wrote, is made to
    hold enough scrapes.
    """
    arms = slo.alerting.arms
    if not arms or slo.format not in (Format.OPENSLO, Format.OPENSLO_ALPHA):
        return slo
    widened = tuple(_widened(arm, interval_s) for arm in arms)
    return replace(slo, alerting=replace(slo.alerting, arms=widened))


def _widened(arm: Arm, interval_s: float) -> Arm:
    short_s = min(max(arm.short_s, float(math.ceil(SCRAPES_IN_SHORT * interval_s))), arm.long_s)
    return replace(arm, name=arm_name(arm.kind, arm.long_s, short_s), short_s=short_s)


def _is_foreign(slo: Slo) -> bool:
    """Whether nothing of an SLO can be measured: no arm could ever fire."""
    return all(isinstance(sli, ForeignSli) for sli in _basics(slo.sli))


def _basics(sli: Sli) -> tuple[BasicSli, ...]:
    return tuple(c.sli for c in sli.components) if isinstance(sli, CompositeSli) else (sli,)


def _slowest_s(
    slo: Slo, targets: Iterable[Target], sources: Mapping[str, DataSource], default_s: float
) -> float:
    """The longest interval of what an SLO is measured on: its DataSources, or the targets of its
    service; the default where none is known yet.
    """
    names = {"" if isinstance(sli, ForeignSli) else sli.source for sli in _basics(slo.sli)}
    found = [sources[name].interval_s for name in names if name in sources]
    if "" in names:
        wanted = {s.metric for sli in checks.embedded(slo.sli) for s in sli.selectors}
        found += [
            target.interval_s
            for target in targets
            if target.service == slo.service and any(map(target.may_show, wanted))
        ]
    return max(found, default=default_s)


def _warn(found: Documents, watches: Mapping[SloId, Watch], top: Mark, problems: Problems) -> None:
    checks.warn_of_services(found, problems)
    checks.warn_of_unmeasured(found, problems)
    checks.warn_of_deaf_channels(found, top, problems)
    checks.warn_of_runbooks(found, top, problems)
    checks.warn_of_policies(found, {watch.policy.name for watch in watches.values()}, problems)
    _warn_of_unknown_channels(found, problems)


def _warn_of_unknown_channels(found: Documents, problems: Problems) -> None:
    """Notification targets of OpenSLO that no Channel stands for."""
    channels = {channel.name for _, channel in found.of(Channel)}
    for places, slo in found.of(Slo):
        for name in slo.alerting.channels:
            if name not in channels:
                hint = did_you_mean(name, channels) or ": write one, or nobody is told there"
                message = f"SLO `{slo.id}` notifies `{name}`, and no Channel has this name{hint}"
                problems.warn(places.name, message, Code.NOBODY_TOLD)
