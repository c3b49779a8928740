"""OTLP metrics as pages of the process that sent them, under the usual Prometheus names.

A page is OpenMetrics, whose `_created` lines carry OTLP's start times: a series that began under
watch counts from zero, one that is older is a base line. Delta sums are added up here, and began
when their first increment came.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from collectors.otlp.attributes import labels_of, some, written
from collectors.otlp.counts import Counts
from collectors.otlp.naming import Kind, metric_name
from collectors.otlp.points import (
    CUMULATIVE,
    DELTA,
    Gauge,
    Histogram,
    Rejected,
    Series,
    Sum,
    is_stale_mark,
)

OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# Of any process, now and after a restart of Vigie: `_created` alone tells what began when.
PROCESS_START: Final = "process_start_time_seconds 1.0\n"
MAX_NAME: Final = 255  # characters of a name: OpenTelemetry's own limit
MAX_ATTRIBUTES: Final = 64
MAX_LABELS: Final = 4096  # characters of all labels of a series
NO_INSTANCE: Final = "otlp"
RESERVED: Final = frozenset({"spans", "graph"})  # instances of what spans add up to
_RESOURCE: Final = frozenset({"service.name", "service.namespace", "service.instance.id"})
_SAMPLES: Final = {
    Kind.COUNTER: ("", "_created"),
    Kind.GAUGE: ("",),
    Kind.HISTOGRAM: ("_bucket", "_sum", "_count", "_created"),
}
_Points: TypeAlias = tuple[Kind, int, Iterable[Any]]  # what it becomes, its temporality, its points


@dataclass(frozen=True, slots=True)
class PushLimits:
    """How much is kept; beyond it, points are rejected and the sender is told so."""

    processes: int = 500
    series: int = 5_000  # of a process; a histogram is one
    all_series: int = 50_000


class Process:
    """What one process sends: a target with its series."""

    def __init__(self, job: str, instance: str, service: str) -> None:
        self.job, self.instance, self.service = job, instance, service
        self.last_at = 0.0
        self.told_at = 0.0  # up to when pages tell of it
        self.series: dict[tuple[str, str], Series] = {}
        self.claims: dict[str, tuple[str, str, str]] = {}  # by sample name: whose it is

    def page(self, now: float, silent_after_s: float) -> bytes:
        """The newest values, without the series that are not sent any more."""
        lines: dict[str, list[str]] = {}
        for (name, labels), series in self.series.items():
            if now - series.seen_at <= silent_after_s:
                for sample, line in series.lines(name, labels):
                    lines.setdefault(sample, []).append(line)
        samples = "".join(["".join(some) for some in lines.values()])
        return f"{PROCESS_START}{samples}# EOF\n".encode()


class Pushed:
    """The processes that send metrics. Not for two threads at once."""

    def __init__(self, counts: Counts, limits: PushLimits) -> None:
        self._counts = counts
        self._limits = limits
        self._all = 0
        self.processes: dict[tuple[str, str], Process] = {}

    def take(self, request: Any, now: float) -> Counter[str]:
        """Take the points of a request; why some could not be, and how many."""
        rejected: Counter[str] = Counter()
        for resource in request.resource_metrics:
            told = some(resource.resource.attributes, _RESOURCE)
            process = self._process(told)
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if isinstance(process, str):
                        rejected[process] += len(list(_raw_points(metric)))
                    else:
                        self._metric(process, scope.scope.name, metric, now, rejected)
        self._counts.points_rejected += rejected.total()
        return +rejected

    def forget(self, before: float) -> None:
        """Drop the processes and the series that were last heard of before."""
        for place, process in list(self.processes.items()):
            kept = {key: one for key, one in process.series.items() if one.seen_at >= before}
            self._all -= len(process.series) - len(kept)
            if len(kept) < len(process.series):
                process.series = kept
                alive = {name for name, _ in kept}
                process.claims = {s: c for s, c in process.claims.items() if c[0] in alive}
            if not kept:
                del self.processes[place]

    def _process(self, told: dict[str, str]) -> Process | str:
        """Who sends; or why its points are refused."""
        service = told.get("service.name", "")
        if not service:
            return "the resource has no service.name"
        namespace = told.get("service.namespace", "")
        job = f"{namespace}/{service}" if namespace else service
        instance = told.get("service.instance.id", NO_INSTANCE)
        if instance in RESERVED:
            return f"service.instance.id `{instance}` is taken: it names what spans add up to"
        known = self.processes.get((job, instance))
        if known is None:
            if len(self.processes) >= self._limits.processes:
                return "too many processes"
            known = self.processes[job, instance] = Process(job, instance, service)
        return known

    def _metric(
        self, process: Process, scope: str, metric: Any, now: float, rejected: Counter[str]
    ) -> None:
        try:
            kind, temporality, points = _points(metric)
            if len(metric.name) > MAX_NAME or len(metric.unit) > MAX_NAME:
                raise Rejected(f"a name or a unit of more than {MAX_NAME} characters")
            name = metric_name(metric.name, metric.unit, kind)
            if not name:
                raise Rejected(f"no name for Prometheus in `{metric.name[:60]}`")
            owner = (name, metric.name, kind.value)
            if any(process.claims.get(s, owner) != owner for s in _samples(name, kind)):
                raise Rejected(f"another metric is `{name}` already")
        except Rejected as error:
            rejected[error.reason] += len(list(_raw_points(metric)))
            return
        made = _maker(metric, kind, temporality, scope)
        for point in points:
            try:
                self._point(process, owner, made, point=point, now=now)
            except Rejected as error:
                rejected[error.reason] += 1

    def _point(
        self,
        process: Process,
        owner: tuple[str, str, str],
        made: Callable[[], Series],
        *,
        point: Any,
        now: float,
    ) -> None:
        name, kind = owner[0], Kind(owner[2])
        if len(point.attributes) > MAX_ATTRIBUTES:
            raise Rejected(f"more than {MAX_ATTRIBUTES} attributes")
        labels = labels_of(point.attributes)
        if kind is Kind.HISTOGRAM and "le" in labels:
            labels["exported_le"] = labels.pop("le")
        key = name, written(labels)
        if len(key[1]) > MAX_LABELS:
            raise Rejected(f"labels of more than {MAX_LABELS} characters")
        known = process.series.get(key)
        if is_stale_mark(point):
            if process.series.pop(key, None) is not None:
                self._all -= 1
            return
        fresh = made()
        if known is not None and known.origin != fresh.origin:
            raise Rejected(f"`{name}` comes from two scopes with the same attributes")
        if known is None and self._is_full(process):
            raise Rejected("too many series")
        series = fresh if known is None else known
        if not series.take(point, now):
            self._counts.points_old += 1
            return
        self._counts.points += 1
        process.last_at = now
        if known is None:
            process.series[key] = series
            self._all += 1
            process.claims.update(dict.fromkeys(_samples(name, kind), owner))

    def _is_full(self, process: Process) -> bool:
        return len(process.series) >= self._limits.series or self._all >= self._limits.all_series


def _points(metric: Any) -> _Points:
    """What a metric holds. Rejected where it is nothing that can be counted here."""
    which = metric.WhichOneof("data")
    if which == "gauge":
        return Kind.GAUGE, CUMULATIVE, metric.gauge.data_points
    if which == "sum":
        kind = Kind.COUNTER if metric.sum.is_monotonic else Kind.GAUGE
        return kind, _temporality(metric.sum), metric.sum.data_points
    if which == "histogram":
        return Kind.HISTOGRAM, _temporality(metric.histogram), metric.histogram.data_points
    if which == "exponential_histogram":
        raise Rejected("exponential histograms are not read: set explicit bucket histograms")
    if which == "summary":
        raise Rejected("summaries are not read")
    raise Rejected("a metric without data")


def _raw_points(metric: Any) -> Iterable[Any]:
    which = metric.WhichOneof("data")
    return getattr(metric, which).data_points if which else ()


def _temporality(data: Any) -> int:
    if data.aggregation_temporality not in {DELTA, CUMULATIVE}:
        raise Rejected("neither delta nor cumulative")
    return int(data.aggregation_temporality)


def _maker(metric: Any, kind: Kind, temporality: int, scope: str) -> Callable[[], Series]:
    """How a new series of a metric begins."""
    delta = temporality == DELTA
    if kind is Kind.HISTOGRAM:
        return lambda: Histogram(scope, delta)
    if metric.WhichOneof("data") == "sum":
        return lambda: Sum(scope, delta, kind is Kind.COUNTER)
    return lambda: Gauge(scope, delta)


def _samples(name: str, kind: Kind) -> tuple[str, ...]:
    stem = name.removesuffix("_total") if kind is Kind.COUNTER else name
    return tuple(
        name if kind is Kind.COUNTER and not suffix else stem + suffix for suffix in _SAMPLES[kind]
    )
