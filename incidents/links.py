"""What an incident can be connected with, and in which words it is said from either end."""

import re
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 2_000
MAX_TITLE: Final = 300
MOST: Final = 200  # links of one incident


class LinkKind(StrEnum):
    """The first three lead to another incident, the rest out of it."""

    RELATED = "related"
    DUPLICATE_OF = "duplicate_of"
    CAUSED_BY = "caused_by"
    PROBLEM = "problem"  # incidents.problems
    CHANGE = "change"
    RUN = "run"
    TRACE = "trace"
    TICKET = "ticket"


BETWEEN: Final = frozenset({LinkKind.RELATED, LinkKind.DUPLICATE_OF, LinkKind.CAUSED_BY})
# Of a link from A to B: what A says of B, and what B says of A.
WORDS: Final = {
    LinkKind.RELATED: ("related to", "related to"),
    LinkKind.DUPLICATE_OF: ("duplicate of", "duplicated by"),
    LinkKind.CAUSED_BY: ("caused by", "cause of"),
    LinkKind.PROBLEM: ("has the problem", ""),
    LinkKind.CHANGE: ("change", ""),
    LinkKind.RUN: ("run", ""),
    LinkKind.TRACE: ("trace", ""),
    LinkKind.TICKET: ("ticket", ""),
}
_TRACE: Final = re.compile(r"[0-9a-f]{16}(?:[0-9a-f]{16})?", re.ASCII)


class Unfit(Exception):  # noqa: N818 - says what is wrong with what was given
    """A clause without its subject: `has no host`."""


def web_address(given: str) -> str:
    """A URL that people can be led to: http or https, with a host, without name and password."""
    url = given.strip()
    if not url:
        raise Unfit("is empty")
    if len(url) > MAX_URL:
        raise Unfit(f"has {len(url)} characters; at most {MAX_URL} are kept")
    if any(not sign.isprintable() or sign.isspace() or sign in '\\"<>' for sign in url):
        raise Unfit("holds spaces, quotes or characters that cannot be shown: encode them")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise Unfit("is no URL") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise Unfit("does not begin with https:// or http://")
    if not host:
        raise Unfit("has no host")
    if "@" in parts.netloc:
        raise Unfit("holds a user name or password: leave them out")
    return url


def trace_id(given: str) -> str:
    """A trace id as W3C and B3 write it: 32 or 16 hexadecimal digits, not all zero."""
    found = given.strip().lower()
    if _TRACE.fullmatch(found) is None or not found.strip("0"):
        raise Unfit("is no trace id: write its 32 (or 16) hexadecimal digits")
    return found
