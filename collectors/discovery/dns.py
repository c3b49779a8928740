"""Targets from DNS: names asked every `refresh_s`, by the name servers of the system.

As Prometheus does: the search list is tried as the system's resolver would; that a name does not
exist is an answer without targets, and anything else that is no answer changes nothing.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdata
import dns.resolver

from collectors.discovery.errors import DiscoveryError
from collectors.discovery.feed import Feed
from collectors.discovery.groups import ADDRESS
from collectors.discovery.model import DnsSd
from collectors.jobs import Group
from collectors.lines import shortened
from collectors.scrape import Clock

NAME = "__meta_dns_name"
SRV_TARGET = "__meta_dns_srv_record_target"
SRV_PORT = "__meta_dns_srv_record_port"
MX_TARGET = "__meta_dns_mx_record_target"
NS_TARGET = "__meta_dns_ns_record_target"
LIFETIME_S = 10.0  # of one question to all servers, over UDP and TCP
AT_ONCE = 10
_EDNS_BYTES = 1232  # what passes everywhere unfragmented: DNS Flag Day 2020

Resolver = Callable[[], dns.asyncresolver.Resolver]


class Dns:
    """The names of one discovery. A name that can't be asked keeps the targets that it had."""

    def __init__(self, discovery: DnsSd, clock: Clock, feed: Feed, resolver: Resolver) -> None:
        self.feed = feed
        self._discovery = discovery
        self._clock = clock
        self._resolver = resolver
        self._groups: dict[str, Group] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Ask at once, and then every `refresh_s`."""
        while True:
            began = self._clock.now()
            await self.look()
            await self._clock.sleep_until(began + self._discovery.refresh_s)

    async def look(self) -> None:
        """Ask for every name once."""
        names = dict.fromkeys(self._discovery.names)
        await asyncio.gather(*(self._ask(name) for name in names))
        groups = [self._groups[name] for name in names if name in self._groups]
        self.feed.found(groups, answered=len(groups) == len(names))

    async def _ask(self, name: str) -> None:
        try:
            async with self._slots:
                targets = await self._targets(name)
        except DiscoveryError as error:
            self.feed.failed(name, error.reason)
            return
        self.feed.well(name)
        self._groups[name] = Group(f"dns/{name}", targets, {NAME: name})

    async def _targets(self, name: str) -> tuple[Mapping[str, str], ...]:
        """The targets in the order of their addresses: servers answer in ever other orders."""
        type_, port = self._discovery.type.upper(), self._discovery.port
        records = await _looked_up(self._resolver, name, type_)
        targets = [found for record in records if (found := _target(record, type_, port))]
        return tuple(sorted(targets, key=lambda labels: sorted(labels.items())))


async def _looked_up(make: Resolver, name: str, type_: str) -> list[dns.rdata.Rdata]:
    """The records of the first name of the search list that exists; none when none does."""
    try:
        resolver = make()
        candidates = list(_candidates(name, resolver))
    except dns.exception.DNSException as error:
        raise DiscoveryError(_reason(error)) from error
    resolver.use_edns(0, 0, _EDNS_BYTES)
    failure = ""
    for candidate in candidates:
        try:
            answer = await resolver.resolve(
                candidate, type_, raise_on_no_answer=False, lifetime=LIFETIME_S, search=False
            )
        except dns.resolver.NXDOMAIN:
            continue
        except (dns.exception.DNSException, OSError) as error:
            # A later name may exist. If none does, whether this one does is not known.
            failure = _reason(error)
            continue
        return list(answer.rrset or ())
    if failure:
        raise DiscoveryError(failure)
    return []


def _candidates(name: str, resolver: dns.asyncresolver.Resolver) -> Iterator[dns.name.Name]:
    """The names to ask for, as resolv.conf(5) says of `search` and `ndots`."""
    relative = dns.name.from_text(name, None)
    if relative.is_absolute():
        yield relative
        return
    suffixes = resolver.search or ([resolver.domain] if resolver.domain else [])
    searched = [relative.concatenate(suffix) for suffix in suffixes if suffix != dns.name.root]
    itself = relative.concatenate(dns.name.root)
    ndots = 1 if resolver.ndots is None else resolver.ndots
    plain_first = len(relative) > ndots
    yield from [itself, *searched] if plain_first else [*searched, itself]


def _target(record: dns.rdata.Rdata, type_: str, port: int) -> dict[str, str] | None:
    """The target of a record; None: it says that there is no such service (RFC 2782, RFC 7505)."""
    text = record.to_text()
    if type_ in ("SRV", "MX") and text.endswith(" ."):
        return None
    match type_:
        case "SRV":
            _, _, at, target = text.split()
            return {ADDRESS: _joined(target, at), SRV_TARGET: target, SRV_PORT: at}
        case "MX":
            target = text.split()[1]
            return {ADDRESS: _joined(target, port), MX_TARGET: target}
        case "NS":
            return {ADDRESS: _joined(text, port), NS_TARGET: text}
        case _:
            return {ADDRESS: _joined(text, port)}


def _joined(host: str, port: object) -> str:
    """`host:port`; a name loses its final dot, an IPv6 address gets its brackets."""
    host = host.rstrip(".")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (dns.resolver.NoResolverConfiguration, "the system names no name server"),
    (dns.exception.Timeout, "timeout"),
    (dns.name.BadEscape, "bad name"),
    (dns.name.EmptyLabel, "bad name"),
    (dns.name.LabelTooLong, "bad name"),
    (dns.name.NameTooLong, "bad name"),
)
_RCODE = re.compile(r"\b(SERVFAIL|REFUSED|FORMERR|NOTIMP|NOTAUTH)\b")


def _reason(error: dns.exception.DNSException | OSError) -> str:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    said = str(error)
    if found := _RCODE.search(said):
        return f"the name servers say {found[1]}"
    if isinstance(error, dns.resolver.NoNameservers | OSError):
        return "no name server answers"
    return shortened(said, 80)
