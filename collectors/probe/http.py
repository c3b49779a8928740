"""The HTTP prober: one request on a new connection, redirects and all.

Metrics and conditions: blackbox_exporter, prober/http.go.
"""

import asyncio
import time
import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from collectors.probe import network
from collectors.probe.errors import ProbeFailed
from collectors.probe.model import HeaderMatch, HttpOptions
from collectors.probe.network import Entry
from collectors.probe.patterns import search
from collectors.probe.readings import FAILED_BY_REGEX, Readings

PHASES: Final = "probe_http_duration_seconds"
MAX_REDIRECTS: Final = 10
INLINE_BYTES: Final = 100_000  # a larger body is searched by a thread, so that nobody waits for it
_REDIRECTS: Final = (301, 302, 303, 307, 308)
# What may follow a redirect to another origin.
_HARMLESS_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-type", "user-agent"}
)
_PLAIN_ENCODINGS: Final = ("", "identity")
_ZIPPED: Final = ("gzip", "x-gzip", "deflate")
_ANY_ZIP: Final = 32 + zlib.MAX_WBITS


async def probe(address: str, options: HttpOptions, entry: Entry, readings: Readings) -> None:
    """Ask a URL (one without a scheme is http). ProbeFailed names the condition that is not met."""
    readings.phases(PHASES, "resolve", "connect", "tls", "processing", "transfer")
    for name in ("redirects", "ssl", "status_code", "content_length", "version"):
        readings.set(f"probe_http_{name}", 0)
    readings.set("probe_http_uncompressed_body_length", 0)
    readings.set(FAILED_BY_REGEX, 0)
    url = _url(address)
    headers = {"Accept-Encoding": "identity", **options.headers}
    credentials = await network.headers_of(entry)
    connector = _Connector(options, url, entry, readings)
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session:
            await _ask(session, url, options, {**headers, **credentials}, readings)
    except aiohttp.ClientError as error:
        raise ProbeFailed(_named(error)) from error


async def _ask(
    session: aiohttp.ClientSession,
    url: URL,
    options: HttpOptions,
    headers: Mapping[str, str],
    readings: Readings,
) -> None:
    """Ask, follow redirects, and judge the last answer."""
    method, body, origin = options.method, options.body or None, url.origin()
    for hop in range(MAX_REDIRECTS + 1):
        foreign = url.origin() != origin
        async with session.request(
            method,
            url,
            headers=_for_others(headers) if foreign else headers,
            data=body,
            allow_redirects=False,
        ) as response:
            connected = _connector(session).ready_at
            readings.add(PHASES, time.monotonic() - connected, phase="processing")
            target = response.headers.get("Location", "")
            if response.status not in _REDIRECTS or not target:
                return await _judge(response, url, options, readings)
            readings.set("probe_http_redirects", hop + 1)
            if not options.follow_redirects or hop == MAX_REDIRECTS:
                return await _judge(response, url, options, readings)
            url = _redirected(url, target)
            if response.status <= 303 and method not in ("GET", "HEAD"):
                method, body = "GET", None
    raise AssertionError("the last redirect is judged")


class _Connector(aiohttp.BaseConnector):
    """Connections of one attempt, each new, in phases that are timed one by one.

    aiohttp's own connector can't: its traces tell connecting and TLS as one.
    """

    def __init__(self, options: HttpOptions, first: URL, entry: Entry, readings: Readings) -> None:
        super().__init__(force_close=True)
        self._options, self._first, self._entry, self._readings = options, first, entry, readings
        self._near = False  # the first address was link-local itself: someone asked for it
        self._hops = 0
        self.ready_at = 0.0

    # The one method that a connector of aiohttp must have: as its UnixConnector does.
    async def _create_connection(
        self,
        req: Any,
        traces: list[Any],  # noqa: ARG002 - aiohttp gives it
        timeout: aiohttp.ClientTimeout,  # noqa: ARG002, ASYNC109 - whoever calls sets one
    ) -> ResponseHandler:
        url: URL = req.url
        readings = self._readings
        with readings.timing(PHASES, "resolve"):
            address = await network.resolve(
                url.host or "", url.port or 0, self._options.ip, readings
            )
        self._check(address)
        with readings.timing(PHASES, "connect"):
            sock = await network.connect(address)
        protocol = await self._protocol(sock, url)
        self.ready_at = time.monotonic()
        return protocol

    async def _protocol(self, sock: Any, url: URL) -> ResponseHandler:
        loop = asyncio.get_running_loop()
        readings = self._readings
        try:
            if url.scheme != "https":
                readings.set("probe_http_ssl", 0)
                readings.drop(*network.TLS_NAMES)
                return (await loop.create_connection(self._factory, sock=sock))[1]
            named = self._options.access.tls.server_name
            name = named if named and url.host == self._first.host else url.host
            context = network.context_of(self._entry)
            with readings.timing(PHASES, "tls"):
                transport, protocol = await loop.create_connection(
                    self._factory, sock=sock, ssl=context, server_hostname=name
                )
        except OSError as error:
            sock.close()
            raise ProbeFailed(network.reason_for(error)) from error
        except BaseException:  # whatever it was goes on: only the socket is ours to close
            sock.close()
            raise
        readings.set("probe_http_ssl", 1)
        network.read_tls(transport.get_extra_info("ssl_object"), readings)
        return protocol

    def _check(self, address: network.Address) -> None:
        """A redirect must not lead to where machines are told their secrets."""
        self._hops += 1
        if self._hops == 1:
            self._near = address.is_link_local
        elif address.is_link_local and not self._near:
            raise ProbeFailed("redirect to a link-local address, not followed")


def _connector(session: aiohttp.ClientSession) -> _Connector:
    assert isinstance(session.connector, _Connector)
    return session.connector


async def _judge(
    response: aiohttp.ClientResponse, url: URL, options: HttpOptions, readings: Readings
) -> None:
    """Hold an answer against the conditions; ProbeFailed names the first that is not met."""
    version = response.version
    readings.set("probe_http_status_code", response.status)
    length = response.headers.get("Content-Length", "")
    readings.set("probe_http_content_length", int(length) if length.isdigit() else -1)
    readings.set("probe_http_version", version.major + version.minor / 10 if version else 0)
    _read_modified(response.headers.get("Last-Modified", ""), readings)
    begun = time.monotonic()
    try:
        body = await _body(response, options, readings)
    finally:
        readings.add(PHASES, time.monotonic() - begun, phase="transfer")
    _check_status(response.status, options)
    _check_headers(response, options)
    if options.fail_if_body_matches or options.fail_if_body_not_matches:
        encoding = response.charset or "utf-8"
        await _in_thread_if_large(body, encoding, options)
    spelt = f"HTTP/{version.major}.{version.minor}" if version else ""
    if options.valid_http_versions and spelt not in options.valid_http_versions:
        raise ProbeFailed(f"version {spelt}")
    if options.fail_if_ssl and url.scheme == "https":
        raise ProbeFailed("answered over TLS")
    if options.fail_if_not_ssl and url.scheme != "https":
        raise ProbeFailed("not answered over TLS")


async def _body(
    response: aiohttp.ClientResponse, options: HttpOptions, readings: Readings
) -> bytes:
    """The body, unpacked; empty where no condition needs it. It is read to its end in any case."""
    keep = bool(options.fail_if_body_matches or options.fail_if_body_not_matches)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    unzip = zlib.decompressobj(_ANY_ZIP) if encoding in _ZIPPED else None
    if keep and unzip is None and encoding not in _PLAIN_ENCODINGS:
        raise ProbeFailed(f"unasked content-encoding {encoding[:40]}")
    size, chunks, limit = 0, [], options.body_size_limit
    async for chunk in response.content.iter_any():
        try:
            plain = unzip.decompress(chunk, limit + 1 - size) if unzip else chunk
        except zlib.error as error:
            raise ProbeFailed(f"bad {encoding}") from error
        size += len(plain)
        if size > limit:
            response.close()
            raise ProbeFailed("body over limit")
        if keep:
            chunks.append(plain)
    readings.set("probe_http_uncompressed_body_length", size)
    return b"".join(chunks)


def _check_status(status: int, options: HttpOptions) -> None:
    valid = options.valid_status_codes
    if status not in valid if valid else not 200 <= status < 300:
        too_many = status in _REDIRECTS and options.follow_redirects
        raise ProbeFailed("too many redirects" if too_many else f"status {status}")


def _check_headers(response: aiohttp.ClientResponse, options: HttpOptions) -> None:
    for rule in options.fail_if_header_matches:
        values = _values(response, rule)
        if any(search(rule.regexp, value) for value in values):
            raise ProbeFailed(f"header {rule.header} matches `{rule.regexp}`", by_regex=True)
    for rule in options.fail_if_header_not_matches:
        values = _values(response, rule)
        if values and not any(search(rule.regexp, value) for value in values):
            reason = f"header {rule.header} does not match `{rule.regexp}`"
            raise ProbeFailed(reason, by_regex=True)


def _values(response: aiohttp.ClientResponse, rule: HeaderMatch) -> list[str]:
    values = response.headers.getall(rule.header, [])
    if not values and not rule.allow_missing:
        raise ProbeFailed(f"no header {rule.header}", by_regex=True)
    return list(values)


async def _in_thread_if_large(body: bytes, encoding: str, options: HttpOptions) -> None:
    if len(body) <= INLINE_BYTES:
        _check_body(body, encoding, options)
    else:
        await asyncio.to_thread(_check_body, body, encoding, options)


def _check_body(body: bytes, encoding: str, options: HttpOptions) -> None:
    try:
        text = body.decode(encoding, errors="replace")
    except LookupError:  # a charset that Python doesn't know
        text = body.decode(errors="replace")
    for pattern in options.fail_if_body_matches:
        if search(pattern, text):
            raise ProbeFailed(f"body matches `{pattern}`", by_regex=True)
    for pattern in options.fail_if_body_not_matches:
        if not search(pattern, text):
            raise ProbeFailed(f"body does not match `{pattern}`", by_regex=True)


def _read_modified(text: str, readings: Readings) -> None:
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    readings.set("probe_http_last_modified_timestamp_seconds", moment)


def _url(address: str) -> URL:
    text = address if address.startswith(("http://", "https://")) else f"http://{address}"
    try:
        url = URL(text)
        url.origin()
    except ValueError as error:
        raise ProbeFailed(f"bad address `{address}`") from error
    return url


def _redirected(url: URL, location: str) -> URL:
    try:
        target = url.join(URL(location))
        target.origin()
    except ValueError as error:
        raise ProbeFailed("redirect to a bad address") from error
    if target.scheme not in ("http", "https"):
        raise ProbeFailed(f"redirect to {target.scheme}, not followed")
    return target


def _for_others(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers for another origin: any that Vigie doesn't know may hold a secret."""
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS_HEADERS}


def _named(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "body cut short"
    if isinstance(error, aiohttp.ClientResponseError):
        return "not an HTTP answer"
    if isinstance(error, OSError):
        return network.reason_for(error)
    return type(error).__name__
