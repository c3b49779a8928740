"""GETs over plain HTTP/1.1, on connections that are kept from one scrape to the next.

Most scrapes are such: no TLS, no proxy, one answer that comes in one piece. Here they cost half
of what aiohttp takes for them (docs/decisions/0019-a-plain-http-client-for-scrapes.md). Whatever is
not so plain is aiohttp's.
"""

import asyncio
import ipaddress
import re
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final

from aiohappyeyeballs import AddrInfoType, start_connection
from aiohttp.http import SERVER_SOFTWARE
from yarl import URL

from collectors.errors import FetchError
from collectors.http_body import Lease
from collectors.http_connection import NO_ANSWER, Connection, GoneError, Heard, Origin

# Between attempts at the addresses of one name: RFC 8305, 5.
_NEXT_ADDRESS_S: Final = 0.25
NO_HOST: Final = "no such host"
# Of a label at the end; what the resolver takes for an address, in any of the old spellings.
_IS_NUMBER = re.compile(r"(?:^|\.)[0-9][^.]*\.?$")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNLESS_SAID: Final = (("Accept", "*/*"), ("User-Agent", SERVER_SOFTWARE))


def request_of(url: URL, headers: Mapping[str, str]) -> bytes | None:
    """A GET as it is sent; None where it is not plain: another scheme, a login in the address, a
    host that is a number in disguise, a header that would be two.
    """
    host = url.host_port_subcomponent
    if url.scheme != "http" or not host or url.raw_user or url.raw_password:
        return None
    if not _is_address(url.raw_host or "") and _IS_NUMBER.search(url.raw_host or ""):
        return None
    named = {name.lower() for name in headers}
    said = [f"GET {url.raw_path_qs} HTTP/1.1"]
    said += [f"{name}: {value}" for name, value in headers.items()]
    said += [f"{name}: {value}" for name, value in _UNLESS_SAID if name.lower() not in named]
    if "host" not in named:
        said.append(f"Host: {host}")
    if any(map(_CONTROL.search, said)):
        return None
    return "\r\n".join([*said, "", ""]).encode()


class Connections:
    """Connections to servers of plain HTTP. Needs a running event loop.

    One that idles longer than `keepalive_s` is closed.
    """

    def __init__(self, keepalive_s: float) -> None:
        self._keepalive_s = keepalive_s
        self._idle: dict[Origin, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def get(self, url: URL, request: bytes, limit: int, lease: Lease | None) -> Heard:
        """What the server of `url` answers. FetchError or OSError name why there is nothing.

        A server may close a kept connection just when the request comes: then a new one is tried,
        once. Bounded in bytes by `limit`, and in time by whoever cancels it.
        """
        origin = _origin(url)
        kept = self._take(origin)
        if kept is not None:
            try:
                return await self._ask(kept, request, limit, lease)
            except GoneError:
                pass
        fresh = await self._connect(origin)
        try:
            return await self._ask(fresh, request, limit, lease)
        except GoneError as error:
            raise error.__cause__ or FetchError(NO_ANSWER) from error

    def idle(self, url: URL) -> list[Connection]:
        """The connections to the server of `url` that wait for a request."""
        return list(self._idle.get(_origin(url), ()))

    def close(self) -> None:
        """Close what idles; who still asks is to be cancelled."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connections in list(self._idle.values()):
            for connection in list(connections):
                connection.close()
        self._idle = {}

    async def _ask(
        self, connection: Connection, request: bytes, limit: int, lease: Lease | None
    ) -> Heard:
        try:
            heard = await connection.ask(request, limit, lease)
        except BaseException:  # out of time too: what still comes is for nobody
            connection.close()
            raise
        if connection.may_be_kept:
            self._keep(connection)
        else:
            connection.close()
        return heard

    async def _connect(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        found = await _addresses(*origin)
        sock = await start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS_S, loop=loop)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                lambda: Connection(origin, self._lost), sock=sock
            )
        except BaseException:
            sock.close()
            raise
        return connection

    def _take(self, origin: Origin) -> Connection | None:
        connections = self._idle.get(origin)
        if not connections:
            return None
        connection = connections.pop()
        if not connections:
            del self._idle[origin]
        return connection

    def _keep(self, connection: Connection) -> None:
        connection.rest(time.monotonic())
        self._idle.setdefault(connection.origin, []).append(connection)
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._keepalive_s, self._close_old)

    def _lost(self, connection: Connection) -> None:
        connections = self._idle.get(connection.origin, [])
        if connection in connections:
            connections.remove(connection)
            if not connections:
                del self._idle[connection.origin]

    def _close_old(self) -> None:
        self._sweep = None
        oldest = time.monotonic() - self._keepalive_s
        for connections in list(self._idle.values()):
            for connection in list(connections):
                if connection.idle_since <= oldest:
                    self._lost(connection)
                    connection.close()
        if self._idle:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._keepalive_s, self._close_old)


def _origin(url: URL) -> Origin:
    return url.raw_host or "", url.port or 80


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


async def _addresses(host: str, port: int) -> Sequence[AddrInfoType]:
    """Where a host is to be found; a name is looked up in a thread."""
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    stream = socket.SOCK_STREAM
    loop = asyncio.get_running_loop()
    try:
        with suppress(socket.gaierror):  # it is a name
            return socket.getaddrinfo(host, port, type=stream, flags=numeric)
        found = await loop.getaddrinfo(host, port, type=stream, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:  # a label is too long for DNS
        raise FetchError(NO_HOST) from error
    if not found:
        raise FetchError(NO_HOST)
    return found
