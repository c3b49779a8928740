"""What is probed: the kind `Probe` as records, and the targets that come of it.

Options have the names of blackbox_exporter's modules (CONFIGURATION.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from collectors.access import ANONYMOUS, NO_TLS_KEYS, HttpAccess, Tls
from collectors.targets import By, Target
from slo import names
from slo.load.yaml import Mark

LOCAL: Final = "local"
LOCATION: Final = "location"  # the label
MAX_PAGE: Final = 1_000_000  # bytes of a page of results


class Prober(StrEnum):
    """How a target is asked."""

    HTTP = "http"
    TCP = "tcp"
    TLS = "tls"
    DNS = "dns"
    ICMP = "icmp"


@dataclass(frozen=True, slots=True)
class Ip:
    """Which address of a name is taken: the first of the preferred protocol, else any."""

    preferred: str = "ip6"  # ip4 | ip6
    fallback: bool = True


ANY_IP: Final = Ip()


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A condition on the values of one header of the answer."""

    header: str
    regexp: str  # RE2, searched for
    allow_missing: bool = False


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """An HTTP request, and what its answer must be. Patterns are RE2 and searched for."""

    ip: Ip = ANY_IP
    access: HttpAccess = ANONYMOUS
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a secret
    body: str = field(default="", repr=False)
    valid_status_codes: tuple[int, ...] = ()  # empty: 2xx
    valid_http_versions: tuple[str, ...] = ()  # e.g. `HTTP/1.1`; empty: any
    follow_redirects: bool = True
    fail_if_ssl: bool = False
    fail_if_not_ssl: bool = False
    fail_if_body_matches: tuple[str, ...] = ()
    fail_if_body_not_matches: tuple[str, ...] = ()
    fail_if_header_matches: tuple[HeaderMatch, ...] = ()
    fail_if_header_not_matches: tuple[HeaderMatch, ...] = ()
    body_size_limit: int = 10_000_000  # bytes after decompression


@dataclass(frozen=True, slots=True)
class Exchange:
    """One step of a dialogue, in this order: a line that is waited for (RE2), a line that is sent
    (`${1}` is a group of the pattern), a switch to TLS.
    """

    expect: str = ""
    send: str = ""
    starttls: bool = False


@dataclass(frozen=True, slots=True)
class TcpOptions:
    """A connection, with TLS from its start or from a step of its dialogue on, or without."""

    ip: Ip = ANY_IP
    tls: bool = False
    tls_config: Tls = NO_TLS_KEYS
    query_response: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """A handshake, for the sake of the certificate."""

    ip: Ip = ANY_IP
    tls_config: Tls = NO_TLS_KEYS


@dataclass(frozen=True, slots=True)
class RecordRules:
    """Conditions on the records of one section of a DNS answer, each as its line in a zone file
    with tabs between the fields.
    """

    fail_if_matches: tuple[str, ...] = ()
    fail_if_all_match: tuple[str, ...] = ()
    fail_if_not_matches: tuple[str, ...] = ()
    fail_if_none_matches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DnsOptions:
    """A question to a name server, and what its answer must be."""

    query_name: str
    query_type: str = "ANY"
    ip: Ip = ANY_IP
    transport: str = "udp"  # udp | tcp
    over_tls: bool = False
    tls_config: Tls = NO_TLS_KEYS
    recursion_desired: bool = True
    valid_rcodes: tuple[str, ...] = ("NOERROR",)
    answer: RecordRules = RecordRules()
    authority: RecordRules = RecordRules()
    additional: RecordRules = RecordRules()


@dataclass(frozen=True, slots=True)
class IcmpOptions:
    """An echo request; `payload_size` in bytes."""

    ip: Ip = ANY_IP
    payload_size: int = 28


Options: TypeAlias = HttpOptions | TcpOptions | TlsOptions | DnsOptions | IcmpOptions


@dataclass(frozen=True, slots=True)
class Location:
    """From where it is probed: here, or by a blackbox_exporter that is asked for its `module`."""

    name: str = LOCAL
    blackbox_url: str = ""  # its base, as `http://blackbox.paris:9115`; empty: this process
    module: str = ""


HERE: Final = Location()


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One thing that is probed: a URL, a host:port, or a host, as its prober asks."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


NOTICE_S: Final = 14 * 86_400.0
PAGE_S: Final = 3 * 86_400.0


@dataclass(frozen=True, slots=True)
class Probe:
    """Targets of one service, asked from every location in every interval. Durations in seconds.

    A target is down once `quorum` locations hold it for failing. A location does so after
    `failures` attempts that failed in a row, and stops after `successes` that did not. A
    certificate that ends within `certificate_notice_s` is worth a notice, within
    `certificate_page_s` a page; 0: never.
    """

    name: str
    service: str
    targets: tuple[ProbeTarget, ...]
    options: Options
    interval_s: float = 60.0
    timeout_s: float = 10.0
    locations: tuple[Location, ...] = (HERE,)
    quorum: int = 1
    failures: int = 3
    successes: int = 2
    certificate_notice_s: float = NOTICE_S
    certificate_page_s: float = PAGE_S
    labels: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None

    def target_id(self, target: ProbeTarget, location: Location) -> str:
        """The id of what `targets_of` makes of these two."""
        return f"{self.name}/{_instance(target, location)}"


def access_of(options: Options) -> HttpAccess:
    """How a prober is let in: of all but HTTP, TLS is all there is to say."""
    match options:
        case HttpOptions():
            return options.access
        case IcmpOptions():
            return ANONYMOUS
    return HttpAccess(tls=options.tls_config)


def majority(locations: int) -> int:
    """More than half of them."""
    return locations // 2 + 1


def targets_of(probe: Probe) -> tuple[Target, ...]:
    """A target for each of the probe's targets at each location, in that order.

    The label `instance` is the address alone, so that queries add up over locations; the ids
    differ by the location, unless it is this process.
    """
    return tuple(
        _target(probe, target, location) for target in probe.targets for location in probe.locations
    )


def _target(probe: Probe, target: ProbeTarget, location: Location) -> Target:
    own = {
        names.JOB: probe.name,
        names.INSTANCE: target.address,
        names.SERVICE: probe.service,
        LOCATION: location.name,
    }
    return Target(
        job=probe.name,
        instance=_instance(target, location),
        url=target.address,
        service=probe.service,
        labels={**probe.labels, **target.labels, **own},
        interval_s=probe.interval_s,
        timeout_s=probe.timeout_s,
        body_limit=MAX_PAGE,
        by=By.PROBE,
        mark=probe.mark,
    )


def _instance(target: ProbeTarget, location: Location) -> str:
    at = "" if location.name == LOCAL else f"@{location.name}"
    return f"{target.address}{at}"
