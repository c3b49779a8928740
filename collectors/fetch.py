"""One GET of a page: bounded in time and in bytes, and every way to fail has its name."""

import errno
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from collectors.errors import FetchError

MAX_REDIRECTS = 10  # as Go's client, and so Prometheus, does
OVER_LIMIT = "body over limit"
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200, as it came over the wire."""

    content_type: str
    compressed: bool
    raw: bytes


async def get(
    session: aiohttp.ClientSession,
    url: str | URL,
    *,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp keeps it, for the whole exchange
    limit: int,
) -> Answer:
    """The answer of `url`. FetchError names why there is none; a body over `limit` is left unread.

    The session must not decompress by itself; that is for `unpacked`.
    """
    try:
        async with session.get(
            url, headers=headers, timeout=timeout, max_redirects=MAX_REDIRECTS
        ) as response:
            if response.status != 200:
                raise FetchError(f"status {response.status}")
            compressed = is_gzip(response.headers.get("Content-Encoding", ""))
            # What cannot be compressed grows a little when gzip tries.
            raw = await whole(response, limit + limit // 1000 + 1024 if compressed else limit)
            return Answer(response.headers.get("Content-Type", ""), compressed, raw)
    except (aiohttp.ClientError, OSError) as error:
        raise FetchError(reason_for(error)) from error


def unpacked(answer: Answer, most: int) -> bytes | None:
    """The page; None when it has over `most` bytes, of which no more than `most` are unpacked."""
    if not answer.compressed:
        return answer.raw if len(answer.raw) <= most else None
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


async def whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            raise FetchError(OVER_LIMIT)
        chunks.append(chunk)
    return b"".join(chunks)


def is_gzip(encoding: str) -> bool:
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return False
    if named in ("gzip", "x-gzip"):
        return True
    raise FetchError(f"unasked content-encoding {named[:40]}")


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
    """The name of a failure, for people."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
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
    return said.lower() if said else _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__
