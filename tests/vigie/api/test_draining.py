"""A client that looks for its answer when it has sent everything finds it, over a real server."""

import asyncio
import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from collectors.otlp.wire import MAX_BODY_BYTES
from fleet import Site
from vigie.api import draining, problems

Send = Callable[[str, bytes, dict[str, str]], int]
PROTOBUF = {"Content-Type": "application/x-protobuf"}
SNAPPY = {**PROTOBUF, "Content-Encoding": "snappy"}
TOO_LARGE = [
    ("/v1/traces", MAX_BODY_BYTES + 1, PROTOBUF),
    ("/v1/metrics", 2 * MAX_BODY_BYTES, PROTOBUF),
    ("/api/v1/write", MAX_BODY_BYTES + 1, SNAPPY),
    (
        "/api/v1/incidents/1/comment",
        problems.MAX_BODY_BYTES + 1,
        {"Content-Type": "application/json"},
    ),
    (
        "/api/v1/incidents/1/comment",
        10 * problems.MAX_BODY_BYTES,
        {"Content-Type": "application/json"},
    ),
]
OTHERS = [
    ("/v1/traces", 415, {"Content-Type": "text/plain"}),
    ("/api/v1/write", 415, PROTOBUF),
]


def by_urllib(url: str, body: bytes, headers: dict[str, str]) -> int:
    """It says `Connection: close`, so that the server hangs up once it has answered."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def kept_open(url: str, body: bytes, headers: dict[str, str]) -> int:
    return answered(url, body, headers)


def in_chunks(url: str, body: bytes, headers: dict[str, str]) -> int:
    parts = (body[at : at + 65536] for at in range(0, len(body), 65536))
    return answered(url, parts, {**headers, "Connection": "close"})


def answered(url: str, body: bytes | Iterator[bytes], headers: dict[str, str]) -> int:
    connection = connected(url)
    connection.request("POST", urlsplit(url).path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def connected(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)


@pytest.mark.parametrize("send", [by_urllib, kept_open, in_chunks])
@pytest.mark.parametrize(("path", "size", "headers"), TOO_LARGE)
async def test_a_body_that_is_too_large_is_answered_so(
    site: Site, send: Send, path: str, size: int, headers: dict[str, str]
) -> None:
    assert await asyncio.to_thread(send, site.url + path, bytes(size), headers) == 413


@pytest.mark.parametrize(("path", "status", "headers"), OTHERS)
async def test_what_is_refused_before_its_body_was_read_is_answered_too(
    site: Site, path: str, status: int, headers: dict[str, str]
) -> None:
    body = bytes(MAX_BODY_BYTES)
    assert await asyncio.to_thread(by_urllib, site.url + path, body, headers) == status


def answer_before_body(url: str, path: str, *headers: str) -> tuple[bytes, bytes]:
    """The head of the answer to a request whose body is not sent, and what follows it."""
    address = urlsplit(url)
    lines = ["Host: 127.0.0.1", "Content-Type: application/x-protobuf", *headers]
    with socket.create_connection((address.hostname, address.port or 0), timeout=20) as connection:
        head = "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""])
        connection.sendall(head.encode())
        told = b""
        while part := connection.recv(4096):
            told += part
    first, _, rest = told.partition(b"\r\n\r\n")
    return first, rest


@pytest.mark.parametrize("headers", [(), ("Expect: 100-continue",)])
async def test_a_client_that_waits_for_its_answer_gets_it_and_is_hung_up_on(
    site: Site, headers: tuple[str, ...]
) -> None:
    length = f"Content-Length: {MAX_BODY_BYTES + 1}"
    head, _ = await asyncio.to_thread(answer_before_body, site.url, "/v1/traces", length, *headers)
    assert head.startswith(b"HTTP/1.1 413 ")  # and no `100 Continue`
    assert b"connection: close" in head.lower()


async def test_a_body_that_does_not_end_is_dropped_up_to_a_limit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "MAX_DROPPED_BYTES", 100_000)
    sent = 0

    def endless() -> int:
        nonlocal sent
        connection = connected(site.url)
        connection.putrequest("POST", "/v1/traces")
        for name, value in {"Content-Type": "text/plain", "Transfer-Encoding": "chunked"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            while sent < 200 * MAX_BODY_BYTES:
                connection.send(b"10000\r\n" + bytes(65536) + b"\r\n")
                sent += 65536
        except ConnectionError:
            pass
        finally:
            connection.close()
        return sent

    assert await asyncio.to_thread(endless) < 2 * MAX_BODY_BYTES


async def test_a_connection_is_used_again_after_a_refusal_that_read_everything(site: Site) -> None:
    def twice() -> list[int]:
        connection = connected(site.url)
        statuses = []
        for path in ("/v1/traces", "/v1/metrics"):
            connection.request("POST", path, bytes(MAX_BODY_BYTES + 1), PROTOBUF)
            answer = connection.getresponse()
            answer.read()
            assert connection.sock is not None, "it was closed"
            statuses.append(answer.status)
        connection.close()
        return statuses

    assert await asyncio.to_thread(twice) == [413, 413]
