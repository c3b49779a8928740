"""SLOs of OpenSLO documents, once all files are read: the names in them lead to other documents."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar

from slo.load import openslo_measure
from slo.load.codes import Code
from slo.load.openslo import SloDocument
from slo.load.openslo_alerts import AlertCondition, AlertNotificationTarget, AlertPolicy
from slo.load.openslo_measure import Sources
from slo.load.openslo_metadata import Reference
from slo.load.openslo_objective import Objective
from slo.load.openslo_sli import Indicator
from slo.load.openslo_source import ForeignSource
from slo.load.yaml import Problems, did_you_mean
from slo.spec import (
    Alerting,
    Arm,
    BasicSli,
    Budgeting,
    Component,
    CompositeSli,
    DataSource,
    Sli,
    Slo,
)

_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of all files, by kind.

    `names` are those of all documents by kind, also of those that could not be read: a reference
    to one of these is no problem of its own. `channels` may stand for notification targets.
    """

    slos: Sequence[SloDocument] = ()
    slis: Sequence[Indicator] = ()
    sources: Sequence[DataSource | ForeignSource] = ()
    policies: Sequence[AlertPolicy] = ()
    conditions: Sequence[AlertCondition] = ()
    targets: Sequence[AlertNotificationTarget] = ()
    channels: Collection[str] = ()
    names: Mapping[str, Collection[str]] = field(default_factory=dict)


def resolve(documents: Documents, problems: Problems) -> tuple[Slo, ...]:
    """The SLOs, in the order of their documents; one that has a problem is left out.

    What a document says that no SLO uses is checked too, but names in it that lead nowhere are
    warnings: these files may be one part of more.
    """
    resolver = _Resolver(documents, problems)
    slos = tuple(slo for document in documents.slos for slo in resolver.slos(document))
    resolver.check_unused()
    return slos


@dataclass(frozen=True, slots=True)
class _Mean:
    """What a composite asks; its components have budgeting of their own."""

    target: float
    budgeting: Budgeting


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


class _Resolver:
    """Looks names up, and remembers which were asked for."""

    def __init__(self, documents: Documents, problems: Problems) -> None:
        self._documents = documents
        self._problems = problems
        self._names = documents.names
        self._slis = _by_name(documents.slis)
        self._policies = _by_name(documents.policies)
        self._conditions = _by_name(documents.conditions)
        self._targets = _by_name(documents.targets)
        self._sources = Sources(_by_name(documents.sources), self._names.get("DataSource", ()))
        self._used: set[int] = set()

    def slos(self, document: SloDocument) -> list[Slo]:
        """The SLOs of one document; none when anything that it needs has a problem."""
        before = len(self._problems.errors)
        alerting = self._alerting(document)
        indicators = [
            self._indicator(objective.indicator or document.indicator)
            for objective in document.objectives
        ]
        found = [
            (objective, self._sli(indicator, objective))
            for objective, indicator in zip(document.objectives, indicators, strict=True)
        ]
        slis = [(objective, sli) for objective, sli in found if sli is not None]
        if alerting is None or len(slis) < len(found) or len(self._problems.errors) > before:
            return []
        if document.composite and len(slis) > 1:
            return [_composite(document, slis, alerting)]
        names = _names(document.metadata.name, document.objectives)
        groups = [openslo_measure.group_by(one) if one else () for one in indicators]
        return [
            replace(_slo(document, name, sli, alerting, objective), group_by=group_by)
            for name, group_by, (objective, sli) in zip(names, groups, slis, strict=True)
        ]

    def check_unused(self) -> None:
        """What nothing refers to: its errors count, its loose ends are warnings."""
        found = Problems(served=self._problems.served)
        resolver = _Resolver(self._documents, found)
        for indicator in self._slis.values():
            if id(indicator) not in self._used:
                openslo_measure.measured(indicator, None, resolver._sources, found)
        for policy in self._policies.values():
            if id(policy) not in self._used:
                resolver._arms(policy)
                resolver._channels(policy)
        for problem in found.items:
            loose = problem.warning or problem.code is Code.NO_SUCH_THING
            tell = self._problems.warn if loose else self._problems.error
            tell(problem.mark, problem.message, problem.code)

    def _indicator(self, written: Indicator | Reference | None) -> Indicator | None:
        if isinstance(written, Reference):
            return self._look_up(written, "SLI", self._slis)
        return written

    def _sli(self, indicator: Indicator | None, objective: Objective) -> BasicSli | None:
        if indicator is None:
            return None
        return openslo_measure.measured(indicator, objective, self._sources, self._problems)

    def _alerting(self, document: SloDocument) -> Alerting | None:
        """What the policies of an SLO come to together; None when one of them can't be used."""
        if not document.policies:
            return Alerting()
        arms: list[Arm] = []
        channels: list[str] = []
        policies: list[AlertPolicy] = []
        for written in document.policies:
            policy = (
                self._look_up(written, "AlertPolicy", self._policies)
                if isinstance(written, Reference)
                else written
            )
            if policy is None:
                return None
            policies.append(policy)
            arms += self._arms(policy)
            channels += self._channels(policy)
        return Alerting(
            arms=_distinct(arms, self._problems),
            no_data=_any(policy.no_data for policy in policies),
            resolved=_any(policy.resolved for policy in policies),
            channels=tuple(dict.fromkeys(channels)),
        )

    def _arms(self, policy: AlertPolicy) -> list[Arm]:
        """The arms of a policy; none where it doesn't alert on breaches."""
        found: list[Arm] = []
        for written in policy.conditions:
            condition = (
                self._look_up(written, "AlertCondition", self._conditions)
                if isinstance(written, Reference)
                else written
            )
            if condition is not None:
                found.append(condition.arm)
        return [] if policy.breaching is False else found

    def _channels(self, policy: AlertPolicy) -> list[str]:
        """The names of whom a policy notifies: of a target, or right away of a Channel."""
        found: list[str] = []
        for written in policy.targets:
            if isinstance(written, Reference) and written.name not in self._documents.channels:
                self._look_up(written, "AlertNotificationTarget", self._targets)
            found.append(written.name)
        return [name for name in found if name]

    def _look_up(self, reference: Reference, kind: str, known: Mapping[str, N]) -> N | None:
        found = known.get(reference.name)
        if found is not None:
            self._used.add(id(found))
        elif reference.name not in self._names.get(kind, ()):  # else its problems were reported
            hint = did_you_mean(reference.name, known) or ": write it, or correct the name"
            message = f"there is no {kind} `{reference.name}`{hint}"
            self._problems.error(reference.mark, message, Code.NO_SUCH_THING)
        return found


def _by_name(values: Iterable[N]) -> dict[str, N]:
    """Values by name; the first of several, which were reported."""
    found: dict[str, N] = {}
    for value in values:
        found.setdefault(value.name, value)
    return found


def _distinct(arms: Iterable[Arm], problems: Problems) -> tuple[Arm, ...]:
    """One arm of each name: of several alike in kind and lengths, the one that fires first."""
    found: dict[str, Arm] = {}
    for arm in arms:
        other = found.setdefault(arm.name, arm)
        first, second = sorted((other, arm), key=lambda a: (a.burn_rate, a.after_s))
        found[arm.name] = first
        if (first.burn_rate, first.after_s) != (second.burn_rate, second.after_s):
            message = (
                f"another {arm.kind} looks at the same time and fires at {first.burn_rate:g}x, "
                "before this one: keep one of them"
            )
            if second.mark is not None:
                problems.warn(second.mark, message, Code.IGNORED)
    return tuple(found.values())


def _any(flags: Iterable[bool | None]) -> bool | None:
    """True if any is; None if none is written."""
    written = [flag for flag in flags if flag is not None]
    return any(written) if written else None


def _names(name: str, objectives: Sequence[Objective]) -> list[str]:
    """The document's name for one objective; for several also what tells them apart."""
    if len(objectives) == 1:
        return [name]
    return [f"{name}-{suffix}" for suffix in _suffixes(objectives)]


def _suffixes(objectives: Sequence[Objective]) -> list[str]:
    """Slugs of the objectives' display names where all differ, else numbers from 1."""
    slugs = [_NOT_SLUG.sub("-", o.display_name.casefold()).strip("-") for o in objectives]
    if all(slugs) and len(set(slugs)) == len(slugs):
        return slugs
    return [str(number) for number, _ in enumerate(objectives, 1)]


def _composite(
    document: SloDocument, slis: Sequence[tuple[Objective, BasicSli]], alerting: Alerting
) -> Slo:
    """One SLO of several objectives; its own is the mean of theirs by weight."""
    objectives = [objective for objective, _ in slis]
    components = tuple(
        Component(name, sli, objective.target, objective.weight, objective.budgeting)
        for name, (objective, sli) in zip(_suffixes(objectives), slis, strict=True)
    )
    weight = sum(o.weight for o in objectives)
    target = round(sum(o.target * o.weight for o in objectives) / weight, 12)
    return _slo(
        document,
        document.metadata.name,
        CompositeSli(components),
        alerting,
        _Mean(target, Budgeting()),
    )


def _slo(
    document: SloDocument, name: str, sli: Sli, alerting: Alerting, asked: Objective | _Mean
) -> Slo:
    return Slo(
        service=document.service,
        name=name,
        objective=asked.target,
        window_s=document.window.length_s,
        sli=sli,
        calendar=document.window.calendar,
        budgeting=asked.budgeting,
        alerting=alerting,
        display_name=document.metadata.display_name,
        description=document.description,
        labels=document.metadata.labels,
        annotations=document.metadata.annotations,
        format=document.format,
        document=document.metadata.name,
        mark=document.mark,
    )
