"""The DNS prober: one question to one name server.

Metrics and conditions: blackbox_exporter, prober/dns.go.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.SOA import SOA

from collectors.probe import network
from collectors.probe.errors import ProbeFailed
from collectors.probe.model import DnsOptions, RecordRules
from collectors.probe.network import Entry
from collectors.probe.patterns import search
from collectors.probe.readings import FAILED_BY_REGEX, Readings

PHASES: Final = "probe_dns_duration_seconds"
PORT: Final = 53
TLS_PORT: Final = 853
NEVER_S: Final = 3600.0  # whoever calls sets the timeout


async def probe(address: str, options: DnsOptions, entry: Entry, readings: Readings) -> None:
    """Ask a name server at a host:port; ProbeFailed names the condition that is not met."""
    readings.phases(PHASES, "resolve", "connect", "request")
    for section in ("answer", "authority", "additional"):
        readings.set(f"probe_dns_{section}_rrs", 0)
    readings.set("probe_dns_query_succeeded", 0)
    readings.set(FAILED_BY_REGEX, 0)
    try:
        answer = await _Asking(address, options, entry, readings).answer()
    except dns.exception.DNSException as error:
        raise ProbeFailed(f"not a DNS answer: {type(error).__name__}") from error
    except EOFError as error:
        raise ProbeFailed("connection closed without an answer") from error
    except OSError as error:
        raise ProbeFailed(network.reason_for(error)) from error
    readings.set("probe_dns_query_succeeded", 1)
    _judge(answer, options, readings)


class _Asking:
    """One question to one server."""

    def __init__(self, address: str, options: DnsOptions, entry: Entry, readings: Readings) -> None:
        default = TLS_PORT if options.over_tls else PORT
        self._host, self._port = network.host_and_port(address, default)
        self._options, self._entry, self._readings = options, entry, readings

    async def answer(self) -> dns.message.Message:
        """The answer that fits the question."""
        options, readings = self._options, self._readings
        with readings.timing(PHASES, "resolve"):
            server = await network.resolve(self._host, self._port, options.ip, readings)
        question = dns.message.make_query(options.query_name, options.query_type)
        if not options.recursion_desired:
            question.flags &= ~dns.flags.RD
        if options.transport == "tcp" or options.over_tls:
            return await self._over_tcp(server, question)
        backend = dns.asyncbackend.get_backend("asyncio")
        with readings.timing(PHASES, "request"):
            # An answer that was cut short is taken as it is, as Go's library does.
            return await dns.asyncquery.udp(
                question,
                server.ip,
                NEVER_S,
                self._port,
                ignore_unexpected=True,
                ignore_errors=True,
                backend=backend,
            )

    async def _over_tcp(
        self, server: network.Address, question: dns.message.Message
    ) -> dns.message.Message:
        with self._readings.timing(PHASES, "connect"):
            reader, writer = await self._connected(server)
        try:
            with self._readings.timing(PHASES, "request"):
                wire = question.to_wire()
                writer.write(len(wire).to_bytes(2, "big") + wire)
                size = int.from_bytes(await reader.readexactly(2), "big")
                answer = dns.message.from_wire(await reader.readexactly(size))
        finally:
            writer.transport.abort()
        if not question.is_response(answer):
            raise ProbeFailed("an answer to another question")
        return answer

    async def _connected(
        self, server: network.Address
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        options = self._options
        if not options.over_tls:
            return await asyncio.open_connection(sock=await network.connect(server))
        context = network.context_of(self._entry)
        name = options.tls_config.server_name or self._host
        sock = await network.connect(server)
        reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        network.read_tls(writer.get_extra_info("ssl_object"), self._readings)
        return reader, writer


def _judge(answer: dns.message.Message, options: DnsOptions, readings: Readings) -> None:
    """Hold an answer against the conditions."""
    sections = {
        "answer": (answer.answer, options.answer),
        "authority": (answer.authority, options.authority),
        "additional": (answer.additional, options.additional),
    }
    for name, (found, _) in sections.items():
        readings.set(f"probe_dns_{name}_rrs", sum(len(some) for some in found))
    for some in answer.answer:
        for record in some:
            if isinstance(record, SOA):
                readings.set("probe_dns_serial", record.serial)
    rcode = dns.rcode.to_text(answer.rcode())
    if rcode not in options.valid_rcodes:
        raise ProbeFailed(f"rcode {rcode}")
    for name, (found, rules) in sections.items():
        _check(name, _lines(found), rules)


def _lines(found: Sequence[dns.rrset.RRset]) -> list[str]:
    """The records as lines of a zone file with tabs between the fields, as Go's library does."""
    return [
        "\t".join(
            (
                some.name.to_text(),
                str(some.ttl),
                dns.rdataclass.to_text(some.rdclass),
                dns.rdatatype.to_text(some.rdtype),
                record.to_text(),
            )
        )
        for some in found
        for record in some
    ]


def _check(section: str, lines: Sequence[str], rules: RecordRules) -> None:
    """Hold the records of a section against its conditions."""

    def matching(pattern: str) -> int:
        return sum(search(pattern, line) is not None for line in lines)

    def fail(what: str, pattern: str) -> None:
        raise ProbeFailed(f"{section}: {what} `{pattern}`", by_regex=True)

    for pattern in rules.fail_if_matches:
        if matching(pattern):
            fail("a record matches", pattern)
    for pattern in rules.fail_if_not_matches:
        if not lines or matching(pattern) < len(lines):
            fail("a record does not match" if lines else "there is no record for", pattern)
    every = rules.fail_if_all_match
    if every and lines and all(matching(pattern) == len(lines) for pattern in every):
        fail("all records match", every[0])
    some = rules.fail_if_none_matches
    if some and not any(matching(pattern) for pattern in some):
        fail("no record matches", some[0])
