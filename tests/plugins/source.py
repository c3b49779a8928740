"""A server that speaks the Prometheus API as a test tells it to, refusals included."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from components import free_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(result: list[object], kind: str = "vector", **beside: object) -> web.Response:
    data = {"resultType": kind, "result": result}
    return web.json_response({"status": "success", "data": data, **beside})


def replies(status: int = 200, **options: object) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status, **options)

    return handle


def answers(result: list[object], kind: str = "vector", **beside: object) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return answer(result, kind, **beside)

    return handle


async def hangs(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


class Fake:
    """A server that speaks as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.handle: Handler = answers([])
        self.asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self._came = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        params = {**request.query, **form}
        self.asked.append((request.method, request.path, params, dict(request.headers)))
        self._came.set()
        return await self.handle(request)

    async def asked_again(self, count: int) -> None:
        """Return once it was asked more than `count` times."""
        while len(self.asked) <= count:
            self._came.clear()
            await self._came.wait()


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.01)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.fixture
def fake() -> Fake:
    return Fake()
