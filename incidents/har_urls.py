"""What of a URL is kept: routes and names as people write them, nothing that a program made up."""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

REDACTED: Final = "{redacted}"
MAX_URL: Final = 16_384
MAX_SEGMENTS: Final = 30
MAX_PARAMETERS: Final = 100

_READ: Final = frozenset({"http", "https", "ws", "wss", ""})  # empty: a relative redirect
_NAMED: Final = frozenset({"data", "blob", "file", "about", "chrome-extension", "moz-extension"})
_ENDINGS: Final = [
    ".js",
    ".mjs",
    ".css",
    ".map",
    ".html",
    ".htm",
    ".php",
    ".json",
    ".xml",
    ".txt",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".svg",
    ".ico",
    ".avif",
    ".woff",
    ".woff2",
    ".ttf",
    ".mp4",
    ".webm",
    ".m3u8",
    ".ts",
    ".wasm",
    ".pdf",
    ".zip",
]
_OURS: Final = re.compile(rf"\{{(redacted|uuid)\}}({'|'.join(map(re.escape, _ENDINGS))})?")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~-]+")
_BETWEEN: Final = re.compile(r"[._~-]+")
_UNSPOKEN: Final = re.compile(r"[b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ]{6}")
_NUMBER: Final = re.compile(r"[0-9]{1,6}|true|false")
_SECRET_NAME: Final = re.compile(
    r"token|secret|pass|pwd|pin|otp|code|key|sig|auth|sess|sid|cred|nonce|cv[vc]|ssn|card|iban|"
    r"account|phone|mobile|zip|birth|dob|mail|user",
    re.IGNORECASE,
)
_WORD: Final = re.compile(  # `order`, `CHECKOUT`, `getOrderByID`
    r"[A-Z]?[a-z]+(?:[A-Z][a-z]{2,}|ID|Id|URL|API|By|To|Of|In|My|Up)*|[A-Z]{1,12}"
)
_MIXED: Final = re.compile(  # `v1beta1`, `oauth2`, `h264`, `3d`
    r"(?:[a-z]{1,6}|[A-Z]{1,3})[0-9]{1,4}(?:[a-z]{1,5}[0-9]{0,3})?|[0-9]{1,3}[a-z]{1,4}"
)
_LONGEST_WORD: Final = 20
_LONGEST_MIXED: Final = 8
_MOST_DIGITS: Final = 12  # a number of more may be that of a card


def redacted_url(text: str) -> tuple[str, Counter[str]]:
    """A URL without what may be a secret or name a person, and how much of which kind is gone.

    User and fragment go; of the query names stay, and numbers of up to six digits, true and false
    under names that don't sound secret; of host and path what reads like words and numbers. The
    rest is `{redacted}`, a UUID `{uuid}`. What comes out goes through unchanged.
    """
    gone: Counter[str] = Counter()
    if text in ("", REDACTED):
        return text, gone
    parts = _split(text)
    if parts is None or parts.scheme not in _READ:
        kept = f"{parts.scheme}:{REDACTED}" if parts and parts.scheme in _NAMED else REDACTED
        gone["urls"] += kept != text
        return kept, +gone
    if "@" in parts.netloc:
        gone["credentials"] += 1
    if parts.fragment:
        gone["fragments"] += 1
    start = f"{parts.scheme}:" if parts.scheme else ""
    host = f"//{_host(parts, gone)}" if parts.netloc else ""
    query = f"?{_query(parts.query, gone)}" if parts.query else ""
    # Without a host two slashes would make one of the first segment.
    path = parts.path if host else re.sub("^//+", "/", parts.path)
    return start + host + _path(path, gone) + query, +gone


def route_of(url: str) -> str:
    """Host and path of a redacted URL with its numbers as `{n}`: what requests are grouped by."""
    parts = _split(url)
    if parts is None or (parts.scheme in _NAMED and not parts.netloc):
        return url
    path = "/".join("{n}" if piece.isdecimal() else piece for piece in parts.path.split("/"))
    return parts.netloc + path


def reads_like_words(text: str, longest: int = 64) -> bool:
    """Whether a person may have written this: words, numbers and one short mix such as `v1beta1`,
    with dots and dashes between them. Random text of 16 characters or more practically never does.
    """
    if not 0 < len(text) <= longest or not _CHARACTERS.fullmatch(text):
        return False
    if sum(map(str.isdecimal, text)) > _MOST_DIGITS:
        return False
    pieces = [piece for piece in _BETWEEN.split(text) if piece]
    mixed = [piece for piece in pieces if not piece.isalpha() and not piece.isdecimal()]
    return len(mixed) <= 1 and all(map(_readable, pieces))


def sounds_secret(name: str) -> bool:
    """Whether what stands under this name should not be read."""
    return _SECRET_NAME.search(name) is not None


def _split(text: str) -> SplitResult | None:
    if len(text) > MAX_URL:
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port, parts.hostname  # they are read late, and may be nonsense
    except ValueError:
        return None
    return parts


def _host(parts: SplitResult, gone: Counter[str]) -> str:
    name = parts.hostname or ""
    port = f":{parts.port}" if parts.port is not None else ""
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return ".".join(_kept(label, gone, "hosts", _word) for label in name.split(".")) + port
    return f"[{address}]{port}" if address.version == 6 else f"{address}{port}"


def _path(path: str, gone: Counter[str]) -> str:
    segments = path.split("/")
    if len(segments) > MAX_SEGMENTS:
        gone["path_segments"] += segments[MAX_SEGMENTS:] != [REDACTED]
        segments = [*segments[:MAX_SEGMENTS], REDACTED]
    return "/".join(_kept(segment, gone, "path_segments", _word) for segment in segments)


def _query(query: str, gone: Counter[str]) -> str:
    pairs = query.split("&")
    if len(pairs) > MAX_PARAMETERS:
        gone["query_values"] += pairs[MAX_PARAMETERS:] != [REDACTED]
        pairs = [*pairs[:MAX_PARAMETERS], REDACTED]
    return "&".join(_pair(pair, gone) for pair in pairs)


def _pair(pair: str, gone: Counter[str]) -> str:
    name, equals, value = pair.partition("=")
    name = _kept(name, gone, "query_names", _name)
    if not equals:
        return name
    plain = _nothing if sounds_secret(name) else _NUMBER.fullmatch
    return f"{name}={_kept(value, gone, 'query_values', plain)}"


def _kept(text: str, gone: Counter[str], kind: str, keeps: Callable[[str], object]) -> str:
    """The text where it may be kept, else what stands for it."""
    if not text or _OURS.fullmatch(text) or keeps(unquote(text)):
        return text
    gone[kind] += 1
    if _UUID.fullmatch(text):
        return "{uuid}"
    ending = next((ending for ending in _ENDINGS if text.lower().endswith(ending)), "")
    return REDACTED + ending


def _word(text: str) -> bool:
    return reads_like_words(text)


def _name(text: str) -> bool:
    return reads_like_words(text.removesuffix("[]"), 40)


def _nothing(_: str) -> bool:
    return False


def _readable(piece: str) -> bool:
    if piece.isdecimal():
        return True
    if piece.isalpha():
        fits = len(piece) <= _LONGEST_WORD and _WORD.fullmatch(piece)
        return bool(fits) and not _UNSPOKEN.search(piece)
    return len(piece) <= _LONGEST_MIXED and _MIXED.fullmatch(piece) is not None
