"""Names, connections and TLS, with the time that each takes."""

import asyncio
import errno
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from collectors.probe import certificates
from collectors.probe.errors import CannotProbe, ProbeError, ProbeFailed
from collectors.probe.model import Ip
from collectors.probe.readings import EXPIRY, Readings

LOOKUP: Final = "probe_dns_lookup_time_seconds"
PROTOCOL: Final = "probe_ip_protocol"
CHAIN_EXPIRY: Final = "probe_ssl_last_chain_expiry_timestamp_seconds"
TLS_VERSION: Final = "probe_tls_version_info"
TLS_NAMES: Final = (EXPIRY, CHAIN_EXPIRY, TLS_VERSION)
MAX_PORT: Final = 65535
_HOST_PORT: Final = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", re.ASCII)
_FAMILIES: Final = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6}
_VERSIONS: Final = {f"TLSv1{suffix}": f"TLS 1{suffix or '.0'}" for suffix in ("", ".1", ".2", ".3")}
# Where clouds tell an instance its secrets, besides link-local addresses: AWS over IPv6.
_METADATA: Final = ipaddress.ip_address("fd00:ec2::254")


class Entry(Protocol):
    """How a server lets us in: what `HttpAccess` says, put into practice (`collectors.entry`).

    Both raise an exception that names what can't be used; nothing is then learnt of the target.
    """

    async def headers(self) -> Mapping[str, str]: ...

    def tls(self) -> ssl.SSLContext: ...


@dataclass(frozen=True, slots=True)
class Address:
    """An address to talk to."""

    family: socket.AddressFamily
    ip: str
    sockaddr: tuple[Any, ...]

    @property
    def is_link_local(self) -> bool:
        """Whether it is one at which machines are told about themselves, not a service."""
        ip = ipaddress.ip_address(self.ip.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return ip.is_link_local or ip == _METADATA


async def resolve(host: str, port: int, choice: Ip, readings: Readings) -> Address:
    """The address that a name is probed at; ProbeFailed where it has none.

    The readings get the time it took and the protocol, unless an earlier look-up left its own.
    """
    if readings.get(PROTOCOL) is None:
        readings.set(PROTOCOL, 0)
    begun = time.monotonic()
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise ProbeFailed("no such host") from error
    except OSError as error:
        raise ProbeFailed(f"name not resolved: {reason_for(error)}") from error
    finally:
        if readings.get(LOOKUP) is None:
            readings.set(LOOKUP, time.monotonic() - begun)
    wanted = _FAMILIES[choice.preferred]
    some = [one for one in found if one[0] in _FAMILIES.values()]
    some = [one for one in some if one[0] == wanted] or (some if choice.fallback else [])
    if not some:
        raise ProbeFailed(f"no {choice.preferred} address")
    family, *_, sockaddr = some[0]
    readings.set(PROTOCOL, 6 if family == socket.AF_INET6 else 4)
    return Address(family, str(sockaddr[0]), sockaddr)


async def connect(address: Address) -> socket.socket:
    """A connected socket, which the caller closes; ProbeFailed names why there is none."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise ProbeFailed(reason_for(error)) from error
        raise
    return sock


def context_of(entry: Entry) -> ssl.SSLContext:
    """Its TLS; CannotProbe where our own files are at fault."""
    try:
        return entry.tls()
    except ProbeError:
        raise
    except Exception as error:  # whatever an implementation raises, the target is not at fault
        raise CannotProbe(_said(error)) from error


async def headers_of(entry: Entry) -> Mapping[str, str]:
    """Its headers; CannotProbe where our own files or their token server are at fault."""
    try:
        return await entry.headers()
    except ProbeError:
        raise
    except Exception as error:  # as above
        raise CannotProbe(_said(error)) from error


def read_tls(tls: ssl.SSLObject, readings: Readings) -> None:
    """What a handshake showed: the version, and when the certificates end."""
    readings.drop(*TLS_NAMES)
    ends = certificates.earliest_end(certificates.shown(tls))
    if ends is not None:
        readings.set(EXPIRY, ends)
    chain_ends = certificates.earliest_end(certificates.verified(tls))
    if chain_ends is not None:
        readings.set(CHAIN_EXPIRY, chain_ends)
    readings.set(TLS_VERSION, 1, version=_VERSIONS.get(tls.version() or "", "unknown"))


def host_and_port(address: str, default: int = 0) -> tuple[str, int]:
    """The parts of `host:port`, an IPv6 address in brackets; the port may be missing where there
    is a default, and the brackets with it. ProbeFailed where it is none.
    """
    match = _HOST_PORT.fullmatch(address)
    if match is not None and (match[2] or default):
        port = int(match[2] or default)
        if 0 < port <= MAX_PORT:
            return match[1].strip("[]"), port
    if default and address.count(":") > 1 and "[" not in address:
        return address, default
    raise ProbeFailed(f"`{address}` is no host:port")


def reason_for(error: OSError) -> str:
    """The name of a failure, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message.lower()}"
    if isinstance(error, ssl.SSLError):
        return f"tls: {(error.reason or str(error)).lower().replace('_', ' ')}"
    named = {errno.ECONNREFUSED: "connection refused", errno.ECONNRESET: "connection reset"}
    if error.errno in named:
        return named[error.errno]
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionResetError):  # of uvloop, without a number
        return named[errno.ECONNRESET]
    return (error.strerror or "").lower() or _said(error)


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(getattr(error, "reason", "") or error).partition("\n")[0] or type(error).__name__
