"""The users' files as one immutable, cross-checked Config."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collectors.targets import Target
from runbooks.model import Runbook
from slo.load.yaml import LoadError, Mark, Problem, Problems
from slo.policies import arms_for, policy_for
from slo.spec import Arm, Policy, Service, Slo, SloId
from vigie import checks
from vigie.channels import Channel
from vigie.documents import Documents, read_files

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
    warnings: tuple[Problem, ...] = ()
    generation: int = 1


def load(paths: Sequence[Path]) -> Config:
    """The configuration that files and folders make; LoadError with all problems of all files.

    Folders are read recursively, *.yaml and *.yml, without what begins with a dot. The caller
    sets `generation` on a reload.
    """
    problems = Problems()
    found = read_files(paths, problems)
    checks.check_targets(found, problems)
    top = Mark(str(paths[0]) if paths else ".", 1, 1)
    if "SLO" not in found.kinds:
        problems.error(top, _no_slo(paths))
    services = _services(found)
    watches = _watches(found, services, problems)
    if not problems.errors:  # a file that could not be read would raise false alarms
        _warn(found, watches, top, problems)
    if problems.errors:
        raise LoadError(problems.in_order())
    return Config(
        services=services,
        watches=watches,
        targets={target.id: target for _, target in found.of(Target)},
        channels={channel.name: channel for _, channel in found.of(Channel)},
        runbooks=tuple(book for _, book in found.of(Runbook)),
        warnings=tuple(problems.in_order()),
    )


def _no_slo(paths: Sequence[Path]) -> str:
    looked = ", ".join(str(path) for path in paths) or "no file at all"
    return f"there is no SLO; looked in {looked}: `vigie init DIR` writes an example"


def _services(found: Documents) -> dict[str, Service]:
    """The declared services, and those that SLOs and targets name without a document."""
    services = {service.name: service for _, service in found.of(Service)}
    for _, slo in found.of(Slo):
        services.setdefault(slo.service, Service(slo.service, mark=slo.mark))
    for _, target in found.of(Target):
        services.setdefault(target.service, Service(target.service, mark=target.mark))
    return services


def _watches(
    found: Documents, services: Mapping[str, Service], problems: Problems
) -> dict[SloId, Watch]:
    policies = [policy for _, policy in found.of(Policy)]
    targets = [target for _, target in found.of(Target)]
    watches: dict[SloId, Watch] = {}
    for _, slo in found.of(Slo):
        policy = policy_for(slo, policies, problems, services[slo.service])
        arms = arms_for(slo, policy, _slowest_s(slo, targets), problems)
        watches[slo.id] = Watch(slo, policy, arms)
    return watches


def _slowest_s(slo: Slo, targets: Iterable[Target]) -> float:
    """The longest interval of the targets of a service; the default one where there is none."""
    own = [target.interval_s for target in targets if target.service == slo.service]
    return max(own, default=DEFAULT_INTERVAL_S)


def _warn(found: Documents, watches: Mapping[SloId, Watch], top: Mark, problems: Problems) -> None:
    checks.warn_of_services(found, problems)
    checks.warn_of_unmeasured(found, problems)
    checks.warn_of_deaf_channels(found, top, problems)
    checks.warn_of_runbooks(found, top, problems)
    checks.warn_of_policies(found, {watch.policy.name for watch in watches.values()}, problems)
