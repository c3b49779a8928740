"""One GET: what a failure is called, and what its name never holds."""

import asyncio
import errno

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from collectors import fetch
from collectors.access import HttpAccess
from collectors.entry import Entry
from collectors.errors import FetchError
from plugins.scraping import PAGE, answer, raw_server, web_server

KEY = ConnectionKey("a", 80, False, True, None, None, None)
REASONS = [
    (TimeoutError(), "timeout"),
    (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused"),
    (
        aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "No route to host")),
        "no route",
    ),
    (
        aiohttp.ClientProxyConnectionError(KEY, OSError(errno.ECONNREFUSED, "x")),
        "proxy: connection",
    ),
    (aiohttp.ClientPayloadError("cut"), "body cut short"),
    (aiohttp.ClientError("http://u:s3cret@proxy/?token=s3cret"), "ClientError"),
]


@pytest.mark.parametrize(("error", "reason"), REASONS)
def test_a_failure_has_a_short_name_of_ours(error: OSError, reason: str) -> None:
    said = fetch.reason_for(error)
    assert said.startswith(reason)
    assert "s3cret" not in said


async def get(url: str, access: HttpAccess, **more: float) -> fetch.Answer:
    client = fetch.Client()
    wanted = {"timeout_s": 5.0, "limit": 1000} | more
    try:
        entry = Entry(access, lambda: 0.0)
        return await client.get(URL(url), entry, headers={}, **wanted)  # type: ignore[arg-type]  # two numbers
    finally:
        await client.close()


async def test_a_size_that_is_said_beforehand_is_refused_before_it_is_read() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        await reader.read()  # no byte of the body ever comes

    async with raw_server(talk) as address:
        with pytest.raises(FetchError, match="body over limit"):
            await get(f"http://{address}/", HttpAccess())


async def test_files_that_cannot_be_used_are_named_before_anything_is_asked() -> None:
    async with web_server({"/metrics": answer()}) as address:
        url = f"http://{address}/metrics"
        with pytest.raises(FetchError, match="can't read /none: no such file"):
            await get(url, HttpAccess(credentials_file="/none"))
        assert (await get(url, HttpAccess())).raw == PAGE
