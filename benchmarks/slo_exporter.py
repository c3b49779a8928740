"""The targets of a fleet: one process that answers for all of its services.

python benchmarks/slo_exporter.py PORT SLOS SERVICES BURNING BURNS_SINCE
"""

import asyncio
import gzip
import sys
import time
from collections.abc import Awaitable, Callable

from slo_fleet import Fleet, address


def answer(
    fleet: Fleet, service: int
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Answers every request of one connection with the page of now, compressed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                body = gzip.compress(fleet.page(service, time.time()), 1)
                head = (
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                    f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return serve


async def serve(fleet: Fleet, port: int) -> None:
    for service in range(fleet.services):
        host = address(service, port).rpartition(":")[0]
        await asyncio.start_server(answer(fleet, service), host, port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    port, slos, services, burning = (int(text) for text in sys.argv[1:5])
    asyncio.run(serve(Fleet(slos, services, burning, float(sys.argv[5])), port))
