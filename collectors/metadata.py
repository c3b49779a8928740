"""Addresses at which a cloud tells a machine its own secrets, to anybody who asks from it."""

import ipaddress
from typing import Final

# By the clouds' documents: link-local ones are those of AWS, Azure, Google, OpenStack, Oracle and
# DigitalOcean; then AWS over IPv6, Alibaba, Oracle's older one, and Azure's WireServer.
_NETWORKS: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16",
            "fe80::/10",
            "fd00:ec2::/64",
            "fd20:ce::254/128",
            "100.100.100.200/32",
            "192.0.0.192/32",
            "168.63.129.16/32",
        ),
    )
)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NAMES: Final = frozenset(
    {
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
        "instance-data",
        "instance-data.ec2.internal",
    }
)


def is_metadata(host: str) -> bool:
    """Whether a host, by name or address in any spelling, is one of them."""
    host = host.lower().rstrip(".")
    if host in _NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False  # a name, or a number that the resolver makes an address of
    if isinstance(address, ipaddress.IPv6Address):
        address = _embedded(address)
    return any(address in network for network in _NETWORKS)


def _embedded(
    address: ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one leads to, else itself."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
