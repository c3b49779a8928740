"""The http step against a real server on loopback."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from runbooks.steps.http import MAX_OUTPUT_BYTES, run


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = web.Application()
    hang = asyncio.Event()

    async def headers(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Accept-Encoding"])

    async def large(request: web.Request) -> web.Response:
        return web.Response(text="x" * (MAX_OUTPUT_BYTES + 1))

    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=503, text="pool is empty")

    async def nul(request: web.Request) -> web.Response:
        return web.Response(body=b"a\x00b\xff")

    async def packed(request: web.Request) -> web.Response:
        return web.Response(body=b"...", headers={"Content-Encoding": "gzip"})

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first line\n")
        await hang.wait()
        return response

    async def circle(request: web.Request) -> web.Response:
        raise web.HTTPFound("/circle")

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    for path, handler in {
        "/headers": headers,
        "/large": large,
        "/broken": broken,
        "/nul": nul,
        "/packed": packed,
        "/slow": slow,
        "/circle": circle,
        "/away": away,
    }.items():
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    hang.set()
    await runner.cleanup()


async def test_the_answer_is_the_output(session: aiohttp.ClientSession, address: str) -> None:
    outcome = await run(session, f"{address}/headers", 5.0)
    assert (outcome.output, outcome.error) == ("identity", None)


async def test_output_is_cut_at_64_kb(session: aiohttp.ClientSession, address: str) -> None:
    outcome = await run(session, f"{address}/large", 5.0)
    assert outcome.output == "x" * MAX_OUTPUT_BYTES + "\n[cut at 64 KB]"
    assert outcome.error is None


async def test_what_an_error_page_says_is_kept(
    session: aiohttp.ClientSession, address: str
) -> None:
    outcome = await run(session, f"{address}/broken", 5.0)
    assert (outcome.output, outcome.error) == ("pool is empty", "status 503")


async def test_output_is_text_that_a_database_can_keep(
    session: aiohttp.ClientSession, address: str
) -> None:
    assert (await run(session, f"{address}/nul", 5.0)).output == "a\ufffdb\ufffd"


async def test_a_packed_answer_is_not_unpacked(
    session: aiohttp.ClientSession, address: str
) -> None:
    outcome = await run(session, f"{address}/packed", 5.0)
    assert outcome.output == ""
    assert outcome.error == "the answer is encoded as gzip, though none was asked for"


async def test_a_hanging_address_is_given_up_and_what_came_is_kept(
    session: aiohttp.ClientSession, address: str
) -> None:
    outcome = await run(session, f"{address}/slow", 0.2)
    assert (outcome.output, outcome.error) == ("first line\n", "no answer within 200ms")


async def test_a_redirect_on_the_same_host_is_followed(
    session: aiohttp.ClientSession, address: str
) -> None:
    assert (await run(session, f"{address}/away?to=/headers", 5.0)).output == "identity"


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest", "http://localhost:1/", "file:///etc/passwd"]
)
async def test_a_redirect_elsewhere_is_refused(
    session: aiohttp.ClientSession, address: str, to: str
) -> None:
    outcome = await run(session, f"{address}/away?to={to}", 5.0)
    assert outcome.output == ""
    assert outcome.error == f"status 302, to {to}: not followed to another host"


async def test_a_redirect_in_a_circle_ends(session: aiohttp.ClientSession, address: str) -> None:
    assert (await run(session, f"{address}/circle", 5.0)).error == "more than 5 redirects"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://", "nonsense", "http://[::1"])
async def test_an_address_that_nobody_serves_is_an_error_with_a_reason(
    session: aiohttp.ClientSession, url: str
) -> None:
    outcome = await run(session, url, 5.0)
    assert outcome.output == ""
    assert outcome.error
