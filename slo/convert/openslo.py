"""SLOs as OpenSLO v1: one SLO document each, and the Services and DataSources that they name.

The format: https://github.com/OpenSLO/OpenSLO. Several objectives of one document become documents
of their own: an objective has no name in OpenSLO, so that ids would hang on display names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from slo import windows
from slo.convert import kept, openslo_alerts, openslo_sli
from slo.convert.model import Converted, Document, Loss, Losses, number, refused, without_empty
from slo.labels import BETWEEN
from slo.load.document import OPENSLO
from slo.spec import (
    Budgeting,
    Component,
    CompositeSli,
    DataSource,
    Method,
    SampledSli,
    ServerSli,
    Service,
    Sli,
    Slo,
)

_CLOCK: Final = "%Y-%m-%d %H:%M:%S"
_FILES: Final = ("password_file", "bearer_token_file", "ca_file", "cert_file", "key_file")


def to_openslo(
    slos: Sequence[Slo], sources: Mapping[str, DataSource], services: Mapping[str, Service]
) -> Converted:
    """The documents: DataSources, notification targets, then each service with its SLOs.

    What OpenSLO has no key for is kept in an annotation (`slo.convert.kept`) and is a loss too.
    """
    losses: list[Loss] = []
    found: dict[str, list[Document]] = {name: [] for name in services}
    for written in slos:
        slo = kept.restored(written)
        if slo.group:
            losses.append(refused(slo, f"it is one group of `{slo.parent}`: convert that one"))
            continue
        document, lost = _slo(slo, sources)
        found.setdefault(slo.service, []).append(document)
        losses += lost
    documents = [_source(source) for source in sources.values()]
    documents += openslo_alerts.targets(slos)
    for name, members in found.items():
        documents += [_service(services.get(name) or Service(name)), *members]
    return Converted(tuple(documents), tuple(losses))


def _document(kind: str, metadata: Document, spec: Document) -> Document:
    return {"apiVersion": OPENSLO, "kind": kind, "metadata": metadata, "spec": spec}


def _slo(slo: Slo, sources: Mapping[str, DataSource]) -> tuple[Document, list[Loss]]:
    losses = Losses(slo)
    sli, parts = slo.sli, _parts(slo)
    indicator = None if isinstance(sli, CompositeSli) else _indicator(slo.name, parts[0], sources)
    spec = {
        "description": slo.description,
        "service": slo.service,
        "indicator": indicator,
        "timeWindow": [_window(slo)],
        "budgetingMethod": parts[0].budgeting.method.value,
        "objectives": [_objective(slo, part, sources) for part in parts],
        "alertPolicies": openslo_alerts.policies(slo, losses),
    }
    metadata = {
        "name": slo.name,
        "displayName": slo.display_name,
        "labels": _labels(slo.labels),
        "annotations": {**slo.annotations, **kept.annotation(slo)},
    }
    _tell(slo, sources, losses)
    return _document("SLO", without_empty(metadata), without_empty(spec)), losses.items


def _parts(slo: Slo) -> tuple[Component, ...]:
    """What each objective asks: of a composite, its components."""
    if isinstance(slo.sli, CompositeSli):
        return slo.sli.components
    return (Component("", slo.sli, slo.objective, 1.0, slo.budgeting),)


def _indicator(name: str, part: Component, sources: Mapping[str, DataSource]) -> Document:
    return {"metadata": {"name": name}, "spec": openslo_sli.spec_of(part.sli, sources)}


def _objective(slo: Slo, part: Component, sources: Mapping[str, DataSource]) -> Document:
    objective: Document = {"displayName": part.name} if part.name else {}
    if isinstance(part.sli, SampledSli | ServerSli) and part.sli.op is not None:
        objective |= {"op": part.sli.op.value, "value": number(part.sli.value)}
    objective["target"] = part.objective
    objective |= _slices(part.budgeting)
    if isinstance(slo.sli, CompositeSli):
        objective["indicator"] = _indicator(f"{slo.name}-{part.name}", part, sources)
        objective["compositeWeight"] = number(part.weight)
    return objective


def _slices(budgeting: Budgeting) -> Document:
    if budgeting.method is Method.OCCURRENCES:
        return {}
    width = {"timeSliceWindow": openslo_alerts.shorthand(budgeting.slice_s)}
    if budgeting.method is Method.TIMESLICES:
        return {"timeSliceTarget": number(budgeting.slice_target), **width}
    return width


def _window(slo: Slo) -> Document:
    if slo.calendar is None:
        return {"duration": openslo_alerts.shorthand(slo.window_s), "isRolling": True}
    calendar = slo.calendar
    start = calendar.start.strftime(_CLOCK)
    if calendar.start.microsecond:
        start = calendar.start.isoformat(" ")
    return {
        "duration": f"{calendar.count}{calendar.unit}",
        "isRolling": False,
        "calendar": {"startTime": start, "timeZone": calendar.zone},
    }


def _labels(labels: Mapping[str, str]) -> Document:
    """Labels; several values are a list."""
    return {name: _label(value) for name, value in labels.items()}


def _label(value: str) -> str | list[str]:
    values = value.split(BETWEEN)
    several = len(values) > 1 and all(one and one == "".join(one.split()) for one in values)
    return values if several else value


def _tell(slo: Slo, sources: Mapping[str, DataSource], losses: Losses) -> None:
    for what in kept.lost(slo):
        why = "OpenSLO has no place for it"
        if what == "group_by":
            why = f"{why}, so that this is the sum of all groups"
        losses.add(what, f"{why}; annotation {kept.KEY} keeps it for a conversion back")
    for sli in _slis(slo.sli):
        for what, why in openslo_sli.lost(sli, sources):
            losses.add(what, why)


def _slis(sli: Sli) -> Iterable[Sli]:
    return [part.sli for part in sli.components] if isinstance(sli, CompositeSli) else [sli]


def _service(service: Service) -> Document:
    metadata = {
        "name": service.name,
        "displayName": service.display_name,
        "labels": _labels(service.labels),
    }
    spec = without_empty({"description": service.description})
    return _document("Service", without_empty(metadata), spec)


def _source(source: DataSource) -> Document:
    """A DataSource with the files that hold its secrets, never a secret itself."""
    own = _as_written(source)
    default = DataSource("", "", "")
    details: Document = {
        "url": own.url,
        "default": own.default,
        "tenant": own.tenant,
        "headers": dict(own.headers),
        "username": own.username,
        **{key: getattr(own, key) for key in _FILES},
    }
    for key in ("interval", "timeout", "lag"):
        seconds = getattr(own, f"{key}_s")
        if seconds != getattr(default, f"{key}_s"):
            details[key] = windows.show(seconds)
    for key in ("concurrency", "max_samples"):
        if getattr(own, key) != getattr(default, key):
            details[key] = getattr(own, key)
    details = {key: value for key, value in details.items() if value not in ("", {}, False)}
    return _document(
        "DataSource", {"name": own.name}, {"type": own.type, "connectionDetails": details}
    )


def _as_written(source: DataSource) -> DataSource:
    """Files stand relative to the folder of the document that names them, as far as it is known."""
    folder, slash, _ = (source.mark.path if source.mark else "").rpartition("/")
    above = f"{folder}{slash}"
    names = {key: getattr(source, key).removeprefix(above) for key in _FILES}
    return replace(source, **names) if above and folder else source
