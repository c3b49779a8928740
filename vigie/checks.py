"""What only shows when all files are read: names that lead nowhere, and what nobody watches."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from collectors.jobs import ScrapeJob
from collectors.labels import compatible
from collectors.targets import OF_SPANS, Target
from incidents import load_automation
from incidents.automation import Automation
from incidents.types import Types
from runbooks.match import matching
from runbooks.model import Match, Runbook
from slo.load.codes import Code
from slo.load.yaml import Mark, Problems, did_you_mean
from slo.redundancy import Redundancy
from slo.spec import (
    CompositeSli,
    CountingSli,
    MatchOp,
    Policy,
    SampledSli,
    Selector,
    Service,
    Sli,
    Slo,
)
from vigie.channels import Channel
from vigie.documents import Documents, Places

SAMPLING: Final = "vigie.dev/trace-sampling"  # a label of a Service: how its spans are chosen
TAIL: Final = "tail"
_SAMPLED: Final = ("none", "head", TAIL)
_NAMES_SERVICE: Final = frozenset({"service_name", "service", "job", "server", "client"})


def check_targets(found: Documents, problems: Problems) -> None:
    """Two targets of one job at one address are an error: their series could not be told apart."""
    first: dict[str, Mark] = {}
    for places, target in found.of(Target):
        mark = target.mark or places.document
        other = first.setdefault(target.id, mark)
        if other != mark:
            message = f"target `{target.id}` also stands in {other}; remove one, or set `job`"
            problems.error(mark, message, Code.DUPLICATE)


def warn_of_services(found: Documents, problems: Problems) -> None:
    """Services that are probably misspelt, and targets of services that have no SLO."""
    declared = {service.name for _, service in found.of(Service)}
    watched = {slo.service for _, slo in found.of(Slo)}
    for places, slo in found.of(Slo):
        hint = did_you_mean(slo.service, declared - {slo.service})
        if slo.service not in declared and hint:
            message = f"no Service document names `{slo.service}`{hint}"
            problems.warn(places.service, message, Code.MISSPELT)
    for places, target in found.of(Target):
        if target.service not in watched:
            hint = did_you_mean(target.service, watched)
            message = f"no SLO watches service `{target.service}`{hint}"
            problems.warn(places.service, message, Code.UNUSED)


def check_redundancy(found: Documents, problems: Problems) -> None:
    """One Redundancy a service, so that the service has one state."""
    first: dict[str, Mark] = {}
    for places, one in found.of(Redundancy):
        other = first.setdefault(one.service, places.service)
        if other != places.service:
            message = f"the redundancy of service `{one.service}` also stands in {other}: keep one"
            problems.error(places.service, message, Code.DUPLICATE)


def check_policies(found: Documents, problems: Problems) -> None:
    """A runbook that a policy's budget runs must be there.

    Nothing is said while a Runbook could not be read: it may be the one.
    """
    books = {book.name for _, book in found.of(Runbook)}
    if len(books) < found.kinds.get("Runbook", 0):
        return
    for places, policy in found.of(Policy):
        for action in policy.actions:
            if action.runbook and action.runbook not in books:
                hint = did_you_mean(action.runbook, books)
                message = (
                    f"budget action `{action.name}` of policy `{policy.name}` runs runbook "
                    f"`{action.runbook}`, which no file names{hint}"
                )
                problems.error(action.mark or places.name, message, Code.NO_SUCH_THING)


def check_automations(
    found: Documents, services: Collection[str], types: Types, problems: Problems
) -> None:
    """What automations name must be there; nothing is said of kinds of which a document could not
    be read: it may be the one.
    """
    books: Collection[str] | None = {book.name for _, book in found.of(Runbook)}
    if len(books or ()) < found.kinds.get("Runbook", 0):
        books = None
    channels: Collection[str] | None = {channel.name for _, channel in found.of(Channel)}
    if len(channels or ()) < found.kinds.get("Channel", 0):
        channels = None
    known = load_automation.Known(channels, books, services, types)
    load_automation.check([one for _, one in found.of(Automation)], known, problems)


def check_sampling(found: Documents, problems: Problems) -> None:
    """SLOs over spans of services that say that a tail sampler chooses them: it keeps what failed
    or was slow and thins out the rest, and nothing tells how much.
    """
    sampled: set[str] = set()
    for places, service in found.of(Service):
        said = service.labels.get(SAMPLING)
        if said is not None and said not in _SAMPLED:
            message = f"label `{SAMPLING}` is `{said}`; write one of {', '.join(_SAMPLED)}"
            problems.error(places.name, message, Code.NOT_ALLOWED)
        if said == TAIL:
            sampled.add(service.name)
    for places, slo in found.of(Slo):
        for name in sorted(sampled & _services_counted(slo)):
            message = (
                f"SLO `{slo.id}` counts spans of `{name}`, which a tail sampler chooses (its label "
                f"`{SAMPLING}: {TAIL}`): what failed is kept and the rest thinned out, so its "
                "ratio is wrong. Send spans to Vigie ahead of the sampler, count them there by the "
                "spanmetrics connector, or sample at the head with a tracestate (`ot=th:`)"
            )
            problems.error(places.name, message, Code.TAIL_SAMPLED)


def _services_counted(slo: Slo) -> set[str]:
    """The services whose spans an SLO counts: its own, and those that its selectors name."""
    selectors = [s for sli in embedded(slo.sli) for s in sli.selectors]
    of_spans = [s for s in selectors if s.metric.startswith(OF_SPANS)]
    named = {
        matcher.value
        for selector in of_spans
        for matcher in selector.matchers
        if matcher.label in _NAMES_SERVICE and matcher.op is MatchOp.EQUAL
    }
    return named | {slo.service} if of_spans else set()


def embedded(sli: Sli) -> tuple[CountingSli | SampledSli, ...]:
    """The parts of an SLI that Vigie measures on what it scrapes itself."""
    parts = [c.sli for c in sli.components] if isinstance(sli, CompositeSli) else [sli]
    return tuple(p for p in parts if isinstance(p, CountingSli | SampledSli) and not p.source)


def warn_of_unmeasured(found: Documents, problems: Problems) -> None:
    """SLOs with a selector that no series of a target could fulfil. What is found later still may:
    targets that are discovered, and what sends spans.
    """
    if any(job.discoveries for _, job in found.of(ScrapeJob)):
        return
    targets = [target for _, target in found.of(Target)]
    for places, slo in found.of(Slo):
        own = [target for target in targets if target.service == slo.service]
        selectors = [s for sli in embedded(slo.sli) for s in sli.selectors]
        for selector in dict.fromkeys(selectors):
            if selector.metric.startswith(OF_SPANS) or any(_may_show(t, selector) for t in own):
                continue
            message = _unmeasured(slo, selector, own, targets)
            problems.warn(places.name, message, Code.UNMEASURED)
            break


def warn_of_deaf_channels(found: Documents, top: Mark, problems: Problems) -> None:
    """Nobody is paged."""
    if not any("page" in channel.receives for _, channel in found.of(Channel)):
        message = "no Channel receives `page`: incidents will show on Vigie's pages only"
        problems.warn(top, message, Code.NOBODY_TOLD)


def warn_of_runbooks(found: Documents, top: Mark, problems: Problems) -> None:
    """SLOs that no runbook is for, and runbooks for what isn't there."""
    books = [book for _, book in found.of(Runbook)]
    if not books:
        message = "there is no Runbook: incidents will open without instructions"
        problems.warn(top, message, Code.NO_RUNBOOK)
        return
    from incidents.model import IncidentType  # noqa: PLC0415 - late, as in `runbooks.load`

    for places, slo in found.of(Slo):
        labels = {**slo.labels, "service": slo.service, "slo": slo.name}
        if not matching(books, IncidentType.SLO_BURN, slo.service, slo.name, labels):
            message = f"no runbook matches when SLO `{slo.id}` burns"
            problems.warn(places.name, message, Code.NO_RUNBOOK)
    for places, book in found.of(Runbook):
        _warn_of_unknown(f"runbook `{book.name}` is for", book.match, found, places, problems)


def warn_of_policies(found: Documents, used: Collection[str], problems: Problems) -> None:
    """Policies for what isn't there, and those that watch nothing."""
    for places, policy in found.of(Policy):
        _warn_of_unknown(f"policy `{policy.name}` selects", policy, found, places, problems)
        if policy.name not in used:
            message = f"policy `{policy.name}` watches no SLO: none fits, or others fit better"
            problems.warn(places.name, message, Code.UNUSED)


def _unmeasured(
    slo: Slo, selector: Selector, own: Sequence[Target], targets: Iterable[Target]
) -> str:
    others = sorted({t.service for t in targets if _may_show(t, selector)})
    if others:
        return (
            f"SLO `{slo.id}`: only targets of {', '.join(others)} could have `{selector}`, none of "
            f"service `{slo.service}`: until one shows it, nothing is known to be missing"
        )
    if own:
        return f"SLO `{slo.id}`: the labels of no target fit `{selector}`: it will not be measured"
    return f"SLO `{slo.id}`: service `{slo.service}` has no targets: it will not be measured"


def _may_show(target: Target, selector: Selector) -> bool:
    return target.may_show(selector.metric) and compatible(selector, target.labels)


def _warn_of_unknown(
    what: str, wanted: Policy | Match, found: Documents, places: Places, problems: Problems
) -> None:
    for kind, names, known in (
        ("service", wanted.services, _services(found)),
        ("SLO", wanted.slos, {slo.name for _, slo in found.of(Slo)}),
    ):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                message = f"{what} {kind} `{name}`, which no file names{hint}"
                problems.warn(places.name, message, Code.NO_SUCH_THING)


def _services(found: Documents) -> set[str]:
    declared = {service.name for _, service in found.of(Service)}
    of_slos = {slo.service for _, slo in found.of(Slo)}
    return declared | of_slos | {target.service for _, target in found.of(Target)}
