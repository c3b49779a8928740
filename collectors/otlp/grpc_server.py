"""OTLP over gRPC: what OTLP over HTTP takes, on a port of its own. It needs the extra `grpc`.

Requests are bytes to gRPC and packed ones stay packed, so that the receiver parses them once and
unpacks them within its limit. They are read as streams, though OTLP sends one message: gRPC reads
that of any other call before it asks whether the call is welcome.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import orjson
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collectors.otlp import wire
from collectors.otlp.receiver import RETRY_AFTER_S, Otlp, Reply, full, refusal
from collectors.scrape import Clock

try:
    import grpc
    import grpc.aio
except ImportError as error:
    raise ImportError("OTLP over gRPC needs an extra: pip install 'vigie[grpc]'") from error

TRACES: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
METRICS: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"
# Up to here a body is read in the event loop, some milliseconds at most; a larger or a packed one
# by a thread.
INLINE_BYTES: Final = 64_000
KEEPALIVE_TIMEOUT_S: Final = 20.0
GRACE_S: Final = 3.0  # for calls that are under way when the server stops
_GZIP: Final = b"\x1f\x8b"  # no protobuf begins so: there is no wire type 7
_ALGORITHMS: Final = 0b101  # identity and gzip; gRPC refuses others by UNIMPLEMENTED
_CODES: Final = {  # of a refusal; OTLP: none of them is sent again
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
}

Take = Callable[[bytes, str, str, float], Reply]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call goes no further; `wait_s` says when it may be tried again, 0: never."""

    reason: str
    wait_s: int = 0


_FULL: Final = Denial(orjson.loads(full().body)["message"], RETRY_AFTER_S)
# What a call shows in `authorization` and the address that it comes from -> None lets it in.
Admit = Callable[[str, str], Denial | None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take up; beyond `calls` gRPC itself answers RESOURCE_EXHAUSTED."""

    connections: int = 1024
    calls: int = 512  # that wait for an answer; how many are read at once the receiver says
    calls_per_connection: int = 64
    handshake_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 600.0  # a connection without calls; longer than exporters pause
    keepalive_s: float = 60.0  # a silent peer is asked whether it is there


class CannotListen(OSError):  # noqa: N818 - the root says Error; this says which
    """The address can't be listened on; the message says which, and what to do."""


class GrpcServer:
    """Takes calls of exporters. All its methods belong to one event loop."""

    def __init__(
        self, otlp: Otlp, admit: Admit, clock: Clock, bounds: Bounds | None = None
    ) -> None:
        self._otlp, self._admit, self._clock = otlp, admit, clock
        self._bounds = bounds or Bounds()
        self._server: Any = None

    async def start(self, address: str) -> int:
        """Listen on HOST:PORT or [IPV6]:PORT; the port. CannotListen."""
        bounds = self._bounds
        services = ((TRACES, self._otlp.traces), (METRICS, self._otlp.metrics))
        self._server = grpc.aio.server(
            handlers=[
                grpc.method_handlers_generic_handler(name, {"Export": self._export(take)})
                for name, take in services
            ],
            options=_options(bounds),
            maximum_concurrent_rpcs=bounds.calls,
        )
        try:
            port = int(self._server.add_insecure_port(address))
            await self._server.start()
        except RuntimeError as error:  # gRPC keeps the reason to itself
            await self.stop(0.0)
            message = f"cannot listen on {address}: the port is taken, or the host is not here"
            raise CannotListen(message) from error
        return port

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Take no more calls, and end those under way within `grace_s`."""
        if self._server is not None:
            await self._server.stop(grace_s)
        self._server = None

    def _export(self, take: Take) -> Any:
        async def export(_: AsyncIterator[bytes], context: Any) -> bytes:
            denial = self._admit(_authorization(context), _client(context.peer()))
            if denial is not None:
                await context.abort(*_denied(denial))
            if not self._otlp.enter():
                await context.abort(*_denied(_FULL))
            try:
                reply = await self._reply(context, take)
            finally:
                self._otlp.leave()
            if reply.status != HTTPStatus.OK:
                reason = Status.FromString(reply.body).message
                await context.abort(_CODES[reply.status], reason)
            return reply.body

        return grpc.stream_unary_rpc_method_handler(export)

    async def _reply(self, context: Any, take: Take) -> Reply:
        try:
            async with asyncio.timeout(self._bounds.body_s):
                body = await context.read()
        except TimeoutError:
            reason = f"the message did not come within {self._bounds.body_s:.0f} s"
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, reason)
        if body is grpc.aio.EOF:
            return refusal(HTTPStatus.BAD_REQUEST, "the call has no message", wire.PROTOBUF)
        encoding = "gzip" if body.startswith(_GZIP) else ""
        now = self._clock.now()
        if len(body) <= INLINE_BYTES and not encoding:
            return take(body, wire.PROTOBUF, encoding, now)
        return await _to_the_end(asyncio.to_thread(take, body, wire.PROTOBUF, encoding, now))


def _options(bounds: Bounds) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", wire.MAX_BODY_BYTES),  # as it came
        ("grpc.per_message_decompression", 0),
        ("grpc.compression_enabled_algorithms_bitset", _ALGORITHMS),
        ("grpc.so_reuseport", 0),  # else two servers share a port without a word
        ("grpc.max_allowed_incoming_connections", bounds.connections),
        ("grpc.max_concurrent_streams", bounds.calls_per_connection),
        ("grpc.server_handshake_timeout_ms", int(bounds.handshake_s * 1000)),
        ("grpc.max_connection_idle_ms", int(bounds.idle_s * 1000)),
        ("grpc.keepalive_time_ms", int(bounds.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", int(KEEPALIVE_TIMEOUT_S * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # exporters may ask so often
    ]


async def _to_the_end(work: Any) -> Reply:
    """The reply of a thread. A call that is given up keeps its place until the thread is done:
    else clients that hang up could have any number of bodies waiting.
    """
    task = asyncio.ensure_future(work)
    try:
        reply: Reply = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    return reply


def _denied(denial: Denial) -> tuple[Any, str, tuple[tuple[str, bytes], ...]]:
    """What to abort with: UNAVAILABLE where trying again helps, and when; else UNAUTHENTICATED."""
    if not denial.wait_s:
        return grpc.StatusCode.UNAUTHENTICATED, denial.reason, ()
    code = grpc.StatusCode.UNAVAILABLE
    return code, denial.reason, _retry(code.value[0], denial)


def _retry(code: int, denial: Denial) -> tuple[tuple[str, bytes], ...]:
    """When to try again, where gRPC has it, and where OpenTelemetry's exporter in Python looks."""
    info = RetryInfo()
    info.retry_delay.seconds = denial.wait_s
    status = Status(code=code, message=denial.reason)
    status.details.add().Pack(info)
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("google.rpc.retryinfo-bin", info.SerializeToString()),
    )


def _authorization(context: Any) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return str(value)
    return ""


def _client(peer: str) -> str:
    """The address in `ipv4:127.0.0.1:5` or `ipv6:%5B::1%5D:5`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")
