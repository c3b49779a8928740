"""One GET of a page: bounded in time and in bytes, and every way to fail has its name.

Redirects come from targets and not from whoever wrote the configuration. So they take no
credentials to another host, and lead to no address at which a cloud tells a machine its secrets,
unless the target itself is at such an address.
"""

import asyncio
import errno
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from collectors.entry import Entry
from collectors.errors import FetchError
from collectors.lines import shortened
from collectors.metadata import is_metadata

MAX_REDIRECTS = 10  # as Go's client, and so Prometheus, does
OVER_LIMIT = "body over limit"
# aiohttp drops an idle connection after 15 s by default, sooner than the next scrape comes.
KEEPALIVE_S: Final = 900.0
FREE_BYTES: Final = 1_000_000  # of a body that nobody counts
ROOM_BYTES: Final = 128_000_000  # of all bodies beyond that
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_UNTIMED: Final = aiohttp.ClientTimeout(total=None)  # `get` bounds the whole
_GZIP = 16 + zlib.MAX_WBITS
_MOST_RATIO = 1032  # of deflate, by its format


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200, as it came over the wire."""

    content_type: str
    compressed: bool
    raw: bytes


class Room:
    """The memory that large bodies may take together, until they are read.

    Small ones are free: a target that sends much must not keep others from being scraped.
    """

    def __init__(self, size: int = ROOM_BYTES) -> None:
        self._left = size

    @contextmanager
    def lease(self) -> Iterator["Lease"]:
        """Room for one body, given back at the end."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self._left += lease.taken

    def take(self, size: int) -> bool:
        """Whether there was so much left; then it is taken."""
        if size > self._left:
            return False
        self._left -= size
        return True


class Lease:
    """What one body takes."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def grow(self, size: int) -> None:
        """The body has `size` bytes now. FetchError: there is no room for it."""
        more = size - FREE_BYTES - self.taken
        if more <= 0:
            return
        if not self._room.take(more):
            raise FetchError("too many large pages at once")
        self.taken += more


class Client:
    """The connections of everything that fetches pages. Needs a running event loop.

    Where redirects lead has connections of its own, which reach no metadata address.
    """

    def __init__(self) -> None:
        self.session = _session(None)
        self._elsewhere = _session(_Checked())

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
            async with session.get(
                url,
                headers={**headers, **own} if known else headers,
                ssl=entry.tls(),
                server_hostname=entry.server_name if known else None,
                proxy=entry.proxy(url),
                timeout=_UNTIMED,
                allow_redirects=False,
            ) as response:
                if response.status == 200:
                    return await _answer(response, limit, lease)
                if response.status == 401 and known:
                    entry.refused()
                place = response.headers.get("Location", "")
                follows = entry.access.follow_redirects and response.status in _REDIRECTS
                if not follows or not place:
                    raise FetchError(f"status {response.status}")
            before, url = url, _joined(url, place)
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


async def _answer(response: aiohttp.ClientResponse, limit: int, lease: Lease | None) -> Answer:
    compressed = is_gzip(response.headers.get("Content-Encoding", ""))
    # What cannot be compressed grows a little when gzip tries.
    most = limit + limit // 1000 + 1024 if compressed else limit
    raw = await whole(response, most, lease)
    return Answer(response.headers.get("Content-Type", ""), compressed, raw)


def unpacked(answer: Answer, most: int) -> bytes | None:
    """The page; None when it has over `most` bytes, of which no more than `most` are unpacked."""
    if not answer.compressed:
        return answer.raw if len(answer.raw) <= most else None
    if most < _said_size(answer.raw) <= len(answer.raw) * _MOST_RATIO:
        return None  # a bomb that admits it needn't be unpacked up to its limit at every scrape
    stream = zlib.decompressobj(_GZIP)
    try:
        page = stream.decompress(answer.raw, most + 1)
    except zlib.error as error:
        raise FetchError("bad gzip") from error
    if len(page) > most:
        return None
    if not stream.eof:
        raise FetchError("truncated gzip")
    if stream.unused_data:
        raise FetchError("bad gzip: bytes after its end")
    return page


def _said_size(raw: bytes) -> int:
    """The size that gzip's last four bytes give (RFC 1952, 2.3.1); noise where they are cut off."""
    return int.from_bytes(raw[-4:], "little")


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


def is_gzip(encoding: str) -> bool:
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return False
    if named in ("gzip", "x-gzip"):
        return True
    raise FetchError(f"unasked content-encoding {shortened(named, 40)}")


# The first that fits names the failure. TimeoutError is an OSError, and aiohttp's are both.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, "no such host"),
    (aiohttp.TooManyRedirects, "too many redirects"),
    (aiohttp.InvalidURL, "bad address"),
    (aiohttp.ClientPayloadError, "body cut short"),
    (aiohttp.ServerDisconnectedError, "connection closed without an answer"),
    (aiohttp.ClientResponseError, "not an HTTP answer"),
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
