"""Prometheus' remote write 1.0: `POST /api/v1/write`, where its own receiver has it.

A sender drops what is refused by 4xx, and sends again what is refused by 5xx.
"""

import asyncio
import contextlib
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from collectors import remote_write
from collectors.remote_write import MAX_BODY_BYTES, Refused
from collectors.written import RETRY_AFTER_S, Inbox
from vigie.access import Permission, needs, problem
from vigie.clock import Clock

WRITE: Final = "/write"
PATHS: Final = frozenset({f"/api/v1{WRITE}"})
INLINE_BYTES: Final = 16_000  # snappy packs tightly; a larger body is read by a thread
BODY_TIMEOUT_S: Final = 30.0


def add(router: APIRouter, inbox: Inbox, clock: Clock) -> None:
    """The route. Its bodies may be larger than others: the limit of `problems.BodyLimit` is not for
    PATHS.
    """

    @router.post(
        WRITE,
        summary="Prometheus remote write 1.0",
        tags=["ingestion"],
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
    )
    @needs(Permission.SEND)
    async def write(request: Request) -> Response:
        """WriteRequest, protobuf in snappy's block format; 20 MiB unpacked at most."""
        try:
            await _taken(request, inbox, clock)
        except Refused as error:
            busy = error.status == HTTPStatus.SERVICE_UNAVAILABLE
            if not busy:  # that it is full was counted where it was found
                inbox.refused()
            headers = {"Retry-After": str(RETRY_AFTER_S)} if busy else None
            return problem(error.status, error.reason, headers)
        return Response(status_code=HTTPStatus.NO_CONTENT)


async def _taken(request: Request, inbox: Inbox, clock: Clock) -> None:
    headers = request.headers
    remote_write.check_headers(headers.get("content-type", ""), headers.get("content-encoding", ""))
    if not inbox.enter():
        raise inbox.full()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _body(request)
        if len(body) <= INLINE_BYTES:
            inbox.take(body, clock.now())
        else:
            await asyncio.to_thread(inbox.take, body, clock.now())
    except TimeoutError:
        reason = f"the body did not come within {BODY_TIMEOUT_S:.0f} s"
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, reason) from None
    except ClientDisconnect:
        raise Refused(HTTPStatus.BAD_REQUEST, "the client hung up") from None
    finally:
        inbox.leave()


async def _body(request: Request) -> bytes:
    """The body as it came, no more than the limit."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise remote_write.too_large(f"{MAX_BODY_BYTES} bytes")
    parts: list[bytes] = []
    size = 0
    async with contextlib.aclosing(request.stream()) as stream:
        async for part in stream:
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise remote_write.too_large(f"{MAX_BODY_BYTES} bytes")
            parts.append(part)
    return b"".join(parts)
