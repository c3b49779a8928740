"""A target that counts as time passes, and logs every page that it serves: a program of its own.

    python counting_target.py PORT LOG [--without-start]

Each page is two lines of JSON in LOG, one before and one after it was handed to the kernel, with
the values that stand on it and who asked. The log outlives a SIGKILL. SIGUSR1: nothing is counted
any more. SIGUSR2: of the next page that Vigie asks for only half is sent, and then it dies.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from contextlib import suppress

GROWS_EVERY_S = 0.02
# Per second; the last one is seen for the first time a while after the start.
RATES = {
    'requests_total{code="200"}': 37.0,
    'requests_total{code="500"}': 3.1,
    'request_duration_seconds_bucket{le="0.1"}': 29.0,
    'request_duration_seconds_bucket{le="+Inf"}': 40.0,
    "work_seconds_total": 5.3,
    "work_failed_seconds_total": 0.7,
    'requests_total{code="503"}': 1.7,
}
APPEARS_AFTER_S = 8.0
FRACTIONAL = "work_"


class Target:
    """Its counters, and the pages that show them."""

    def __init__(self, log: str, *, shows_start: bool) -> None:
        self.started = time.time()
        self.counts = dict.fromkeys(RATES, 0.0)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._shows_start = shows_start
        self._chance = random.Random(self.started)
        self._grown_at = self.started
        self._frozen = self._tears = False
        self._pages = 0

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._freeze)
        loop.add_signal_handler(signal.SIGUSR2, self._tear)
        self._grow()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                asked_by = b"vigie" if b"user-agent: vigie/" in request.lower() else b"prometheus"
                await self._send(writer, asked_by.decode())
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter, asked_by: str) -> None:
        self._pages += 1
        values = self._shown()
        body = "".join(f"{series} {value!r}\n" for series, value in values.items())
        head = f"Content-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n\r\n"
        whole = f"HTTP/1.1 200 OK\r\n{head}{body}".encode()
        torn = self._tears and asked_by == "vigie"
        self._tell(asked_by, "torn" if torn else "begun", values)
        if torn:
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
            os.kill(os.getpid(), signal.SIGKILL)
        writer.write(whole)
        await writer.drain()
        self._tell(asked_by, "sent", values)

    def _shown(self) -> dict[str, float]:
        young = time.time() - self.started < APPEARS_AFTER_S
        shown = list(self.counts)[:-1] if young else list(self.counts)
        start = {"process_start_time_seconds": self.started} if self._shows_start else {}
        return {series: self.counts[series] for series in shown} | start

    def _tell(self, asked_by: str, state: str, values: dict[str, float]) -> None:
        page = {"run": self.started, "page": self._pages, "at": time.time()}
        line = json.dumps({**page, "to": asked_by, "state": state, "values": values})
        os.write(self._log, f"{line}\n".encode())

    def _grow(self) -> None:
        now = time.time()
        for series, rate in RATES.items() if not self._frozen else ():
            grown = rate * (now - self._grown_at) * self._chance.uniform(0.5, 1.5)
            whole = int(grown) + (self._chance.random() < grown % 1)
            self.counts[series] += grown if series.startswith(FRACTIONAL) else whole
        self._grown_at = now
        asyncio.get_running_loop().call_later(GROWS_EVERY_S, self._grow)

    def _freeze(self) -> None:
        self._frozen = True

    def _tear(self) -> None:
        self._tears = True


async def serve(port: int, log: str, *, shows_start: bool) -> None:
    """Until SIGTERM, which no page is torn by."""
    target = Target(log, shows_start=shows_start)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    target.begin()
    server = await asyncio.start_server(target.answer, "127.0.0.1", port)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    shows = "--without-start" not in sys.argv
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], shows_start=shows))
