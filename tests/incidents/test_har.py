"""A HAR keeps what is known to be safe, whatever is planted in it."""

import base64
import copy
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hars import entry, har, places, put, secret
from incidents import har as hars
from incidents.har import HarError, is_har, redacted, summary

WHOLE = har(entry(redirect="https://shop.example.com/next", error="net::ERR_FAILED"), entry())
PLACES = sorted(places(WHOLE), key=str)
SEEDS = st.integers(0, 2**32)


def stored(document: Any) -> bytes:
    return orjson.dumps(redacted(document)[0])


def traces_of(token: str) -> list[str]:
    """What must not be found: any ten characters of a token, also as base64."""
    coded = base64.b64encode(token.encode()).decode().rstrip("=")
    return [text[n : n + 10] for text in (token, coded) for n in range(len(text) - 9)]


DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": lambda t: t,
    "in an address": lambda t: f"https://api.example.com/reset/{t}/now?x={t}&token={t}#{t}",
    "in a name of a parameter": lambda t: f"https://api.example.com/?{t}=1&{t}",
    "as user and host": lambda t: f"https://{t}:{t}@{t}.example.com/{t}.js",
    "percent-encoded": lambda t: "/a/" + "".join(f"%{ord(c):02x}" for c in t) + f"?q={quote(t)}",
    "encoded twice": lambda t: "https://a.example/" + quote("".join(f"%{ord(c):02x}" for c in t)),
    "in Basic auth": lambda t: "Basic " + base64.b64encode(f"ada:{t}".encode()).decode(),
    "after a type": lambda t: f"application/json; boundary={t}",
    "as a type": lambda t: f"application/{t.lower()}",
    "as a list": lambda t: f"gzip, {t}; max-age={t}, nginx/{t}",
    "as a relative address": lambda t: f"//a.example//{t};jsessionid={t}",
    "in another scheme": lambda t: f"blob:https://a.example/{t}",
    "as a cookie": lambda t: f"sid={t}; Path=/; Secure",
    "as JSON": lambda t: orjson.dumps({"token": t}).decode(),
    "as an error": lambda t: f"net::ERR_{t.upper()}",
}


@given(st.sampled_from(PLACES), st.sampled_from(sorted(DISGUISES)), SEEDS)
def test_a_token_survives_in_no_place_and_no_disguise(
    place: tuple[Any, ...], disguise: str, seed: int
) -> None:
    token = secret(random.Random(seed))
    document = copy.deepcopy(WHOLE)
    put(document, place, DISGUISES[disguise](token))
    kept = stored(document).decode().lower()
    assert not [part for part in traces_of(token) if part.lower() in kept]


# Everything but addresses, of which the words stay, and what the browser calls its errors.
WORDED = [p for p in PLACES if p[-1] not in ("url", "redirectURL", "title", "pageref", "id")]


@given(st.sampled_from(WORDED))
def test_words_survive_in_no_place_that_is_no_address(place: tuple[Any, ...]) -> None:
    document = copy.deepcopy(WHOLE)
    put(document, place, "opensesame")
    assert b"opensesame" not in stored(document)


OBJECTS = sorted({place[:n] for place in PLACES for n in range(1, len(place))}, key=str)


@given(st.sampled_from(OBJECTS), st.sampled_from(["_extra", "comment", "Cookie", "token"]))
def test_a_key_that_the_format_does_not_know_is_dropped(place: tuple[Any, ...], key: str) -> None:
    document = copy.deepcopy(WHOLE)
    node = document
    for step in place:
        node = node[step]
    if isinstance(node, dict):
        node[key] = {"deep": [{"down": "opensesame"}], "opensesame": 1}
    else:
        node.append({key: "opensesame", "name": key, "value": "opensesame"})
    assert b"opensesame" not in stored(document)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
URLS = st.text("abcAZ019/:?#@&=%.-_~[]{} \t\\ä", max_size=40)


@given(st.sampled_from(PLACES + OBJECTS), VALUES | URLS)
def test_redacting_again_changes_nothing_and_the_summary_stays(
    place: tuple[Any, ...], value: Any
) -> None:
    document = copy.deepcopy(WHOLE)
    put(document, place, value)
    try:
        once, _ = redacted(document)
    except HarError:
        return
    again, gone = redacted(once)
    assert again == once
    assert gone == {}
    assert summary(once) == summary(document)


def test_what_is_removed_is_counted_by_kind() -> None:
    kept, gone = redacted(har(entry(url="https://ada:pw@a.example/me?q=ada&page=2#top")))
    assert gone == {
        "comments": 1,
        "cookies": 1,
        "credentials": 5,  # of the address, Authorization, Cookie, X-Api-Key, Set-Cookie
        "fragments": 2,
        "messages": 1,
        "query_values": 1,
        "request_bodies": 1,
        "response_bodies": 1,
        "unknown_keys": 2,  # connection, _initiator
    }
    (one,) = kept["log"]["entries"]
    assert one["request"]["url"] == "https://a.example/me?q={redacted}&page=2"
    assert one["request"]["queryString"] == [
        {"name": "q", "value": "{redacted}"},
        {"name": "page", "value": "2"},
    ]
    assert [h["name"] for h in one["request"]["headers"]] == ["content-type", "traceparent"]
    assert one["response"]["headers"] == [
        {"name": "content-length", "value": "4711"},
        {"name": "server", "value": "nginx/1.25.3"},
    ]
    assert one["request"]["postData"] == {"mimeType": "application/json", "text": ""}
    assert one["serverIPAddress"] == "2001:db8::1"
    assert one["pageref"] == kept["log"]["pages"][0]["id"] == "page_1"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "no HAR"),
        ({"log": []}, "no HAR"),
        ({"log": {"entries": {}}}, "`log.entries` is no list"),
        ({"log": {"entries": []}}, "no request"),
        ({"log": {"entries": [{}] * (hars.MAX_ENTRIES + 1)}}, "20001 entries"),
        ({"log": {"entries": [{}], "pages": 7}}, "`log.pages` is no list"),
    ],
)
def test_what_is_no_har_is_refused_by_name(document: Any, why: str) -> None:
    with pytest.raises(HarError, match=why):
        redacted(document)


def test_a_document_means_to_be_a_har_by_its_log() -> None:
    assert is_har({"log": {"entries": None}})
    assert not any(map(is_har, ({}, [], {"log": []}, {"log": {"lines": []}}, None)))
