"""SLOs as Sloth's own files, `version: prometheus/v1`: one for each service.

The format: https://github.com/slok/sloth. It states bad events and all events in queries that can
be asked over any window; an SLO's window and its arms are those of Sloth's command line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from slo.convert import kept, openslo_sli, queries
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
from slo.convert.openslo_alerts import stated_arms
from slo.load.sloth import VERSION, WINDOW_S
from slo.rules.query import has_window
from slo.rules.sloth import ALERT
from slo.spec import (
    Alerting,
    AlertText,
    ArmKind,
    BasicSli,
    CompositeSli,
    CountingSli,
    DataSource,
    ForeignSli,
    Method,
    RatioKind,
    SampledSli,
    ServerSli,
    Service,
    Slo,
)
from slo.windows import show


def to_sloth(
    slos: Sequence[Slo], sources: Mapping[str, DataSource], services: Mapping[str, Service]
) -> Converted:
    """The files, in the order in which their services come first. SLOs that Sloth has no form for
    are left out, each with a loss.
    """
    losses = [*lost_sources(sources, "Sloth"), *lost_services(services, "Sloth")]
    found: dict[str, list[tuple[Slo, Document]]] = {}
    for written in slos:
        slo = kept.restored(written)
        if why := _refusal(slo):
            losses.append(refused(slo, why))
            continue
        lost = Losses(slo)
        sli = _sli(slo.sli, lost)
        if sli is None:
            losses.append(refused(slo, "one of its queries has {{.window}} and the other hasn't"))
            continue
        _tell(slo, lost)
        found.setdefault(slo.service, []).append((slo, _slo(slo, sli, lost)))
        losses += lost.items
    return Converted(tuple(_file(name, members) for name, members in found.items()), tuple(losses))


def _refusal(slo: Slo) -> str:
    """Why an SLO has no form in Sloth; empty when it has one."""
    sli = slo.sli
    short = next((name for name in (slo.service, slo.name) if len(name) < 2), "")
    reasons = (
        (bool(short), f"`{short}` is too short for Sloth: a name has at least two characters"),
        (isinstance(sli, CompositeSli), "it is a composite of several SLIs: convert its parts"),
        (
            isinstance(sli, ForeignSli) and _plugin(sli) is None,
            sli.reason if isinstance(sli, ForeignSli) else "",
        ),
        (
            isinstance(sli, SampledSli | ServerSli) and sli.op is not None,
            "Sloth has no thresholds: write the share of time or of series that is good",
        ),
        (
            slo.budgeting.method is not Method.OCCURRENCES,
            f"it counts in {slo.budgeting.method}, and Sloth in events",
        ),
        (slo.calendar is not None, "its window is aligned to the calendar, and Sloth's roll"),
        (bool(slo.group_by or slo.group), "it is one SLO per group, and Sloth has no groups"),
        (
            isinstance(sli, CountingSli) and sli.part.meaning == sli.total.meaning,
            "part and total are one query",
        ),
    )
    return next((why for applies, why in reasons if applies), "")


def _file(service: str, members: Sequence[tuple[Slo, Document]]) -> Document:
    """One service. Labels that all of its SLOs have stand at the top, and mean the same there."""
    shared = _shared([slo.labels for slo, _ in members])
    slos = []
    for slo, document in members:
        own = {name: text for name, text in slo.labels.items() if name not in shared}
        slos.append(without_empty({**document, "labels": own}))
    return without_empty({"version": VERSION, "service": service, "labels": shared, "slos": slos})


def _shared(labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = labels
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}


def _slo(slo: Slo, sli: Document, losses: Losses) -> Document:
    """One SLO; `labels` has its place in the order of keys and is filled in by `_file`."""
    return {
        "name": slo.name,
        "objective": percent(slo.objective),
        "description": slo.description,
        "labels": {},
        "sli": sli,
        "alerting": _alerting(slo, losses),
    }


def _tell(slo: Slo, losses: Losses) -> None:
    """What a file of Sloth's has no key for."""
    if slo.window_s != WINDOW_S:
        why = (
            "Sloth takes one window for all SLOs from its command line: "
            f"run it with --default-slo-period={show(slo.window_s)}"
        )
        losses.add("window_s", why)
    losses.add_if(slo.display_name, "display_name", "Sloth has none")
    for what in ("annotations", "namespace", "resource_labels"):
        losses.add_if(getattr(slo, what), what, "only Sloth's Kubernetes resource has metadata")
    source = "" if isinstance(slo.sli, ForeignSli | CompositeSli) else slo.sli.source
    losses.add_if(source, "sli.source", f"DataSource `{source}`: Sloth asks the one server it has")


# -- queries ----------------------------------------------------------------------------------


def _sli(sli: BasicSli | CompositeSli, losses: Losses) -> Document | None:
    """The SLI; None where one query has a window and the other hasn't."""
    match sli:
        case CountingSli():
            if has_window(sli.error_ratio):
                return _raw(sli.error_ratio)
            return _events(*queries.errors(sli))
        case SampledSli():
            if has_window(sli.error_ratio):
                return _raw(sli.error_ratio)
            return _measured(sli.kind, sli.part.query, sli.total.query if sli.total else "", losses)
        case ServerSli():
            return _measured(sli.kind, sli.part, sli.total, losses)
        case ForeignSli():
            return {"plugin": _plugin(sli)}
        case _:
            raise TypeError(f"no query of {type(sli).__name__}")  # refused before


def _measured(kind: RatioKind, part: str, total: str, losses: Losses) -> Document | None:
    """What is not counted. Current values get a window, of one sample a minute."""
    texts = [text for text in (part, total) if text]
    asked = [has_window(text) for text in texts]
    if any(asked) and not all(asked):
        return None
    if not all(asked):
        why = "current values are taken once a minute; of two, one that is not there counts zero"
        losses.add("sli", why)
        function = "sum" if total else "avg"
        texts = [queries.over_time(function, text) for text in texts]
    if total and kind is RatioKind.BAD:
        return _events(texts[0], texts[1])
    share = queries.quotient(*texts) if total else texts[0]
    return _raw(queries.complement(share) if kind is RatioKind.GOOD else share)


def _events(bad: str, total: str) -> Document:
    return {"events": {"error_query": bad, "total_query": total}}


def _raw(query: str) -> Document:
    return {"raw": {"error_ratio_query": query}}


def _plugin(sli: ForeignSli) -> Document | None:
    """The plugin that an SLI once was in Sloth."""
    found = openslo_sli.origin(sli)
    return found[1] if found is not None and found[0] == "plugin" else None


# -- alerts -----------------------------------------------------------------------------------


def _alerting(slo: Slo, losses: Losses) -> Document:
    """Names and texts, and which kinds are on. The arms are the same for all of Sloth's SLOs."""
    alerting, on = slo.alerting, {arm.kind for arm in stated_arms(slo)}
    _tell_of_alerts(slo, on, losses)
    name = alerting.name
    if not name and on:
        name = ALERT
        losses.add("alerting.name", f"Sloth's alerts need one: `{ALERT}` is written")
    return without_empty(
        {
            "name": name,
            **_text(alerting.both),
            "page_alert": _alert(alerting.page, ArmKind.PAGE in on),
            "ticket_alert": _alert(alerting.ticket, ArmKind.TICKET in on),
        }
    )


def _alert(text: AlertText, on: bool) -> Document:
    return _text(text) if on else {"disable": True, **_text(text)}


def _text(text: AlertText) -> Document:
    return without_empty({"labels": dict(text.labels), "annotations": dict(text.annotations)})


def _tell_of_alerts(slo: Slo, on: Iterable[ArmKind], losses: Losses) -> None:
    alerting = slo.alerting
    off = frozenset(ArmKind) - frozenset(on)
    theirs = stated_arms(replace(slo, window_s=WINDOW_S, alerting=Alerting(without=off)))
    if alerting.arms is not None and set(stated_arms(slo)) != set(theirs):
        arms = ", ".join(f"{arm.burn_rate:g}x over {show(arm.long_s)}" for arm in theirs)
        losses.add("alerting.arms", f"Sloth has the same for all SLOs: for 30d {arms}")
    for what, value in (("no_data", alerting.no_data), ("resolved", alerting.resolved)):
        losses.add_if(value is not None, f"alerting.{what}", "Sloth can't say it")
    names = ", ".join(alerting.channels)
    losses.add_if(names, "alerting.channels", f"Sloth notifies nobody itself: {names}")
