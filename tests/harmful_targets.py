"""Targets of every harmful kind, by path, and a healthy one: a program of its own.

    python harmful_targets.py PORT LOG

It answers on every address of this machine, so that 127.0.1.1, 127.0.1.2, ... are targets of their
own. Each whole page of /good is a line in LOG: which address served it, and when.
"""

import asyncio
import gzip
import itertools
import os
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

GIGABYTE = 1_000_000_000
DRIP_S = 0.02
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
PAGE = b"".join(b'requests_total{code="%d"} 1\n' % code for code in range(200, 400))
Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


def packed_gigabyte(*, admits: bool) -> bytes:
    """A gigabyte in a megabyte; its last four bytes say how much it is, or a lie. Its checksum is
    wrong, which nobody should ever come to see.
    """
    block = bytes(GIGABYTE // 100)
    packer = zlib.compressobj(9, wbits=31)
    head = packer.flush(zlib.Z_FULL_FLUSH)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    size = GIGABYTE if admits else 1000
    return head + packed * 100 + b"\x03\x00" + bytes(4) + size.to_bytes(4, "little")


def flood_of(tags: bytes, size: int = 20 * 1024 * 1024) -> bytes:
    """Protobuf of some bytes: as many empty messages as go into it, each of the last tag, within
    one of each tag before it.
    """
    content = (tags[-1:] + b"\x00") * ((size - 8 * len(tags)) // 2)
    for tag in reversed(tags[:-1]):
        content = bytes([tag]) + _varint(len(content)) + content
    return content


def flood_of_json(size: int = 20 * 1024 * 1024) -> bytes:
    """JSON of OTLP, of some bytes: spans that say nothing."""
    head, tail = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}', b"]}]}]}"
    return head + b",{}" * ((size - len(head + tail)) // 3) + tail


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def sized(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return OK + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def redirect(place: bytes) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
        writer.write(head + place + b"\r\n\r\n")

    return talk


async def endless(writer: asyncio.StreamWriter, pieces: Iterator[bytes]) -> None:
    """Until the other side hangs up."""
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.close()


async def line(writer: asyncio.StreamWriter) -> None:
    """One line of a gigabyte that doesn't say how long it is, so that it must be looked at."""
    writer.write(OK + b'\r\nrequests_total{code="')
    piece = b"a" * 1_000_000
    await endless(writer, itertools.repeat(piece, GIGABYTE // len(piece)))


async def sized_line(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b'Content-Length: %d\r\n\r\nrequests_total{code="' % GIGABYTE)
    await endless(writer, itertools.repeat(b"a" * 65536))


async def chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    await endless(writer, itertools.repeat(b"4000\r\n" + b"# more\n".ljust(0x4000, b"#") + b"\r\n"))


async def loris(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that it is never idle."""
    never = asyncio.Event()
    writer.write(OK + b"Content-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"#")
        await writer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), DRIP_S)


class Targets:
    """What is answered, by path."""

    def __init__(self, log: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._page = sized(PAGE)
        gzipped = b"Content-Encoding: gzip"
        self._bombs = {
            "/bomb": sized(packed_gigabyte(admits=True), gzipped),
            "/liar": sized(packed_gigabyte(admits=False), gzipped),
            "/nested": sized(gzip.compress(packed_gigabyte(admits=True)), gzipped),
        }
        self._talks: dict[str, Talk] = {
            "/line": line,
            "/sized": sized_line,
            "/chunks": chunks,
            "/loris": loris,
            "/loop": redirect(b"/pool"),
            "/pool": redirect(b"/loop"),
            "/metadata": redirect(b"http://169.254.169.254/latest/meta-data/"),
        }

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                path = request.split()[1].decode()
                if path == "/good":
                    writer.write(self._page)
                    host = writer.get_extra_info("sockname")[0]
                    os.write(self._log, f"{host} {time.time()}\n".encode())
                elif path in self._bombs:
                    writer.write(self._bombs[path])
                else:
                    await self._talks[path](writer)
                await writer.drain()
        writer.close()


async def serve(port: int, log: str) -> None:
    await asyncio.start_server(Targets(log).answer, "0.0.0.0", port)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
