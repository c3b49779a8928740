"""A fleet of 2,000 targets of which a quarter is broken: are the healthy ones scraped on time?

    python benchmarks/scrape_fleet.py

A tenth hang, a tenth crash (half refuse, half reset), and 5 % serve garbage: bombs, floods, noise
and web pages. The lag of a scrape is the time from its turn until its page was read.
"""

import asyncio
import gzip
import itertools
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import uvloop
from exporter import page
from measuring import free_port, line, load_average, say

from collectors.scrape import Scrape, Scraper, next_turn
from collectors.targets import Target
from slo.spec import Selector
from vigie.clock import SystemClock

TARGETS, INTERVAL_S, TIMEOUT_S = 2000, 10.0, 5.0
HANG, REFUSE, RESET, GARBAGE = 200, 100, 100, 100
# The first page of each target is read strictly, by prometheus_client, at 0.1 ms a sample: the
# warm-up must be longer than that takes for all.
LINES, WARM_UP_S, MEASURED_S = 100, 45.0, float(os.environ.get("MEASURED_S", "30"))
LAG = 0.1  # of the interval
MEMORY_MB = 400.0
SELECTORS = frozenset({Selector("http_requests_total")})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"


def kind_of(number: int) -> str:
    """What is wrong with a target; empty: nothing."""
    kinds = (("hang", HANG), ("refuse", REFUSE), ("reset", RESET), ("garbage", GARBAGE))
    for kind, count in kinds:
        if number < count:
            return kind
        number -= count
    return ""


def host(number: int) -> str:
    return f"127.2.{number // 250}.{number % 250 + 1}"


def number_of(address: str) -> int:
    *_, high, low = address.split(".")
    return int(high) * 250 + int(low) - 1


class Fleet:
    """One listener for all of them: every address of 127/8 is this machine."""

    def __init__(self) -> None:
        lines = page(time.time()).splitlines(keepends=True)[:LINES]
        body = gzip.compress(b"".join(lines), 1)
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        self._page = HEAD + b"Content-Encoding: gzip\r\n" + length + body
        self._bomb = gzip.compress(bytes(200_000_000), 9)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = number_of(writer.get_extra_info("sockname")[0])
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                match kind_of(number):
                    case "":
                        writer.write(self._page)
                    case "hang":
                        await reader.read()
                    case "reset":
                        own = writer.get_extra_info("socket")
                        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    case _:
                        await self._garbage(number, writer)
                        return
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _garbage(self, number: int, writer: asyncio.StreamWriter) -> None:
        match number % 10:
            case 0:
                writer.write(HEAD + b"\r\n")
                for _ in itertools.repeat(None):
                    writer.write(b"# flood\n" * 8192)
                    await writer.drain()
            case 1 | 2 | 3:
                writer.write(HEAD + b"Content-Encoding: gzip\r\n\r\n" + self._bomb)
            case 4 | 5 | 6:
                writer.write(HEAD + b"\r\n" + os.urandom(50_000))
            case _:
                writer.write(HEAD + b"\r\n<html>" + b"<p>Not found</p>\n" * 1000)
        await writer.drain()


async def serve(port: int) -> None:
    await asyncio.start_server(Fleet().answer, "0.0.0.0", port, backlog=TARGETS)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def scrape(port: int, broken: int, refused: int) -> None:
    """Scrape for the time that is measured; then say the lags of healthy targets and all errors."""
    lags: list[float] = []
    errors: Counter[str] = Counter()
    began = time.time() + WARM_UP_S

    def deliver(one: Scrape) -> None:
        if not began <= one.at < began + MEASURED_S:
            return
        turn = next_turn(one.target_id, INTERVAL_S, one.at) - INTERVAL_S
        if healthy[one.target_id] and not one.error:
            lags.append(time.time() - turn)
        # Noise fails in its own words each time.
        errors[(one.error or "good").partition("`")[0].partition(":")[0].strip()] += 1

    targets, healthy = [], {}
    for number in range(TARGETS):
        kind = kind_of(number)
        ports = {"": port, "refuse": refused}
        address = f"{host(number)}:{ports.get(kind, broken)}"
        target = Target(
            "fleet",
            address,
            f"http://{address}/metrics",
            "fleet",
            {"instance": address},
            interval_s=INTERVAL_S,
            timeout_s=TIMEOUT_S,
        )
        targets.append(target)
        healthy[target.id] = not kind
    scraper = Scraper(SystemClock(), deliver)
    by_id = {target.id: target for target in targets}
    scraper.watch(by_id, dict.fromkeys(by_id, SELECTORS))
    await scraper.start()
    await asyncio.sleep(WARM_UP_S + MEASURED_S)
    await scraper.stop()
    expected = sum(healthy.values()) * MEASURED_S / INTERVAL_S
    print(
        json.dumps(
            {
                "lags": lags,
                "errors": errors,
                "expected": expected,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def main() -> int:
    port, broken, refused = free_port(), free_port(), free_port()
    servers = []  # two, for a flood must not keep the healthy ones from answering
    try:
        for one in (port, broken):
            command = [sys.executable, __file__, "serve", str(one)]
            server = subprocess.Popen(command, stdout=subprocess.PIPE)
            servers.append(server)
            assert server.stdout is not None
            server.stdout.readline()
        ours = subprocess.run(
            [sys.executable, __file__, "scrape", *map(str, (port, broken, refused))],
            stdout=subprocess.PIPE,
            check=True,
        )
        told = json.loads(ours.stdout)
        say(
            "answers",
            load=load_average(),
            **told["errors"],
        )
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    lags = np.array(told["lags"])
    holds = [
        line(
            "scrape_fleet.p99_lag_s",
            float(np.percentile(lags, 99)),
            INTERVAL_S,
            LAG,
            "of an interval",
            median_s=round(float(np.median(lags)), 4),
            most_s=round(float(lags.max()), 4),
        ),
        line(
            "scrape_fleet.missed_turns",
            told["expected"] - len(lags),
            told["expected"],
            0.01,
            "of the turns of healthy targets",
        ),
        line("scrape_fleet.peak_memory_mb", told["peak_mb"], MEMORY_MB, 1.0, "peer is the limit"),
    ]
    return 0 if all(holds) else 1


def allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))


if __name__ == "__main__":
    allow_files()
    if len(sys.argv) == 1:
        sys.exit(main())
    if sys.argv[1] == "serve":
        uvloop.run(serve(int(sys.argv[2])))
    else:
        uvloop.run(scrape(*map(int, sys.argv[2:5])))
