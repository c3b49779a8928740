"""OTLP over gRPC, from OpenTelemetry's own exporters and from those who send anything."""

import asyncio
import gzip
import importlib
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from collectors.otlp import grpc_server
from collectors.otlp.bounds import MAX_ITEMS
from collectors.otlp.grpc_server import METRICS, TRACES, Bounds, CannotListen, Denial, GrpcServer
from collectors.otlp.receiver import Otlp, Receiving, Reply
from collectors.otlp.wire import MAX_BODY_BYTES
from components import ROOT, eventually_async
from vigie.clock import SystemClock
from writing import nested

Code = grpc.StatusCode
EXPORT = f"/{TRACES}/Export"


class Held(Otlp):
    """A receiver whose spans are read when the test says so."""

    def __init__(self, now: float, receiving: Receiving | None = None) -> None:
        super().__init__(now, receiving)
        self.reading, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def traces(self, body: bytes, content_type: str, encoding: str, now: float) -> Reply:
        self.reading.set()
        assert self.go_on.wait(30)
        return super().traces(body, content_type, encoding, now)


class Site:
    """A real server, and what calls show of themselves."""

    def __init__(self, bounds: Bounds | None = None, receiving: Receiving | None = None) -> None:
        clock = SystemClock()
        self.began = clock.now()
        self.otlp = Held(self.began, receiving)
        self.asked: list[tuple[str, str]] = []
        self.denial: Callable[[str], Denial | None] = lambda _: None
        self.server = GrpcServer(self.otlp, self._admit, clock, bounds)
        self.address = ""

    def _admit(self, authorization: str, client: str) -> Denial | None:
        self.asked.append((authorization, client))
        return self.denial(authorization)

    def spans(self) -> int:
        return self.otlp.counts().spans


Started = Callable[..., Awaitable[Site]]


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    sites = []

    async def start(bounds: Bounds | None = None, receiving: Receiving | None = None) -> Site:
        site = Site(bounds, receiving)
        site.address = f"127.0.0.1:{await site.server.start('127.0.0.1:0')}"
        sites.append(site)
        return site

    yield start
    for site in sites:
        site.otlp.go_on.set()
        await site.server.stop(0.0)


@pytest.fixture
async def site(started: Started) -> Site:
    return await started()


def batch(service: str = "shop", spans: int = 1) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    if service:
        attribute = resource.resource.attributes.add(key="service.name")
        attribute.value.string_value = service
    scope = resource.scope_spans.add()
    for number in range(1, spans + 1):
        now = time.time_ns()
        ids = {"trace_id": number.to_bytes(16, "big"), "span_id": number.to_bytes(8, "big")}
        scope.spans.add(
            **ids, name="GET /", kind=2, start_time_unix_nano=now, end_time_unix_nano=now
        )
    return bytes(request.SerializeToString())


async def call(
    site: Site,
    body: bytes,
    *,
    metadata: tuple[tuple[str, str], ...] = (),
    packed: grpc.Compression = grpc.Compression.NoCompression,
    method: str = EXPORT,
) -> bytes:
    """The answer to one call. AioRpcError."""
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(site.address, options, compression=packed) as channel:
        export = channel.unary_unary(method)
        return bytes(await export(body, metadata=metadata, timeout=20))


async def refused(site: Site, body: bytes, **how: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(site, body, **how)
    return caught.value


# -- OpenTelemetry's exporters ------------------------------------------------------------------


def send_spans(address: str, number: int, **exporter: Any) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(address, insecure=True, **exporter))
    )
    tracer = provider.get_tracer("t")
    for _ in range(number):
        with tracer.start_as_current_span("GET /", kind=SpanKind.SERVER):
            pass
    provider.force_flush()
    provider.shutdown()


@pytest.mark.parametrize("packed", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize("number", [1, 500])
async def test_spans_of_opentelemetry_are_counted(
    site: Site, packed: grpc.Compression, number: int
) -> None:
    await asyncio.to_thread(send_spans, site.address, number, compression=packed)
    assert site.spans() == number
    assert "shop/spans" in {target.id for target in site.otlp.targets()}


async def test_metrics_of_opentelemetry_arrive_as_a_page(site: Site) -> None:
    def send() -> None:
        exporter = OTLPMetricExporter(site.address, insecure=True)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        resource = Resource.create({"service.name": "shop", "service.instance.id": "i1"})
        provider = MeterProvider([reader], resource)
        provider.get_meter("t").create_counter("orders").add(3, {"kind": "new"})
        assert provider.force_flush()
        provider.shutdown()

    await asyncio.to_thread(send)
    (page,) = site.otlp.pages(time.time(), {"shop/i1": site.began})
    assert 'orders_total{kind="new"} 3' in page.body.decode().splitlines()


async def test_an_exporter_that_is_told_to_wait_sends_its_spans_again(site: Site) -> None:
    taken = 0
    while site.otlp.enter():
        taken += 1
    sending = asyncio.create_task(asyncio.to_thread(send_spans, site.address, 7))
    already = site.otlp.counts().full
    await eventually_async(lambda: site.otlp.counts().full > already)
    for _ in range(taken):
        site.otlp.leave()
    await sending
    assert site.spans() == 7


async def test_an_exporter_with_the_token_is_let_in_and_no_other(site: Site) -> None:
    site.denial = lambda shown: None if shown == "Bearer right" else Denial("no")
    for token, spans in (("wrong", 0), ("right", 3)):
        headers = {"authorization": f"Bearer {token}"}
        await asyncio.to_thread(send_spans, site.address, 3, headers=headers)
        assert site.spans() == spans
    assert ("Bearer right", "127.0.0.1") in site.asked


# -- answers ------------------------------------------------------------------------------------


async def test_spans_that_are_left_out_are_told(site: Site) -> None:
    answer = ExportTraceServiceResponse.FromString(await call(site, batch(service="", spans=2)))
    assert answer.partial_success.rejected_spans == 2
    assert "service.name" in answer.partial_success.error_message
    assert await call(site, batch()) == b""


BOMB = bytes(MAX_BODY_BYTES + 1)
FLOOD = nested(1, b"") * (MAX_ITEMS + 1)  # of empty resources, two bytes each


@pytest.mark.parametrize(
    ("body", "how", "code", "reason"),
    [
        (b"\xff" * 9, {}, Code.INVALID_ARGUMENT, "malformed protobuf"),
        (b"\xff" * 9, {"method": f"/{METRICS}/Export"}, Code.INVALID_ARGUMENT, "malformed"),
        (b"\x1f\x8bno", {}, Code.INVALID_ARGUMENT, "no gzip"),
        (gzip.compress(batch())[:-9], {}, Code.INVALID_ARGUMENT, "cut short"),
        (BOMB, {}, Code.RESOURCE_EXHAUSTED, "larger than max"),
        # These words are ours: gRPC did not unpack it.
        (BOMB, {"packed": grpc.Compression.Gzip}, Code.RESOURCE_EXHAUSTED, "send smaller batches"),
        (FLOOD, {}, Code.RESOURCE_EXHAUSTED, "400000 spans or points"),
        (FLOOD, {"packed": grpc.Compression.Gzip}, Code.RESOURCE_EXHAUSTED, "smaller batches"),
        (BOMB, {"packed": grpc.Compression.Deflate}, Code.UNIMPLEMENTED, "deflate"),
        (b"", {"method": "/opentelemetry.proto.Other/Export"}, Code.UNIMPLEMENTED, ""),
    ],
    ids=(
        "spans",
        "metrics",
        "no-gzip",
        "cut",
        "large",
        "bomb",
        "flood",
        "packed-flood",
        "deflate",
        "no-such-method",
    ),
)
async def test_what_cannot_be_taken_has_the_status_of_otlp_and_is_not_sent_again(
    site: Site, body: bytes, how: dict[str, Any], code: grpc.StatusCode, reason: str
) -> None:
    error = await refused(site, body, **how)
    assert (error.code(), reason in str(error.details())) == (code, True), error.details()
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())
    assert await call(site, batch()) == b""


async def test_a_full_server_says_when_to_try_again(site: Site) -> None:
    while site.otlp.enter():
        pass
    error = await refused(site, batch())
    assert error.code() is Code.UNAVAILABLE
    trailing = dict(error.trailing_metadata())
    told = Status.FromString(trailing["grpc-status-details-bin"])
    info = RetryInfo()
    assert told.details[0].Unpack(info)
    assert (told.code, told.message, info.retry_delay.seconds) == (14, error.details(), 1)
    assert RetryInfo.FromString(trailing["google.rpc.retryinfo-bin"]) == info


@pytest.mark.parametrize(
    ("denial", "code"), [(Denial("no"), Code.UNAUTHENTICATED), (Denial("no", 9), Code.UNAVAILABLE)]
)
async def test_a_call_that_is_not_let_in_takes_no_place_and_is_not_read(
    started: Started, denial: Denial, code: grpc.StatusCode
) -> None:
    site = await started(receiving=Receiving(max_waiting=1))
    site.denial = lambda _: denial
    assert site.otlp.enter()
    error = await refused(site, BOMB)  # read, it would be too large
    assert (error.code(), error.details()) == (code, "no")
    assert site.otlp.counts().full == 0


async def test_a_call_without_a_message_is_refused(site: Site) -> None:
    async with grpc.aio.insecure_channel(site.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.stream_unary(EXPORT)(iter(()), timeout=20)
    assert caught.value.code() is Code.INVALID_ARGUMENT


# -- those who are slow, or leave ---------------------------------------------------------------


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    )


def literal(name: str, value: str) -> bytes:
    """A header of HPACK, neither indexed nor packed (RFC 7541, section 6.2.2)."""
    parts = [name.encode(), value.encode()]
    return b"\0" + b"".join(bytes((len(part),)) + part for part in parts)


async def begun(site: Site, declared: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a message of so many bytes has begun and goes no further."""
    host, port = site.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = [(":method", "POST"), (":scheme", "http"), (":path", EXPORT), (":authority", "x")]
    headers += [("content-type", "application/grpc"), ("te", "trailers")]
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
    writer.write(frame(1, 4, 1, b"".join(literal(*one) for one in headers)))
    writer.write(frame(0, 0, 1, b"\0" + declared.to_bytes(4, "big") + b"\x0a"))
    await writer.drain()
    return reader, writer


async def trailers(reader: asyncio.StreamReader) -> bytes:
    """The headers that end the call."""
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] == 1 and head[4] & 1:
            return payload


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("declared", "body_s", "code"),
    [(1 << 30, 20.0, Code.RESOURCE_EXHAUSTED), (1000, 0.2, Code.DEADLINE_EXCEEDED)],
)
async def test_a_message_without_end_is_not_waited_for(
    started: Started, declared: int, body_s: float, code: grpc.StatusCode
) -> None:
    site = await started(Bounds(body_s=body_s), Receiving(max_waiting=1))
    reader, writer = await begun(site, declared)
    told = await asyncio.wait_for(trailers(reader), 10)
    assert b"grpc-status\x01%d" % code.value[0] in told
    await closed(writer)
    assert await call(site, batch()) == b"", "its place is free again"


async def test_a_client_that_hangs_up_gives_its_place_back(started: Started) -> None:
    site = await started(receiving=Receiving(max_waiting=1))
    _, writer = await begun(site, 1000)
    await eventually_async(lambda: len(site.asked) == 1)
    writer.close()
    await eventually_async(lambda: free(site.otlp))


def free(otlp: Otlp) -> bool:
    if not otlp.enter():
        return False
    otlp.leave()
    return True


async def test_a_call_that_is_given_up_keeps_its_place_while_its_message_is_read(
    started: Started,
) -> None:
    site = await started(receiving=Receiving(max_waiting=1))
    site.otlp.go_on.clear()
    packed = {"packed": grpc.Compression.Gzip}
    calling = asyncio.create_task(call(site, batch(spans=100), **packed))
    await eventually_async(site.otlp.reading.is_set)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert (await refused(site, batch())).code() is Code.UNAVAILABLE
    site.otlp.go_on.set()
    await eventually_async(lambda: free(site.otlp))
    assert site.spans() == 100


async def test_stopping_lets_a_message_be_read_to_its_end(site: Site) -> None:
    site.otlp.go_on.clear()
    packed = {"packed": grpc.Compression.Gzip}
    calling = asyncio.create_task(call(site, batch(spans=100), **packed))
    await eventually_async(site.otlp.reading.is_set)
    stopping = asyncio.create_task(site.server.stop(30.0))
    await asyncio.sleep(0)
    assert (await refused(site, batch())).code() is Code.UNAVAILABLE, "no more calls are taken"
    site.otlp.go_on.set()
    assert await calling == b""
    await stopping
    assert site.spans() == 100


async def test_stopping_waits_only_so_long_for_a_message(site: Site) -> None:
    reader, writer = await begun(site, 1000)
    await eventually_async(lambda: len(site.asked) == 1)
    await asyncio.wait_for(site.server.stop(0.1), 10)
    await asyncio.wait_for(reader.read(), 10)
    await closed(writer)
    await eventually_async(lambda: free(site.otlp))


async def test_a_connection_that_never_says_a_word_is_closed(started: Started) -> None:
    site = await started(Bounds(handshake_s=0.2))
    host, port = site.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()


async def test_there_are_only_so_many_connections(started: Started) -> None:
    site = await started(Bounds(connections=1))
    _, writer = await begun(site, 1000)
    await eventually_async(lambda: len(site.asked) == 1)
    assert (await refused(site, batch())).code() is Code.UNAVAILABLE
    await closed(writer)


# -- starting -----------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_said(site: Site) -> None:
    other = Site()
    with pytest.raises(CannotListen, match=f"cannot listen on {site.address}: the port is taken"):
        await other.server.start(site.address)
    await other.server.stop()


async def test_a_client_of_ipv6_is_known_by_its_address() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    site = Site()
    site.address = f"[::1]:{await site.server.start('[::1]:0')}"
    assert await call(site, batch(), metadata=(("authorization", "Bearer x"),)) == b""
    await site.server.stop(0.0)
    assert site.asked == [("Bearer x", "::1")]


def test_without_grpcio_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.delitem(sys.modules, grpc_server.__name__)
    with pytest.raises(ImportError, match=r"pip install 'vigie\[grpc\]'"):
        importlib.import_module(grpc_server.__name__)


def test_the_bounds_are_those_of_the_reference() -> None:
    bounds = Bounds()
    text = (ROOT / "docs/reference/traces.md").read_text()
    for said in (
        f"{bounds.connections:,} connections, with {bounds.calls_per_connection} calls on each",
        f"nothing for {bounds.handshake_s:.0f} s",
        f"idle for {bounds.idle_s / 60:.0f} minutes",
        f"within {bounds.keepalive_s + grpc_server.KEEPALIVE_TIMEOUT_S:.0f} s",
        f"over {bounds.calls} calls",
        f"not come within {bounds.body_s:.0f} s",
        f"under way have {grpc_server.GRACE_S:.0f} s to end",
    ):
        assert said in text
