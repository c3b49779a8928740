"""Spans of a replica's requests, sent by OTLP/HTTP: plain JSON, for a replica must stay light.

A span counts for the same request as the replica's own metrics and lasts as long, so that an SLO
over either says the same.
"""

import asyncio
import os
import re
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp
from prometheus_client import CollectorRegistry, Counter

SERVER, CLIENT = 2, 3
EVERY_S: Final = 1.0  # between two requests with spans
BATCH: Final = 512
WAITING: Final = 10_000  # spans that are kept while nobody takes them
_ERROR: Final = 2
_PARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")  # W3C Trace Context
_AGAIN: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """A request that is under way, as one side of it sees it."""

    trace: str
    own: str
    parent: str
    name: str
    kind: int
    began_ns: int

    @property
    def headers(self) -> dict[str, str]:
        """What tells the other side which request it is part of."""
        return {"traceparent": f"00-{self.trace}-{self.own}-01"}


class Tracing:
    """Takes the spans of a replica and sends them to `endpoint`, as in OTEL_EXPORTER_OTLP_ENDPOINT;
    empty: to nobody. What could not be taken while it waited is counted on the replica's page.
    """

    def __init__(self, service: str, endpoint: str, registry: CollectorRegistry) -> None:
        self._service = service
        self._url = f"{endpoint.rstrip('/')}/v1/traces" if endpoint else ""
        self._ended: deque[dict[str, object]] = deque()
        self._dropped = (
            Counter("demo_spans_dropped_total", "Spans that nobody took.", registry=registry)
            if endpoint
            else None
        )

    def begin(self, name: str, kind: int, parent: str = "") -> Span:
        """A span that begins now; `parent` is a traceparent, of a client or of an outer span."""
        found = _PARENT.fullmatch(parent)
        trace, above = found.groups() if found else (os.urandom(16).hex(), "")
        return Span(trace, os.urandom(8).hex(), above, name, kind, time.time_ns())

    def end(self, span: Span, code: int, seconds: float) -> None:
        """The request was answered with a status, after so long."""
        if self._dropped is None:
            return
        if len(self._ended) >= WAITING:
            self._dropped.inc()
            return
        self._ended.append(_written(span, code, seconds))

    async def run(self, client: aiohttp.ClientSession) -> None:
        """Send until cancelled, and then what is left."""
        if not self._url:
            return
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                await self._send(client)
        finally:
            await self._send(client)

    async def _send(self, client: aiohttp.ClientSession) -> None:
        """Send what has ended; where nobody answers, it waits for the next time."""
        with suppress(aiohttp.ClientError, TimeoutError):
            while self._ended:
                batch = [self._ended[place] for place in range(min(BATCH, len(self._ended)))]
                async with client.post(self._url, json=_request(self._service, batch)) as answer:
                    if answer.status in _AGAIN:
                        return
                    self._taken(len(batch), answer.status)

    def _taken(self, spans: int, status: int) -> None:
        for _ in range(spans):
            self._ended.popleft()
        if status != HTTPStatus.OK and self._dropped is not None:
            self._dropped.inc(spans)


def _written(span: Span, code: int, seconds: float) -> dict[str, object]:
    return {
        "traceId": span.trace,
        "spanId": span.own,
        "parentSpanId": span.parent,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.began_ns),
        "endTimeUnixNano": str(span.began_ns + round(seconds * 1e9)),
        "attributes": [{"key": "http.response.status_code", "value": {"intValue": str(code)}}],
        "status": {"code": _ERROR} if code >= HTTPStatus.INTERNAL_SERVER_ERROR else {},
    }


def _request(service: str, spans: list[dict[str, object]]) -> dict[str, object]:
    name = {"key": "service.name", "value": {"stringValue": service}}
    scope = {"scope": {"name": "vigie.demo"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": [name]}, "scopeSpans": [scope]}]}
