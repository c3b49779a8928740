"""An SLI as the `spec` of OpenSLO's kind SLI."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slo.convert.model import Document
from slo.promql import QueryError, compile_ratio
from slo.spec import (
    BasicSli,
    CountingSli,
    DataSource,
    ForeignSli,
    RatioKind,
    SampledSli,
    ServerSli,
    Sli,
)

PROMETHEUS: Final = "Prometheus"
# SLIs of Sloth and Pyrra that hold no query, as a raw ratio of a source of this type. OpenSLO lets
# a source be anything.
PLUGIN: Final = "SlothPlugin"
NATIVE: Final = "PyrraLatencyNative"
_FOREIGN: Final = {"plugin": (PLUGIN, "failure"), "latencyNative": (NATIVE, "success")}
_RAW_TYPES: Final = {RatioKind.GOOD: "success", RatioKind.BAD: "failure"}
_ORDER: Final = (
    *("description", "thresholdMetric", "ratioMetric"),
    *("counter", "good", "bad", "total", "raw", "rawType", "metricSourceRef", "type", "spec"),
)
_ALPHA: Final = ("good", "bad", "total", "thresholdMetric")


def spec_of(sli: BasicSli, sources: Mapping[str, DataSource]) -> Document:
    """The `spec`. Queries are as written, with their `{{.window}}`."""
    if isinstance(sli, ForeignSli):
        return _foreign(sli)
    part, total = _texts(sli)

    def measured(query: str) -> Document:
        return {"metricSource": _metric(query, sli.source, sources)}

    if not isinstance(sli, ServerSli) and sli.error_ratio:
        return _raw(*_ratio(sli), measured)
    if not isinstance(sli, CountingSli) and sli.op is not None:
        return {"thresholdMetric": measured(part)}
    if not total:
        return _raw(part, sli.kind, measured)
    counter = isinstance(sli, CountingSli)
    sides = {sli.kind.value: measured(part), "total": measured(total)}
    return {"ratioMetric": {"counter": counter, **sides}}


def lost(sli: Sli, sources: Mapping[str, DataSource]) -> Iterator[tuple[str, str]]:
    """What is lost of an SLI, and why."""
    if not isinstance(sli, ForeignSli):
        return
    document = json.loads(sli.document or "{}")
    if "thresholdMetric" in document:
        yield "sli", "`op` and `value` are not known of a threshold that can't be measured"
    for name in sorted(_references(document) - set(sources)):
        yield "sli", f"DataSource `{name}` does not answer PromQL: its document stays where it is"
    if next(iter(document), "") in _FOREIGN:
        yield (
            "sli",
            "OpenSLO has no such SLI: its source is of a type that only Vigie converts back",
        )


def origin(sli: ForeignSli) -> tuple[str, Document] | None:
    """The name and the content of an SLI of Sloth's or Pyrra's that holds no query."""
    document = json.loads(sli.document or "{}")
    name = next(iter(document), "")
    if name in _FOREIGN:
        return name, document[name]
    source = document.get("ratioMetric", {}).get("raw", {}).get("metricSource", {})
    for name, (kind, _) in _FOREIGN.items():
        if source.get("type") == kind:
            return name, source["spec"]
    return None


def _texts(sli: CountingSli | SampledSli | ServerSli) -> tuple[str, str]:
    if isinstance(sli, ServerSli):
        return sli.part, sli.total
    return sli.part.query, sli.total.query if sli.total else ""


def _raw(query: str, kind: RatioKind, measured: Any) -> Document:
    return {"ratioMetric": {"raw": measured(query), "rawType": _RAW_TYPES[kind]}}


def _ratio(sli: CountingSli | SampledSli) -> tuple[str, RatioKind]:
    """The ratio as one query: the good share where that was written, else the bad one."""
    written = sli.error_ratio
    good = written.removeprefix("1 - (").removesuffix("\n)")
    if len(good) + len("1 - (\n)") == len(written):
        try:
            if compile_ratio(good, RatioKind.GOOD, sli.source) == sli:
                return good, RatioKind.GOOD
        except QueryError:
            pass
    return written, RatioKind.BAD


def _metric(query: str, source: str, sources: Mapping[str, DataSource]) -> Document:
    if not source:
        return {"type": PROMETHEUS, "spec": {"query": query}}
    kind = sources[source].type if source in sources else PROMETHEUS
    return {"metricSourceRef": source, "type": kind, "spec": {"query": query}}


def _foreign(sli: ForeignSli) -> Document:
    """The `spec` as it was, of v1alpha in the form of v1."""
    document = json.loads(sli.document or "{}")
    name = next(iter(document), "")
    if name in _FOREIGN:
        kind, raw_type = _FOREIGN[name]
        source = {"metricSource": {"type": kind, "spec": document[name]}}
        return {"ratioMetric": {"raw": source, "rawType": raw_type}}
    if not any("source" in document.get(key, {}) for key in _ALPHA):
        return _in_order(document)
    found = {key: _of_alpha(document[key]) for key in _ALPHA if key in document}
    if "thresholdMetric" in found:
        return found
    counter = bool(document.get("counter") or document.get("incremental"))
    return {"ratioMetric": {"counter": counter, **found}}


def _of_alpha(metric: Document) -> Document:
    """`source`, `queryType` and `query`, as v1 says them."""
    spec = {key: metric[key] for key in ("queryType", "query") if key in metric}
    return {"metricSource": {"type": metric["source"], "spec": spec}}


def _in_order(document: Document) -> Document:
    """Keys as OpenSLO's pages have them; the JSON that is kept has them sorted."""
    known = [key for key in _ORDER if key in document]
    return {
        key: _in_order(value) if isinstance(value := document[key], dict) else value
        for key in [*known, *(key for key in document if key not in _ORDER)]
    }


def _references(value: Any) -> set[str]:
    """The names of all DataSources in a document."""
    if not isinstance(value, dict):
        return set()
    found = {value["metricSourceRef"]} if "metricSourceRef" in value else set()
    return found.union(*(_references(inner) for inner in value.values()))
