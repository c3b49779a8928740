"""OTLP over HTTP: spans and metrics that others send, in protobuf or JSON.

Errors are those of OTLP, a `google.rpc.Status`, and no problem+json: exporters read them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from collectors.otlp import wire
from collectors.otlp.receiver import Otlp, Reply, full, refusal
from vigie.access import Permission, needs
from vigie.clock import Clock

TRACES: Final = "/v1/traces"
METRICS: Final = "/v1/metrics"
PATHS: Final = frozenset({TRACES, METRICS})
# Up to here a body is read in the event loop, some milliseconds at most; a larger or a packed one
# by a thread.
INLINE_BYTES: Final = 64_000
BODY_TIMEOUT_S: Final = 30.0
_TAGS: Final[dict[str, Any]] = {"tags": ["ingestion"], "response_class": Response}


def add(app: FastAPI, otlp: Otlp, clock: Clock) -> None:
    """The two routes, where OpenTelemetry's exporters look for them: at the root.

    Their bodies may be larger than others: the limit of `problems.BodyLimit` is not for PATHS.
    """

    @app.post(TRACES, summary="OTLP/HTTP: spans", **_TAGS)
    @needs(Permission.SEND)
    async def traces(request: Request) -> Response:
        """ExportTraceServiceRequest, protobuf or JSON, gzip or not; 20 MiB unpacked at most."""
        return await _taken(request, otlp, otlp.traces, clock)

    @app.post(METRICS, summary="OTLP/HTTP: metrics", **_TAGS)
    @needs(Permission.SEND)
    async def metrics(request: Request) -> Response:
        """ExportMetricsServiceRequest, protobuf or JSON, gzip or not; 20 MiB unpacked at most."""
        return await _taken(request, otlp, otlp.metrics, clock)


async def _taken(
    request: Request, otlp: Otlp, take: Callable[[bytes, str, str, float], Reply], clock: Clock
) -> Response:
    if not otlp.enter():
        return _response(full())
    try:
        return _response(await _reply(request, take, clock))
    finally:
        otlp.leave()


async def _reply(
    request: Request, take: Callable[[bytes, str, str, float], Reply], clock: Clock
) -> Reply:
    content_type = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "")
    try:
        wire.media_type(content_type)  # before the body is read
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _body(request)
    except wire.Refused as error:
        return refusal(error.status, error.reason, content_type)
    except TimeoutError:
        reason = f"the body did not come within {BODY_TIMEOUT_S:.0f} s"
        return refusal(HTTPStatus.REQUEST_TIMEOUT, reason, content_type)
    except ClientDisconnect:
        return refusal(HTTPStatus.BAD_REQUEST, "the client hung up", content_type)
    if len(body) <= INLINE_BYTES and not encoding:
        return take(body, content_type, encoding, clock.now())
    return await asyncio.to_thread(take, body, content_type, encoding, clock.now())


async def _body(request: Request) -> bytes:
    """The body as it came, no more than the limit of it: packed, it is smaller still."""
    limit = wire.MAX_BODY_BYTES
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise wire.too_large(limit)
    parts: list[bytes] = []
    size = 0
    async with contextlib.aclosing(request.stream()) as stream:
        async for part in stream:
            size += len(part)
            if size > limit:
                raise wire.too_large(limit)
            parts.append(part)
    return b"".join(parts)


def _response(reply: Reply) -> Response:
    headers = {**reply.headers, "Content-Type": reply.content_type}
    return Response(reply.body, reply.status, headers)
