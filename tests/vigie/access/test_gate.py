"""Who gets past the gate."""

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

from vigie.access import (
    COOKIE,
    FAILURES_WINDOW_S,
    MAX_CLIENTS,
    MAX_FAILURES,
    Access,
    Gate,
    client_of,
    judged,
)
from vigie.clock import SetClock

TOKEN = "correct horse battery staple"


def request(method: str = "GET", path: str = "/api/v1/slos", **headers: str) -> dict[str, Any]:
    named = {"host": "127.0.0.1:8080"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "client": ("192.0.2.7", 40000),
        "headers": [(k.encode(), v.encode()) for k, v in named.items() if v],
    }


def refusal(gate: Gate, scope: dict[str, Any]) -> Response | None:
    found = asyncio.run(judged(gate, scope))
    return found if isinstance(found, Response) else None


def status(gate: Gate, scope: dict[str, Any]) -> int:
    refused = refusal(gate, scope)
    return refused.status_code if refused is not None else 200


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1000.0)


@pytest.fixture
def local(clock: SetClock) -> Gate:
    return Gate(clock)


@pytest.fixture
def guarded(clock: SetClock) -> Gate:
    return Gate(clock, TOKEN, ("vigie.example.org",))


@pytest.mark.parametrize(
    ("host", "is_let_in"),
    [
        ("127.0.0.1:8080", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("localhost.:8080", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1:8080", False),
        ("0.0.0.0", False),
        ("[2001:db8::1]", False),
        ("vigie.example.org", False),
    ],
)
def test_without_a_token_only_names_of_loopback_are_answered(
    local: Gate, host: str, is_let_in: bool
) -> None:
    assert status(local, request(host=host)) == (200 if is_let_in else 421)


@pytest.mark.parametrize(
    ("host", "is_known"),
    [("vigie.example.org:443", True), ("10.0.0.1:8080", True), ("other.example.org", False)],
)
def test_with_a_token_allowed_names_and_any_address_are_answered(
    guarded: Gate, host: str, is_known: bool
) -> None:
    assert guarded.knows_host(host) is is_known


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8080"}, True),
        ({"origin": "http://127.0.0.1:8080", "sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://127.0.0.1:8080.evil.example"}, False),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
    ],
)
def test_a_page_of_another_origin_changes_nothing(
    local: Gate, headers: dict[str, str], is_let_in: bool
) -> None:
    assert status(local, request("POST", **headers)) == (200 if is_let_in else 403)


def test_following_a_link_from_another_site_only_reads(local: Gate) -> None:
    assert status(local, request("GET", sec_fetch_site="cross-site")) == 200


@pytest.mark.parametrize(
    ("authorization", "wanted"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
    ],
)
def test_every_request_shows_the_token(guarded: Gate, authorization: str, wanted: int) -> None:
    assert status(guarded, request(authorization=authorization)) == wanted
    assert status(guarded, request(path="/metrics", authorization=authorization)) == wanted


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready", "/static/app.css", "/login"])
def test_probes_and_what_the_login_page_needs_are_open(guarded: Gate, path: str) -> None:
    assert status(guarded, request(path=path)) == 200


def test_probes_are_answered_under_any_name(local: Gate) -> None:
    assert status(local, request(path="/-/ready", host="10.1.2.3:8080")) == 200


def test_the_cookie_of_a_session_stands_for_the_token(guarded: Gate) -> None:
    assert status(guarded, request(cookie=f"a=b; {COOKIE}={guarded.session()}")) == 200
    assert TOKEN not in guarded.session()


@pytest.mark.parametrize("value", ["", "0" * 64, TOKEN, "\u00e4", '"'])
def test_a_made_up_cookie_is_no_session(guarded: Gate, value: str) -> None:
    assert status(guarded, request(cookie=f"{COOKIE}={value}")) == 401


def test_another_token_ends_every_session(guarded: Gate, clock: SetClock) -> None:
    changed = Gate(clock, "another")
    assert status(changed, request(cookie=f"{COOKIE}={guarded.session()}")) == 401


def test_a_browser_is_sent_to_the_login_page_and_back(guarded: Gate) -> None:
    scope = request(path="/incidents/7", accept="text/html,*/*") | {"query_string": b"a=1&b=2"}
    refused = refusal(guarded, scope)
    assert refused is not None
    assert refused.status_code == 303
    assert refused.headers["location"] == "/login?next=/incidents/7%3Fa%3D1%26b%3D2"


def test_a_client_that_guesses_has_to_wait_and_others_need_not(
    guarded: Gate, clock: SetClock
) -> None:
    wrong = request(authorization="Bearer wrong")
    right = request(authorization=f"Bearer {TOKEN}")
    answers = [status(guarded, wrong) for _ in range(MAX_FAILURES + 1)]
    assert answers == [401] * MAX_FAILURES + [429]
    assert status(guarded, right) == 429
    assert status(guarded, right | {"client": ("192.0.2.8", 1)}) == 200
    clock.set(1000.0 + FAILURES_WINDOW_S)
    assert status(guarded, right) == 200


def test_waiting_says_for_how_long(guarded: Gate, clock: SetClock) -> None:
    for at in range(MAX_FAILURES):
        clock.set(1000.0 + at)
        guarded.throttle.failed("192.0.2.7")
    refused = refusal(guarded, request(authorization="Bearer wrong"))
    assert refused is not None
    assert refused.headers["retry-after"] == "51"


def test_a_browser_with_an_old_cookie_is_not_counted_as_guessing(guarded: Gate) -> None:
    for _ in range(MAX_FAILURES + 1):
        status(guarded, request(cookie=f"{COOKIE}=old", accept="text/html"))
    assert guarded.throttle.wait_s("192.0.2.7") == 0


def test_many_guessing_clients_take_no_more_memory(guarded: Gate) -> None:
    for number in range(MAX_CLIENTS + 50):
        guarded.throttle.failed(f"client {number}")
    assert len(guarded.throttle._failures) == MAX_CLIENTS


async def sent(gate: Gate, scope: dict[str, Any]) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    await Access(PlainTextResponse("in"), gate)(scope, receive, send)
    return messages


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
async def test_every_answer_carries_the_security_headers(local: Gate, host: str) -> None:
    start, *_ = await sent(local, request(host=host))
    headers = dict(start["headers"])
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert headers[b"cache-control"] == b"no-store"


async def test_a_refusal_is_a_problem_that_says_what_to_do(local: Gate) -> None:
    start, body = await sent(local, request(host="vigie.example.org"))
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert b"add it to `allowed_hosts`" in body["body"]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1:2:3", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a socket", "a socket"),
    ],
)
def test_failures_are_counted_for_a_whole_network_of_one_client(address: str, counted: str) -> None:
    assert client_of({"client": (address, 1)}) == counted
    assert client_of({}) == ""
