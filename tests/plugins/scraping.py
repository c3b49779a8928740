"""A scraper whose clock is held, and the servers that it scrapes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from collectors.scrape import Scrape, Scraper
from collectors.targets import Target
from slo.spec import Selector

PAGE = b'requests_total{code="200"} 7\nrequests_total{code="500"} 1\nother 3\n'
ALL = Selector("requests_total")
START = 1_000_000.0
INTERVAL = 10.0

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HeldClock:
    """A clock that moves when told to, once those who should be waiting for it are."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._came = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, at: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((at, woken))
        self._came.set()
        await woken

    async def sleepers(self, count: int) -> None:
        """Return once `count` loops wait for their turn."""
        while sum(not woken.done() for _, woken in self._sleepers) < count:
            self._came.clear()
            await self._came.wait()

    async def advance(self, seconds: float, *, sleepers: int = 1) -> None:
        """Move on, once `sleepers` loops wait, and wake those whose time has come."""
        await self.sleepers(sleepers)
        self._now += seconds
        for at, woken in self._sleepers:
            if at <= self._now and not woken.done():
                woken.set_result(None)
        self._sleepers = [(at, woken) for at, woken in self._sleepers if not woken.done()]


class Rig:
    """A scraper, its clock, and what it delivered."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.delivered: asyncio.Queue[Scrape] = asyncio.Queue()
        self.scraper = Scraper(self.clock, self.delivered.put_nowait)
        self.watching = 0

    def watch(self, *targets: Target, selectors: frozenset[Selector] = frozenset({ALL})) -> None:
        self.watching = len(targets)
        by_id = {target.id: target for target in targets}
        self.scraper.watch(by_id, dict.fromkeys(by_id, selectors))

    async def turn(self) -> dict[str, Scrape]:
        """What the next turn of every target delivers."""
        await self.clock.advance(INTERVAL, sleepers=self.watching)
        scrapes = [await self.delivered.get() for _ in range(self.watching)]
        return {one.target_id: one for one in scrapes}

    async def one(self) -> Scrape:
        (only,) = (await self.turn()).values()
        return only


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.scraper.start()
    yield made
    await made.scraper.stop()


def target(address: str, path: str = "/metrics", **fields: object) -> Target:
    made = Target(
        job="shop",
        instance=f"{address}{path}",
        url=f"http://{address}{path}",
        service="shop",
        labels={"job": "shop"},
        interval_s=INTERVAL,
        timeout_s=5.0,
    )
    return replace(made, **fields)


@asynccontextmanager
async def web_server(answers: Mapping[str, Answer]) -> AsyncIterator[str]:
    """A server that answers each path in its own way; yields its address."""
    app = web.Application()
    for path, answer in answers.items():
        app.router.add_get(path, answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that does as it likes with a connection once the request came."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname()[:2])
    finally:
        server.close()


def answer(body: bytes = PAGE, status: int = 200, **headers: str) -> Answer:
    async def handle(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            body=body, status=status, headers={"Content-Type": "text/plain"} | named
        )

    return handle
