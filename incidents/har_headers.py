"""Which headers of a HAR are kept, and what of each: a list of those that are known to be safe."""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from incidents.har_urls import reads_like_words, redacted_url

MAX_VALUE: Final = 16_384
Kept = Callable[[str, Counter[str]], str | None]  # what of a value is kept; None: nothing

_MEDIA: Final = re.compile(
    r"(application|audio|font|image|message|model|multipart|text|video)/([a-z0-9.+-]{1,80})"
)
_CHARSET: Final = re.compile(r";\s*charset=\"?(utf-8|utf-16|us-ascii|iso-8859-\d{1,2})\b", re.I)
_DIGITS: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PRODUCT: Final = re.compile(r"([a-z0-9-]{1,20})(/[0-9]{1,4}(\.[0-9]{1,4}){0,3})?(?=\s|\Z)", re.I)
_PRODUCTS: Final = frozenset(
    [
        "akamaighost",
        "amazons3",
        "apache",
        "awselb",
        "caddy",
        "cloudflare",
        "cloudfront",
        "cowboy",
        "daphne",
        "envoy",
        "google",
        "gunicorn",
        "gws",
        "haproxy",
        "hypercorn",
        "istio-envoy",
        "jetty",
        "kestrel",
        "kong",
        "litespeed",
        "microsoft-iis",
        "nginx",
        "openresty",
        "puma",
        "tengine",
        "tomcat",
        "traefik",
        "uvicorn",
        "varnish",
        "vercel",
        "werkzeug",
    ]
)
_CODINGS: Final = frozenset(
    ["br", "chunked", "compress", "deflate", "gzip", "identity", "trailers", "zstd"]
)
_LINKS: Final = frozenset(["close", "h2c", "keep-alive", "upgrade", "websocket"])
_CACHED: Final = frozenset(
    [
        "bypass",
        "dynamic",
        "error",
        "expired",
        "from",
        "hit",
        "miss",
        "none",
        "pass",
        "refreshhit",
        "revalidated",
        "stale",
        "unknown",
        "updating",
        "cloudfront",
    ]
)
_CONTROL: Final = frozenset(
    [
        "immutable",
        "max-age",
        "max-stale",
        "min-fresh",
        "must-revalidate",
        "must-understand",
        "no-cache",
        "no-store",
        "no-transform",
        "only-if-cached",
        "private",
        "proxy-revalidate",
        "public",
        "s-maxage",
        "stale-if-error",
        "stale-while-revalidate",
    ]
)


def kept_header(name: str, value: str, gone: Counter[str]) -> str | None:
    """What is kept of a header, None for one that goes; `name` is in lower case.

    Everything that is not listed goes, and of what is listed any value that does not look as it
    should. Addresses are kept as `redacted_url` leaves them.
    """
    keep = _KEPT.get(name)
    if keep is None:
        gone["credentials" if _CREDENTIAL.search(name) else "headers"] += 1
        return None
    kept = keep(value.strip(), gone) if len(value) <= MAX_VALUE else None
    if kept is None:
        gone["headers"] += 1
    return kept


def media_type(text: str) -> str:
    """`application/json; charset=utf-8` with nothing else in it; empty where it is none."""
    found = _MEDIA.match(text.lower())
    if found is None or not reads_like_words(found[2].replace("+", "-")):
        return ""
    charset = _CHARSET.search(text[:MAX_VALUE])
    return found[0] + (f"; charset={charset[1].lower()}" if charset else "")


def _media(value: str, _: Counter[str]) -> str | None:
    return media_type(value) or None


def _like(pattern: re.Pattern[str]) -> Kept:
    return lambda value, _: value if pattern.fullmatch(value) else None


def _of(words: frozenset[str]) -> Kept:
    """Those of the words in a list that are known, with their numbers: `max-age=60`."""

    def keep(value: str, _: Counter[str]) -> str | None:
        known = []
        for part in re.split(r"[,\s]+", value.lower()):
            word, equals, number = part.partition("=")
            if word in words and (not equals or _DIGITS.fullmatch(number)):
                known.append(part)
        return ", ".join(known) or None

    return keep


def _date(value: str, _: Counter[str]) -> str | None:
    try:
        return format_datetime(parsedate_to_datetime(value[:40]))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _expiry(value: str, gone: Counter[str]) -> str | None:
    return value if value in ("0", "-1") or _DIGITS.fullmatch(value) else _date(value, gone)


def _product(value: str, _: Counter[str]) -> str | None:
    found = _PRODUCT.match(value)
    return found[0] if found and found[1].lower() in _PRODUCTS else None


def _address(value: str, gone: Counter[str]) -> str | None:
    kept, lost = redacted_url(value)
    gone.update(lost)
    return kept or None


def _host(value: str, gone: Counter[str]) -> str | None:
    kept = _address(f"//{value}", gone)
    return kept.removeprefix("//") if kept and kept.startswith("//") else None


def _ip(value: str, _: Counter[str]) -> str | None:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return None


kept_ip: Final = _ip
_CREDENTIAL: Final = re.compile(r"auth|cookie|token|secret|key|session|signature|credential|csrf")
_NUMBERED: Final = [
    "age",
    "content-length",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-envoy-upstream-service-time",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-response-time",
    "x-runtime",
]
_KEPT: Final[Mapping[str, Kept]] = {
    **dict.fromkeys(_NUMBERED, _like(_DIGITS)),
    **dict.fromkeys(("accept-encoding", "content-encoding", "transfer-encoding"), _of(_CODINGS)),
    **dict.fromkeys(("connection", "upgrade"), _of(_LINKS)),
    **dict.fromkeys(("cf-cache-status", "x-cache", "x-cache-status"), _of(_CACHED)),
    **dict.fromkeys(("date", "if-modified-since", "last-modified"), _date),
    **dict.fromkeys(("expires", "retry-after"), _expiry),
    **dict.fromkeys(("location", "origin", "referer"), _address),
    **dict.fromkeys(("host", ":authority"), _host),
    **dict.fromkeys(("request-id", "x-correlation-id", "x-request-id"), _like(_UUID)),
    "cache-control": _of(_CONTROL),
    "content-type": _media,
    "server": _product,
    "traceparent": _like(_TRACE),
}
KEPT_HEADERS: Final = tuple(sorted(_KEPT))
