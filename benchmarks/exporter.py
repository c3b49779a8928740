"""The targets of a benchmark: one process that serves a page of counters on many addresses."""

import asyncio
import gzip
import sys
import time

ROUTES = 5
CODES = ("200", "201", "204", "404", "500", "503")
HISTOGRAMS = 97
BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "+Inf")


def page(now: float) -> bytes:
    """1,000 samples: 30 counters that grow with time, and 97 histograms that stand still."""
    lines = ["# HELP http_requests_total Requests.", "# TYPE http_requests_total counter"]
    for route in range(ROUTES):
        for number, code in enumerate(CODES):
            value = int(now * (50 if number == 0 else 1)) % 10_000_000
            lines.append(f'http_requests_total{{route="r{route}",code="{code}"}} {value}')
    lines += ["# HELP work_seconds Work.", "# TYPE work_seconds histogram"]
    for kind in range(HISTOGRAMS):
        lines += [
            f'work_seconds_bucket{{kind="k{kind}",pool="default",le="{le}"}} {kind * 10 + step}'
            for step, le in enumerate(BUCKETS)
        ]
        lines.append(f'work_seconds_sum{{kind="k{kind}",pool="default"}} {kind}.5')
        lines.append(f'work_seconds_count{{kind="k{kind}",pool="default"}} {kind * 10 + 7}')
    return ("\n".join(lines) + "\n").encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of one connection with the page of now, compressed."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            body = gzip.compress(page(time.time()), 1)
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve(targets: int, port: int) -> None:
    """Listen on 127.1.0.1 .. 127.1.0.<targets>."""
    for number in range(1, targets + 1):
        await asyncio.start_server(answer, f"127.1.0.{number}", port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
