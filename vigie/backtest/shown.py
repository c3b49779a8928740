"""A backtest as facts: what programs read, and the lines that people do."""

from collections.abc import Iterable, Sequence
from typing import Any

from incidents.model import IncidentType
from slo.load.yaml import did_you_mean
from slo.spec import ArmKind, Slo, SloId
from slo.stated import window_name
from slo.windows import show
from vigie.backtest.incidents import Incident
from vigie.backtest.known import Detection, Known, of_all, of_slo, within
from vigie.backtest.replay import Alert, Replayed
from vigie.views.shape import Object, when

HEAD = ("slo", "objective", "window", "sli", "coverage", "budget left", "pages", "tickets")


def facts(
    replayed: Replayed, warnings: Sequence[str], known: Sequence[Known] | None = None
) -> Object:
    """Everything that a replay came to. `known` adds how well it tells of incidents."""
    inside = None if known is None else within(known, replayed.start, replayed.end)
    said = [*warnings, *_said(replayed), *_unused(replayed, known or ())]
    watches = replayed.state.plan.watches
    shown = sorted(enumerate(watches), key=lambda numbered: numbered[1].slo.id)
    found: Object = {
        "items": [_item(replayed, index, inside) for index, _ in shown],
        "no_data": [
            {"service": one.service, **_incident(one)}
            for one in replayed.incidents
            if one.type is IncidentType.NO_DATA
        ],
        "warnings": said,
    }
    if inside is not None:
        found["detection"] = _detection(of_all(inside, replayed.incidents, replayed.end))
    return found


def rows(found: Object) -> Iterable[tuple[str, ...]]:
    """A line for each SLO, under HEAD."""
    for item in found["items"]:
        kinds = [alert["severity"] for alert in item["alerts"]]
        yield (
            f"{item['service']}/{item['slo']}",
            f"{item['objective']:.10g}",
            item["window"],
            _percent(item["sli"], 4),
            _percent(item["coverage"]),
            _percent(item["budget_remaining"]),
            str(kinds.count(ArmKind.PAGE)),
            str(kinds.count(ArmKind.TICKET)),
        )


def lines(found: Object) -> Iterable[str]:
    """What happened, in order, and how well it tells of known incidents."""
    for item in found["items"]:
        for alert in item["alerts"]:
            yield (
                f"{alert['fired_at']}  {item['service']}/{item['slo']}: {alert['arm']} fired at "
                f"{_times(alert['burn_long'])} and {_times(alert['burn_short'])}; "
                f"{_until(alert['resolved_at'])}"
            )
        for one in item["opened"]:
            yield _incident_line(one)
    for one in found["no_data"]:
        yield _incident_line(one)
    for item in found["items"]:
        if item.get("detection"):
            yield f"{item['service']}/{item['slo']}: {_detection_line(item['detection'])}"
    if "detection" in found:
        yield f"all together: {_detection_line(found['detection'])}"


def _item(replayed: Replayed, index: int, known: Sequence[Known] | None) -> Object:
    figures = replayed.state.figures
    assert figures is not None, "a replay has ticked"
    slo = replayed.state.plan.watches[index].slo
    whole, now = replayed.wholes[slo.id], figures.slo(index)
    opened = [one for one in replayed.incidents if _is_of(one, slo)]
    item: Object = {
        "service": slo.service,
        "slo": slo.name,
        "parent": slo.parent,
        "objective": slo.objective,
        "window": window_name(slo),
        "from": when(replayed.start),
        "to": when(replayed.end),
        "good": whole.good,
        "total": whole.total,
        "sli": whole.sli,
        "coverage": whole.coverage,
        "excluded_seconds": whole.excluded_s,
        "budget_remaining": now.budget_remaining,
        "alerts": [_alert(one) for one in replayed.alerts if one.slo == slo.id],
        "incidents": len(opened),
        "opened": [_incident(one) for one in opened],
    }
    if known is not None:
        detection = of_slo(known, replayed.incidents, slo, replayed.end)
        item["detection"] = None if slo.parent else _detection(detection)
    return item


def _is_of(incident: Incident, slo: Slo) -> bool:
    return bool(incident.slo) and (incident.service, incident.slo) == (slo.service, slo.name)


def _alert(alert: Alert) -> Object:
    return {
        "arm": alert.arm,
        "severity": alert.kind.value,
        "fired_at": when(alert.fired_at),
        "resolved_at": when(alert.resolved_at),
        "burn_long": alert.burn_long,
        "burn_short": alert.burn_short,
    }


def _incident(one: Incident) -> Object:
    return {
        "type": one.type.value,
        "opened_at": when(one.opened_at),
        "paged_at": when(one.paged_at),
        "resolved_at": when(one.resolved_at),
        "title": one.title,
        "urgency": one.urgency.value,
        "severity": one.severity.name,
    }


def _detection(one: Detection) -> Object:
    return {
        "known": one.known,
        "detected": one.detected,
        "pages": one.pages,
        "right": one.right,
        "precision": one.precision,
        "recall": one.recall,
        "time_to_detect_seconds": one.detect_s,
    }


def _said(replayed: Replayed) -> Iterable[str]:
    plan = replayed.state.plan
    for slo in plan.found.refused:
        allowed = plan.config.watches[slo].policy.max_groups
        yield (
            f"SLO `{slo}` has more groups than the {allowed} of its Policy's `max_groups`: the "
            "others count in its sum only"
        )
    for watch in plan.watches:
        whole = replayed.wholes[watch.slo.id]
        if not whole.total and watch.slo.parent is None:
            yield f"SLO `{watch.slo.id}`: there is no event of it in the history"
    if replayed.late:
        yield f"{replayed.late} events came too late for their slices and are in no figure"


def _unused(replayed: Replayed, known: Sequence[Known]) -> Iterable[str]:
    """Known incidents that can't say anything about these SLOs and this time."""
    slos = {watch.slo.id for watch in replayed.state.plan.config.watches.values()}
    services = replayed.state.plan.config.services
    inside = within(known, replayed.start, replayed.end)
    for one in known:
        if one not in inside:
            yield f"{one.mark}: this incident lies outside of the history"
        elif one.service not in services:
            hint = did_you_mean(one.service, services)
            yield f"{one.mark}: there is no service `{one.service}`{hint}"
        elif one.slo and SloId(f"{one.service}/{one.slo}") not in slos:
            hint = did_you_mean(f"{one.service}/{one.slo}", slos)
            yield f"{one.mark}: there is no SLO `{one.service}/{one.slo}`{hint}"


def _incident_line(one: Object) -> str:
    return (
        f"{one['opened_at']}  incident, {one['severity']}, {one['urgency']} urgency: "
        f"{one['title']}; {_until(one['resolved_at'])}"
    )


def _detection_line(one: Object) -> str:
    took = one["time_to_detect_seconds"]
    median = "" if took is None else f"; {show(round(took))} to the first page (median)"
    return (
        f"{one['detected']} of {one['known']} known incidents paged "
        f"(recall {_percent(one['recall'])}), {one['right']} of {one['pages']} pages right "
        f"(precision {_percent(one['precision'])}){median}"
    )


def _until(at: str | None) -> str:
    return "not over at the end" if at is None else f"over {at}"


def _percent(ratio: float | None, digits: int = 1) -> str:
    return "-" if ratio is None else f"{100.0 * ratio:.{digits}f}%"


def _times(burn: Any) -> str:
    return "-" if burn is None else f"{burn:.3g}x"
