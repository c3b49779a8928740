"""HAR 1.2, what a browser recorded of its requests: without its secrets, and summed up.

Redaction is by what is known to be safe: a new document is built of the keys of the format and of
values that look as they should; all else is left out, so that a field that nobody thought of is no
leak.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from incidents.har_headers import KEPT_HEADERS, kept_header, kept_ip, media_type
from incidents.har_summary import PHASES, failure_of, method_of, summary
from incidents.har_urls import redacted_url

MAX_ENTRIES: Final = 20_000
MAX_PAGES: Final = 1_000
MAX_HEADERS: Final = 200  # of one message
MAX_COUNT: Final = 10**12
Har = Mapping[str, Any]
Json = dict[str, Any]

_VERSIONS: Final = frozenset(
    [
        "http/0.9",
        "http/1.0",
        "http/1.1",
        "http/2",
        "http/2.0",
        "http/3",
        "http/3.0",
        "h2",
        "h3",
        "h2c",
        "spdy/3.1",
        "quic",
    ]
)
_PROGRAMS: Final = frozenset(
    [
        "brave",
        "browsermob-proxy",
        "charles-proxy",
        "chrome",
        "chromium",
        "edge",
        "fiddler",
        "firefox",
        "insomnia",
        "mitmproxy",
        "opera",
        "playwright",
        "postman",
        "proxyman",
        "puppeteer",
        "safari",
        "webinspector",
        "webkit",
    ]
)
_RESOURCES: Final = frozenset(
    [
        "beacon",
        "document",
        "eventsource",
        "fetch",
        "font",
        "image",
        "manifest",
        "media",
        "other",
        "ping",
        "preflight",
        "script",
        "stylesheet",
        "texttrack",
        "websocket",
        "xhr",
    ]
)
_HEARD: Final = {  # keys of the format of which we keep nothing, and how that is counted
    "cookies": "cookies",
    "comment": "comments",
    "_webSocketMessages": "messages",
    "_eventSourceMessages": "messages",
}
_OF_LOG: Final = frozenset({"version", "creator", "browser", "pages", "entries"})
_OF_ENTRY: Final = frozenset(
    [
        "pageref",
        "startedDateTime",
        "time",
        "request",
        "response",
        "cache",
        "timings",
        "serverIPAddress",
        "_resourceType",
    ]
)
_OF_REQUEST: Final = frozenset(
    [
        "method",
        "url",
        "httpVersion",
        "headers",
        "queryString",
        "postData",
        "headersSize",
        "bodySize",
    ]
)
_OF_RESPONSE: Final = frozenset(
    [
        "status",
        "statusText",
        "httpVersion",
        "headers",
        "content",
        "redirectURL",
        "headersSize",
        "bodySize",
        "_transferSize",
        "_error",
    ]
)


class HarError(ValueError):
    """What is no HAR, or more than is read; the message says which."""


def is_har(document: object) -> bool:
    """Whether a JSON document means to be a HAR."""
    log = document.get("log") if isinstance(document, Mapping) else None
    return isinstance(log, Mapping) and "entries" in log


def redacted(har: Har) -> tuple[Json, Mapping[str, int]]:
    """A HAR with nothing of which it is not known that it may be kept, and how much of which kind
    is gone (`cookies`, `credentials`, `headers`, `query_values`, `request_bodies`, ...).

    Kept are methods, statuses, sizes, times, addresses as `redacted_url` leaves them, the headers
    of KEPT_HEADERS and the names of known errors. Redacting again changes nothing. HarError.
    """
    log = _log(har)
    gone: Counter[str] = Counter()
    _left_out(har, frozenset({"log"}), gone)
    _left_out(log, _OF_LOG, gone)
    pages = [page for page in _list(log, "pages") if isinstance(page, Mapping)]
    names = {str(page.get("id")): f"page_{n}" for n, page in enumerate(pages, start=1)}
    made: Json = {
        "version": "1.2",
        "creator": _program(log.get("creator")),
        "pages": [_page(page, names[str(page.get("id"))], gone) for page in pages],
        "entries": [_entry(entry, names, gone) for entry in log["entries"]],
    }
    if "browser" in log:
        made["browser"] = _program(log["browser"])
    return {"log": made}, {kind: count for kind, count in sorted(gone.items()) if count}


def _log(har: Har) -> Mapping[str, Any]:
    if not is_har(har):
        raise HarError("it is no HAR: there is no `log` with `entries`")
    log: Mapping[str, Any] = har["log"]
    for key, most in (("entries", MAX_ENTRIES), ("pages", MAX_PAGES)):
        listed = log.get(key, [])
        if not isinstance(listed, list):
            raise HarError(f"it is no HAR: `log.{key}` is no list")
        if len(listed) > most:
            raise HarError(f"it has {len(listed)} {key}; at most {most} are read")
    if not log["entries"]:
        raise HarError("it holds no request: `log.entries` is empty")
    for place, entry in enumerate(log["entries"]):
        if not isinstance(entry, Mapping):
            raise HarError(f"it is no HAR: `log.entries[{place}]` is no object")
    return log


def _page(page: Mapping[str, Any], name: str, gone: Counter[str]) -> Json:
    known = frozenset({"id", "startedDateTime", "title", "pageTimings"})
    _left_out(page, known, gone)
    timings = _map(page.get("pageTimings"))
    # Browsers write the address as the title; what else a title says may be about a person.
    title = _text(page, "title")
    address = _url(title, gone) if title.startswith(("http://", "https://")) else ""
    gone["titles"] += bool(title) and not address
    return {
        "id": name,
        "startedDateTime": _time(page.get("startedDateTime")),
        "title": address,
        "pageTimings": {
            key: _number(timings[key], -1) for key in ("onContentLoad", "onLoad") if key in timings
        },
    }


def _entry(entry: Mapping[str, Any], names: Mapping[str, str], gone: Counter[str]) -> Json:
    _left_out(entry, _OF_ENTRY, gone)
    timings = _map(entry.get("timings"))
    made: Json = {
        "startedDateTime": _time(entry.get("startedDateTime")),
        "time": _number(entry.get("time"), -1),
        "request": _request(_map(entry.get("request")), gone),
        "response": _response(_map(entry.get("response")), gone),
        "cache": {},
        "timings": {key: _number(timings[key], -1) for key in PHASES if key in timings},
    }
    page = names.get(str(entry.get("pageref")))
    address = kept_ip(_text(entry, "serverIPAddress").strip("[]"), gone)
    resource = _text(entry, "_resourceType").lower()
    if page:
        made["pageref"] = page
    if address:
        made["serverIPAddress"] = address
    if resource in _RESOURCES:
        made["_resourceType"] = resource
    return made


def _request(request: Mapping[str, Any], gone: Counter[str]) -> Json:
    _left_out(request, _OF_REQUEST, gone)
    url = _url(_text(request, "url"), gone)
    made: Json = {
        "method": method_of(request),
        "url": url,
        "httpVersion": _version(request),
        "cookies": [],
        "headers": _headers(request, gone),
        # Read from the address, so that the two can't differ in what they give away.
        "queryString": _parameters(url),
        **_sizes(request),
    }
    if isinstance(request.get("postData"), Mapping):
        posted = request["postData"]
        gone["request_bodies"] += bool(posted.get("text") or posted.get("params"))
        _left_out(posted, frozenset({"mimeType", "text", "params"}), gone)
        made["postData"] = {"mimeType": media_type(_text(posted, "mimeType")), "text": ""}
    return made


def _response(response: Mapping[str, Any], gone: Counter[str]) -> Json:
    _left_out(response, _OF_RESPONSE, gone)
    content = _map(response.get("content"))
    _left_out(content, frozenset(["size", "compression", "mimeType", "text", "encoding"]), gone)
    gone["response_bodies"] += bool(content.get("text"))
    kept: Json = {"size": _count(content.get("size"))}
    if "compression" in content:
        kept["compression"] = _count(content["compression"])
    kept["mimeType"] = media_type(_text(content, "mimeType"))
    made: Json = {
        "status": min(_count(response.get("status"), 0), 999),
        "statusText": "",  # a server may write anything there, and the status says it
        "httpVersion": _version(response),
        "cookies": [],
        "headers": _headers(response, gone),
        "content": kept,
        "redirectURL": _url(_text(response, "redirectURL"), gone),
        **_sizes(response),
    }
    if "_transferSize" in response:
        made["_transferSize"] = _count(response["_transferSize"])
    if error := failure_of(response):
        made["_error"] = error
    return made


def _headers(message: Mapping[str, Any], gone: Counter[str]) -> list[Json]:
    listed = _list(message, "headers")
    gone["headers"] += max(0, len(listed) - MAX_HEADERS)
    made = []
    for header in map(_map, listed[:MAX_HEADERS]):
        name = _text(header, "name").lower()
        kept = kept_header(name, _text(header, "value"), gone)
        if kept is not None:
            made.append({"name": name, "value": kept})
    return made


def _parameters(url: str) -> list[Json]:
    pairs = url.partition("?")[2].split("&") if "?" in url else []
    parts = (pair.partition("=") for pair in pairs)
    return [{"name": name, "value": value} for name, _, value in parts]


def _program(value: object) -> Json:
    """The name and version of a known program: its name may be no message to anybody."""
    program = _map(value)
    name = _text(program, "name").strip()
    version = _text(program, "version").strip()
    numbers = version.split(".")
    plain = len(numbers) <= 5 and all(
        n.isascii() and n.isdecimal() and len(n) <= 6 for n in numbers
    )
    known = name.lower().replace(" ", "-") in _PROGRAMS
    return {"name": name if known else "other", "version": version if plain else ""}


def _sizes(message: Mapping[str, Any]) -> Json:
    return {key: _count(message.get(key)) for key in ("headersSize", "bodySize")}


def _version(message: Mapping[str, Any]) -> str:
    version = _text(message, "httpVersion").lower()
    return version if version in _VERSIONS else ""


def _url(text: str, gone: Counter[str]) -> str:
    kept, lost = redacted_url(text)
    gone.update(lost)
    return kept


def _time(value: object) -> str:
    """A time as the format wants it; empty where it is none."""
    try:
        return datetime.fromisoformat(value[:40]).isoformat() if isinstance(value, str) else ""
    except ValueError:
        return ""


def _count(value: object, unknown: int = -1) -> int:
    number = _number(value, unknown)
    return int(number) if number >= unknown else unknown


def _number(value: object, unknown: float) -> float:
    """A number as it is, `unknown` where it is none that could be a size or a time."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return unknown
    return value if abs(value) <= MAX_COUNT else unknown  # NaN is no such number either


def _left_out(found: Mapping[str, Any], known: Iterable[str], gone: Counter[str]) -> None:
    """Count the keys of which nothing is kept."""
    for key in found.keys() - known:
        value = found[key]
        if value or value == 0:
            kind = _HEARD.get(key, "unknown_keys")
            gone[kind] += len(value) if isinstance(value, list) and kind != "unknown_keys" else 1


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(found: Mapping[str, Any], key: str) -> list[Any]:
    value = found.get(key)
    return value if isinstance(value, list) else []


__all__ = ["KEPT_HEADERS", "Har", "HarError", "is_har", "redacted", "summary"]
