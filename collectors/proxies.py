"""Which proxy a request goes through, decided as Go's `httpproxy` does, and so Prometheus."""

import ipaddress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from yarl import URL

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Proxies:
    """What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say; whoever reads the environment fills it."""

    http: str = field(default="", repr=False)
    https: str = field(default="", repr=False)
    no_proxy: str = ""


NO_PROXIES: Final = Proxies()


class NoProxy:
    """A list of hosts that are asked without a proxy; this machine itself always is."""

    def __init__(self, text: str) -> None:
        self._all = False
        self._networks: list[_Network] = []
        self._addresses: list[tuple[_Address, int | None]] = []
        self._suffixes: list[tuple[str, bool, int | None]] = []  # `.host`, also the host, port
        for part in text.split(","):
            self._add(part.strip().lower())

    def fits(self, url: URL) -> bool:
        """Whether the host of `url` is asked directly."""
        host, port = (url.host or "").lower().rstrip("."), url.port
        address = _address(host)
        if self._all or host == "localhost" or (address is not None and address.is_loopback):
            return True
        if address is not None:
            return any(address in network for network in self._networks) or any(
                address == own and wanted in (None, port) for own, wanted in self._addresses
            )
        return any(
            (host.endswith(suffix) or (also and host == suffix[1:])) and wanted in (None, port)
            for suffix, also, wanted in self._suffixes
        )

    def _add(self, part: str) -> None:
        if not part:
            return
        if part == "*":
            self._all = True
            return
        if "/" in part:
            try:
                self._networks.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                return  # as Go does: what is no network fits nothing
            return
        host, port = _split(part)
        address = _address(host)
        if address is not None:
            self._addresses.append((address, port))
            return
        host = host.removeprefix("*")
        self._suffixes.append((host if host.startswith(".") else f".{host}", host[:1] != ".", port))


def _split(part: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:80`, `[::1]:80`, `::1`."""
    if part.startswith("["):
        host, _, rest = part[1:].partition("]")
        return host, int(rest[1:]) if _is_port(rest[1:]) else None
    host, colon, port = part.rpartition(":")
    if colon and _is_port(port) and ":" not in host:
        return host, int(port)
    return part, None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _address(host: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
