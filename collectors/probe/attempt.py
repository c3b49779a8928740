"""One attempt at one target: which prober it is for, its timeout, and what came of it."""

import asyncio
import socket
import time

import aiohttp

from collectors.probe import blackbox, dns, http, icmp, tcp
from collectors.probe.errors import CannotProbe, ProbeFailed
from collectors.probe.icmp import MakeSocket
from collectors.probe.model import (
    DnsOptions,
    HttpOptions,
    IcmpOptions,
    Location,
    Options,
    Probe,
    TcpOptions,
    TlsOptions,
)
from collectors.probe.network import Entry
from collectors.probe.readings import DURATION, FAILED_BY_REGEX, SUCCESS, Readings, Result


async def attempt(
    probe: Probe,
    address: str,
    entry: Entry,
    make_socket: MakeSocket = socket.socket,
) -> Result:
    """Try a target from here, for no longer than the probe's timeout. It raises nothing that the
    target can bring about.
    """
    readings, begun, reason = Readings(), time.monotonic(), ""
    try:
        async with asyncio.timeout(probe.timeout_s):
            await _ask(probe.options, address, entry, readings, make_socket)
    except TimeoutError:
        reason = "timeout"
    except ProbeFailed as failed:
        reason = failed.reason
        if failed.by_regex:
            readings.set(FAILED_BY_REGEX, 1)
    except CannotProbe as error:
        return Result(None, error.reason, time.monotonic() - begun)
    duration_s = time.monotonic() - begun
    success = not reason
    readings.set(SUCCESS, success)
    readings.set(DURATION, duration_s)
    return Result(success, reason, duration_s, readings.page(), readings.expires_at)


async def attempt_from(
    probe: Probe, address: str, location: Location, session: aiohttp.ClientSession
) -> Result:
    """Have a target tried by the blackbox_exporter of a location."""
    begun = time.monotonic()
    try:
        page = await blackbox.ask(session, location, address, probe.timeout_s)
    except CannotProbe as error:
        return Result(None, f"{location.blackbox_url}: {error.reason}", time.monotonic() - begun)
    success = blackbox.succeeded(page)
    reason = "" if success else f"{location.blackbox_url} says so"
    duration_s = time.monotonic() - begun
    return Result(success, reason, duration_s, page, blackbox.expires_at(page))


async def _ask(
    options: Options, address: str, entry: Entry, readings: Readings, make_socket: MakeSocket
) -> None:
    match options:
        case HttpOptions():
            await http.probe(address, options, entry, readings)
        case TcpOptions():
            await tcp.probe(address, options, entry, readings)
        case TlsOptions():
            await tcp.probe_tls(address, options, entry, readings)
        case DnsOptions():
            await dns.probe(address, options, entry, readings)
        case IcmpOptions():
            await icmp.probe(address, options, readings, make_socket)
