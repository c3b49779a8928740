"""The options of each prober of a `Probe`, with the keys of blackbox_exporter's modules."""

import re
from pathlib import PurePath
from typing import Final

import re2
import yaml

from collectors.access import NO_TLS_KEYS, HttpAccess, Tls
from collectors.probe.model import (
    DnsOptions,
    Exchange,
    HeaderMatch,
    HttpOptions,
    IcmpOptions,
    Ip,
    RecordRules,
    TcpOptions,
    TlsOptions,
)
from slo.load.codes import Code
from slo.load.yaml import Fields, Node, Problems, text_of

VERSIONS: Final = ("HTTP/1.0", "HTTP/1.1")
TLS_VERSIONS: Final = ("TLS10", "TLS11", "TLS12", "TLS13")
MIN_PAYLOAD: Final = 8  # for the token that tells our replies from others'
MAX_PAYLOAD: Final = 65_000
# Names, not dnspython's: reading a file must not load what asks servers. A test compares them.
DNS_TYPES: Final = (
    *("A", "AAAA", "ANY", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR"),
    *("SOA", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"),
)
RCODES: Final = (
    *("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET"),
    *("NXRRSET", "NOTAUTH", "NOTZONE"),
)
MAX_NAME: Final = 253
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})(KB|MB|GB)?", re.ASCII)
_BYTES: Final = {None: 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_DNS_LABEL = re.compile(r"[^.\s]{1,63}")
# Keys of blackbox_exporter that are understood, and why they aren't served.
_HTTP_UNSERVED: Final = {
    "compression": "is not served: Vigie asks for bodies as they are",
    "oauth2": "is not served for probes: use `bearer_token_file`",
    "proxy_url": "is not served: probe from a location on the other side of the proxy",
    "proxy_from_environment": "is not served: see `proxy_url`",
    "no_proxy": "is not served: see `proxy_url`",
    "skip_resolve_phase_with_proxy": "is not served: see `proxy_url`",
    "body_file": "is not served: write the text as `body`",
    "fail_if_body_json_matches_cel": "is not served: use `fail_if_body_matches_regexp`",
    "fail_if_body_json_not_matches_cel": "is not served: use `fail_if_body_not_matches_regexp`",
}
_SOURCE: Final = "is not served: the system chooses the address"


def nothing(parent: Fields) -> Fields:
    """The fields of options that nobody wrote, in which nothing can be wrong."""
    mark = parent.node.raw.start_mark
    empty = yaml.MappingNode("tag:yaml.org,2002:map", [], mark, mark)
    return Fields(parent.node.child(empty), Problems())


def http(fields: Fields) -> HttpOptions:
    """The options of the HTTP prober."""
    default = HttpOptions()
    for key, reason in _HTTP_UNSERVED.items():
        fields.refuse(key, reason)
    return HttpOptions(
        ip=_ip(fields),
        access=_access(fields),
        method=_method(fields),
        headers=_headers(fields),
        body=fields.text("body", ""),
        valid_status_codes=_codes(fields),
        valid_http_versions=_versions(fields),
        follow_redirects=not _turned(fields),
        fail_if_ssl=fields.flag("fail_if_ssl", False),
        fail_if_not_ssl=_not_ssl(fields),
        fail_if_body_matches=_patterns(fields, "fail_if_body_matches_regexp"),
        fail_if_body_not_matches=_patterns(fields, "fail_if_body_not_matches_regexp"),
        fail_if_header_matches=_header_matches(fields, "fail_if_header_matches"),
        fail_if_header_not_matches=_header_matches(fields, "fail_if_header_not_matches"),
        body_size_limit=_size(fields, "body_size_limit", default.body_size_limit),
    )


def tcp(fields: Fields) -> TcpOptions:
    """The options of the TCP prober."""
    fields.refuse("source_ip_address", _SOURCE)
    return TcpOptions(
        ip=_ip(fields),
        tls=fields.flag("tls", False),
        tls_config=_tls(fields),
        query_response=tuple(_exchange(one) for one in fields.maps("query_response")),
    )


def tls(fields: Fields) -> TlsOptions:
    """The options of the TLS prober."""
    return TlsOptions(ip=_ip(fields), tls_config=_tls(fields))


def dns(fields: Fields) -> DnsOptions:
    """The options of the DNS prober."""
    default = DnsOptions("")
    fields.refuse("source_ip_address", _SOURCE)
    fields.refuse("query_class", "is not served: Vigie asks in the class IN")
    over_tls = fields.flag("dns_over_tls", False)
    transport = fields.choice("transport_protocol", ("udp", "tcp"), "tcp" if over_tls else "udp")
    if over_tls and transport == "udp":
        message = f"`{fields.where}.dns_over_tls` needs `transport_protocol: tcp`"
        fields.problems.error(fields.mark("transport_protocol"), message, Code.CONFLICT)
    rcodes = _words(fields, "valid_rcodes", RCODES)
    return DnsOptions(
        query_name=_query_name(fields),
        query_type=fields.choice("query_type", DNS_TYPES, default.query_type),
        ip=_ip(fields),
        transport=transport,
        over_tls=over_tls,
        tls_config=_tls(fields),
        recursion_desired=fields.flag("recursion_desired", True),
        valid_rcodes=rcodes or default.valid_rcodes,
        answer=_rules(fields, "validate_answer_rrs"),
        authority=_rules(fields, "validate_authority_rrs"),
        additional=_rules(fields, "validate_additional_rrs"),
    )


def icmp(fields: Fields) -> IcmpOptions:
    """The options of the ICMP prober."""
    default = IcmpOptions()
    fields.refuse("source_ip_address", _SOURCE)
    fields.refuse("dont_fragment", "is not served: it needs a socket that only root may have")
    fields.refuse("ttl", "is not served")
    size = fields.integer(
        "payload_size", default.payload_size, at_least=MIN_PAYLOAD, at_most=MAX_PAYLOAD
    )
    return IcmpOptions(ip=_ip(fields), payload_size=size)


def _ip(fields: Fields) -> Ip:
    preferred = fields.choice("preferred_ip_protocol", ("ip4", "ip6"), Ip().preferred)
    return Ip(preferred, fields.flag("ip_protocol_fallback", True))


def _tls(fields: Fields, key: str = "tls_config") -> Tls:
    with fields.maybe_map(key) as inner:
        if inner is None:
            return NO_TLS_KEYS
        cert, private = _file(inner, "cert_file"), _file(inner, "key_file")
        if bool(cert) != bool(private):
            message = f"`{inner.where}.cert_file` and `key_file` belong together: write both"
            inner.problems.error(inner.node.mark, message, Code.CONFLICT)
        inner.refuse("max_version", "is not served")
        version = inner.choice("min_version", TLS_VERSIONS, "") if inner.has("min_version") else ""
        return Tls(
            ca_file=_file(inner, "ca_file"),
            cert_file=cert,
            key_file=private,
            server_name=inner.text("server_name", ""),
            insecure_skip_verify=inner.flag("insecure_skip_verify", False),
            min_version=version,
        )


def _access(fields: Fields) -> HttpAccess:
    """How we are let in: one way of credentials at most."""
    ways = [k for k in ("basic_auth", "authorization", "bearer_token") if fields.has(k)]
    ways += ["bearer_token_file"] if fields.has("bearer_token_file") else []
    if len(ways) > 1:
        message = f"`{ways[0]}` and `{ways[1]}` can't both stand in `{fields.where}`: keep one"
        fields.problems.error(fields.mark(ways[1]), message, Code.CONFLICT)
    tls = _tls(fields)
    token = fields.text("bearer_token", "")
    token_file = _file(fields, "bearer_token_file")
    with fields.maybe_map("basic_auth") as basic:
        if basic is not None:
            for key in ("username", "password"):
                _not_both(basic, key, f"{key}_file")
            file = _file(basic, "username_file")
            return HttpAccess(
                username=basic.text("username", "" if file else None),
                username_file=file,
                password=basic.text("password", ""),
                password_file=_file(basic, "password_file"),
                tls=tls,
            )
    with fields.maybe_map("authorization") as given:
        if given is not None:
            _not_both(given, "credentials", "credentials_file")
            return HttpAccess(
                auth_type=given.text("type", "Bearer"),
                credentials=given.text("credentials", ""),
                credentials_file=_file(given, "credentials_file"),
                tls=tls,
            )
    return HttpAccess(credentials=token, credentials_file=token_file, tls=tls)


def _not_both(fields: Fields, one: str, other: str) -> None:
    if fields.has(one) and fields.has(other):
        message = f"`{one}` and `{other}` can't both stand in `{fields.where}`: keep one"
        fields.problems.error(fields.mark(other), message, Code.CONFLICT)


def _file(fields: Fields, key: str) -> str:
    """A path, relative to the file that names it."""
    text = fields.text(key, "")
    return str(PurePath(fields.node.path).parent / text) if text else ""


def _method(fields: Fields) -> str:
    method = fields.text("method", HttpOptions().method)
    if not _TOKEN.fullmatch(method):
        message = f"`{fields.where}.method` is no HTTP method: write e.g. GET, HEAD, POST"
        fields.problems.error(fields.mark("method"), message, Code.NOT_ALLOWED)
    return method.upper()


def _headers(fields: Fields) -> dict[str, str]:
    with fields.maybe_map("headers") as headers:
        if headers is None:
            return {}
        for name in headers.names():
            if not _TOKEN.fullmatch(name):
                headers.refuse(name, "is no name of a header", Code.BAD_NAME)
        texts = {name: headers.text(name, "") for name in headers.names()}
        for name, text in texts.items():
            if any(c in text for c in "\r\n\0"):
                headers.refuse(name, "must be one line", Code.NOT_ALLOWED)
        return texts


def _codes(fields: Fields) -> tuple[int, ...]:
    found = []
    for node, text in _texts(fields, "valid_status_codes"):
        if re.fullmatch("[1-5][0-9]{2}", text, re.ASCII):
            found.append(int(text))
        else:
            message = f"`{fields.where}.valid_status_codes`: `{text}` is no status code"
            fields.problems.error(node.mark, message, Code.OUT_OF_BOUNDS)
    return tuple(found)


def _versions(fields: Fields) -> tuple[str, ...]:
    """Only those that Vigie speaks: with HTTP/2.0 a probe could never succeed."""
    return _words(fields, "valid_http_versions", VERSIONS)


def _words(fields: Fields, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    found = _texts(fields, key)
    for node, text in found:
        if text not in allowed:
            message = f"`{fields.where}.{key}`: `{text}` is none of {', '.join(allowed)}"
            fields.problems.error(node.mark, message, Code.NOT_ALLOWED)
    return tuple(text for _, text in found)


def _turned(fields: Fields) -> bool:
    """Whether redirects are left alone: by blackbox_exporter's old key, or by its new one."""
    refused = fields.flag("no_follow_redirects", False)
    followed = fields.flag("follow_redirects", not refused)
    if fields.has("no_follow_redirects") and fields.has("follow_redirects"):
        message = f"`{fields.where}`: `follow_redirects` says it all: remove the other"
        fields.problems.error(fields.mark("no_follow_redirects"), message, Code.CONFLICT)
    return not followed


def _not_ssl(fields: Fields) -> bool:
    asked = fields.flag("fail_if_not_ssl", False)
    if asked and fields.flag("fail_if_ssl", False):
        message = f"`{fields.where}`: `fail_if_ssl` and `fail_if_not_ssl` leave nothing: keep one"
        fields.problems.error(fields.mark("fail_if_not_ssl"), message, Code.CONFLICT)
    return asked


def _patterns(fields: Fields, key: str) -> tuple[str, ...]:
    found = _texts(fields, key)
    for node, text in found:
        if (fault := _fault(text)) is not None:
            message = f"`{fields.where}.{key}`: `{text}` is no pattern: {fault}"
            fields.problems.error(node.mark, message, Code.BAD_PATTERN)
    return tuple(text for _, text in found)


def _texts(fields: Fields, key: str) -> list[tuple[Node, str]]:
    """A list of texts, each with its place."""
    name = f"{fields.where}.{key}"
    return [(node, text_of(node, fields.problems, name)) for node in fields.items(key)]


def _pattern(fields: Fields, key: str, default: str | None = None) -> str:
    text = fields.text(key, default)
    if (fault := _fault(text)) is not None:
        message = f"`{fields.where}.{key}`: `{text}` is no pattern: {fault}"
        fields.problems.error(fields.mark(key), message, Code.BAD_PATTERN)
    return text


def _fault(pattern: str) -> str | None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return None


def _header_matches(fields: Fields, key: str) -> tuple[HeaderMatch, ...]:
    found = []
    for one in fields.maps(key):
        pattern = _pattern(one, "regexp")
        missing = one.flag("allow_missing", False)
        found.append(HeaderMatch(one.text("header"), pattern, missing))
    return tuple(found)


def _exchange(fields: Fields) -> Exchange:
    for key in ("expect_bytes", "labels"):
        fields.refuse(key, "is not served")
    step = Exchange(
        expect=_pattern(fields, "expect", ""),
        send=fields.text("send", ""),
        starttls=fields.flag("starttls", False),
    )
    if step == Exchange():
        message = f"`{fields.where}` says nothing: write `expect`, `send` or `starttls`"
        fields.problems.error(fields.node.mark, message, Code.EMPTY)
    return step


def _rules(fields: Fields, key: str) -> RecordRules:
    with fields.maybe_map(key) as rules:
        if rules is None:
            return RecordRules()
        return RecordRules(
            fail_if_matches=_patterns(rules, "fail_if_matches_regexp"),
            fail_if_all_match=_patterns(rules, "fail_if_all_match_regexp"),
            fail_if_not_matches=_patterns(rules, "fail_if_not_matches_regexp"),
            fail_if_none_matches=_patterns(rules, "fail_if_none_matches_regexp"),
        )


def _query_name(fields: Fields) -> str:
    name = fields.text("query_name")
    parts = name.removesuffix(".").split(".") if name != "." else []
    if name and (len(name) > MAX_NAME or not all(_DNS_LABEL.fullmatch(part) for part in parts)):
        message = f"`{fields.where}.query_name` is no name: write e.g. shop.example.org"
        fields.problems.error(fields.mark("query_name"), message, Code.BAD_NAME)
    return name


def _size(fields: Fields, key: str, default: int) -> int:
    text = fields.maybe_text(key)
    if text is None:
        return default
    match = _SIZE.fullmatch(text)
    size = int(match[1]) * _BYTES[match[2]] if match else 0
    if size < 1:
        message = f"`{fields.where}.{key}` is `{text}`; write e.g. 10MB, 500KB or plain bytes"
        fields.problems.error(fields.mark(key), message, Code.WRONG_TYPE)
    return size
