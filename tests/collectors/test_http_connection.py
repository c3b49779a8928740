"""Answers of plain HTTP in any pieces: read as aiohttp reads them, or refused by a name."""

import asyncio
import itertools

import aiohttp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from collectors import fetch
from collectors.errors import FetchError
from collectors.http_connection import Connection, Heard, Refusal
from collectors.http_plain import Connections, request_of
from plugins.scraping import raw_server

LIMIT = 300
OK = b"HTTP/1.1 200 OK\r\n"

fields = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/plain",
            b"content-type:  a/b  ",
            b"Content-Encoding: gzip",
            b"Content-Encoding: br",
            b"Location: /x",
            b"Connection: close",
            b"Connection: keep-alive",
            b"Upgrade: h2c\r\nConnection: upgrade",
            b"X-Empty:",
            b"X: " + b"a" * 8180,
            b"X: " + b"a" * 8300,
            b"X: \xff\xfe",
            b"X: \0",
            b" folded: z",
            b"Bad Name: x",
            b"NoColon",
            b": nameless",
        ]
    ),
    max_size=4,
)
heads = st.sampled_from(
    [
        *[OK] * 6,
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200\r\n",
        b"HTTP/1.1 302 Found\r\n",
        b"HTTP/1.1 404 Not Found\r\n",
        b"HTTP/1.1 999 x\r\n",
        b"HTTP/3.1 200 OK\r\n",
        b"ICY 200 OK\r\n",
        b"HTTP/1.1 20 x\r\n",
        b"",
    ]
)
bodies = st.sampled_from([b"", b"abc", b"x 5\n" * 20, b"y" * LIMIT, b"z" * (LIMIT + 1)])
ends = st.sampled_from([*[b"0\r\n\r\n"] * 4, b"0\r\nT: r\r\n\r\n", b"0;x\r\n\r\n", b"", b"0\r\n"])
extensions = st.sampled_from([b"", b"", b";e=1", b' ;a="b;c"', b" "])


@st.composite
def answers(draw: st.DrawFn) -> list[bytes]:
    """An answer of a server, sound or not, in pieces."""
    head, said, body = draw(heads), draw(fields), draw(bodies)
    way = draw(st.sampled_from(["sized", "chunked", "closed"]))
    if way == "sized":
        wrong = draw(st.sampled_from([0, 0, 0, 5]))
        said.append(b"Content-Length: %d" % (len(body) + wrong))
    elif way == "chunked":
        said.append(draw(st.sampled_from([b"Transfer-Encoding: chunked", b"TE: x"])))
        size = draw(st.sampled_from([1, 7, 1000]))
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        more = draw(extensions)
        body = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), more, chunk) for chunk in chunks)
        body += draw(ends)
    whole = head + b"".join(field + b"\r\n" for field in draw(st.permutations(said)))
    whole += b"\r\n" + body
    whole = whole[: draw(st.sampled_from([len(whole), len(whole), len(whole) * 2 // 3]))]
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=3)))
    edges = [0, *cuts, len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(edges)]


async def by_aiohttp(url: URL) -> Heard | str:
    session = fetch._session(None)
    try:
        async with (
            asyncio.timeout(3),
            session.get(url, timeout=fetch._UNTIMED, allow_redirects=False) as response,
        ):
            return await fetch._heard(response, LIMIT, None)
    except FetchError as error:
        return error.reason
    except (aiohttp.ClientError, OSError) as error:
        return fetch.reason_for(error)
    finally:
        await session.close()


async def by_us(url: URL) -> Heard | str:
    connections = Connections(60.0)
    request = request_of(url, {})
    assert request is not None
    try:
        async with asyncio.timeout(3):
            return await connections.get(url, request, LIMIT, None)
    except FetchError as error:
        return error.reason
    except OSError as error:
        return fetch.reason_for(error)
    finally:
        connections.close()


async def both(pieces: list[bytes]) -> tuple[Heard | str, Heard | str]:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)

    async with raw_server(talk) as address:
        url = URL(f"http://{address}/metrics")
        return await by_aiohttp(url), await by_us(url)


@settings(max_examples=60, deadline=None)
@given(answers())
@example([OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n", b"0\r\n\r\n"])
@example([OK + b"Transfer-Encoding: xchunked\r\n\r\n", b"0\r\n"])
@example([OK + b"Content-Type: a\r\nContent-Type: b\r\n\r\n", b"x"])
@example([OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"])
@example([OK + b"Content-Length: 99999999999999999999\r\n\r\n"])
@example([b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"])
def test_an_answer_is_what_aiohttp_makes_of_it_or_both_refuse(pieces: list[bytes]) -> None:
    theirs, ours = asyncio.run(both(pieces))
    assert ours != "timeout"
    # Whether aiohttp sees a status before what is wrong behind it depends on the pieces.
    if isinstance(theirs, str) and isinstance(ours, Refusal):
        assert theirs == "not an HTTP answer"
    else:
        assert ours == theirs or (isinstance(ours, str) and isinstance(theirs, str))


async def fed(pieces: list[bytes]) -> Heard | str:
    """What a connection makes of an answer that comes in these pieces and then ends."""
    connection = Connection(("shop", 80), lambda _: None)
    connection.connection_made(asyncio.Transport())
    heard = connection.begin(LIMIT, None)
    for piece in pieces:
        if piece and not heard.done():
            connection.data_received(piece)
    connection.connection_lost(None)
    error = heard.exception()
    return heard.result() if error is None else str(error)


@settings(deadline=None)
@given(answers(), st.integers(1, 9))
def test_where_an_answer_is_cut_into_pieces_changes_nothing(pieces: list[bytes], size: int) -> None:
    async def run() -> None:
        whole = b"".join(pieces)
        cut = [whole[at : at + size] for at in range(0, len(whole), size)]
        first, second, third = await fed(pieces), await fed([whole]), await fed(cut)
        assert first == second == third

    asyncio.run(run())
