"""Reads what is left of a body before a refusal is sent: most clients look for an answer only when
they have sent everything, and find a connection that was reset under them instead.
"""

import asyncio
import contextlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

MAX_DROPPED_BYTES: Final = 40 * 1024 * 1024  # twice the largest body that is taken
# All together, and without a byte: who waits for the answer, or for `100 Continue`, sends nothing.
DROP_S: Final = 30.0
IDLE_S: Final = 1.0
_FIRST_REFUSAL: Final = 400


class Draining:
    """`receive` and `send` of one request. The body is read and dropped before a status of 400 or
    more, within limits; a connection on which more may come is closed then.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        self._whole = declared == "0" and "transfer-encoding" not in headers
        # Of one that goes on beyond what is dropped, the end would be cut off all the same.
        self._in_vain = declared.isdecimal() and int(declared) > MAX_DROPPED_BYTES
        self._asks_first = "expect" in headers  # it sends nothing before we receive
        self._received = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        self._received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= _FIRST_REFUSAL:
            await self._drop()
            if not self._whole:
                MutableHeaders(scope=message)["connection"] = "close"
        await self._send(message)

    async def _drop(self) -> None:
        if self._in_vain or (self._asks_first and not self._received):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DROP_S):
                while not self._whole and self._received <= MAX_DROPPED_BYTES:
                    async with asyncio.timeout(IDLE_S):
                        await self.receive()
