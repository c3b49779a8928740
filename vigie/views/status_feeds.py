"""What customers were told as feeds: RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1, newest first.

The id of an entry follows from the update and never changes, whatever address a reader uses.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

import orjson

from vigie.views.markdown import html
from vigie.views.shape import Object

MOST: Final = 100
MEDIA: Final = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "json": "application/feed+json",
}
_ATOM: Final = "http://www.w3.org/2005/Atom"
_EPOCH: Final = "1970-01-01T00:00:00.000Z"
# What XML 1.0 has no way to hold.
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

register_namespace("atom", _ATOM)


def feed(page: Object, kind: str, base: str) -> bytes:
    """A page (`vigie.views.status.status`) as a feed of a kind; `base` is how the server is
    reached, without a slash at its end.
    """
    entries = list(_entries(page))[:MOST]
    url = f"{base}{page['url']}"
    if kind == "rss":
        return _rss(page, entries, url)
    return _atom(page, entries, url) if kind == "atom" else _json(page, entries, url)


def _entries(page: Object) -> Iterator[Object]:
    """Every update of every incident, newest first."""
    found = [
        {
            "id": f"urn:vigie:status:{page['name']}:{update['id']}",
            "title": f"{incident['title']}: {update['status']}",
            "at": update["at"],
            "text": update["text"],
            "anchor": incident["id"],
        }
        for incident in page["incidents"]
        for update in incident["updates"]
    ]
    return iter(sorted(found, key=lambda one: (one["at"], one["id"]), reverse=True))


def _rss(page: Object, entries: list[Object], url: str) -> bytes:
    root = Element("rss", version="2.0")
    channel = SubElement(root, "channel")
    _text(channel, "title", page["title"])
    _text(channel, "link", url)
    _text(channel, "description", page["description"] or page["title"])
    address = {"href": f"{url}/feed.rss", "rel": "self", "type": "application/rss+xml"}
    SubElement(channel, f"{{{_ATOM}}}link", address)
    for one in entries:
        item = SubElement(channel, "item")
        _text(item, "title", one["title"])
        _text(item, "link", f"{url}#{one['anchor']}")
        _text(item, "guid", one["id"], isPermaLink="false")
        _text(item, "pubDate", format_datetime(datetime.fromisoformat(one["at"])))
        _text(item, "description", html(one["text"]))
    return _written(root)


def _atom(page: Object, entries: list[Object], url: str) -> bytes:
    root = Element("feed", xmlns=_ATOM)
    _text(root, "id", f"urn:vigie:status:{page['name']}")
    _text(root, "title", page["title"])
    _text(root, "updated", entries[0]["at"] if entries else _EPOCH)
    SubElement(root, "link", href=url)
    SubElement(root, "link", href=f"{url}/feed.atom", rel="self")
    _text(SubElement(root, "author"), "name", page["title"])
    for one in entries:
        entry = SubElement(root, "entry")
        _text(entry, "id", one["id"])
        _text(entry, "title", one["title"])
        _text(entry, "updated", one["at"])
        SubElement(entry, "link", href=f"{url}#{one['anchor']}")
        _text(entry, "content", html(one["text"]), type="html")
    return _written(root)


def _json(page: Object, entries: list[Object], url: str) -> bytes:
    items = [
        {
            "id": one["id"],
            "url": f"{url}#{one['anchor']}",
            "title": one["title"],
            "content_html": str(html(one["text"])),
            "date_published": one["at"],
        }
        for one in entries
    ]
    facts = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": page["title"],
        "home_page_url": url,
        "feed_url": f"{url}/feed.json",
        "description": page["description"],
        "items": items,
    }
    return orjson.dumps(facts)


def _text(parent: Element, name: str, text: str, **attributes: str) -> None:
    SubElement(parent, name, attributes).text = _NO_XML.sub("\ufffd", str(text))


def _written(root: Element) -> bytes:
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
