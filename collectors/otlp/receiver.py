"""The OTLP receiver: requests in, answers and pages out, no I/O of its own.

A page of spans tells of one service, one of the graph of the requests to it, a page of metrics of
the process that sent them. All are read by `collectors.made`, like what any target says.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final

import orjson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collectors.made import TEXT
from collectors.otlp import wire
from collectors.otlp.counts import Counts
from collectors.otlp.edges import Edges, edges_of
from collectors.otlp.exemplars import Exemplar, Exemplars
from collectors.otlp.graph import Graph
from collectors.otlp.graph_edges import Edge, page_of
from collectors.otlp.intake import Intake, Tolerance
from collectors.otlp.metrics import OPENMETRICS, Process, Pushed, PushLimits
from collectors.otlp.recent import MAX_SPANS, WINDOW_S, Recent
from collectors.otlp.red import Limits, Red, Service
from collectors.otlp.service_map import ServiceMap
from collectors.targets import FOUND_BY_PUSH, FOUND_BY_SPANS, By, Target
from slo import names
from slo.spec import Births, Slo

SPANS: Final = "spans"  # the instance of a target of spans
GRAPH: Final = "graph"  # the instance of a target of edges of the service graph
RETRY_AFTER_S: Final = 1
# A body that is larger when unpacked is read while no other such is, so that what its messages take
# is there once. They gain nothing from being read side by side.
LARGE_BYTES: Final = 256_000
_MAX_REASONS: Final = 5  # in one answer
_BEFORE_S: Final = 0.001
_INVALID_ARGUMENT: Final = 3  # google.rpc.Code
_UNAVAILABLE: Final = 14


@dataclass(frozen=True, slots=True)
class Receiving:
    """What can be set. Durations in seconds; `dimensions` are attributes of spans, or of their
    resource, that become labels, each with its default (empty: absent).
    """

    dimensions: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    push_limits: PushLimits = field(default_factory=PushLimits)
    tolerance: Tolerance = field(default_factory=Tolerance)
    duplicate_window_s: float = WINDOW_S
    duplicate_spans: int = MAX_SPANS
    interval_s: float = 10.0  # between two pages of spans
    push_interval_s: float = 60.0  # between two pushes of metrics: OpenTelemetry's default
    silent_after_s: float = 300.0  # then a target has no page any more: it is unknown
    forget_after_s: float = 3600.0
    max_waiting: int = 8  # requests that are read at once


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MadePage:
    """A page of a target, for `collectors.made.Made`; `at` is Unix seconds."""

    target_id: str
    at: float
    body: bytes
    content_type: str


class Otlp:
    """The receiver. Every method may be called by any thread; `now` is Unix seconds."""

    def __init__(
        self,
        now: float,
        receiving: Receiving | None = None,
        *,
        edges_ms: Iterable[float] = (),
        slos: Iterable[Slo] = (),
    ) -> None:
        self._settings = settings = receiving or Receiving()
        self._began = now
        self._lock = threading.Lock()
        self._large = threading.Lock()
        self._slots = threading.BoundedSemaphore(settings.max_waiting)
        self._counts = Counts()
        self._exemplars = Exemplars(slos)
        edges = edges_of(edges_ms)
        self._red = Red(edges, settings.dimensions, settings.limits, self._exemplars.judge)
        self._graph = Graph(now, edges)
        recent = Recent(settings.duplicate_window_s, settings.duplicate_spans)
        self._intake = Intake(
            red=self._red,
            graph=self._graph,
            exemplars=self._exemplars,
            recent=recent,
            counts=self._counts,
            tolerance=settings.tolerance,
        )
        self._pushed = Pushed(self._counts, settings.push_limits)

    # -- requests -------------------------------------------------------------------------------

    def enter(self) -> bool:
        """Take a place for one request before its body is read; False: all are taken, answer
        `full`. Whoever has one gives it back by `leave`.
        """
        if self._slots.acquire(blocking=False):
            return True
        with self._lock:
            self._counts.full += 1
        return False

    def leave(self) -> None:
        self._slots.release()

    def traces(self, body: bytes, content_type: str, encoding: str, now: float) -> Reply:
        """Take the body of `POST /v1/traces`."""

        def take(media: str, plain: bytes) -> bytes:
            request = wire.read_traces(plain, media)
            with self._lock:
                rejected = self._intake.take(request, now)
            return _spans_answer(rejected, media)

        return self._answered(body, content_type, encoding, take)

    def metrics(self, body: bytes, content_type: str, encoding: str, now: float) -> Reply:
        """Take the body of `POST /v1/metrics`."""

        def take(media: str, plain: bytes) -> bytes:
            request = wire.read_metrics(plain, media)
            with self._lock:
                rejected = self._pushed.take(request, now)
            return _points_answer(rejected, media)

        return self._answered(body, content_type, encoding, take)

    def _answered(
        self,
        body: bytes,
        content_type: str,
        encoding: str,
        take: Callable[[str, bytes], bytes],
    ) -> Reply:
        try:
            media = wire.media_type(content_type)
            plain = wire.unpacked(body, encoding)
            with self._large if len(plain) > LARGE_BYTES else contextlib.nullcontext():
                answer = take(media, plain)
        except wire.Refused as error:
            with self._lock:
                self._counts.requests += 1
                self._counts.refused += 1
            return refusal(error.status, error.reason, content_type)
        with self._lock:
            self._counts.requests += 1
        return Reply(HTTPStatus.OK, media, answer)

    # -- pages ----------------------------------------------------------------------------------

    def watch(
        self,
        edges_ms: Iterable[float],
        slos: Iterable[Slo],
        now: float,
        read_to: Mapping[str, float | None],
    ) -> list[MadePage]:
        """Count with the default edges and these, and keep exemplars of these SLOs, from now on.

        Where an edge is new, every service is counted from zero again. Returned are then the last
        pages of what was counted before: deliver them, and let a tick take them, before anything
        is read for the new SLOs. `read_to` is that of `pages`. ValueError for an edge that is none;
        then nothing has changed.
        """
        edges, slos = edges_of(edges_ms), tuple(slos)
        with self._lock:
            self._exemplars.watch(slos)
            last: list[MadePage] = []
            if not set(edges.ms) <= set(self._red.edges.ms):
                last = self._span_pages(now, read_to)
                self._counts.unread += sum(
                    one.calls()
                    for one in self._red.services.values()
                    if self._span_target(one, SPANS).id not in read_to
                )
                self._red.restart(edges, now)
                self._graph.restart(edges, now)
            self._red.judged_by(self._exemplars.judge)
        return last

    def targets(self) -> list[Target]:
        """Who is heard of: a target for each service of spans, one more for each that the graph
        tells of, and one for each process of metrics.
        """
        with self._lock:
            services = self._red.services
            spans = [self._span_target(service, SPANS) for service in services.values()]
            graphs = self._graph.owned().keys() & services.keys()
            spans += [self._span_target(services[name], GRAPH) for name in sorted(graphs)]
            pushed = [self._push_target(one) for one in self._pushed.processes.values()]
        return spans + pushed

    def pages(self, now: float, read_to: Mapping[str, float | None]) -> list[MadePage]:
        """The pages of the targets that are watched, in the order in which they are to be
        delivered. `read_to` says when the last page of each of them was; None: it has none.

        A target that was never read first gets an opening page, from before anything was counted:
        what it then shows was born under watch. One that is silent for long has no page.
        """
        settings = self._settings
        with self._lock:
            if self._red.forget(now - settings.forget_after_s):
                self._graph.keep(self._red.services)
            self._pushed.forget(now - settings.forget_after_s)
            self._graph.expire(now)
            pages = self._span_pages(now, read_to)
            for process in self._pushed.processes.values():
                name = self._push_target(process).id
                if name in read_to and process.last_at > process.told_at:
                    if read_to[name] is None:
                        before = self._began - _BEFORE_S
                        pages.append(MadePage(name, before, b"# EOF\n", OPENMETRICS))
                    pages.append(self._push_page(process, name))
        return pages

    def _span_pages(self, now: float, read_to: Mapping[str, float | None]) -> list[MadePage]:
        """Of every service that is heard of now: its spans, and what the graph tells of it. Both or
        none, for each is expected where the other is.
        """
        pages: list[MadePage] = []
        owned = self._graph.owned()
        for service in self._red.services.values():
            if now - service.last_at > self._settings.silent_after_s:
                continue
            name = self._span_target(service, SPANS).id
            if name in read_to:
                if read_to[name] is None:
                    before = min(service.began, now - _BEFORE_S)
                    pages.append(MadePage(name, before, service.opening(), TEXT))
                pages.append(MadePage(name, now, service.page(self._red.edges), TEXT))
            name = self._span_target(service, GRAPH).id
            if name in read_to:
                opening = read_to[name] is None
                pages += self._graph_pages(name, owned.get(service.name, []), opening, now)
        return pages

    def _graph_pages(
        self, name: str, edges: Sequence[Edge], opening: bool, now: float
    ) -> Iterable[MadePage]:
        if opening:
            before = min([now, *(edge.created for edge in edges)]) - _BEFORE_S
            yield MadePage(name, before, page_of((), self._red.edges), OPENMETRICS)
        yield MadePage(name, now, page_of(edges, self._red.edges), OPENMETRICS)

    def _push_page(self, process: Process, name: str) -> MadePage:
        process.told_at = process.last_at
        body = process.page(process.last_at, self._settings.silent_after_s)
        return MadePage(name, process.last_at, body, OPENMETRICS)

    def _span_target(self, service: Service, instance: str) -> Target:
        return _target(
            service.name,
            instance,
            service.name,
            by=By.SPANS,
            found_by=FOUND_BY_SPANS,
            interval_s=self._settings.interval_s,
        )

    def _push_target(self, process: Process) -> Target:
        return _target(
            process.job,
            process.instance,
            process.service,
            by=By.PUSH,
            found_by=FOUND_BY_PUSH,
            interval_s=self._settings.push_interval_s,
        )

    # -- what people see ------------------------------------------------------------------------

    @property
    def edges(self) -> Edges:
        """The edges that spans are counted with now."""
        return self._red.edges

    def counts(self) -> Counts:
        """What was counted of the receiver's own work so far."""
        with self._lock:
            graph = self._graph
            return replace(self._counts, unpaired=graph.unpaired, edge_dropped=graph.dropped)

    def graph(self, now: float) -> ServiceMap:
        """Who calls whom."""
        sampled = frozenset(self.tail_sampled(now))
        with self._lock:
            return self._graph.map(now, sampled)

    def tail_sampled(self, now: float) -> list[str]:
        """The services of whose spans some came in the last while that a tail sampler had chosen:
        ratios over them are wrong.
        """
        since = now - self._settings.forget_after_s
        with self._lock:
            return sorted(
                one.name
                for one in self._red.services.values()
                if one.tail_sampled_at is not None and one.tail_sampled_at >= since
            )

    def exemplars(self, slo: str, start: float, end: float) -> list[Exemplar]:
        """Traces of bad events of an SLO (`service/slo`) that arrived in [start, end]."""
        with self._lock:
            return self._exemplars.between(slo, start, end)


def full() -> Reply:
    """The answer while every place is taken: the sender tries again."""
    return refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Vigie reads as many requests as it can: try again",
        "",
        {"Retry-After": str(RETRY_AFTER_S)},
    )


def refusal(
    status: HTTPStatus,
    reason: str,
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error as OTLP has it: a `google.rpc.Status`, in JSON unless the request was protobuf."""
    retry = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    code = _UNAVAILABLE if retry else _INVALID_ARGUMENT
    if content_type.partition(";")[0].strip().lower() == wire.PROTOBUF:
        return Reply(status, wire.PROTOBUF, wire.status(code, reason), headers or {})
    body = orjson.dumps({"code": code, "message": reason})
    return Reply(status, wire.JSON, body, headers or {})


def _target(
    job: str, instance: str, service: str, *, by: By, found_by: str, interval_s: float
) -> Target:
    own = {names.JOB: job, names.INSTANCE: instance, names.SERVICE: service}
    return Target(
        job=job,
        instance=instance,
        url="",
        service=service,
        labels=own,
        interval_s=interval_s,
        births=Births.ZERO,
        by=by,
        found_by=found_by,
    )


def _spans_answer(rejected: Counter[str], media: str) -> bytes:
    answer = ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.rejected_spans = rejected.total()
        answer.partial_success.error_message = _said(rejected)
    return _written(answer, media, "rejectedSpans", rejected)


def _points_answer(rejected: Counter[str], media: str) -> bytes:
    answer = ExportMetricsServiceResponse()
    if rejected:
        answer.partial_success.rejected_data_points = rejected.total()
        answer.partial_success.error_message = _said(rejected)
    return _written(answer, media, "rejectedDataPoints", rejected)


def _written(answer: Any, media: str, rejected_key: str, rejected: Counter[str]) -> bytes:
    if media == wire.PROTOBUF:
        return bytes(answer.SerializeToString())
    if not rejected:
        return b"{}"
    told = {rejected_key: str(rejected.total()), "errorMessage": _said(rejected)}
    return orjson.dumps({"partialSuccess": told})


def _said(rejected: Counter[str]) -> str:
    """The most frequent reasons, each with how many it concerns."""
    some = [f"{reason} ({count})" for reason, count in rejected.most_common(_MAX_REASONS)]
    more = len(rejected) - len(some)
    return "; ".join(some) + (f"; and {more} more reasons" if more > 0 else "")
