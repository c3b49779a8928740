"""OTLP over HTTP, from OpenTelemetry's own exporters and from those who send anything."""

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client.parser import text_string_to_metric_families

from collectors.otlp.receiver import Otlp, Receiving
from collectors.otlp.red import CALLS
from collectors.otlp.wire import MAX_BODY_BYTES
from vigie.api import graph, otlp
from vigie.api.graph import ServiceGraph
from vigie.clock import SystemClock

EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": 1544712660000000000,
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                        }
                    ]
                }
            ],
        }
    ]
}


class Site:
    """A real server that takes OTLP."""

    def __init__(self, receiving: Receiving | None = None) -> None:
        clock = SystemClock()
        self.began = clock.now()
        self.otlp = Otlp(self.began, receiving)
        app = FastAPI()
        otlp.add(app, self.otlp, clock)
        router = APIRouter(prefix="/api/v1")
        graph.add(router, self.otlp.graph, clock)
        app.include_router(router)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._socket]))

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()

    def samples(self) -> dict[tuple[str, str, str], float]:
        """Calls by service, kind and status."""
        watched = {target.id: self.began for target in self.otlp.targets()}
        found: dict[tuple[str, str, str], float] = {}
        for page in self.otlp.pages(time.time(), watched):
            for family in text_string_to_metric_families(page.body.decode()):
                for one in family.samples:
                    if one.name == CALLS:
                        labels = one.labels
                        kind = labels["span_kind"].removeprefix("SPAN_KIND_")
                        status = labels["status_code"].removeprefix("STATUS_CODE_")
                        found[labels["service_name"], kind, status] = one.value
        return found


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def tracer(site: Site, service: str, compression: Compression) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(f"{site.url}/v1/traces", compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_of_opentelemetry_arrive_as_series_and_as_a_map(
    site: Site, compression: Compression
) -> None:
    shop, cart = (tracer(site, name, compression) for name in ("shop", "cart"))
    asks, answers = shop.get_tracer("t"), cart.get_tracer("t")
    for number in range(20):
        with asks.start_as_current_span("GET /cart", kind=SpanKind.CLIENT) as client:
            context = trace.set_span_in_context(client)
            with answers.start_as_current_span("/cart", context, SpanKind.SERVER) as server:
                if number < 3:
                    server.set_status(StatusCode.ERROR)
    for provider in (shop, cart):
        assert provider.force_flush()
        provider.shutdown()
    assert site.samples() == {
        ("shop", "CLIENT", "UNSET"): 20,
        ("cart", "SERVER", "UNSET"): 17,
        ("cart", "SERVER", "ERROR"): 3,
    }
    (edge,) = site.otlp.graph(time.time()).edges
    assert (edge.client, edge.server, edge.requests, edge.failed) == ("shop", "cart", 20, 3)


def test_metrics_of_opentelemetry_arrive_as_a_page(site: Site) -> None:
    exporter = OTLPMetricExporter(f"{site.url}/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    resource = Resource.create({"service.name": "shop", "service.instance.id": "i1"})
    provider = MeterProvider([reader], resource)
    meter = provider.get_meter("t")
    meter.create_counter("orders", "{order}").add(3, {"kind": "new"})
    took = meter.create_histogram("took", "s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
    took.record(0.05)
    took.record(5)
    assert provider.force_flush()
    (page,) = site.otlp.pages(time.time(), {"shop/i1": site.began})
    provider.shutdown()
    lines = page.body.decode().splitlines()
    assert 'orders_total{kind="new"} 3' in lines
    assert 'took_seconds_bucket{le="1.0"} 1' in lines
    assert "took_seconds_count 2" in lines
    (created,) = (line for line in lines if line.startswith("orders_created"))
    assert site.began < float(created.rpartition(" ")[2]) < time.time()


async def post(site: Site, path: str, body: Any, **headers: str) -> tuple[int, str, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(site.url + path, data=body, headers=headers) as answer,
    ):
        return answer.status, answer.headers["Content-Type"], await answer.read()


@pytest.mark.parametrize("packed", [False, True])
async def test_the_example_of_the_specification_is_taken(site: Site, packed: bool) -> None:
    body = json.dumps(EXAMPLE).encode()
    headers = {"Content-Type": "application/json"}
    if packed:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    assert await post(site, "/v1/traces", body, **headers) == (200, "application/json", b"{}")
    assert site.samples() == {("my.service", "SERVER", "UNSET"): 1}
    assert site.otlp.counts().late == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{", {"Content-Type": "application/json"}, 400),
        (
            gzip.compress(bytes(MAX_BODY_BYTES + 1), mtime=0),
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
            413,
        ),
    ],
)
async def test_refusals_have_the_status_of_otlp(
    site: Site, body: bytes, headers: dict[str, str], status: int
) -> None:
    for path in ("/v1/traces", "/v1/metrics"):
        assert (await post(site, path, body, **headers))[0] == status


async def connected(site: Site, headers: bytes) -> tuple[asyncio.StreamReader, Any]:
    """A connection on which a request has begun."""
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    kind = b"Content-Type: application/x-protobuf\r\n"
    writer.write(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n" + kind + headers + b"\r\n")
    return reader, writer


async def test_a_body_that_says_it_is_too_large_is_not_even_read(site: Site) -> None:
    reader, writer = await connected(site, b"Content-Length: %d\r\n" % (MAX_BODY_BYTES + 1))
    assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_body_without_end_is_cut_off(site: Site) -> None:
    reader, writer = await connected(site, b"Transfer-Encoding: chunked\r\n")
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    for _ in range(MAX_BODY_BYTES // (1 << 20) + 1):
        writer.write(chunk)
        await writer.drain()
    assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert site.otlp.enter(), "its place is free again"


async def test_a_full_server_says_when_to_try_again(site: Site) -> None:
    while site.otlp.enter():
        pass
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.url}/v1/traces", data=b"") as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


async def test_a_client_that_hangs_up_gives_its_place_back(site: Site) -> None:
    for _ in range(Receiving().max_waiting):
        _, writer = await connected(site, b"Content-Length: 1000\r\n")
        writer.write(b"abc")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    for _ in range(200):
        status, _, _ = await post(
            site, "/v1/traces", b"", **{"Content-Type": "application/x-protobuf"}
        )
        if status == 200:
            break
    assert status == 200


async def test_the_map_goes_out_in_the_documented_shape(site: Site) -> None:
    body = json.loads(json.dumps(EXAMPLE))
    del body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["parentSpanId"]
    headers = {"Content-Type": "application/json"}
    assert (await post(site, "/v1/traces", json.dumps(body).encode(), **headers))[0] == 200
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.url}/api/v1/services/graph") as answer,
    ):
        found = ServiceGraph.model_validate_json(await answer.read())
    assert [(node.name, node.virtual) for node in found.nodes] == [
        ("my.service", False),
        ("user", True),
    ]
    (edge,) = found.edges
    assert (edge.client, edge.connection_type, edge.requests) == ("user", "virtual_node", 1)
    assert edge.mean_seconds == 1.0
