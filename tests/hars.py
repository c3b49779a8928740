"""HAR documents for tests: one as a browser writes it, and secrets to plant in it."""

import random
import string
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
ALPHABETS = (
    string.ascii_letters + string.digits,
    string.ascii_letters + string.digits + "-_",
    "0123456789abcdef",
    string.ascii_uppercase + "234567",
)


def secret(rng: random.Random) -> str:
    """A token as programs make them: 32 characters at random."""
    return "".join(rng.choices(rng.choice(ALPHABETS), k=32))


def entry(**more: Any) -> Json:
    """A request that was answered; `url`, `status`, `time`, `timings` and the like as given."""
    made: Json = {
        "pageref": "page_7",
        "startedDateTime": "2026-09-21T14:13:20.123Z",
        "time": more.get("time", 50.5),
        "request": {
            "method": more.get("method", "GET"),
            "url": more.get("url", "https://api.example.com/orders/12345?page=2"),
            "httpVersion": "HTTP/2",
            "cookies": [{"name": "sid", "value": "biscuit"}],
            "headers": [
                {"name": "Content-Type", "value": "application/json; charset=utf-8"},
                {"name": "Authorization", "value": "Basic aHVudGVyOnNlY3JldA=="},
                {"name": "Cookie", "value": "sid=biscuit"},
                {"name": "X-Api-Key", "value": "open sesame"},
                {"name": "traceparent", "value": f"00-{'ab' * 16}-{'cd' * 8}-01"},
            ],
            "queryString": [{"name": "page", "value": "2"}],
            "postData": {
                "mimeType": "application/json",
                "text": '{"password": "open sesame"}',
                "params": [{"name": "password", "value": "open sesame"}],
            },
            "headersSize": 812,
            "bodySize": 27,
        },
        "response": {
            "status": more.get("status", 200),
            "statusText": "OK",
            "httpVersion": "HTTP/2",
            "cookies": [],
            "headers": [
                {"name": "content-length", "value": "4711"},
                {"name": "set-cookie", "value": "sid=biscuit; Secure"},
                {"name": "server", "value": "nginx/1.25.3 (Ubuntu)"},
            ],
            "content": {"size": 4711, "mimeType": "text/html", "text": "<p>Dear Ms Lovelace"},
            "redirectURL": more.get("redirect", ""),
            "headersSize": -1,
            "bodySize": 4711,
            "_transferSize": 2000,
            "_error": more.get("error"),
        },
        "cache": {},
        "timings": more.get("timings", {"blocked": 1.5, "dns": -1, "wait": 40, "receive": 9}),
        "serverIPAddress": "[2001:db8::1]",
        "connection": "443",
        "_initiator": {"type": "script", "stack": {"callFrames": [{"url": "https://x/open"}]}},
        "_webSocketMessages": [{"type": "send", "data": "open sesame"}],
        "_resourceType": "xhr",
        "comment": "open sesame",
    }
    return made


def har(*entries: Json) -> Json:
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "WebInspector", "version": "537.36"},
            "pages": [
                {
                    "id": "page_7",
                    "startedDateTime": "2026-09-21T14:13:20.000Z",
                    "title": "https://shop.example.com/welcome#open",
                    "pageTimings": {"onContentLoad": 310.2, "onLoad": 911},
                }
            ],
            "entries": list(entries) or [entry()],
        }
    }


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every string in a document."""
    if isinstance(node, str):
        yield path
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))


def put(node: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
