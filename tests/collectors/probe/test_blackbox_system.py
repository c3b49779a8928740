"""Debian's blackbox_exporter and Vigie probe the same targets, and find the same."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import dns.message
import dns.rrset
import pytest
from aiohttp import web

from collectors import load_probe
from collectors.entry import Entry
from collectors.probe.attempt import attempt
from collectors.probe.model import Options, Probe, access_of
from components import eventually, free_port, need, running
from slo.load.yaml import Problems, documents

pytestmark = pytest.mark.system

# What one finds and the other must find too, where it finds it at all.
COMPARED = (
    "probe_success",
    "probe_ip_protocol",
    "probe_failed_due_to_regex",
    "probe_http_status_code",
    "probe_http_ssl",
    "probe_http_version",
    "probe_http_redirects",
    "probe_http_last_modified_timestamp_seconds",
    "probe_ssl_earliest_cert_expiry",
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    'probe_tls_version_info{version="TLS 1.3"}',
    "probe_dns_answer_rrs",
    "probe_dns_authority_rrs",
    "probe_dns_additional_rrs",
    "probe_dns_query_succeeded",
    "probe_dns_serial",
)
IP4 = {"preferred_ip_protocol": "ip4"}


def modules(ca: str) -> dict[str, Any]:
    """The options of every case, as both read them."""
    trusting = {"tls_config": {"ca_file": ca}}
    ok = {"fail_if_body_not_matches_regexp": ["status: ok"]}
    bad = {"fail_if_body_matches_regexp": ["status: ok"]}
    header = {"fail_if_header_not_matches": [{"header": "X-Region", "regexp": "^us"}]}
    mail = [{"expect": "^220", "send": "STARTTLS"}, {"expect": "^220", "starttls": True}]
    talk = [{"expect": "^220 (.*)", "send": "HELO ${1}"}]
    return {
        "plain": {"http": IP4},
        "body": {"http": {**IP4, **ok}},
        "body_bad": {"http": {**IP4, **bad}},
        "header_bad": {"http": {**IP4, **header}},
        "gone": {"http": {**IP4, "valid_status_codes": [404]}},
        "stay": {"http": {**IP4, "no_follow_redirects": True, "valid_status_codes": [302]}},
        "not_ssl": {"http": {**IP4, "fail_if_not_ssl": True}},
        "secure": {"http": {**IP4, **trusting, "fail_if_not_ssl": True}},
        "insecure": {"http": {**IP4, "tls_config": {"insecure_skip_verify": True}}},
        "tcp": {"tcp": IP4},
        "tcp_tls": {"tcp": {**IP4, **trusting, "tls": True}},
        "starttls": {"tcp": {**IP4, **trusting, "query_response": mail}},
        "never": {"tcp": {**IP4, "query_response": [*talk, {"expect": "^299"}]}},
        "icmp": {"icmp": IP4},
        "dns": {"dns": {**IP4, "query_name": "shop.example", "query_type": "A"}},
        "dns_tcp": {"dns": {**IP4, "query_name": "shop.example", "query_type": "A",
                            "transport_protocol": "tcp"}},
        "soa": {"dns": {**IP4, "query_name": "shop.example", "query_type": "SOA"}},
        "nx": {"dns": {**IP4, "query_name": "gone.example", "query_type": "A"}},
        "nx_ok": {"dns": {**IP4, "query_name": "gone.example", "query_type": "A",
                          "valid_rcodes": ["NXDOMAIN"]}},
        "rr": {"dns": {**IP4, "query_name": "shop.example", "query_type": "A",
                       "validate_answer_rrs": {
                           "fail_if_not_matches_regexp": ["^shop.example.\t60\tIN\tA\t192"]}}},
    }  # fmt: skip


CASES = [
    ("plain", "{http}/"),
    ("plain", "{http}/status/500"),
    ("plain", "{http}/to?/"),
    ("plain", "{http}/to?/status/404"),
    ("plain", "{http}/loop"),
    ("plain", "http://127.0.0.1:{nobody}/"),
    ("plain", "http://no.such.host.invalid/"),
    ("stay", "{http}/to?/"),
    ("gone", "{http}/status/404"),
    ("gone", "{http}/"),
    ("body", "{http}/"),
    ("body_bad", "{http}/"),
    ("header_bad", "{http}/"),
    ("not_ssl", "{http}/"),
    ("secure", "{good}/"),
    ("secure", "{short}/"),
    ("secure", "{expired}/"),
    ("secure", "{elsewhere}/"),
    ("secure", "{itself}/"),
    ("secure", "{http}/to?{good}/"),
    ("insecure", "{expired}/"),
    ("insecure", "{itself}/"),
    ("tcp", "{mail}"),
    ("tcp", "127.0.0.1:{nobody}"),
    ("never", "{mail}"),
    ("tcp_tls", "{good}"),
    ("tcp_tls", "{expired}"),
    ("tcp_tls", "{mail}"),
    ("starttls", "{mail}"),
    ("icmp", "127.0.0.1"),
    ("dns", "{dns}"),
    ("dns_tcp", "{dns}"),
    ("soa", "{dns}"),
    ("nx", "{dns}"),
    ("nx_ok", "{dns}"),
    ("rr", "{dns}"),
]


@pytest.fixture(scope="module")
def exporter(certificates: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = need("prometheus-blackbox-exporter")
    folder = tmp_path_factory.mktemp("blackbox")
    config, port = folder / "blackbox.json", free_port()
    # Over HTTP/2 it would find version 2; Vigie speaks 1.1.
    text = {
        name: {"prober": prober, "timeout": "5s", prober: {**options, **_http_1(prober)}}
        for name, module in modules(certificates.ca).items()
        for prober, options in module.items()
    }
    config.write_text(json.dumps({"modules": text}))
    argv = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    with running(argv, folder / "log"):
        base = f"http://127.0.0.1:{port}"
        eventually(lambda: _get(f"{base}/-/healthy"))
        yield base


@pytest.mark.parametrize(("module", "address"), CASES)
async def test_both_find_the_same(
    exporter: str, certificates: Any, tmp_path: Path, module: str, address: str
) -> None:
    async with _targets(certificates) as places:
        target = address.format(**places)
        if module.startswith("tcp"):
            target = target.removeprefix("https://")
        query = urlencode({"target": target, "module": module})
        theirs = await asyncio.to_thread(_get, f"{exporter}/probe?{query}")
        options = _options(modules(certificates.ca)[module], tmp_path)
        probe = Probe("p", "shop", (), options, timeout_s=5.0)
        result = await attempt(probe, target, Entry(access_of(options), lambda: 0.0))
    found, expected = _values(result.page.decode()), _values(theirs)
    assert expected
    # A chain that nobody verified ends in the year 1 there; here nothing is said of it.
    compared = {name: expected[name] for name in COMPARED if expected.get(name, -1) >= 0}
    assert {name: found.get(name) for name in compared} == compared, result.reason
    # And every series of theirs has one of ours, but for what only they tell.
    only_theirs = {"probe_ip_addr_hash", "probe_ssl_last_chain_info", "probe_icmp_reply_hop_limit"}
    missing = {name.partition("{")[0] for name in expected.keys() - found.keys()} - only_theirs
    assert not missing - {"probe_ssl_last_chain_expiry_timestamp_seconds"}


def _options(module: dict[str, Any], folder: Path) -> Options:
    """The same module as the options of a Probe, by way of a file."""
    ((prober, options),) = module.items()
    spec = {
        "service": "shop",
        "prober": prober,
        "targets": [{"url": "http://a"} if prober == "http" else {"address": "a.b:1"}],
        prober: options,
    }
    if prober == "icmp":
        spec["targets"] = [{"address": "a"}]
    text, problems = json.dumps({"metadata": {"name": "p"}, "spec": spec}), Problems()
    (node,) = documents(text, str(folder / "p.yaml"), problems)
    probe = load_probe.read(node, problems)
    assert probe is not None, [str(problem) for problem in problems.items]
    return probe.options


def _http_1(prober: str) -> dict[str, Any]:
    return {"enable_http2": False} if prober == "http" else {}


def _values(page: str) -> dict[str, float]:
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


# -- targets ------------------------------------------------------------------------------------


@asynccontextmanager
async def _targets(certificates: Any) -> AsyncIterator[dict[str, str]]:
    """Servers of every kind; their addresses by name."""
    app = web.Application()
    app.router.add_get("/{path:.*}", _shop)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    names = ["http", "good", "short", "expired", "elsewhere", "itself"]
    for name in names:
        tls = None if name == "http" else certificates.server(name)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    places = {
        name: f"{'http' if name == 'http' else 'https'}://127.0.0.1:{address[1]}"
        for name, address in zip(names, runner.addresses, strict=True)
    }
    mail = await asyncio.start_server(_mail(certificates), "127.0.0.1", 0)
    names_tcp = await asyncio.start_server(_names, "127.0.0.1", 0)
    address = names_tcp.sockets[0].getsockname()[:2]
    loop = asyncio.get_running_loop()
    names_udp, _ = await loop.create_datagram_endpoint(_Names, address)
    try:
        yield {
            **places,
            "mail": f"127.0.0.1:{mail.sockets[0].getsockname()[1]}",
            "dns": f"127.0.0.1:{address[1]}",
            "nobody": str(free_port()),
        }
    finally:
        names_udp.close()
        names_tcp.close()
        mail.close()
        await runner.cleanup()


async def _shop(request: web.Request) -> web.StreamResponse:
    if request.path.startswith("/status/"):
        return web.Response(status=int(request.path.removeprefix("/status/")))
    if request.path == "/to":
        return web.Response(status=302, headers={"Location": request.query_string})
    if request.path == "/loop":
        return web.Response(status=302, headers={"Location": "/loop"})
    headers = {"X-Region": "eu-1", "Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT"}
    return web.Response(text="status: ok\n", headers=headers)


def _mail(certificates: Any) -> Any:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 mail.example\r\n")
            if await reader.readline() == b"STARTTLS\n":
                writer.write(b"220 go ahead\r\n")
                await writer.start_tls(certificates.server("good"))
                await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    return talk


def _answer(wire: bytes) -> bytes:
    question = dns.message.from_wire(wire)
    reply = dns.message.make_response(question)
    asked = question.question[0]
    values = {dns.rdatatype.A: ["192.0.2.1", "192.0.2.2"],
              dns.rdatatype.SOA: ["ns.example. root.example. 2026112401 1 2 3 4"]}  # fmt: skip
    if asked.name.to_text() == "shop.example." and asked.rdtype in values:
        found = dns.rrset.from_text(asked.name, 60, "IN", asked.rdtype, *values[asked.rdtype])
        reply.answer.append(found)
        reply.authority.append(dns.rrset.from_text(asked.name, 60, "IN", "NS", "ns.example."))
    else:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


class _Names(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(_answer(data), addr)


async def _names(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size = int.from_bytes(await reader.readexactly(2), "big")
    reply = _answer(await reader.readexactly(size))
    writer.write(len(reply).to_bytes(2, "big") + reply)
    writer.close()
