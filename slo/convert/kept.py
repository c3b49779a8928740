"""What OpenSLO has no key for, in an annotation of the SLO, so that a conversion back restores it.

Vigie's engine doesn't read it. Only what OpenSLO can't say is kept: what it can may be edited in
the file, and must then be what counts.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from slo.spec import Alerting, AlertText, Slo

KEY: Final = "vigie.dev/kept"
_TEXTS: Final = ("both", "page", "ticket")


def annotation(slo: Slo) -> dict[str, str]:
    """The annotation; none where nothing needs it."""
    alerting = {"name": slo.alerting.name} | {
        name: _text_of(getattr(slo.alerting, name)) for name in _TEXTS
    }
    kept: dict[str, Any] = {
        "alerting": {key: value for key, value in alerting.items() if value},
        "groupBy": list(slo.group_by),
        "namespace": slo.namespace,
        "resourceLabels": dict(slo.resource_labels),
    }
    said = {key: value for key, value in kept.items() if value}
    return {KEY: json.dumps(said, ensure_ascii=False, sort_keys=True)} if said else {}


def lost(slo: Slo) -> Iterator[str]:
    """The fields that only the annotation holds."""
    for name in ("name", *_TEXTS):
        if getattr(slo.alerting, name) not in ("", AlertText()):
            yield f"alerting.{name}"
    for name in ("group_by", "namespace", "resource_labels"):
        if getattr(slo, name):
            yield name


def restored(slo: Slo) -> Slo:
    """The SLO with what an annotation of it keeps, and without that annotation. One that somebody
    made unreadable stays where it is, as any other.
    """
    if KEY not in slo.annotations:
        return slo
    try:
        kept = json.loads(slo.annotations[KEY])
        alerting = _alerting(slo.alerting, kept.get("alerting", {}))
        group_by = tuple(_text(label) for label in kept.get("groupBy", ()))
        namespace = _text(kept.get("namespace", ""))
        labels = _texts(kept.get("resourceLabels", {}))
    except (ValueError, TypeError, AttributeError):
        return slo
    return replace(
        slo,
        alerting=alerting,
        group_by=slo.group_by or group_by,
        namespace=slo.namespace or namespace,
        resource_labels=slo.resource_labels or labels,
        annotations={name: text for name, text in slo.annotations.items() if name != KEY},
    )


def _text_of(text: AlertText) -> dict[str, dict[str, str]]:
    both = {"labels": dict(text.labels), "annotations": dict(text.annotations)}
    return {key: value for key, value in both.items() if value}


def _alerting(alerting: Alerting, kept: dict[str, Any]) -> Alerting:
    return replace(
        alerting,
        name=alerting.name or _text(kept.get("name", "")),
        both=_alert(alerting.both, kept.get("both", {})),
        page=_alert(alerting.page, kept.get("page", {})),
        ticket=_alert(alerting.ticket, kept.get("ticket", {})),
    )


def _alert(text: AlertText, kept: dict[str, Any]) -> AlertText:
    if text != AlertText():
        return text
    return AlertText(_texts(kept.get("labels", {})), _texts(kept.get("annotations", {})))


def _texts(value: dict[Any, Any]) -> dict[str, str]:
    return {_text(key): _text(text) for key, text in value.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
