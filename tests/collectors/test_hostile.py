"""Targets that mean harm: each fails by its name, in bounded memory, and harms no other."""

import asyncio
import gzip
import itertools
import socket
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest
from aiohttp import web

from collectors import fetch
from collectors.access import HttpAccess
from collectors.scraping import Scraping
from plugins.scraping import PAGE, Rig, answer, raw_server, target, web_server

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LIMIT = 1_000_000  # bytes of a page
PEAK = 6_000_000  # bytes held at once while it is refused: the page, its pieces, buffers
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
LONGEST_REASON = 300


@contextmanager
def peak_below(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


async def endless(writer: asyncio.StreamWriter, pieces: Iterator[bytes]) -> None:
    """Send until the other side hangs up, or 1 GB was sent."""
    sent = 0
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        sent += len(piece)
        assert sent < 1_000_000_000, "it was all read"


async def gigabyte_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 1000000000\r\n\r\nrequests_total{x=")
    await endless(writer, itertools.repeat(b"a" * 65536))


async def unsized_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\nrequests_total{x=")
    await endless(writer, itertools.repeat(b"a" * 65536))


async def endless_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await endless(writer, itertools.repeat(b"4000\r\n" + b"# more\n".ljust(0x4000, b"#") + b"\r\n"))


async def tiny_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await endless(writer, itertools.repeat(b"1\r\n#\r\n" * 5000))


async def chunk_extension(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;")
    await endless(writer, itertools.repeat(b"x" * 65536))


async def endless_trailers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    await endless(writer, (b"X-%d: a\r\n" % n * 500 for n in itertools.count()))


async def endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    await endless(writer, itertools.repeat(b"a" * 65536))


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    await endless(writer, (b"X-%d: a\r\n" % n * 500 for n in itertools.count()))


async def endless_reason(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 ")
    await endless(writer, itertools.repeat(b"a" * 65536))


async def zip_of_zeros(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A gigabyte in a megabyte, and then on and on."""
    packer = zlib.compressobj(wbits=31)
    writer.write(HEAD + b"Content-Encoding: gzip\r\n\r\n" + packer.flush(zlib.Z_FULL_FLUSH))
    block = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    await endless(writer, itertools.repeat(block * 64))


FLOODS: dict[str, tuple[Talk, str]] = {
    "a 1 GB line that says its size": (gigabyte_line, "body over limit"),
    "a line without an end": (unsized_line, "body over limit"),
    "chunks without an end": (endless_chunks, "body over limit"),
    "chunks of a byte": (tiny_chunks, "body over limit"),
    "the head of a chunk without an end": (chunk_extension, "not an HTTP answer"),
    "trailers without an end": (endless_trailers, "not an HTTP answer"),
    "a header without an end": (endless_header, "not an HTTP answer"),
    "headers without an end": (endless_headers, "not an HTTP answer"),
    "a status without an end": (endless_reason, "not an HTTP answer"),
    "a bomb without an end": (zip_of_zeros, "body over limit"),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_cut_off_in_bounded_memory_and_harms_no_other(rig: Rig, name: str) -> None:
    talk, reason = FLOODS[name]
    async with web_server({"/metrics": answer()}) as good, raw_server(talk) as bad:
        limit = LIMIT // 20 if talk is tiny_chunks else LIMIT  # each byte costs as much as a line
        rig.watch(target(good), target(bad, timeout_s=30.0, body_limit=limit))
        with peak_below(PEAK):
            got = await rig.turn()
    assert got[f"shop/{good}/metrics"].page is not None
    failed = got[f"shop/{bad}/metrics"]
    assert failed.page is None
    assert (failed.error or "").startswith(reason)
    assert len(failed.error or "") < LONGEST_REASON


async def now_and_then(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: Iterable[bytes]
) -> None:
    """Send a piece every 10 ms until the other side hangs up."""
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        with suppress(TimeoutError):  # it is still there
            if not await asyncio.wait_for(reader.read(1), 0.01):
                return


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    await now_and_then(reader, writer, itertools.repeat(b"a"))


async def informing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await now_and_then(reader, writer, itertools.repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n"))


async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
    await now_and_then(reader, writer, itertools.repeat(b"#"))


@pytest.mark.parametrize("talk", [drip, informing, drip_body], ids=lambda t: t.__name__)
async def test_whoever_stays_busy_without_an_end_runs_out_of_time(rig: Rig, talk: Talk) -> None:
    """A byte at a time never idles: only a limit for the whole helps."""
    async with web_server({"/metrics": answer()}) as good, raw_server(talk) as bad:
        rig.watch(target(good), target(bad, timeout_s=0.3, body_limit=LIMIT))
        with peak_below(PEAK):
            got = await rig.turn()
    assert got[f"shop/{good}/metrics"].page is not None
    assert got[f"shop/{bad}/metrics"].error == "timeout"


async def test_a_bomb_inside_a_bomb_is_a_page_like_any_other(rig: Rig) -> None:
    inner = gzip.compress(bytes(20_000_000))
    async with web_server(
        {"/metrics": answer(gzip.compress(inner), Content_Encoding="gzip")}
    ) as address:
        rig.watch(target(address, body_limit=LIMIT))
        with peak_below(PEAK):
            error = (await rig.one()).error
    assert error is not None
    assert error.startswith("unreadable line")
    assert len(error) < LONGEST_REASON


async def test_a_line_as_long_as_a_page_may_be_is_refused_in_few_words(rig: Rig) -> None:
    line = b'requests_total{x="' + b"a" * (LIMIT // 4)
    async with web_server({"/metrics": answer(line)}) as address:
        rig.watch(target(address, body_limit=LIMIT))
        with peak_below(PEAK):
            error = (await rig.one()).error
    assert error is not None
    assert len(error) < LONGEST_REASON


# -- redirects --------------------------------------------------------------------------------

METADATA = [
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./",
    "https://169.254.169.254/",
    "//169.254.169.254/",
]


@pytest.mark.parametrize("place", METADATA)
async def test_a_redirect_to_a_metadata_address_is_refused(rig: Rig, place: str) -> None:
    async with web_server({"/metrics": answer(b"", 302, Location=place)}) as address:
        rig.watch(target(address))
        error = (await rig.one()).error
    assert error is not None
    assert error.startswith("redirect to ")
    assert error.endswith(" refused: a metadata address")


async def test_a_name_that_stands_for_a_metadata_address_is_refused_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rebound(host: str, port: int, **kwargs: object) -> list[object]:
        assert host == "shop.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    place = "http://shop.example/"
    async with web_server({"/metrics": answer(b"", 302, Location=place)}) as address:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
        rig.watch(target(address))
        error = (await rig.one()).error
    assert error == "redirect to shop.example refused: a metadata address"


async def test_a_detour_does_not_hide_where_a_redirect_leads(rig: Rig) -> None:
    second = answer(b"", 302, Location="http://169.254.169.254/")
    async with web_server({"/there": second}) as other:
        place = f"http://localhost:{other.rpartition(':')[2]}/there"
        async with web_server({"/metrics": answer(b"", 307, Location=place)}) as address:
            rig.watch(target(address))
            error = (await rig.one()).error
    assert error == "redirect to 169.254.169.254 refused: a metadata address"


async def test_two_servers_that_point_at_each_other_are_left(rig: Rig) -> None:
    asked = []

    def pointing(path: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            asked.append(request.path)
            port = request.url.port
            host = "localhost" if request.url.host == "127.0.0.1" else "127.0.0.1"
            raise web.HTTPFound(f"http://{host}:{port}{path}")

        return handle

    async with web_server({"/metrics": pointing("/a"), "/a": pointing("/metrics")}) as address:
        rig.watch(target(address))
        assert (await rig.one()).error == "too many redirects"
    assert len(asked) == 10


@pytest.mark.parametrize(
    "place",
    [
        "http://[",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a/",
        "http://a:99999/",
        "http://2852039166/",  # 169.254.169.254 to whoever reads it as one number
        "http://0251.0376.0251.0376/",
    ],
)
async def test_a_redirect_to_what_is_no_web_address_is_named(rig: Rig, place: str) -> None:
    async with web_server({"/metrics": answer(b"", 302, Location=place)}) as address:
        rig.watch(target(address))
        assert (await rig.one()).error in ("redirect to a bad address", "bad address")


async def test_a_redirect_with_an_endless_body_is_followed_without_it(rig: Rig) -> None:
    async def pointing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://{good}/metrics\r\n\r\n".encode())
        await endless(writer, itertools.repeat(b"a" * 65536))

    async with web_server({"/metrics": answer()}) as good, raw_server(pointing) as bad:
        rig.watch(target(bad))
        with peak_below(PEAK):
            assert (await rig.one()).page is not None


async def test_another_host_gets_no_credentials_and_neither_does_whoever_it_points_at(
    rig: Rig,
) -> None:
    got: list[tuple[str, bool, bool]] = []

    def noting(then: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            headers = request.headers
            got.append((request.path, "Authorization" in headers, "X-Key" in headers))
            if then:
                raise web.HTTPFound(then.replace("PORT", str(request.url.port)))
            return await answer()(request)

        return handle

    answers = {
        "/metrics": noting("/same"),
        "/same": noting("http://localhost:PORT/other"),
        "/other": noting("http://u:p@127.0.0.1:PORT/back"),
        "/back": noting(""),
    }
    access = HttpAccess(credentials="secret", headers={"X-Key": "secret"})
    async with web_server(answers) as address:
        rig.watch(target(address, scraping=Scraping(access=access)))
        assert (await rig.one()).page is not None
    assert got == [
        ("/metrics", True, True),
        ("/same", True, True),
        ("/other", False, False),
        ("/back", False, False),
    ]


async def test_redirects_are_not_followed_where_it_says_so(rig: Rig) -> None:
    answers = {"/metrics": answer(b"", 302, Location="/here"), "/here": answer(PAGE)}
    async with web_server(answers) as address:
        rig.watch(target(address, scraping=Scraping(access=HttpAccess(follow_redirects=False))))
        assert (await rig.one()).error == "status 302"


async def test_many_floods_at_once_share_one_bounded_room(rig: Rig) -> None:
    """Each stays under its own limit; together they would take 30 MB."""
    rig.scraper._room = fetch.Room(2_000_000)

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n" + b"# more\n" * 400_000)
        await reader.read()  # the end never comes

    async with web_server({"/metrics": answer()}) as good, raw_server(large) as bad:
        floods = [target(bad, f"/{n}", timeout_s=1.0, body_limit=5_000_000) for n in range(10)]
        rig.watch(target(good), *floods)
        with peak_below(16_000_000):
            got = await rig.turn()
        assert got.pop(f"shop/{good}/metrics").page is not None
        errors = {one.error for one in got.values()}
        assert "too many large pages at once" in errors
        rig.watch(target(good, "/metrics"))
    assert rig.scraper._room._left == 2_000_000
