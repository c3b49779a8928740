"""Connections of plain HTTP: kept, lost, tried once more, closed; and what is asked over them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from collectors.errors import FetchError
from collectors.http_body import Answer
from collectors.http_connection import Heard, Refusal
from collectors.http_plain import Connections, request_of

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
ABC = Answer("", compressed=False, raw=b"abc")


class Server:
    """Answers each request of a connection in the way that the connection's number says."""

    def __init__(self, *answers: list[bytes]) -> None:
        self._answers = answers
        self._connected = 0
        self.asked: list[int] = []
        self.closed: asyncio.Queue[int] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self._connected = self._connected, self._connected + 1
        try:
            for answer in self._answers[number]:
                await reader.readuntil(b"\r\n\r\n")
                self.asked.append(number)
                writer.write(answer)
            if self._answers[number][-1].endswith(b"abc"):
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.closed.put_nowait(number)


@asynccontextmanager
async def listening(server: Server, host: str = "127.0.0.1") -> AsyncIterator[URL]:
    made = await asyncio.start_server(server.serve, host, 0)
    port = made.sockets[0].getsockname()[1]
    try:
        yield URL.build(scheme="http", host=host, port=port, path="/metrics")
    finally:
        made.close()


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    made = Connections(60.0)
    yield made
    made.close()


async def get(connections: Connections, url: URL, limit: int = 1000) -> Heard:
    request = request_of(url, {})
    assert request is not None
    async with asyncio.timeout(5):
        return await connections.get(url, request, limit, None)


async def test_a_connection_serves_one_request_after_another(connections: Connections) -> None:
    server = Server([WHOLE] * 3)
    async with listening(server) as url:
        assert [await get(connections, url) for _ in range(3)] == [ABC] * 3
    assert server.asked == [0, 0, 0]


async def test_requests_at_once_have_a_connection_each(connections: Connections) -> None:
    server = Server([WHOLE], [WHOLE])
    async with listening(server) as url:
        first, second = await asyncio.gather(get(connections, url), get(connections, url))
    assert first == second == ABC
    assert sorted(server.asked) == [0, 1]


@pytest.mark.parametrize("noticed", [True, False], ids=["while it idles", "by the request"])
async def test_a_kept_connection_that_the_server_closed_fails_nobody(
    connections: Connections, noticed: bool
) -> None:
    # The first connection ends with its second request, unanswered, or before it comes.
    server = Server([WHOLE, b""], [WHOLE])
    async with listening(server) as url:
        assert await get(connections, url) == ABC
        if noticed:
            (idle,) = connections.idle(url)
            idle.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")  # nobody asked
            await server.closed.get()
        assert await get(connections, url) == ABC
    assert server.asked == ([0, 1] if noticed else [0, 0, 1])


async def test_a_new_connection_that_is_closed_is_not_tried_again(
    connections: Connections,
) -> None:
    server = Server([b""], [WHOLE])
    async with listening(server) as url:
        with pytest.raises(FetchError, match="connection closed without an answer"):
            await get(connections, url)
    assert server.asked == [0]


async def test_half_an_answer_is_not_asked_for_again(connections: Connections) -> None:
    server = Server([WHOLE, WHOLE[:-1]], [WHOLE])
    async with listening(server) as url:
        assert await get(connections, url) == ABC
        with pytest.raises(FetchError, match="body cut short"):
            await get(connections, url)
    assert server.asked == [0, 0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nabc",
    ],
)
async def test_a_connection_with_something_left_on_it_is_closed(
    connections: Connections, answer: bytes
) -> None:
    server = Server([answer])
    async with listening(server) as url:
        try:
            await get(connections, url)
        except FetchError as error:
            assert error.reason == "body over limit"  # noqa: PT017 - only one of them is refused
        assert await asyncio.wait_for(server.closed.get(), 5) == 0


async def test_an_error_that_was_read_whole_leaves_the_connection_open(
    connections: Connections,
) -> None:
    error = b"HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nabc"
    server = Server([error, WHOLE])
    async with listening(server) as url:
        assert await get(connections, url) == Refusal(503, "")
        assert await get(connections, url) == ABC
    assert server.asked == [0, 0]


async def test_whoever_gives_up_closes_the_connection(connections: Connections) -> None:
    server = Server([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
    async with listening(server) as url:
        asking = asyncio.create_task(get(connections, url))
        while not server.asked:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0)
        asking.cancel()
        assert await asyncio.wait_for(server.closed.get(), 5) == 0


async def test_what_idles_too_long_is_closed() -> None:
    connections = Connections(0.01)
    server = Server([WHOLE])
    async with listening(server) as url:
        assert await get(connections, url) == ABC
        assert await asyncio.wait_for(server.closed.get(), 5) == 0
        assert connections.idle(url) == []


async def test_ipv6_and_names_are_found(connections: Connections) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    async with listening(Server([WHOLE]), "::1") as url:
        assert await get(connections, url) == ABC
    async with listening(Server([WHOLE])) as url:
        assert await get(connections, url.with_host("localhost")) == ABC


@pytest.mark.parametrize("host", ["a" * 64, "a" * 64 + ".example"])
async def test_a_name_that_dns_cannot_hold_is_no_host(connections: Connections, host: str) -> None:
    with pytest.raises(FetchError, match="no such host"):
        await get(connections, URL.build(scheme="http", host=host))


# -- requests ---------------------------------------------------------------------------------


def test_a_request_says_the_host_and_what_is_given() -> None:
    url = URL("http://[::1]:8080/a%20b?x=%22&y=1#here")
    assert request_of(url, {"Accept": "text/plain", "User-Agent": "vigie"}) == (
        b"GET /a%20b?x=%22&y=1 HTTP/1.1\r\nAccept: text/plain\r\nUser-Agent: vigie\r\n"
        b"Host: [::1]:8080\r\n\r\n"
    )
    assert b"\r\nHost: shop\r\n" in (request_of(URL("http://shop/"), {}) or b"")
    assert b"Host: shop\r\n" not in (request_of(URL("http://shop/"), {"host": "other"}) or b"")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("https://shop/", {}),
        ("http://user:secret@shop/", {}),
        ("http://2852039166/", {}),
        ("http://127.1/", {}),
        ("http://0251.0376.0251.0376/", {}),
        ("http://0xa9fea9fe/", {}),
        ("http://shop/", {"X-Key": "a\r\nHost: other"}),
        ("http://shop/", {"X-Key\n": "a"}),
        ("http://shop/", {"X-Key": "a\0"}),
    ],
)
def test_what_is_not_plain_is_left_to_others(url: str, headers: dict[str, str]) -> None:
    assert request_of(URL(url), headers) is None
