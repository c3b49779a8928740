"""The ICMP prober: one echo request, over a socket that needs no privilege where there is one.

Metrics: blackbox_exporter, prober/icmp.go. Formats: RFC 792, RFC 4443.
"""

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from collectors.probe import network
from collectors.probe.errors import CannotProbe, ProbeFailed
from collectors.probe.model import IcmpOptions
from collectors.probe.readings import Readings

PHASES: Final = "probe_icmp_duration_seconds"
REFUSED: Final = (
    "ICMP is refused here: allow our group in net.ipv4.ping_group_range, or give CAP_NET_RAW"
)
TOKEN_BYTES: Final = 8
_MAX_PACKET: Final = 65_536
_HEADER: Final = struct.Struct("!BBHHH")  # type, code, checksum, id, sequence
_TYPES: Final = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}  # request, reply
_PROTOCOLS: Final = {
    socket.AF_INET: socket.IPPROTO_ICMP,
    socket.AF_INET6: socket.IPPROTO_ICMPV6,
}

MakeSocket: TypeAlias = Callable[[int, int, int], socket.socket]


async def probe(
    address: str,
    options: IcmpOptions,
    readings: Readings,
    make_socket: MakeSocket = socket.socket,
) -> None:
    """Wait for the reply of a host; for ever, so the caller sets the timeout.

    CannotProbe where the kernel gives us neither kind of socket.
    """
    readings.phases(PHASES, "resolve", "setup", "rtt")
    with readings.timing(PHASES, "resolve"):
        target = await network.resolve(address.strip("[]"), 0, options.ip, readings)
    with readings.timing(PHASES, "setup"):
        sock, raw = _socket(target.family, make_socket)
    with sock:
        request, reply = _TYPES[target.family]
        token = secrets.token_bytes(TOKEN_BYTES)
        payload = token.ljust(max(options.payload_size, TOKEN_BYTES), b"\0")
        begun = time.monotonic()
        try:
            sock.sendto(_packet(request, payload), target.sockaddr)
            await _reply(sock, raw and target.family == socket.AF_INET, reply, token)
        except OSError as error:
            raise ProbeFailed(network.reason_for(error)) from error
        readings.set(PHASES, time.monotonic() - begun, phase="rtt")


def _socket(family: int, make_socket: MakeSocket) -> tuple[socket.socket, bool]:
    """A socket for echo requests, and whether it is a raw one."""
    refusal: OSError | None = None
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            sock = make_socket(family, kind, _PROTOCOLS[socket.AddressFamily(family)])
        except OSError as error:
            refusal = error
            continue
        sock.setblocking(False)
        return sock, kind == socket.SOCK_RAW
    raise CannotProbe(REFUSED) from refusal


def _packet(kind: int, payload: bytes) -> bytes:
    """An echo request. The kernel writes the id of a ping socket, and the checksum of ICMPv6."""
    identity, sequence = secrets.randbits(16), 1
    bare = _HEADER.pack(kind, 0, 0, identity, sequence) + payload
    return _HEADER.pack(kind, 0, _checksum(bare), identity, sequence) + payload


def _checksum(packet: bytes) -> int:
    """RFC 1071."""
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


async def _reply(sock: socket.socket, with_ip_header: bool, kind: int, token: bytes) -> None:
    """Return once the reply with our token came. A raw socket hears everybody's."""
    loop = asyncio.get_running_loop()
    while True:
        readable: asyncio.Future[None] = loop.create_future()
        # Not loop.sock_recv*: uvloop has none for datagrams.
        loop.add_reader(sock, _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(sock)
        try:
            packet = sock.recv(_MAX_PACKET)
        except BlockingIOError:
            continue
        if with_ip_header and packet:
            packet = packet[(packet[0] & 0x0F) * 4 :]
        if packet[:1] == bytes([kind]) and packet[_HEADER.size :].startswith(token):
            return


def _wake(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)
