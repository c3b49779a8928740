"""Spans that OpenTelemetry sends by gRPC to a whole server become the figures of an SLO."""

import socket
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from components import eventually, free_port
from serving import Served

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

SLO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: calls}
spec:
  service: web
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  indicator:
    metadata: {name: calls}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            type: Prometheus
            spec:
              query: 'sum(traces_span_metrics_calls_total{status_code="STATUS_CODE_ERROR"})'
        total:
          metricSource:
            type: Prometheus
            spec: {query: 'sum(traces_span_metrics_calls_total)'}
  objectives: [{target: 0.5}]
"""


def send(port: int, spans: int, failed: int) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "web"}))
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}", insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for number in range(spans):
        with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER) as span:
            if number < failed:
                span.set_status(StatusCode.ERROR)
    assert provider.force_flush()
    provider.shutdown()


def test_spans_sent_by_grpc_count_and_a_stop_hands_over_the_last(tmp_path: Path) -> None:
    served, port = Served(tmp_path), free_port()
    served.write("slos/availability.yaml", SLO)
    served.config.write_text(served.config.read_text() + f"otlp_grpc: 127.0.0.1:{port}\n")

    def counted() -> tuple[int, int]:
        (one,) = served.get("/api/v1/slos")["items"]
        return one["good"], one["total"]

    try:
        served.start()
        eventually(lambda: served.get("/api/v1/slos"))
        send(port, 30, 3)
        eventually(lambda: counted() == (27, 30))
        send(port, 5, 0)
        served.stop()  # what was received and not yet handed over is handed over
        served.start()
        eventually(lambda: counted() == (32, 35))
    finally:
        served.stop()


def test_a_port_that_is_taken_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.write("slos/availability.yaml", SLO)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        served.config.write_text(served.config.read_text() + f"otlp_grpc: {address}\n")
        process = served.start()
        assert process.wait() == 2
    said = process.output.splitlines()
    assert f"`otlp_grpc`: cannot listen on {address}: the port is taken" in said[-1]
    assert all(line.startswith("{") for line in said[:-1]), "gRPC writes nothing of its own"
