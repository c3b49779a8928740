"""The `http` step: GET one address and keep what it answers, for a person to read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from slo import windows

MAX_OUTPUT_BYTES = 64 * 1024
MAX_REDIRECTS = 5
_HEADERS = {
    "User-Agent": "vigie",
    "Accept": "text/plain, application/json, */*;q=0.5",
    # What is read is capped, so it must not be able to unfold into more.
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to; `error` is None when the answer was a 2xx. The output of a failed step
    is kept as far as it came.
    """

    output: str
    error: str | None


async def run(session: aiohttp.ClientSession, url: str, timeout_s: float) -> Outcome:
    """GET `url` within `timeout_s`, redirects included; never raises for what the address does.

    A redirect is followed only to the same scheme, host and port: the runbook names whom to ask.
    """
    output = bytearray()
    try:
        async with _get(session, url, timeout_s) as response:
            error = await _read(response, output)
    except _RefusedError as refused:
        return Outcome("", str(refused))
    except TimeoutError:
        return Outcome(_text(output), f"no answer within {windows.show(timeout_s)}")
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        return Outcome(_text(output), str(failure) or type(failure).__name__)
    return Outcome(_text(output), error)


class _RefusedError(Exception):
    """A redirect that is not followed."""


@asynccontextmanager
async def _get(
    session: aiohttp.ClientSession, address: str, timeout_s: float
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer after the redirects that are allowed, all within one time limit."""
    url = URL(address)
    async with asyncio.timeout(timeout_s):
        for _ in range(MAX_REDIRECTS + 1):
            async with session.get(
                url,
                headers=_HEADERS,
                allow_redirects=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response:
                target = response.headers.get("Location")
                if not 300 <= response.status < 400 or target is None:
                    yield response
                    return
                url = _followed(url, target, response.status)
    raise _RefusedError(f"more than {MAX_REDIRECTS} redirects")


def _followed(url: URL, target: str, status: int) -> URL:
    there = url.join(URL(target))
    if there.scheme not in ("http", "https") or there.origin() != url.origin():
        raise _RefusedError(f"status {status}, to {there}: not followed to another host")
    return there


async def _read(response: aiohttp.ClientResponse, output: bytearray) -> str | None:
    """Fill `output` with the body, as far as it may go; returns what is wrong with the answer."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        return f"the answer is encoded as {encoding}, though none was asked for"
    async for chunk in response.content.iter_any():
        output += chunk[: MAX_OUTPUT_BYTES - len(output)]
        if len(output) >= MAX_OUTPUT_BYTES:
            break
    return None if 200 <= response.status < 300 else f"status {response.status}"


def _text(output: bytearray) -> str:
    """Text that any database can keep; PostgreSQL refuses NUL."""
    text = output.decode("utf-8", "replace").replace("\x00", "�")
    return f"{text}\n[cut at 64 KB]" if len(output) >= MAX_OUTPUT_BYTES else text
