"""One replica of one service of the demo shop: it answers orders, calls the next service, and can
be told to fail.

`python -m vigie.demo.shop --name checkout --port 8103 --zone a --downstream URL,URL --seed 3`
With `--otlp URL` it sends spans of its requests there too.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import time
from collections import Counter as Tally
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from vigie.demo.tracing import CLIENT, SERVER, Span, Tracing

ROUTES: Final = {"frontend": "/buy", "checkout": "/checkout", "payments": "/pay"}
RESTART_STATUS: Final = 75  # exit status that asks `fleet` for a new process on the same port
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
CALL_TIMEOUT_S: Final = 2.0
ATTEMPTS: Final = 2  # a caller tries another replica once: what redundancy is for


@dataclass(frozen=True, slots=True)
class Replica:
    """Who this process is."""

    name: str
    port: int
    zone: str = "a"
    downstream: tuple[str, ...] = ()
    seed: int = 1
    otlp: str = ""  # where spans go, by OTLP/HTTP; empty: nowhere


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong on purpose; nothing by default."""

    errors: float = 0.0  # share of requests answered 500
    latency_ms: float = 0.0
    hang: bool = False  # answers nothing but /admin/faults

    def __str__(self) -> str:
        texts = []
        if self.errors:
            texts.append(f"errors {self.errors:g}")
        if self.latency_ms:
            texts.append(f"latency {self.latency_ms:g} ms")
        if self.hang:
            texts.append("hang")
        return ", ".join(texts) or "none"


class FaultError(ValueError):
    """A fault that the shop does not have."""


def faults_from(body: object) -> Faults:
    """The faults that a request asks for; `{}` clears all."""
    if not isinstance(body, dict):
        raise FaultError("send a JSON object, e.g. {'errors': 0.5}")
    unknown = body.keys() - {"errors", "latency_ms", "hang"}
    if unknown:
        raise FaultError(
            f"no fault {sorted(unknown)}; there are errors, latency_ms, hang, crash, restart"
        )
    faults = Faults(
        errors=float(body.get("errors", 0.0)),
        latency_ms=float(body.get("latency_ms", 0.0)),
        hang=bool(body.get("hang", False)),
    )
    if not 0 <= faults.errors <= 1 or faults.latency_ms < 0:
        raise FaultError("errors is a share (0..1), latency_ms is 0 or more")
    return faults


class Meters:
    """The replica's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ("method", "route", "code"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time to answer a request.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)


@dataclass(slots=True)
class Journal:
    """What went wrong here lately: what an engineer on call asks a replica first."""

    answered: int = 0
    errors: Tally[str] = field(default_factory=Tally)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=5))

    def failed(self, at: float, code: int, reason: str) -> None:
        self.errors[reason] += 1
        when = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        self.last.append(f"{when.replace('+00:00', 'Z')} {code} {reason}")

    def lines(self, replica: Replica, faults: Faults) -> list[str]:
        """The diagnosis: counts first, then the newest errors."""
        wrong = self.errors.total()
        share = wrong / self.answered if self.answered else 0.0
        kinds = [f"  {count:6} {reason}" for reason, count in self.errors.most_common()]
        return [
            f"{replica.name} 127.0.0.1:{replica.port} zone {replica.zone} pid {os.getpid()}",
            f"answered {self.answered}, errors {wrong} ({100 * share:.1f} %)",
            f"faults set: {faults}",
            "errors by reason:",
            *(kinds or ["  none"]),
            "last errors:",
            *([f"  {line}" for line in self.last] or ["  none"]),
        ]


class Shop:
    """The replica: its state and how it answers."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.faults = Faults()
        self.meters = Meters()
        self.tracing = Tracing(replica.name, replica.otlp, self.meters.registry)
        self.journal = Journal()
        self._random = random.Random(replica.seed)  # noqa: S311 - a fault that can be repeated
        self._turn = replica.seed
        self._healed = asyncio.Event()
        self._client: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as self._client:
            sending = asyncio.create_task(self.tracing.run(self._client), name="spans")
            try:
                yield
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    def set_faults(self, faults: Faults) -> None:
        self.faults = faults
        self._healed.set()
        self._healed = asyncio.Event()

    async def while_hung(self) -> None:
        """Wait until nothing hangs."""
        while self.faults.hang:
            await self._healed.wait()

    async def answer(self, method: str, route: str, parent: str = "") -> tuple[int, str]:
        """Answer one order, of the `traceparent` it came with; counts and times it."""
        began = time.perf_counter()
        span = self.tracing.begin(f"{method} {route}", SERVER, parent)
        with self.meters.in_flight.track_inprogress():
            code, reason = await self._work(span)
        seconds = time.perf_counter() - began
        self.meters.requests.labels(method, route, str(code)).inc()
        self.meters.seconds.labels(method, route).observe(seconds)
        self.tracing.end(span, code, seconds)
        self.journal.answered += 1
        if code >= 500:
            self.journal.failed(time.time(), code, reason)
        return code, reason

    async def _work(self, span: Span) -> tuple[int, str]:
        await self.while_hung()
        if self.faults.latency_ms:
            await asyncio.sleep(self.faults.latency_ms / 1000)
        if self._random.random() < self.faults.errors:
            return 500, f"order store refused the write (injected: {self.faults})"
        if not self.replica.downstream:
            return 200, "ok"
        return await self._call_next(span)

    async def _call_next(self, span: Span) -> tuple[int, str]:
        reason = ""
        for _ in range(ATTEMPTS):
            self._turn += 1
            url = self.replica.downstream[self._turn % len(self.replica.downstream)]
            began = time.perf_counter()
            attempt = self.tracing.begin("POST", CLIENT, span.headers["traceparent"])
            code, reason = await self._call(url, attempt)
            self.tracing.end(attempt, code, time.perf_counter() - began)
            if code < 500:
                return 200, "ok"
        return 502, reason

    async def _call(self, url: str, attempt: Span) -> tuple[int, str]:
        assert self._client is not None
        try:
            async with self._client.post(url, headers=attempt.headers) as answer:
                await answer.read()
                return answer.status, f"{url} answered {answer.status}"
        except TimeoutError:
            return 504, f"{url} did not answer within {CALL_TIMEOUT_S:g} s"
        except aiohttp.ClientError as error:
            return 502, f"{url} cannot be reached: {type(error).__name__}"


def build(replica: Replica) -> FastAPI:
    """The replica as an ASGI app."""
    shop = Shop(replica)
    app = FastAPI(title=f"demo {replica.name}", lifespan=shop.running, openapi_url=None)
    route = ROUTES[replica.name]

    @app.post(route)
    async def order(request: Request) -> Response:
        code, text = await shop.answer("POST", route, request.headers.get("traceparent", ""))
        return PlainTextResponse(text, status_code=code)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        await shop.while_hung()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(shop.meters.registry), media_type=content_type)

    @app.get("/debug/errors")
    async def debug_errors() -> Response:
        await shop.while_hung()
        return PlainTextResponse("\n".join(shop.journal.lines(replica, shop.faults)) + "\n")

    @app.post("/admin/faults")
    async def set_faults(request: Request) -> Response:
        return _set(shop, await request.body())

    return app


def _set(shop: Shop, text: bytes) -> Response:
    try:
        body = json.loads(text)
    except ValueError as error:
        return PlainTextResponse(f"not JSON: {error}\n", status_code=400)
    if body == {"crash": True}:
        os.kill(os.getpid(), signal.SIGKILL)
    if body == {"restart": True}:
        # After the answer is out: a new process, so the start time and all counters are new too.
        asyncio.get_running_loop().call_later(0.05, os._exit, RESTART_STATUS)
        return PlainTextResponse("restarting\n")
    try:
        shop.set_faults(faults_from(body))
    except (FaultError, TypeError, ValueError) as error:
        return PlainTextResponse(f"{error}\n", status_code=400)
    return PlainTextResponse(f"faults: {shop.faults}\n")


def replica_from(arguments: Sequence[str] | None = None) -> Replica:
    """The replica that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m vigie.demo.shop")
    parser.add_argument("--name", choices=sorted(ROUTES), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--zone", default="a")
    parser.add_argument("--downstream", default="", help="URLs of the next service, a,b")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--otlp", default="", help="where spans go, e.g. http://127.0.0.1:8080")
    given = parser.parse_args(arguments)
    replica = Replica(given.name, given.port, given.zone, seed=given.seed, otlp=given.otlp)
    return replace(replica, downstream=tuple(u for u in given.downstream.split(",") if u))


def main() -> None:
    replica = replica_from()
    uvicorn.run(
        build(replica),
        host="127.0.0.1",
        port=replica.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
    )


if __name__ == "__main__":
    main()
