"""Targets from DNS, asked of a local server over UDP and TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from collectors.discovery import dns as discovery
from collectors.discovery.dns import Dns
from collectors.discovery.feed import Feed
from collectors.discovery.model import DnsSd
from components import free_port
from vigie.clock import SetClock


@dataclass
class Zone(asyncio.DatagramProtocol):
    """A name server: what it has, what it refuses, and what it was asked."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    rcodes: dict[str, dns.rcode.Rcode] = field(default_factory=dict)
    silent: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # name, type, way
    _way: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._way = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._way is not None
        answer = self.answer(data, "udp")
        if answer is None:
            return
        wire = answer.to_wire(max_size=65535)
        if len(wire) > 1232:
            answer.flags |= dns.flags.TC
            answer.answer.clear()
            wire = answer.to_wire()
        self._way.sendto(wire, addr)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        answer = self.answer(await reader.readexactly(size), "tcp")
        if answer is not None:
            wire = answer.to_wire(max_size=65535)
            writer.write(len(wire).to_bytes(2) + wire)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    def answer(self, wire: bytes, way: str) -> dns.message.Message | None:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name, type_ = str(question.name), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, type_, way))
        if self.silent:
            return None
        answer = dns.message.make_response(query)
        known = any(own == name for own, _ in self.records)
        answer.set_rcode(self.rcodes.get(name, dns.rcode.NOERROR if known else dns.rcode.NXDOMAIN))
        for alias in self.records.get((name, "CNAME"), []) if type_ != "CNAME" else []:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", alias))
            name = alias
        if found := self.records.get((name, type_)):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", type_, *found))
        return answer


class Rig:
    def __init__(self, zone: Zone, make: Callable[[], dns.asyncresolver.Resolver]) -> None:
        self.zone, self.make, self.changes = zone, make, 0

    def watch(self, *names: str, type: str = "SRV", port: int = 0) -> Dns:
        clock = SetClock(1000.0)
        self.feed = Feed(clock, "dns", "names", self._changed)
        return Dns(DnsSd(names, type, port), clock, self.feed, self.make)

    @property
    def addresses(self) -> list[str]:
        return [t["__address__"] for group in self.feed.groups() for t in group.targets]

    def _changed(self) -> None:
        self.changes += 1


@asynccontextmanager
async def serving(*search: str, ndots: int | None = None) -> AsyncIterator[Rig]:
    zone, port = Zone(), free_port()
    loop = asyncio.get_running_loop()
    way, _ = await loop.create_datagram_endpoint(lambda: zone, local_addr=("127.0.0.1", port))
    server = await asyncio.start_server(zone.talk, "127.0.0.1", port)

    def make() -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], port
        resolver.search = [dns.name.from_text(one) for one in search]
        resolver.ndots, resolver.timeout = ndots, 0.2
        return resolver

    try:
        yield Rig(zone, make)
    finally:
        way.close()
        server.close()
        await server.wait_closed()


RECORDS = {
    ("SRV", 0, "10 5 8080 api-1.shop.", "10 5 8081 api-2.shop."): [
        {
            "__address__": "api-1.shop:8080",
            "__meta_dns_srv_record_target": "api-1.shop.",
            "__meta_dns_srv_record_port": "8080",
        },
        {
            "__address__": "api-2.shop:8081",
            "__meta_dns_srv_record_target": "api-2.shop.",
            "__meta_dns_srv_record_port": "8081",
        },
    ],
    ("A", 9100, "10.0.0.2", "10.0.0.1"): [
        {"__address__": "10.0.0.1:9100"},
        {"__address__": "10.0.0.2:9100"},
    ],
    ("AAAA", 9100, "2001:db8::1"): [{"__address__": "[2001:db8::1]:9100"}],
    ("MX", 25, "10 mail.shop."): [
        {"__address__": "mail.shop:25", "__meta_dns_mx_record_target": "mail.shop."}
    ],
    ("NS", 53, "ns1.shop."): [
        {"__address__": "ns1.shop:53", "__meta_dns_ns_record_target": "ns1.shop."}
    ],
    ("SRV", 0, "0 0 0 ."): [],  # says that there is no such service
    ("MX", 25, "0 ."): [],
}


@pytest.mark.parametrize(("said", "targets"), RECORDS.items(), ids=lambda one: str(one)[:30])
async def test_records_become_targets(
    said: tuple[str, int, str], targets: list[dict[str, str]]
) -> None:
    type_, port, *texts = said
    async with serving() as rig:
        rig.zone.records[("shop.example.", type_)] = texts
        source = rig.watch("shop.example", type=type_, port=port)
        await source.look()
        (group,) = rig.feed.groups()
        assert group.source == "dns/shop.example"
        assert group.labels == {"__meta_dns_name": "shop.example"}
        assert list(group.targets) == targets
        assert rig.feed.status().health == "up"


async def test_another_order_of_the_same_records_says_nothing() -> None:
    async with serving() as rig:
        rig.zone.records[("a.", "A")] = ["10.0.0.1", "10.0.0.2"]
        source = rig.watch("a.", type="A", port=1)
        await source.look()
        rig.zone.records[("a.", "A")] = ["10.0.0.2", "10.0.0.1"]
        await source.look()
        assert rig.changes == 1


async def test_an_alias_is_followed() -> None:
    async with serving() as rig:
        rig.zone.records[("www.", "CNAME")] = ["shop."]
        rig.zone.records[("shop.", "A")] = ["10.0.0.1"]
        source = rig.watch("www.", type="A", port=80)
        await source.look()
        assert rig.addresses == ["10.0.0.1:80"]


async def test_an_answer_too_large_for_udp_is_asked_for_over_tcp() -> None:
    async with serving() as rig:
        rig.zone.records[("a.", "A")] = [f"10.0.{n // 250}.{n % 250}" for n in range(1000)]
        source = rig.watch("a.", type="A", port=1)
        await source.look()
        assert len(rig.addresses) == 1000
        assert [way for _, _, way in rig.zone.asked] == ["udp", "tcp"]


async def test_a_name_that_is_no_more_has_no_targets() -> None:
    async with serving() as rig:
        rig.zone.records[("a.", "A")] = ["10.0.0.1"]
        source = rig.watch("a.", type="A", port=1)
        await source.look()
        del rig.zone.records[("a.", "A")]
        await source.look()
        assert rig.addresses == []
        assert rig.feed.status().health == "up"


async def test_a_name_without_such_records_has_no_targets() -> None:
    async with serving() as rig:
        rig.zone.records[("a.", "A")] = ["10.0.0.1"]
        source = rig.watch("a.", type="AAAA", port=1)
        await source.look()
        assert rig.addresses == []
        assert rig.feed.answered


FAILURES = {
    "the name servers say SERVFAIL": dns.rcode.SERVFAIL,
    "the name servers say REFUSED": dns.rcode.REFUSED,
    "timeout": None,
}


@pytest.mark.parametrize(("reason", "rcode"), FAILURES.items(), ids=list(FAILURES))
async def test_no_answer_keeps_the_targets_of_that_name_only(
    reason: str,
    rcode: dns.rcode.Rcode | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(discovery, "LIFETIME_S", 0.5)
    async with serving() as rig:
        rig.zone.records[("a.", "A")] = ["10.0.0.1"]
        rig.zone.records[("b.", "A")] = ["10.0.0.2"]
        source = rig.watch("a.", "b.", type="A", port=1)
        await source.look()
        if rcode is None:
            rig.zone.silent = True
        else:
            rig.zone.rcodes["a."] = rcode
        rig.zone.records[("a.", "A")] = ["10.0.0.3"]
        rig.zone.records[("b.", "A")] = ["10.0.0.4"]
        await source.look()
        await source.look()
        assert rig.addresses == ["10.0.0.1:1", "10.0.0.2:1" if rcode is None else "10.0.0.4:1"]
        status = rig.feed.status()
        assert status.health == "down"
        assert f"a.: {reason}" in status.error
        warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert len([said for said in warned if " a.: " in said]) == 1


async def test_a_name_that_never_answered_leaves_the_answer_open() -> None:
    async with serving() as rig:
        rig.zone.records[("a.", "A")] = ["10.0.0.1"]
        rig.zone.rcodes["b."] = dns.rcode.SERVFAIL
        source = rig.watch("a.", "b.", type="A", port=1)
        await source.look()
        assert rig.addresses == ["10.0.0.1:1"]
        assert not rig.feed.answered


SEARCHES = {
    # name, ndots -> the names asked for, until one exists (here none does)
    ("api", None): ["api.one.", "api.two.", "api."],
    ("api.shop", None): ["api.shop.", "api.shop.one.", "api.shop.two."],
    ("api.shop", 5): ["api.shop.one.", "api.shop.two.", "api.shop."],
    ("api.shop.", 5): ["api.shop."],
}


@pytest.mark.parametrize(("said", "asked"), SEARCHES.items(), ids=str)
async def test_the_search_list_is_tried_as_the_system_would(
    said: tuple[str, int | None], asked: list[str]
) -> None:
    name, ndots = said
    async with serving("one.", "two.", ndots=ndots) as rig:
        source = rig.watch(name)
        await source.look()
        assert [own for own, _, _ in rig.zone.asked] == asked
        assert rig.feed.answered


async def test_a_later_name_of_the_search_list_makes_up_for_a_failure() -> None:
    async with serving("one.", "two.") as rig:
        rig.zone.rcodes["api.one."] = dns.rcode.SERVFAIL
        rig.zone.records[("api.two.", "A")] = ["10.0.0.1"]
        source = rig.watch("api", type="A", port=1)
        await source.look()
        assert rig.addresses == ["10.0.0.1:1"]
        del rig.zone.records[("api.two.", "A")]
        await source.look()  # two says no such name, one is not known
        assert rig.addresses == ["10.0.0.1:1"]
        assert "SERVFAIL" in rig.feed.status().error


def _no_servers() -> dns.asyncresolver.Resolver:
    raise dns.resolver.NoResolverConfiguration  # as it does without /etc/resolv.conf


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ("x" * 60 + ".") * 5])
async def test_a_name_that_is_none_is_said(name: str) -> None:
    async with serving() as rig:
        source = rig.watch(name)
        await source.look()
        assert rig.feed.status().error.endswith("bad name")
        assert rig.zone.asked == []


async def test_a_system_without_name_servers_is_said() -> None:
    async with serving() as rig:
        rig.make = _no_servers
        source = rig.watch("a")
        await source.look()
        assert rig.feed.status().error == "a: the system names no name server"


async def test_many_names_stay_in_the_order_of_the_file() -> None:
    async with serving() as rig:
        names = [f"n{n}." for n in range(40)]
        for name in names:
            rig.zone.records[(name, "A")] = ["10.0.0.1"]
        source = rig.watch(*names, names[0], type="A", port=1)
        await source.look()
        assert len(rig.feed.groups()) == 40
        assert [group.source for group in rig.feed.groups()] == [f"dns/{n}" for n in names]
