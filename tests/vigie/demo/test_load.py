"""vigie.demo.load: a steady stream of orders that can be repeated."""

import asyncio
from itertools import islice

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vigie.demo.load import Load, load_from, pauses, run


def test_the_same_seed_makes_the_same_pauses() -> None:
    first = list(islice(pauses(Load(("a",), rate=50, seed=1)), 1000))
    assert first == list(islice(pauses(Load(("a",), rate=50, seed=1)), 1000))
    assert first != list(islice(pauses(Load(("a",), rate=50, seed=2)), 1000))


def test_pauses_come_to_the_rate() -> None:
    assert sum(islice(pauses(Load(("a",), rate=50)), 5000)) == pytest.approx(100, rel=0.05)


async def test_orders_go_round_robin_whatever_they_are_answered() -> None:
    came: list[str] = []
    enough = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        came.append(request.path)
        if len(came) == 20:
            enough.set()
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/{name}", take)
    async with TestServer(app) as server:
        urls = (str(server.make_url("/a")), str(server.make_url("/b")), "http://127.0.0.1:1/gone")
        orders = asyncio.create_task(run(Load(urls, rate=1000)))
        await enough.wait()
        orders.cancel()
        with pytest.raises(asyncio.CancelledError):
            await orders
    assert abs(came.count("/a") - came.count("/b")) <= 2


def test_the_command_line_describes_a_load() -> None:
    given = load_from(["--urls", "http://a,http://b", "--rate", "5", "--seed", "2"])
    assert given == Load(("http://a", "http://b"), 5.0, 2)
