"""One GET of a page: bounded in time and in bytes, and every way to fail has its name.

Redirects come from targets and not from whoever wrote the configuration. So they take no
credentials to another host, and lead to no address at which a cloud tells a machine its secrets,
unless the target itself is at such an address.
"""

import asyncio
import errno
import socket
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from collectors.entry import Entry
from collectors.errors import FetchError
from collectors.http_body import (
    FREE_BYTES,
    OVER_LIMIT,
    Answer,
    Lease,
    Room,
    is_gzip,
    most_on_the_wire,
    unpacked,
)
from collectors.http_connection import CUT_SHORT, NO_ANSWER, NOT_HTTP, Heard, Refusal
from collectors.http_plain import NO_HOST, Connections, request_of
from collectors.lines import shortened
from collectors.metadata import is_metadata

__all__ = [
    "KEEPALIVE_S",
    "OVER_LIMIT",
    "Answer",
    "Client",
    "Lease",
    "Room",
    "is_gzip",
    "reason_for",
    "unpacked",
    "whole",
]

MAX_REDIRECTS = 10  # as Go's client, and so Prometheus, does
# aiohttp drops an idle connection after 15 s by default, sooner than the next scrape comes.
KEEPALIVE_S: Final = 900.0
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_UNTIMED: Final = aiohttp.ClientTimeout(total=None)  # `get` bounds the whole


class Client:
    """The connections of everything that fetches pages. Needs a running event loop.

    Where redirects lead has connections of its own, which reach no metadata address.
    """

    def __init__(self) -> None:
        self.session = _session(None)
        self._elsewhere = _session(_Checked())
        self._plain = Connections(KEEPALIVE_S)

    async def get(
        self,
        url: URL,
        entry: Entry,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        limit: int,
        lease: Lease | None = None,
    ) -> Answer:
        """The answer of `url` within a time for everything, redirects and tokens too.

        FetchError names why there is none; a body over `limit` is left unread. It comes as it was
        sent: `unpacked` decompresses.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(url, entry, headers, limit, lease)
        except (aiohttp.ClientError, OSError) as error:
            raise FetchError(reason_for(error)) from error

    async def close(self) -> None:
        self._plain.close()
        await self.session.close()
        await self._elsewhere.close()

    async def _follow(
        self,
        first: URL,
        entry: Entry,
        headers: Mapping[str, str],
        limit: int,
        lease: Lease | None,
    ) -> Answer:
        url, session, known = first, self.session, True
        own = await entry.headers()
        for _ in range(MAX_REDIRECTS):
            sent = {**headers, **own} if known else headers
            proxy = entry.proxy(url)
            request = request_of(url, sent) if proxy is None and session is self.session else None
            tls = entry.tls()
            if request is not None:
                heard = await self._plain.get(url, request, limit, lease)
            else:
                async with session.get(
                    url,
                    headers=sent,
                    ssl=tls,
                    server_hostname=entry.server_name if known else None,
                    proxy=proxy,
                    timeout=_UNTIMED,
                    allow_redirects=False,
                ) as response:
                    heard = await _heard(response, limit, lease)
            if isinstance(heard, Answer):
                return heard
            if heard.status == 401 and known:
                entry.refused()
            follows = entry.access.follow_redirects and heard.status in _REDIRECTS
            if not follows or not heard.location:
                raise FetchError(f"status {heard.status}")
            before, url = url, _joined(url, heard.location)
            if url.host == before.host:
                known = known and not (before.scheme == "https" and url.scheme == "http")
                continue
            known = False  # for good: whoever sends it back may have chosen the way
            if not is_metadata(first.host or ""):
                if is_metadata(url.host or ""):
                    raise FetchError(_REFUSED.format(shortened(url.host or "", 60)))
                session = self._elsewhere
        raise FetchError("too many redirects")


_REFUSED: Final = "redirect to {} refused: a metadata address"


class _Checked(ThreadedResolver):
    """Names that stand for no metadata address, whatever a name server says."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if any(is_metadata(one["host"]) for one in found):
            raise FetchError(_REFUSED.format(shortened(host, 60)))
        return found


def _session(resolver: ThreadedResolver | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, resolver=resolver),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _joined(url: URL, place: str) -> URL:
    """Where a Location leads, without the login that it may hold."""
    try:
        found = url.join(URL(place)).with_fragment(None)
    except ValueError as error:
        raise FetchError("redirect to a bad address") from error
    if found.scheme not in ("http", "https") or not found.host:
        raise FetchError("redirect to a bad address")
    return found.with_user(None)


async def _heard(response: aiohttp.ClientResponse, limit: int, lease: Lease | None) -> Heard:
    if response.status != 200:
        return Refusal(response.status, response.headers.get("Location", ""))
    compressed = is_gzip(response.headers.get("Content-Encoding", ""))
    raw = await whole(response, most_on_the_wire(limit, compressed=compressed), lease)
    return Answer(response.headers.get("Content-Type", ""), compressed, raw)


async def whole(response: aiohttp.ClientResponse, limit: int, lease: Lease | None = None) -> bytes:
    """The body; FetchError once it has over `limit` bytes, of which no more are kept."""
    if (response.content_length or 0) > limit:
        response.close()
        raise FetchError(OVER_LIMIT)
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            raise FetchError(OVER_LIMIT)
        if lease is not None and size > FREE_BYTES:
            lease.grow(size)
        chunks.append(chunk)
    return b"".join(chunks)


# The first that fits names the failure. TimeoutError is an OSError, and aiohttp's are both.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, NO_HOST),
    (socket.gaierror, NO_HOST),
    (aiohttp.TooManyRedirects, "too many redirects"),
    (aiohttp.InvalidURL, "bad address"),
    (aiohttp.ClientPayloadError, CUT_SHORT),
    (aiohttp.ServerDisconnectedError, NO_ANSWER),
    (aiohttp.ClientResponseError, NOT_HTTP),
)
_REASONS_BY_NUMBER = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
}


def reason_for(error: aiohttp.ClientError | OSError) -> str:
    """The name of a failure, for people. What aiohttp says is left out: it names addresses, whose
    parameters may be secrets.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"proxy: status {error.status}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"proxy: {_name_of(error, error.os_error)}"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return _name_of(error, cause)


def _name_of(error: Exception, cause: Exception) -> str:
    for kind, reason in _REASONS:
        if isinstance(error, kind) or isinstance(cause, kind):
            return reason
    if isinstance(cause, OSError) and cause.errno in _REASONS_BY_NUMBER:
        return _REASONS_BY_NUMBER[cause.errno]
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: {_first_line(error.certificate_error)}"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"tls: {_first_line(cause)}"
    said = cause.strerror if isinstance(cause, OSError) else None
    return said.lower()[:120] if said else type(error).__name__


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__
