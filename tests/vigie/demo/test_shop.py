"""vigie.demo.shop: a replica that answers, counts, and fails as it is told."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fastapi import FastAPI

from vigie.demo.shop import FaultError, Faults, Replica, Shop, build, faults_from, replica_from

PAYMENTS = Replica("payments", 8101, seed=7)


async def ask(app: FastAPI, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
    """One request straight into the ASGI app: status and text."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    await app({**scope, "http_version": "1.1", "scheme": "http"}, receive, send)
    text = b"".join(message.get("body", b"") for message in sent)
    return int(sent[0]["status"]), text.decode()


def samples(page: str) -> dict[str, float]:
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_a_replica_counts_what_it_answers() -> None:
    app = build(PAYMENTS)
    for _ in range(3):
        assert await ask(app, "POST", "/pay") == (200, "ok")
    _, page = await ask(app, "GET", "/metrics")
    found = samples(page)
    assert found['http_requests_total{code="200",method="POST",route="/pay"}'] == 3
    assert found['http_request_duration_seconds_count{method="POST",route="/pay"}'] == 3
    assert found["http_requests_in_flight"] == 0
    assert found["process_start_time_seconds"] > 0


async def test_an_error_fault_fails_its_share_and_says_why() -> None:
    app = build(PAYMENTS)
    await ask(app, "POST", "/admin/faults", b'{"errors": 0.5}')
    codes = [(await ask(app, "POST", "/pay"))[0] for _ in range(200)]
    assert 70 < codes.count(500) < 130
    _, text = await ask(app, "GET", "/debug/errors")
    assert f"answered 200, errors {codes.count(500)}" in text
    assert "order store refused the write (injected: errors 0.5)" in text
    await ask(app, "POST", "/admin/faults", b"{}")
    assert (await ask(app, "POST", "/pay"))[0] == 200


async def test_the_same_seed_fails_the_same_orders() -> None:
    async def codes(seed: int) -> list[int]:
        shop = Shop(Replica("payments", 8101, seed=seed))
        shop.set_faults(Faults(errors=0.5))
        return [(await shop.answer("POST", "/pay"))[0] for _ in range(50)]

    assert await codes(1) == await codes(1)
    assert await codes(1) != await codes(2)


async def test_metrics_hang_with_a_replica_that_hangs_until_it_is_healed() -> None:
    shop = Shop(PAYMENTS)
    shop.set_faults(Faults(hang=True))
    hung = shop.while_hung()
    assert hung.send(None) is not None  # it waits
    shop.set_faults(Faults())
    with pytest.raises(StopIteration):
        hung.send(None)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"[]", 400, "send a JSON object"),
        (b'{"errors": 2}', 400, "errors is a share"),
        (b'{"errors": "x"}', 400, "could not convert"),
        (b'{"latency_ms": -1}', 400, "errors is a share"),
        (b'{"fire": true}', 400, "no fault ['fire']"),
        (b'{"latency_ms": 20, "errors": 0.1}', 200, "faults: errors 0.1, latency 20 ms"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(body: bytes, status: int, said: str) -> None:
    answered, text = await ask(build(PAYMENTS), "POST", "/admin/faults", body)
    assert answered == status
    assert said in text


def test_no_fault_is_the_default() -> None:
    assert faults_from({}) == Faults()
    with pytest.raises(FaultError):
        faults_from({"errors": 1.5})


@pytest.fixture
async def downstream() -> AsyncIterator[tuple[str, str]]:
    """Two replicas of the next service: one always answers 500, one 200."""

    async def fail(_: web.Request) -> web.Response:
        return web.Response(status=500)

    async def serve(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/bad", fail)
    app.router.add_post("/good", serve)
    async with TestServer(app) as server:
        yield str(server.make_url("/bad")), str(server.make_url("/good"))


async def answers(*urls: str) -> list[int]:
    replica = Replica("checkout", 8103, downstream=urls)
    shop = Shop(replica)
    async with shop.running(build(replica)):
        return [(await shop.answer("POST", "/checkout"))[0] for _ in range(6)]


async def test_a_caller_tries_another_replica_once(downstream: tuple[str, str]) -> None:
    bad, good = downstream
    assert await answers(bad, good) == [200] * 6
    assert await answers(bad, bad) == [502] * 6


async def test_a_replica_that_is_gone_is_an_error_of_the_caller(
    downstream: tuple[str, str],
) -> None:
    gone = "http://127.0.0.1:1/pay"
    assert await answers(gone) == [502] * 6
    assert await answers(gone, downstream[1]) == [200] * 6


def test_the_command_line_describes_a_replica() -> None:
    given = ["--name", "checkout", "--port", "8103", "--downstream", "http://a/pay,http://b/pay"]
    replica = replica_from([*given, "--zone", "b", "--seed", "3"])
    assert replica == Replica("checkout", 8103, "b", ("http://a/pay", "http://b/pay"), 3)
    assert replica_from(given).zone == "a"


def test_a_replica_loads_little() -> None:
    script = "import sys, vigie.demo.shop; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "polars", "sqlalchemy", "rich", "typer", "slo", "collectors"}
    assert heavy.isdisjoint(done.stdout.split())
