"""A webhook receiver on loopback that answers as it is told, and a client session to reach it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from vigie.config import Channel


@dataclass
class Receiver:
    """Keeps what was posted; answers with `status`, `headers` and `text`."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    hang: bool = False
    hang_in_body: bool = False
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.got.append((request.headers, await request.read()))
        if self.hang:
            await self.stopped.wait()
        if self.hang_in_body:
            response = web.StreamResponse(status=self.status)
            await response.prepare(request)
            await self.stopped.wait()
            return response
        return web.Response(status=self.status, headers=self.headers, text=self.text)

    def channel(self, name: str = "oncall", **fields: Any) -> Channel:
        return Channel(name, "webhook", frozenset({"page", "notice"}), url=self.url, **fields)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    yield receiver
    receiver.stopped.set()
    await runner.cleanup()


@pytest.fixture
async def web_session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
