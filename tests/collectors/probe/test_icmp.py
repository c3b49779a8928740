"""ICMP probes of loopback, and of a kernel that refuses."""

import socket
import struct
from typing import Any

import pytest

from collectors.probe import icmp
from collectors.probe.model import IcmpOptions, Ip

IP4 = IcmpOptions(Ip("ip4"))
_REAL = socket.socket


def only(kind: int) -> icmp.MakeSocket:
    """A kernel that gives one kind of socket."""

    def make(family: int, wanted: int, protocol: int) -> socket.socket:
        if wanted != kind:
            raise PermissionError(1, "Operation not permitted")
        return socket.socket(family, wanted, protocol)

    return make


def refuse(family: int, kind: int, protocol: int) -> socket.socket:
    raise PermissionError(1, "Operation not permitted")


class Deaf(socket.socket):
    """A socket that hears one byte of something else, then nothing."""

    def __init__(self) -> None:
        self._other, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM, fileno=far.detach())
        self._other.send(b"\x45")
        self._other.send(b"")
        self._other.send(struct.pack("!BBHHH", 0, 0, 0, 0, 1) + b"not ours")

    def sendto(self, *arguments: Any) -> int:
        return 0

    def close(self) -> None:
        self._other.close()
        super().close()


@pytest.mark.parametrize(("address", "version"), [("127.0.0.1", 4), ("localhost", 4), ("::1", 6)])
async def test_loopback_answers(tried: Any, address: str, version: int) -> None:
    got = await tried(address, IcmpOptions(Ip(f"ip{version}")))
    assert (got.success, got.reason) == (True, "")
    assert got.values["probe_ip_protocol"] == version
    assert got.values['probe_icmp_duration_seconds{phase="rtt"}'] > 0
    assert set(got.values) > {
        f'probe_icmp_duration_seconds{{phase="{phase}"}}' for phase in ("resolve", "setup", "rtt")
    }


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_RAW])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_either_kind_of_socket_will_do(tried: Any, kind: int, address: str) -> None:
    """Where the kernel gives us neither, the refusal is what is tested."""
    options = IcmpOptions(Ip("ip4"), payload_size=1001)
    got = await tried(address, options, make_socket=only(kind))
    expected = (True, "") if _given(kind, address) else (None, icmp.REFUSED)
    assert (got.success, got.reason) == expected


async def test_a_kernel_that_refuses_leaves_the_target_unknown(tried: Any) -> None:
    got = await tried("127.0.0.1", IP4, make_socket=refuse)
    assert (got.success, got.result.page) == (None, b"")
    assert got.reason == icmp.REFUSED
    assert "net.ipv4.ping_group_range" in got.reason


async def test_what_others_are_answered_is_no_answer_to_us(tried: Any) -> None:
    got = await tried("127.0.0.1", IP4, timeout_s=0.2, make_socket=lambda *_: Deaf())
    assert (got.success, got.reason) == (False, "timeout")
    assert got.values['probe_icmp_duration_seconds{phase="rtt"}'] == 0


async def test_a_host_that_is_none_has_its_name(tried: Any) -> None:
    got = await tried("no.such.host.invalid", IP4)
    assert (got.success, got.reason) == (False, "no such host")


def _given(kind: int, address: str) -> bool:
    six = ":" in address
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    try:
        _REAL(socket.AF_INET6 if six else socket.AF_INET, kind, protocol).close()
    except OSError:
        return False
    return True
