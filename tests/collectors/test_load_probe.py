"""The kind `Probe`: what a document says, and every way in which it can be wrong."""

import re
import subprocess
import sys
from pathlib import Path

import dns.rcode
import dns.rdatatype
import pytest

from collectors import load_probe
from collectors.access import HttpAccess, Tls
from collectors.load_probe import DNS_TYPES, RCODES
from collectors.probe.model import (
    DnsOptions,
    Exchange,
    HeaderMatch,
    HttpOptions,
    IcmpOptions,
    Ip,
    Location,
    Probe,
    ProbeTarget,
    RecordRules,
    TcpOptions,
    TlsOptions,
)
from components import ROOT
from slo.load.yaml import Mark, Problems, documents
from slo.spec import CountingSli, SampledSli
from vigie.config import load

FULL = """apiVersion: vigie.dev/v1
kind: Probe
metadata: {name: front}
spec:
  service: shop
  prober: http
  interval: 30s
  timeout: 5s
  quorum: 2
  failures: 4
  successes: 1
  labels: {region: eu}
  targets:
    - {url: "https://shop.example/healthz?full=1", labels: {page: home}}
    - url: http://10.0.0.1:8080
  locations:
    - name: local
    - {name: oslo, blackbox_url: "http://oslo.example:9115", module: shop_2xx}
    - {name: lima, blackbox_url: "https://lima.example/blackbox"}
  http:
    valid_status_codes: [200, 301]
    valid_http_versions: [HTTP/1.1]
    method: post
    headers: {X-Probe: vigie}
    body: hello
    no_follow_redirects: true
    fail_if_not_ssl: true
    fail_if_body_matches_regexp: [error]
    fail_if_body_not_matches_regexp: ["status: ok", v7]
    fail_if_header_matches: [{header: X-Cache, regexp: stale, allow_missing: true}]
    fail_if_header_not_matches: [{header: Server, regexp: ^shop}]
    preferred_ip_protocol: ip4
    ip_protocol_fallback: false
    basic_auth: {username: me, password_file: secrets/password}
    tls_config: {ca_file: /etc/ca.pem, cert_file: a.pem, key_file: a.key, server_name: s,
                 min_version: TLS12}
    body_size_limit: 2MB
"""
SMALL = """metadata: {name: p}
spec:
  service: shop
  prober: %s
  targets: [{%s}]
"""


def test_everything_that_can_be_said_is_read() -> None:
    probe, problems = _read(FULL)
    assert problems == []
    tls = Tls("/etc/ca.pem", "conf/a.pem", "conf/a.key", "s", min_version="TLS12")
    assert probe == Probe(
        name="front",
        service="shop",
        targets=(
            ProbeTarget("https://shop.example/healthz?full=1", {"page": "home"}),
            ProbeTarget("http://10.0.0.1:8080"),
        ),
        options=HttpOptions(
            ip=Ip("ip4", fallback=False),
            access=HttpAccess(username="me", password_file="conf/secrets/password", tls=tls),
            method="POST",
            headers={"X-Probe": "vigie"},
            body="hello",
            valid_status_codes=(200, 301),
            valid_http_versions=("HTTP/1.1",),
            follow_redirects=False,
            fail_if_not_ssl=True,
            fail_if_body_matches=("error",),
            fail_if_body_not_matches=("status: ok", "v7"),
            fail_if_header_matches=(HeaderMatch("X-Cache", "stale", allow_missing=True),),
            fail_if_header_not_matches=(HeaderMatch("Server", "^shop"),),
            body_size_limit=2_000_000,
        ),
        interval_s=30.0,
        timeout_s=5.0,
        locations=(
            Location(),
            Location("oslo", "http://oslo.example:9115", "shop_2xx"),
            Location("lima", "https://lima.example/blackbox", "http_2xx"),
        ),
        quorum=2,
        failures=4,
        successes=1,
        labels={"region": "eu"},
        mark=Mark("conf/p.yaml", 1, 1),
    )


def test_what_is_not_said_has_a_default() -> None:
    probe, problems = _read(SMALL % ("http", "url: https://a"))
    assert problems == []
    assert probe is not None
    assert (probe.interval_s, probe.timeout_s) == (60.0, 10.0)
    assert (probe.quorum, probe.failures, probe.successes) == (1, 3, 2)
    assert probe.locations == (Location(),)
    assert probe.options == HttpOptions()


OTHERS = [
    ("tcp", "address: 'a:25'", "", TcpOptions()),
    (
        "tcp",
        "address: '[::1]:25'",
        "tcp: {tls: true, tls_config: {insecure_skip_verify: true}, query_response: "
        "[{expect: '^220 (.*)', send: 'EHLO ${1}'}, {starttls: true}]}",
        TcpOptions(
            tls=True,
            tls_config=Tls(insecure_skip_verify=True),
            query_response=(Exchange("^220 (.*)", "EHLO ${1}"), Exchange(starttls=True)),
        ),
    ),
    ("tls", "address: a", "", TlsOptions()),
    ("tls", "address: 'a:8443'", "tls: {preferred_ip_protocol: ip4}", TlsOptions(Ip("ip4"))),
    ("dns", "address: 192.0.2.53", "dns: {query_name: shop.example}", DnsOptions("shop.example")),
    (
        "dns",
        "address: 'a:5353'",
        "dns: {query_name: ., query_type: SOA, dns_over_tls: true, valid_rcodes: [NXDOMAIN], "
        "recursion_desired: false, validate_answer_rrs: {fail_if_matches_regexp: [a], "
        "fail_if_all_match_regexp: [b], fail_if_not_matches_regexp: [c], "
        "fail_if_none_matches_regexp: [d]}}",
        DnsOptions(
            ".",
            "SOA",
            transport="tcp",
            over_tls=True,
            recursion_desired=False,
            valid_rcodes=("NXDOMAIN",),
            answer=RecordRules(("a",), ("b",), ("c",), ("d",)),
        ),
    ),
    ("icmp", "address: 192.0.2.1", "", IcmpOptions()),
    ("icmp", "address: 2001:db8::1", "icmp: {payload_size: 100}", IcmpOptions(payload_size=100)),
    ("http", "url: http://a", "http: {bearer_token: t}", HttpOptions(access=HttpAccess(
        credentials="t"))),
    ("http", "url: http://a", "http: {bearer_token_file: t}", HttpOptions(access=HttpAccess(
        credentials_file="conf/t"))),
    ("http", "url: http://a", "http: {authorization: {type: Token, credentials: t}}",
     HttpOptions(access=HttpAccess(auth_type="Token", credentials="t"))),
    ("http", "url: http://a", "http: {follow_redirects: false}",
     HttpOptions(follow_redirects=False)),
]  # fmt: skip


@pytest.mark.parametrize(("prober", "target", "options", "expected"), OTHERS)
def test_each_prober_has_options_of_its_own(
    prober: str, target: str, options: str, expected: object
) -> None:
    probe, problems = _read(SMALL % (prober, target) + f"  {options}\n")
    assert problems == []
    assert probe is not None
    assert probe.options == expected


REFUSED = [
    ("  service: shop\n", "", "5:3: error[V103] missing key `spec.service`"),
    ("prober: http", "prober: htp", "6:11: error[V105] `spec.prober` is `htp`; it must be one of"),
    ("interval: 30s", "interval: 500ms", "7:13: error[V106] `spec.interval` must be at least 1s"),
    ("timeout: 5s", "timeout: 31s", "8:12: error[V106] `spec.timeout` is above the interval of"),
    ("quorum: 2", "quorum: 4", "9:11: error[V106] `spec.quorum` is 4; it must be at most 3"),
    ("failures: 4", "failures: 0", "10:13: error[V106] `spec.failures` is 0; it must be at least"),
    ("successes: 1", "success: 1", "11:3: error[V101] unknown key `spec.success`; did you mean"),
    ("region:", "location:", "12:12: error[V105] `spec.labels.location` is set by Vigie"),
    ("region:", "a-b:", "12:12: error[V108] `spec.labels.a-b` is no label name"),
    ("https://shop", "ftp://shop", "14:13: error[V114] `spec.targets[0].url` is `ftp://shop."),
    ("https://shop", "https://u:p@shop", "14:13: error[V114] `spec.targets[0].url` holds cred"),
    ("healthz?full=1", "a b", "14:13: error[V114] `spec.targets[0].url` has a space in it"),
    ("url: http://10", "address: http://10", "15:7: error[V103] missing key `spec.targets[1].url`"),
    ("http://10.0.0.1:8080", '"https://shop.example/healthz?full=1"',
     "14:5: error[V201] `https://shop.example/healthz?full=1` stands twice in `spec.targets`"),
    ("name: local", "name: here", "17:13: error[V103] `spec.locations[0]` needs `blackbox_url`"),
    ("name: lima", "name: oslo", "19:14: error[V201] location `oslo` stands twice: keep one"),
    ("name: oslo", "name: local", "18:21: error[V111] `spec.locations[1].blackbox_url` belongs"),
    ("oslo.example:9115", "oslo.example:9115?a", "18:34: error[V114] `spec.locations[1].blackbox"),
    ("[200, 301]", "[200, 2xx]", "21:31: error[V106] `spec.http.valid_status_codes`: `2xx` is no"),
    ("[200, 301]", "200", "21:25: error[V104] `spec.http.valid_status_codes` must be a list"),
    ("[HTTP/1.1]", "[HTTP/2.0]", "22:27: error[V105] `spec.http.valid_http_versions`: `HTTP/2.0`"),
    ("method: post", "method: p t", "23:13: error[V105] `spec.http.method` is no HTTP method"),
    ("X-Probe:", '"X Probe":', "24:15: error[V108] `spec.http.headers.X Probe` is no name"),
    ("X-Probe: vigie", 'X-Probe: "a\\nb"', "24:15: error[V105] `spec.http.headers.X-Probe` must"),
    ("fail_if_not_ssl: true", "fail_if_ssl: maybe", "27:18: error[V104] `spec.http.fail_if_ssl`"),
    ("[error]", '["a(b"]', "28:35: error[V306] `spec.http.fail_if_body_matches_regexp`: `a(b` is"),
    ("[error]", r'["(?=a)"]', "28:35: error[V306]"),
    ("regexp: stale", r'regexp: "(a"', "30:56: error[V306] `spec.http.fail_if_header_matches[0].r"),
    ("ip4", "ip5", "32:28: error[V105] `spec.http.preferred_ip_protocol` is `ip5`; it must be"),
    ("    basic_auth", "    bearer_token: t\n    basic_auth",
     "34:19: error[V111] `basic_auth` and `bearer_token` can't both stand in `spec.http`"),
    ("password_file: secrets/password", "password: a, password_file: b",
     "34:60: error[V111] `password` and `password_file` can't both stand"),
    ("key_file: a.key, ", "", "35:17: error[V111] `spec.http.tls_config.cert_file` and `key_file`"),
    ("TLS12", "SSL3", "36:31: error[V105] `spec.http.tls_config.min_version` is `SSL3`"),
    ("2MB", "2MiB", "37:22: error[V104] `spec.http.body_size_limit` is `2MiB`; write e.g."),
    ("    body: hello", "    proxy_url: http://a", "25:5: error[V112] `spec.http.proxy_url` is"),
    ("  http:\n", "  dns: {query_name: a}\n  http:\n", "20:3: error[V111] `spec.dns` is for"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_a_wrong_document_is_no_probe_and_a_problem_at_its_place(
    old: str, new: str, expected: str
) -> None:
    assert old in FULL
    probe, problems = _read(FULL.replace(old, new, 1))
    assert probe is None
    assert problems[0].startswith(f"conf/p.yaml:{expected}")


OTHERS_REFUSED = [
    ("tcp", "address: a", "", "`a` is no address for the prober tcp: write host:port"),
    ("tcp", "address: 'a:0'", "", "`a:0` is no address"),
    ("tls", "address: 'https://a'", "", "`https://a` is no address for the prober tls"),
    ("icmp", "address: 'a:80/x'", "", "`a:80/x` is no address for the prober icmp"),
    ("dns", "address: a", "", "missing key `spec.dns`"),
    ("dns", "address: a", "dns: {query_type: A}", "missing key `spec.dns.query_name`"),
    ("dns", "address: a", "dns: {query_name: 'a..b'}", "`spec.dns.query_name` is no name"),
    ("dns", "address: a", "dns: {query_name: a, query_type: B}", "`spec.dns.query_type` is `B`"),
    ("dns", "address: a", "dns: {query_name: a, valid_rcodes: [OK]}",
     "`spec.dns.valid_rcodes`: `OK` is none of NOERROR"),
    ("dns", "address: a", "dns: {query_name: a, dns_over_tls: true, transport_protocol: udp}",
     "`spec.dns.dns_over_tls` needs `transport_protocol: tcp`"),
    ("tcp", "address: 'a:1'", "tcp: {query_response: [{}]}", "`spec.tcp.query_response[0]` says n"),
    ("tcp", "address: 'a:1'", "tcp: {source_ip_address: a}", "`spec.tcp.source_ip_address` is not"),
    ("icmp", "address: a", "icmp: {dont_fragment: true}", "`spec.icmp.dont_fragment` is not serv"),
    ("icmp", "address: a", "icmp: {payload_size: 70000}", "`spec.icmp.payload_size` is 70000; it"),
    ("http", "url: http://a", "http: {fail_if_ssl: true, fail_if_not_ssl: true}",
     "`spec.http`: `fail_if_ssl` and `fail_if_not_ssl` leave nothing"),
    ("http", "url: http://a", "http: {follow_redirects: true, no_follow_redirects: false}",
     "`spec.http`: `follow_redirects` says it all"),
    ("dns", "address: a",
     "dns: {query_name: a}\n  locations: [{name: oslo, blackbox_url: 'http://o'}]",
     "missing key `spec.locations[0].module`"),
]  # fmt: skip


@pytest.mark.parametrize(("prober", "target", "options", "expected"), OTHERS_REFUSED)
def test_options_that_can_not_be_are_refused(
    prober: str, target: str, options: str, expected: str
) -> None:
    probe, problems = _read(SMALL % (prober, target) + f"  {options}\n")
    assert probe is None
    assert len(problems) == 1
    assert problems[0].partition("] ")[2].startswith(expected)


def test_a_target_may_not_be_one_at_another_location() -> None:
    text = SMALL % ("http", "url: http://a/}, {url: http://a/@oslo")
    text += "  locations: [{name: local}, {name: oslo, blackbox_url: 'http://o'}]\n"
    _, problems = _read(text)
    assert problems == [
        "conf/p.yaml:5:12: error[V201] `http://a/@oslo` stands twice in `spec.targets`: keep one"
    ]


def test_names_of_dns_are_those_that_the_resolver_knows() -> None:
    assert [dns.rdatatype.to_text(dns.rdatatype.from_text(one)) for one in DNS_TYPES] == [
        *DNS_TYPES
    ]
    assert [dns.rcode.to_text(dns.rcode.from_text(one)) for one in RCODES] == [*RCODES]


def test_reading_a_probe_loads_nothing_that_probes() -> None:
    heavy = ("numpy", "pydantic", "polars", "sqlalchemy", "aiohttp", "dns")
    check = f"import sys, collectors.load_probe; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _read(text: str) -> tuple[Probe | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, "conf/p.yaml", problems)
    probe = load_probe.read(node, problems)
    return probe, [str(problem) for problem in problems.items]


@pytest.mark.parametrize(
    ("key", "item", "most"),
    [
        ("targets", "{url: http://a%d}", 1000),
        ("locations", "{name: l%d, blackbox_url: http://b}", 50),
    ],
)
def test_what_a_probe_may_hold_is_bounded(key: str, item: str, most: int) -> None:
    for count, fits in ((most, True), (most + 1, False)):
        many = f"[{', '.join(item % number for number in range(count))}]"
        text = SMALL % ("http", "url: http://a")
        if key == "targets":
            text = text.replace("[{url: http://a}]", many)
        else:
            text += f"  locations: {many}\n"
        _, problems = _read(text)
        assert problems == [] if fits else f"`spec.{key}` has over {most} items" in problems[0]


PAGE = (ROOT / "docs" / "reference" / "probes.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_example_of_the_documentation_is_a_whole_document(tmp_path: Path) -> None:
    probes = [text for text in EXAMPLES if "kind: Probe" in text]
    slos = [text for text in EXAMPLES if "kind: SLO" in text]
    assert (len(probes), len(slos)) == (2, 2)
    for text in probes:
        probe, problems = _read(text)
        assert problems == []
        assert probe is not None
        assert probe.name == "front"
    assert [len(probe.locations) for text in probes if (probe := _read(text)[0])] == [1, 3]
    path = tmp_path / "slos.yaml"
    path.write_text("---\n".join(slos), encoding="utf-8")
    kinds = [type(watch.slo.sli) for watch in load([path]).watches.values()]
    assert kinds == [CountingSli, SampledSli]


def test_every_option_is_documented() -> None:
    source = (ROOT / "collectors" / "load_probe_options.py").read_text(encoding="utf-8")
    said = set(re.findall(r'\w+(?:\.(?!refuse|has|mark)\w+\(|, )"([a-z_0-9]+)"', source))
    keys = said - {"ip4", "ip6", "udp", "tcp"}
    assert len(keys) > 40
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE] == []
