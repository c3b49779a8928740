"""Vigie watching itself: logs that carry ids, counters for /metrics, spans (off by default)."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NoOpTracer, Tracer
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from slo import names

LogFormat = Literal["json", "text"]

_ids: ContextVar[dict[str, str | int] | None] = ContextVar("vigie_log_ids", default=None)


@contextmanager
def log_ids(**ids: str | int) -> Iterator[None]:
    """Every log line written inside carries these ids (`tick`, `incident`, `job`, ...)."""
    token = _ids.set({**(_ids.get() or {}), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def setup_logs(log_format: LogFormat, level: int = logging.INFO) -> None:
    """Send all logs to stderr in one format. For a program's entry point only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, ids, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_ids.get() or {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in (_ids.get() or {}).items())
        line = f"{_when(record)} {record.levelname.lower():7} {record.getMessage()}{ids}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _when(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Meters:
    """What Vigie counts about its own work since it started, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.ticks = Counter(names.TICKS_TOTAL, "Ticks committed.", registry=registry)
        self.tick_failures = Counter(
            names.TICK_FAILURES_TOTAL,
            "Ticks whose transaction failed; nothing was lost.",
            registry=registry,
        )
        self.tick_seconds = Histogram(
            names.TICK_SECONDS,
            "Time of a tick from its first arrival taken to its commit.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self.late = Counter(
            names.TICK_LATE_TOTAL,
            "Events that arrived after their slice was closed.",
            registry=registry,
        )
        self.scrapes = Counter(
            names.SCRAPES_TOTAL, "Scrapes by result.", (names.RESULT,), registry=registry
        )
        self.scrape_seconds = Histogram(
            names.SCRAPE_SECONDS,
            "Time of a scrape from request to parsed page.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.watermark = Gauge(
            names.TICK_TIMESTAMP_SECONDS, "When the last tick was committed.", registry=registry
        )
        self.sealed = Gauge(
            names.TICK_SEALED_TIMESTAMP_SECONDS,
            "The watermark: figures of the time before it are final.",
            registry=registry,
        )
        self.lag = Gauge(
            names.TICK_LAG_SECONDS,
            "How long the oldest arrival of the last tick had waited until its commit.",
            registry=registry,
        )
        self.missed = Counter(
            names.TICK_MISSED_TOTAL,
            "Ends of slices that went by without a tick: nothing was evaluated then.",
            registry=registry,
        )
        for result in ("ok", "failed"):
            self.scrapes.labels(result)


class Telemetry:
    """Spans of tick, scrape, job and step, sent by OTLP/HTTP when an endpoint is set."""

    def __init__(self, endpoint: str | None = None, exporter: SpanExporter | None = None) -> None:
        self._provider: TracerProvider | None = None
        self._tracer: Tracer = NoOpTracer()
        if endpoint is not None or exporter is not None:
            # Vigie's spans never go to Vigie's own receiver: the endpoint is the operator's choice,
            # and `settings` refuses one that is the address being listened on.
            self._provider = TracerProvider(resource=Resource.create({"service.name": "vigie"}))
            self._provider.add_span_processor(
                BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=endpoint))
            )
            self._tracer = self._provider.get_tracer("vigie")

    @property
    def on(self) -> bool:
        return self._provider is not None

    def span(self, name: str, **attributes: str | int | float) -> AbstractContextManager[object]:
        """A span around a `with` block; free of cost when off."""
        return self._tracer.start_as_current_span(name, attributes=attributes)

    def record(
        self, name: str, began: float, duration_s: float, **attributes: str | int | float
    ) -> None:
        """A span of something that is over; `began` is Unix seconds. Free of cost when off."""
        if self.on:
            span = self._tracer.start_span(name, start_time=_ns(began), attributes=attributes)
            span.end(_ns(began + duration_s))

    def stop(self) -> None:
        """Send what is waiting and stop."""
        if self._provider is not None:
            self._provider.shutdown()


def _ns(at: float) -> int:
    return int(at * 1_000_000_000)
