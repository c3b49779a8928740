"""The TCP and TLS probers: a connection, a dialogue over it, the certificate behind it.

Metrics and conditions: blackbox_exporter, prober/tcp.go.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from collectors.access import Tls
from collectors.probe import network
from collectors.probe.errors import ProbeFailed
from collectors.probe.model import Exchange, TcpOptions, TlsOptions
from collectors.probe.network import Entry
from collectors.probe.patterns import expanded, search
from collectors.probe.readings import FAILED_BY_REGEX, Readings

MAX_LINE: Final = 65_536  # as bufio.Scanner
MAX_LINES: Final = 10_000  # waited through for one that matches


async def probe(address: str, options: TcpOptions, entry: Entry, readings: Readings) -> None:
    """Connect to a host:port and hold the dialogue; ProbeFailed names the step that failed."""
    readings.set(FAILED_BY_REGEX, 0)
    host, port = network.host_and_port(address)
    talk = _Talk(options.tls_config, host, entry, readings)
    await talk.open(await network.resolve(host, port, options.ip, readings))
    try:
        if options.tls:
            await talk.start_tls()
        await talk.hold(options.query_response)
    finally:
        await talk.close()


async def probe_tls(address: str, options: TlsOptions, entry: Entry, readings: Readings) -> None:
    """Shake hands with a host:port (443 where none is named)."""
    host, port = network.host_and_port(address, 443)
    talk = _Talk(options.tls_config, host, entry, readings)
    await talk.open(await network.resolve(host, port, options.ip, readings))
    try:
        await talk.start_tls()
    finally:
        await talk.close()


class _Talk:
    """A connection and what is said over it."""

    def __init__(self, tls: Tls, host: str, entry: Entry, readings: Readings) -> None:
        self._tls, self._host, self._entry, self._readings = tls, host, entry, readings
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self, address: network.Address) -> None:
        sock = await network.connect(address)
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=MAX_LINE)

    async def start_tls(self) -> None:
        context = network.context_of(self._entry)
        name = self._tls.server_name or self._host
        try:
            await self._writer.start_tls(context, server_hostname=name)
        except OSError as error:
            raise ProbeFailed(network.reason_for(error)) from error
        network.read_tls(self._writer.get_extra_info("ssl_object"), self._readings)

    async def hold(self, steps: Sequence[Exchange]) -> None:
        """The dialogue, step by step."""
        for step in steps:
            send = await self._expect(step) if step.expect else step.send
            if send:
                await self._send(send)
            if step.starttls:
                await self.start_tls()

    async def _expect(self, step: Exchange) -> str:
        """Wait for the line of a step; what is sent then."""
        for _ in range(MAX_LINES):
            line = await self._line()
            if line is None:
                break
            match = search(step.expect, line)
            if match is not None:
                return expanded(step.send, match)
        raise ProbeFailed(f"no line matches `{step.expect}`", by_regex=True)

    async def _line(self) -> str | None:
        """The next line without its end; None when the connection ended."""
        try:
            raw = await self._reader.readline()
        except ValueError as error:
            raise ProbeFailed(f"a line over {MAX_LINE} bytes") from error
        except OSError as error:
            raise ProbeFailed(network.reason_for(error)) from error
        return raw.decode(errors="replace").rstrip("\r\n") if raw else None

    async def _send(self, line: str) -> None:
        try:
            self._writer.write(f"{line}\n".encode())
            await self._writer.drain()
        except OSError as error:
            raise ProbeFailed(network.reason_for(error)) from error

    async def close(self) -> None:
        """Drop the connection; nobody waits for a peer that does not say goodbye."""
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()
