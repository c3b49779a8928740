"""vigie.demo.tracing: spans say what a replica answered, and none is lost in silence."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from collectors.otlp.receiver import Otlp
from vigie.demo import tracing
from vigie.demo.shop import Faults, Replica, Shop, build
from vigie.demo.tracing import SERVER, Tracing

NOW = 1_790_000_000.0


@dataclass
class Taker:
    """A server that takes spans: first with these statuses, then as Vigie does."""

    otlp: Otlp = field(default_factory=lambda: Otlp(NOW))
    statuses: list[int] = field(default_factory=list)
    url: str = ""
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # told what becomes of spans

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.statuses:
            status = self.statuses.pop(0)
            if status == HTTPStatus.BAD_REQUEST:
                self.settled.set()
            return web.Response(status=status)
        self.settled.set()
        reply = self.otlp.traces(body, request.headers["Content-Type"], "", NOW)
        return web.Response(status=reply.status, body=reply.body)


@pytest.fixture
async def taker() -> AsyncIterator[Taker]:
    taker = Taker()
    app = web.Application()
    app.router.add_post("/v1/traces", taker.take)
    async with TestServer(app) as server:
        taker.url = str(server.make_url("/"))
        yield taker


async def answered(replica: Replica, orders: int, faults: Faults) -> Shop:
    """A replica that has answered so many orders and is gone."""
    shop = Shop(replica)
    shop.set_faults(faults)
    async with shop.running(build(replica)):
        await asyncio.gather(*(shop.answer("POST", "/pay") for _ in range(orders)))
    return shop


def dropped(shop: Shop) -> float:
    return shop.meters.registry.get_sample_value("demo_spans_dropped_total") or 0.0


async def test_every_order_is_a_span_once_the_replica_has_said_goodbye(taker: Taker) -> None:
    await answered(Replica("payments", 1, otlp=taker.url), 1200, Faults(errors=1.0))
    (found,) = taker.otlp.pages(NOW + 1, {"payments/spans": NOW})
    labels = 'service_name="payments",span_kind="SPAN_KIND_SERVER",span_name="POST /pay"'
    calls = f'traces_span_metrics_calls_total{{{labels},status_code="STATUS_CODE_ERROR"}} 1200\n'
    assert calls in found.body.decode()


async def test_a_call_is_one_edge_of_the_graph(taker: Taker) -> None:
    payments = Shop(Replica("payments", 1, otlp=taker.url))
    app = web.Application()

    async def pay(request: web.Request) -> web.Response:
        code, _ = await payments.answer("POST", "/pay", request.headers["traceparent"])
        return web.Response(status=code)

    app.router.add_post("/pay", pay)
    async with TestServer(app) as server, payments.running(build(payments.replica)):
        url = str(server.make_url("/pay"))
        await answered(Replica("checkout", 2, downstream=(url,), otlp=taker.url), 3, Faults())
    found = {(e.client, e.server): e.requests for e in taker.otlp.graph(NOW).edges}
    assert found == {("user", "checkout"): 3, ("checkout", "payments"): 3}


@pytest.mark.parametrize(
    ("statuses", "lost"),
    [([], 0), ([HTTPStatus.SERVICE_UNAVAILABLE], 0), ([HTTPStatus.BAD_REQUEST], 5)],
)
async def test_spans_wait_for_a_server_that_is_busy_and_are_counted_where_it_refuses(
    taker: Taker, statuses: list[int], lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "EVERY_S", 0.01)
    taker.statuses, taker.settled = [*statuses], asyncio.Event()
    registry = CollectorRegistry()
    sender = Tracing("payments", taker.url, registry)
    for _ in range(5):
        sender.end(sender.begin("POST /pay", SERVER), 200, 0.1)
    async with aiohttp.ClientSession() as client:
        sending = asyncio.create_task(sender.run(client))
        await asyncio.wait_for(taker.settled.wait(), 30)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert taker.otlp.counts().spans == 5 - lost
    assert registry.get_sample_value("demo_spans_dropped_total") == lost


async def test_spans_that_nobody_takes_are_bounded_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "WAITING", 10)
    nobody = Replica("payments", 1, otlp="http://127.0.0.1:1")
    shop = await answered(nobody, 25, Faults())
    assert dropped(shop) == 15


async def test_a_replica_that_is_told_nothing_sends_nothing() -> None:
    shop = await answered(Replica("payments", 1), 3, Faults())
    assert shop.meters.registry.get_sample_value("demo_spans_dropped_total") is None
