"""What is open to everybody: the addresses of status pages that say that they are public, nothing
else; and how long what they show may be kept.
"""

import hashlib
import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from incidents.status_page import StatusPage
from vigie.access.identity import current
from vigie.access.roles import Permission
from vigie.commands.errors import NotFound
from vigie.config import Config

FRESH_S: Final = 10  # how long what is public may be kept by whoever stands between
_PAGE: Final = r"(?P<page>[A-Za-z0-9][-A-Za-z0-9_.]*)"
_READ: Final = re.compile(rf"/status/{_PAGE}(?:/feed\.(?:rss|atom|json))?", re.ASCII)
_API: Final = re.compile(rf"/api/v1/status/{_PAGE}", re.ASCII)
_LINKS: Final = re.compile(rf"/status/{_PAGE}/(?:confirm|unsubscribe)/[0-9a-f.]{{1,100}}", re.ASCII)
_ASK: Final = re.compile(rf"/status/{_PAGE}/subscribe", re.ASCII)


def opens(path: str, method: str, names: Collection[str]) -> bool:
    """Whether a request needs no proof of who it is from: `names` are the public pages."""
    if method in {"GET", "HEAD"}:
        tried = [_READ, _API, _LINKS]
    elif method == "POST":
        tried = [_LINKS, _ASK]
    else:
        return False
    for one in tried:
        if found := one.fullmatch(path):
            return found["page"] in names
    return False


def public_pages(config: Config) -> frozenset[str]:
    """The names of the pages that everybody may read."""
    return frozenset(name for name, page in config.pages.items() if page.public)


def readable(config: Config, name: str) -> StatusPage:
    """A page, for who asks. NotFound: there is none, or not for them; nobody can tell which."""
    page = config.pages.get(name)
    if page is None or not (page.public or current().may(Permission.READ)):
        raise NotFound("There is no such status page.")
    return page


def cached(request: Request, page: StatusPage, body: bytes, media: str) -> Response:
    """An answer that is asked for again and again by many: with an ETag, and 304 where it has not
    changed. What is not public is kept by nobody between.
    """
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    keep = f"public, max-age={FRESH_S}" if page.public else "private, no-cache"
    headers = {"ETag": tag, "Cache-Control": keep}
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if tag in (one.removeprefix("W/") for one in known) or "*" in known:
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    return Response(body, HTTPStatus.OK, headers, media)
