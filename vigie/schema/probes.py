"""The JSON Schema of the kind `Probe`, for editors."""

from typing import Final

from collectors.load_probe import (
    DNS_TYPES,
    MAX_LOCATIONS,
    MAX_ROW,
    MAX_TARGETS,
    MIN_INTERVAL_S,
    RCODES,
)
from collectors.load_probe_options import MAX_PAYLOAD, MIN_PAYLOAD, TLS_VERSIONS, VERSIONS
from collectors.probe.model import (
    DnsOptions,
    HttpOptions,
    IcmpOptions,
    Ip,
    Probe,
    Prober,
)
from slo.windows import show
from vigie.schema.parts import (
    Schema,
    choice,
    duration,
    flag,
    items,
    labels,
    mapping,
    name,
    none,
    text,
    whole,
)

_SIZE: Final = "^[0-9]{1,15}(KB|MB|GB)?$"
_IP: Final[dict[str, Schema]] = {
    "preferred_ip_protocol": choice(("ip4", "ip6"), Ip().preferred),
    "ip_protocol_fallback": flag(default=True),
}


def probe() -> Schema:
    """The spec of a `Probe`."""
    default = Probe("", "", (), HttpOptions())
    target = mapping(
        {
            "url": {**text("of the prober http"), "pattern": "^https?://"},
            "address": text("of others: host:port, or a host"),
            "labels": labels(),
        }
    )
    location = mapping(
        {
            "name": name(),
            "blackbox_url": {
                **text("the blackbox_exporter there; not of `local`"),
                "pattern": "^https?://",
            },
            "module": text("of blackbox_exporter"),
        },
        ["name"],
    )
    schema = mapping(
        {
            "service": name(),
            "prober": choice(Prober),
            "targets": {**items(target), "minItems": 1, "maxItems": MAX_TARGETS},
            "interval": duration(f"at least {show(MIN_INTERVAL_S)}", default.interval_s),
            "timeout": duration("at most the interval", default.timeout_s),
            "locations": {**items(location), "maxItems": MAX_LOCATIONS},
            "quorum": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_LOCATIONS,
                "description": "how many locations must fail; default: more than half",
            },
            "failures": whole(1, default.failures, MAX_ROW),
            "successes": whole(1, default.successes, MAX_ROW),
            "certificate": mapping(
                {
                    "notice": duration("before its end; 0s: never", default.certificate_notice_s),
                    "page": duration("before its end; 0s: never", default.certificate_page_s),
                }
            ),
            "labels": labels(),
            "http": _http(),
            "tcp": _tcp(),
            "tls": mapping({**_IP, "tls_config": _tls()}),
            "dns": _dns(),
            "icmp": _icmp(),
        },
        ["service", "prober", "targets"],
    )
    return {**schema, "allOf": [_only(prober) for prober in Prober]}


def _only(prober: Prober) -> Schema:
    """What follows from the prober: its options and no others', its key of a target."""
    key, other = ("url", "address") if prober is Prober.HTTP else ("address", "url")
    target: Schema = {"required": [key], "properties": none(other)}
    then: Schema = {
        "properties": {
            **none(*(one.value for one in Prober if one is not prober)),
            "targets": {"items": target},
        }
    }
    if prober is Prober.DNS:
        then["required"] = [prober.value]
    return {"if": {"properties": {"prober": {"const": prober.value}}}, "then": then}


def _http() -> Schema:
    default = HttpOptions()
    header = mapping(
        {"header": text(), "regexp": text("RE2"), "allow_missing": flag(default=False)},
        ["header", "regexp"],
    )
    size = {"type": ["string", "integer"], "pattern": _SIZE, "default": default.body_size_limit}
    return mapping(
        {
            **_IP,
            "valid_status_codes": {
                **items({"type": "integer", "minimum": 100, "maximum": 599}),
                "description": "default: 2xx",
            },
            "valid_http_versions": items(choice(VERSIONS)),
            "method": {**text(), "default": default.method},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"type": "string"},
            "follow_redirects": flag(default=True),
            "no_follow_redirects": flag(default=False),
            "fail_if_ssl": flag(default=False),
            "fail_if_not_ssl": flag(default=False),
            "fail_if_body_matches_regexp": items(text("RE2")),
            "fail_if_body_not_matches_regexp": items(text("RE2")),
            "fail_if_header_matches": items(header),
            "fail_if_header_not_matches": items(header),
            "body_size_limit": {**size, "description": "bytes after decompression"},
            "basic_auth": mapping(_texts("username", "username_file", "password", "password_file")),
            "authorization": mapping({**_texts("type", "credentials", "credentials_file")}),
            **_texts("bearer_token", "bearer_token_file"),
            "tls_config": _tls(),
        }
    )


def _tcp() -> Schema:
    step = mapping({"expect": text("RE2"), "send": text(), "starttls": flag(default=False)})
    return mapping(
        {
            **_IP,
            "tls": flag(default=False),
            "tls_config": _tls(),
            "query_response": items({**step, "minProperties": 1}),
        }
    )


def _dns() -> Schema:
    default = DnsOptions("")
    rules = mapping(
        {
            key: items(text("RE2"))
            for key in (
                "fail_if_matches_regexp",
                "fail_if_all_match_regexp",
                "fail_if_not_matches_regexp",
                "fail_if_none_matches_regexp",
            )
        }
    )
    return mapping(
        {
            **_IP,
            "query_name": text(),
            "query_type": choice(DNS_TYPES, default.query_type),
            "transport_protocol": choice(("udp", "tcp")),
            "dns_over_tls": flag(default=False),
            "tls_config": _tls(),
            "recursion_desired": flag(default=True),
            "valid_rcodes": items(choice(RCODES)),
            "validate_answer_rrs": rules,
            "validate_authority_rrs": rules,
            "validate_additional_rrs": rules,
        },
        ["query_name"],
    )


def _icmp() -> Schema:
    return mapping(
        {**_IP, "payload_size": whole(MIN_PAYLOAD, IcmpOptions().payload_size, MAX_PAYLOAD)}
    )


def _tls() -> Schema:
    return mapping(
        {
            **_texts("ca_file", "cert_file", "key_file", "server_name"),
            "insecure_skip_verify": flag(default=False),
            "min_version": choice(TLS_VERSIONS),
        }
    )


def _texts(*keys: str) -> dict[str, Schema]:
    return {key: text() for key in keys}
