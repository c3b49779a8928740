"""DNS probes of a real name server on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from collectors.access import Tls
from collectors.probe.model import DnsOptions, Ip, RecordRules

ASK = DnsOptions("shop.example", "A", Ip("ip4"))
RECORDS = {
    ("shop.example.", "A"): ("A", ["192.0.2.1", "192.0.2.2"]),
    ("shop.example.", "SOA"): ("SOA", ["ns.example. root.example. 2026112401 1 2 3 4"]),
}


def answer(wire: bytes) -> bytes:
    """What the server says to a question."""
    question = dns.message.from_wire(wire)
    reply = dns.message.make_response(question)
    asked = question.question[0]
    name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
    if not question.flags & dns.flags.RD:
        reply.set_rcode(dns.rcode.REFUSED)
    elif (name, kind) in RECORDS:
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *RECORDS[name, kind][1]))
        reply.authority.append(dns.rrset.from_text(name, 60, "IN", "NS", "ns.example."))
        reply.additional.append(dns.rrset.from_text("ns.example.", 60, "IN", "A", "192.0.2.53"))
    elif name != "empty.example.":
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


class Udp(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if b"silent" in data:
            return
        self.transport.sendto(b"garbage", addr)  # what doesn't fit the question is passed over
        self.transport.sendto(answer(data), addr)


async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size = int.from_bytes(await reader.readexactly(2), "big")
    wire = await reader.readexactly(size)
    if b"silent" not in wire:
        reply = answer(wire)
        reply = b"\0\0" + reply[2:] if b"other" in wire else reply
        writer.write(len(reply).to_bytes(2, "big") + reply)
    writer.close()


@asynccontextmanager
async def name_server(tls: Any = None) -> AsyncIterator[str]:
    server = await asyncio.start_server(over_tcp, "127.0.0.1", 0, ssl=tls)
    address = server.sockets[0].getsockname()[:2]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Udp, address)
    try:
        yield "{}:{}".format(*address)
    finally:
        transport.close()
        server.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_answer_has_every_metric(tried: Any, transport: str) -> None:
    async with name_server() as address:
        got = await tried(address, replace(ASK, transport=transport))
    assert (got.success, got.reason) == (True, "")
    expected = {
        "probe_success": 1,
        "probe_dns_answer_rrs": 2,
        "probe_dns_authority_rrs": 1,
        "probe_dns_additional_rrs": 1,
        "probe_dns_query_succeeded": 1,
        "probe_ip_protocol": 4,
    }
    assert {name: got.values[name] for name in expected} == expected
    assert got.values['probe_dns_duration_seconds{phase="request"}'] > 0
    assert "probe_dns_serial" not in got.values


async def test_a_zone_shows_its_serial(tried: Any) -> None:
    async with name_server() as address:
        got = await tried(address, replace(ASK, query_type="SOA"))
    assert got.values["probe_dns_serial"] == 2026112401


MET = [
    ({"query_name": "gone.example"}, "rcode NXDOMAIN"),
    ({"query_name": "gone.example", "valid_rcodes": ("NXDOMAIN",)}, ""),
    ({"valid_rcodes": ("NXDOMAIN",)}, "rcode NOERROR"),
    ({"recursion_desired": False}, "rcode REFUSED"),
    ({"answer": RecordRules(fail_if_matches=(r"192\.0\.2\.2$",))},
     r"answer: a record matches `192\.0\.2\.2$`"),
    ({"answer": RecordRules(fail_if_matches=("198",))}, ""),
    ({"answer": RecordRules(fail_if_not_matches=(r"^shop.example.\t60\tIN\tA\t192\.",))}, ""),
    ({"answer": RecordRules(fail_if_not_matches=("2$",))}, "answer: a record does not match `2$`"),
    ({"answer": RecordRules(fail_if_all_match=("192",))}, "answer: all records match `192`"),
    ({"answer": RecordRules(fail_if_all_match=("2$",))}, ""),
    ({"answer": RecordRules(fail_if_none_matches=("2$", "9$"))}, ""),
    ({"answer": RecordRules(fail_if_none_matches=("8$", "9$"))}, "answer: no record matches `8$`"),
    ({"query_name": "empty.example", "answer": RecordRules(fail_if_not_matches=("a",))},
     "answer: there is no record for `a`"),
    ({"query_name": "empty.example", "answer": RecordRules(fail_if_none_matches=("a",))},
     "answer: no record matches `a`"),
    ({"query_name": "empty.example", "answer": RecordRules(fail_if_all_match=("a",))}, ""),
    ({"authority": RecordRules(fail_if_matches=("ns.example",))},
     "authority: a record matches `ns.example`"),
    ({"additional": RecordRules(fail_if_matches=("53$",))}, "additional: a record matches `53$`"),
    ({"transport": "tcp", "query_name": "silent.example"}, "connection closed without an answer"),
    ({"transport": "tcp", "query_name": "other.example"}, "an answer to another question"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "reason"), MET)
async def test_each_condition_decides(tried: Any, options: dict[str, Any], reason: str) -> None:
    async with name_server() as address:
        got = await tried(address, replace(ASK, **options))
    assert got.reason == reason
    assert got.success is (not reason)
    by_regex = ": " in reason
    assert got.values["probe_failed_due_to_regex"] == by_regex


async def test_a_server_that_keeps_silent_costs_the_timeout(tried: Any) -> None:
    async with name_server() as address:
        got = await tried(address, replace(ASK, query_name="silent.example"), timeout_s=0.2)
    assert (got.reason, got.values["probe_dns_query_succeeded"]) == ("timeout", 0)


async def test_nobody_there_is_told_as_such(tried: Any) -> None:
    with socket.socket() as held:  # bound and not listening: nobody else gets the port
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        got = await tried(address, replace(ASK, transport="tcp"))
    assert got.reason == "connection refused"


async def test_dns_over_tls_verifies_and_tells_the_certificate(
    tried: Any, certificates: Any
) -> None:
    secure = replace(ASK, transport="tcp", over_tls=True)
    async with name_server(certificates.server("good")) as address:
        got = await tried(address, replace(secure, tls_config=Tls(ca_file=certificates.ca)))
        refused = await tried(address, secure)
    assert got.reason == ""
    assert got.result.expires_at == certificates.ends("good")
    assert refused.reason.startswith("certificate: ")
