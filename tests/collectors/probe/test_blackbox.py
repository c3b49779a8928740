"""Asking a blackbox_exporter at another place, and what it may answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from collectors.probe import blackbox
from collectors.probe.attempt import attempt_from
from collectors.probe.model import MAX_PAGE, HttpOptions, Location, Probe, ProbeTarget
from collectors.probe.readings import Result

URL = "https://shop.example/a?b=c&d"
PROBE = Probe("front", "shop", (ProbeTarget(URL),), HttpOptions(), timeout_s=3.0)
GOOD = "# TYPE probe_success gauge\nprobe_success 1\nprobe_ssl_earliest_cert_expiry 1.8e+09\n"


@asynccontextmanager
async def exporter(text: str, status: int = 200) -> AsyncIterator[tuple[str, list[web.Request]]]:
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(text=text, status=status)

    app = web.Application()
    app.router.add_get("/base/probe", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/base/", asked
    await runner.cleanup()


async def asked_of(base: str) -> Result:
    async with aiohttp.ClientSession() as session:
        return await attempt_from(PROBE, URL, Location("oslo", base, "http_2xx"), session)


async def test_its_page_is_taken_as_it_is() -> None:
    async with exporter(GOOD) as (base, asked):
        got = await asked_of(base)
    assert (got.success, got.reason, got.page) == (True, "", GOOD.encode())
    assert got.expires_at == 1.8e9
    assert dict(asked[0].query) == {"target": URL, "module": "http_2xx"}
    assert asked[0].headers["X-Prometheus-Scrape-Timeout-Seconds"] == "3.0"


async def test_its_failure_is_the_targets() -> None:
    async with exporter("probe_success 0") as (base, _):
        got = await asked_of(base)
    assert (got.success, got.page) == (False, b"probe_success 0\n")
    assert got.reason == f"{base} says so"


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("Unknown module", 400, "status 400"),
        ("hello", 200, "its page has no probe_success"),
        ("probe_success yes\n", 200, "its page has no probe_success"),
        ("x" * (MAX_PAGE + 1), 200, "page over limit"),
    ],
)
async def test_what_is_no_result_says_nothing_about_the_target(
    text: str, status: int, reason: str
) -> None:
    async with exporter(text, status) as (base, _):
        got = await asked_of(base)
    assert (got.success, got.reason, got.page) == (None, f"{base}: {reason}", b"")


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("http://127.0.0.1:9", "connection refused"),
        ("http://no.such.host.invalid", "no such host"),
    ],
)
async def test_an_exporter_that_is_not_there_says_nothing_about_the_target(
    base: str, reason: str
) -> None:
    got = await asked_of(base)
    assert (got.success, got.reason) == (None, f"{base}: {reason}")


def test_no_certificate_is_no_date() -> None:
    assert blackbox.expires_at(b"probe_ssl_earliest_cert_expiry -6.2135596e+10\n") is None
    assert blackbox.expires_at(b"probe_success 1\n") is None
