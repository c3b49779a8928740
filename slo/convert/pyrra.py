"""SLOs as Pyrra's ServiceLevelObjective: one resource each.

The format: https://github.com/pyrra-dev/pyrra. It takes ratios of two counters and gauges of 0 and
1, each as a plain selector, and no expressions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from slo.convert import kept, openslo_sli, pyrra_alerts, queries
from slo.convert.model import (
    Converted,
    Document,
    Losses,
    lost_services,
    lost_sources,
    percent,
    refused,
    without_empty,
)
from slo.load.pyrra import KIND, SERVICE_LABELS, VERSION, is_one_bucket
from slo.promql import QueryError, compile_expression
from slo.selector import MatchOp, Selector
from slo.spec import (
    CompositeSli,
    CountingSli,
    DataSource,
    ForeignSli,
    Format,
    Method,
    RatioKind,
    SampledSli,
    Service,
    Sli,
    Slo,
)
from slo.windows import show

# What Kubernetes takes for names, labels and keys.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_VALUE: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_KEY: Final = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_NOT_IN_NAME: Final = re.compile(r"[^a-z0-9.-]+")
_NOT: Final = {
    MatchOp.EQUAL: MatchOp.NOT_EQUAL,
    MatchOp.NOT_EQUAL: MatchOp.EQUAL,
    MatchOp.MATCH: MatchOp.NOT_MATCH,
    MatchOp.NOT_MATCH: MatchOp.MATCH,
}
_OTHER: Final = {RatioKind.GOOD: RatioKind.BAD, RatioKind.BAD: RatioKind.GOOD}


def to_pyrra(
    slos: Sequence[Slo], sources: Mapping[str, DataSource], services: Mapping[str, Service]
) -> Converted:
    """The resources, in the order of the SLOs. Those that Pyrra has no form for are left out, each
    with a loss.
    """
    losses = [*lost_sources(sources, "Pyrra"), *lost_services(services, "Pyrra")]
    documents: list[Document] = []
    names: set[tuple[str, str]] = set()
    for written in slos:
        slo = kept.restored(written)
        indicator = _indicator(slo.sli, slo.format)
        why = _refusal(slo) or (indicator if isinstance(indicator, str) else "")
        if why or isinstance(indicator, str):
            losses.append(refused(slo, why))
            continue
        lost = Losses(slo)
        name = _free(slo, names)
        documents.append(_resource(slo, name, indicator, lost))
        losses += lost.items
    return Converted(tuple(documents), tuple(losses))


def _refusal(slo: Slo) -> str:
    """Why an SLO has no form in Pyrra, whatever its SLI is; empty when it may have one."""
    if slo.budgeting.method is not Method.OCCURRENCES:
        return f"it counts in {slo.budgeting.method}, and Pyrra in events"
    if slo.calendar is not None:
        return "its window is aligned to the calendar, and Pyrra's roll"
    return f"it is one group of `{slo.parent}`: convert that one" if slo.group else ""


def _resource(slo: Slo, name: str, indicator: Document, losses: Losses) -> Document:
    (key, content) = next(iter(indicator.items()))
    grouped = {**content, **({"grouping": list(slo.group_by)} if slo.group_by else {})}
    _tell(slo, name, losses)
    metadata = {
        "name": name,
        "namespace": slo.namespace,
        "labels": _labels(slo, name, losses),
        "annotations": _annotations(slo, losses),
    }
    spec = {
        "target": f"{percent(slo.objective)}",
        "window": show(slo.window_s),
        "description": slo.description,
        "indicator": {key: grouped},
        "alerting": pyrra_alerts.alerting(slo, losses),
    }
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "metadata": without_empty(metadata),
        "spec": without_empty(spec),
    }


# -- metadata ---------------------------------------------------------------------------------


def _free(slo: Slo, taken: set[tuple[str, str]]) -> str:
    """A name that Kubernetes takes and no other resource of the namespace has."""
    own, service = (
        _NOT_IN_NAME.sub("-", text.lower()).strip("-.") for text in (slo.name, slo.service)
    )
    name, number = own, 2
    if (slo.namespace, name) in taken:
        name = f"{service}-{own}"
    while (slo.namespace, name) in taken:
        name, number = f"{service}-{own}-{number}", number + 1
    taken.add((slo.namespace, name))
    return name


def _tell(slo: Slo, name: str, losses: Losses) -> None:
    if name != slo.name:
        why = "Kubernetes takes no such name" if not _NAME.fullmatch(slo.name) else "it is taken"
        losses.add("name", f"{why}: the resource is called `{name}`")
    losses.add_if(slo.display_name, "display_name", "Pyrra has none")
    why = "the labels of a Pyrra resource are those of its SLO"
    losses.add_if(slo.resource_labels, "resource_labels", why)
    source = "" if isinstance(slo.sli, ForeignSli | CompositeSli) else slo.sli.source
    losses.add_if(source, "sli.source", f"DataSource `{source}`: Pyrra asks the one server it has")


def _labels(slo: Slo, name: str, losses: Losses) -> dict[str, str]:
    """Labels, with one that names the service where nothing else does."""
    found = {}
    for key, value in slo.labels.items():
        if _KEY.fullmatch(key) and _VALUE.fullmatch(value):
            found[key] = value
        else:
            losses.add("labels", f"Kubernetes takes no label `{key}: {value}`")
    told = next((found[label] for label in SERVICE_LABELS if label in found), name)
    if told == slo.service:
        return found
    if not _VALUE.fullmatch(slo.service):
        losses.add("service", f"no label can name the service: it will be called `{told}`")
        return found
    return {SERVICE_LABELS[0]: slo.service, **found, SERVICE_LABELS[0]: slo.service}


def _annotations(slo: Slo, losses: Losses) -> dict[str, str]:
    found = {key: text for key, text in slo.annotations.items() if text and _KEY.fullmatch(key)}
    names = ", ".join(sorted(set(slo.annotations) - set(found)))
    losses.add_if(names, "annotations", f"Kubernetes takes no such key or empty text: {names}")
    return found


# -- indicators -------------------------------------------------------------------------------


def _indicator(sli: Sli, origin: Format) -> Document | str:
    """The indicator, or why there is none."""
    match sli:
        case CountingSli():
            return _counted(sli, origin)
        case SampledSli():
            return _gauge(sli)
        case ForeignSli():
            found = openslo_sli.origin(sli)
            native = found is not None and found[0] == "latencyNative"
            return {found[0]: _ungrouped(found[1])} if native and found else sli.reason
        case CompositeSli():
            return "it is a composite of several SLIs: convert its parts"
        case _:
            return "Pyrra takes plain selectors, and its query is an expression"


def _ungrouped(content: Document) -> Document:
    return {key: value for key, value in content.items() if key != "grouping"}


@dataclass(frozen=True, slots=True)
class _Side:
    """A counter, and the query that names it."""

    query: str
    selector: Selector

    @property
    def metric(self) -> Document:
        return {"metric": queries.bare(self.query, self.selector)}


def _counted(sli: CountingSli, origin: Format) -> Document | str:
    sides = _sides(sli)
    if sides is None:
        return "Pyrra divides one counter by another, and this adds up several"
    kind, part, total = sides
    if kind is RatioKind.GOOD and _is_bucket(part.selector, total.selector, origin):
        return {"latency": {"success": part.metric, "total": total.metric}}
    if kind is RatioKind.GOOD:
        bad = _opposite(part.selector, total.selector)
        if bad is None:
            return (
                "Pyrra counts errors or a latency bucket, and no one selector names what "
                f"`{total.selector}` has beside `{part.selector}`"
            )
        part = _Side("", bad)
    return {"ratio": {"errors": part.metric, "total": total.metric}}


def _sides(sli: CountingSli) -> tuple[RatioKind, _Side, _Side] | None:
    """The one counter of the part, good or bad, and of the total. A part that is the total less one
    counter states the other kind.
    """
    if len(sli.total.selectors) != 1 or sli.total.minus:
        return None
    total = _Side(sli.total.query, sli.total.selectors[0])
    plus, minus = sli.part.selectors, sli.part.minus
    if len(plus) == 1 and not minus:
        return sli.kind, _Side(sli.part.query, plus[0]), total
    if plus == (total.selector,) and len(minus) == 1:
        return _OTHER[sli.kind], _Side("", minus[0]), total
    return None


def _is_bucket(part: Selector, total: Selector, origin: Format) -> bool:
    """Whether the part is one bucket of the histogram that the total counts all events of."""
    if not is_one_bucket(part):
        return False
    if origin is Format.PYRRA:
        return True
    name = part.metric.removesuffix("_bucket")
    return (part.metric, total.metric) == (f"{name}_bucket", f"{name}_count")


def _opposite(part: Selector, total: Selector) -> Selector | None:
    """What the total has beside the part, where one condition tells them apart."""
    rest = set(part.matchers) - set(total.matchers)
    if (
        part.metric != total.metric
        or len(rest) != 1
        or not set(total.matchers) < set(part.matchers)
    ):
        return None
    (matcher,) = rest
    turned = replace(matcher, op=_NOT[matcher.op])
    return Selector(part.metric, tuple(sorted((*total.matchers, turned))))


def _gauge(sli: SampledSli) -> Document | str:
    """`sum` and `count` of one gauge are the good and all samples of one that is 0 or 1."""
    part, total = sli.part, sli.total
    alike = total is not None and part.selectors == total.selectors and len(part.selectors) == 1
    if sli.kind is not RatioKind.GOOD or not alike or total is None or sli.op is not None:
        return "Pyrra takes counters, and gauges of 0 and 1 as sum(x) of count(x)"
    (selector,) = part.selectors
    for function, side in (("sum", part), ("count", total)):
        if compile_expression(f"{function}({selector})").meaning != side.meaning:
            return "Pyrra takes of a gauge sum(x) and count(x) only"
    inner = part.query.strip().removeprefix("sum(").removesuffix(")")
    return {"bool_gauge": {"metric": _same(inner, selector)}}


def _same(text: str, selector: Selector) -> str:
    """The text where it is this selector, else the selector spelled anew."""
    try:
        found = compile_expression(text)
    except QueryError:
        return queries.spelled(selector)
    return queries.bare(text, selector) if found.selectors == (selector,) else str(selector)
