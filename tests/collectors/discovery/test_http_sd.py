"""Targets from a URL: the protocol, and answers that can't be used."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from collectors import fetch
from collectors.access import ANONYMOUS, HttpAccess
from collectors.discovery.feed import Feed
from collectors.discovery.http import Http, shown
from collectors.discovery.model import HttpSd
from collectors.entry import Entry
from collectors.jobs import Group
from components import free_port
from vigie.clock import SetClock

JSON = "application/json"
ONE = b'[{"targets": ["a:1"], "labels": {"zone": "east"}}]'


@dataclass
class Server:
    """Answers what it is told to, and keeps the requests."""

    status: int = 200
    content_type: str = JSON
    body: bytes = ONE
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        headers = {"Content-Type": self.content_type, **self.headers}
        return web.Response(status=self.status, body=self.body, headers=headers)


class Rig:
    def __init__(self, server: Server, url: str, client: fetch.Client, access: HttpAccess) -> None:
        self.server, self.url, self.changes = server, url, 0
        clock = SetClock(1000.0)
        self.feed = Feed(clock, "http", shown(url), self._changed)
        entry = Entry(access, clock.now)
        self.http = Http(HttpSd(url, 30.0, access), clock, self.feed, client, entry)

    async def look(self) -> list[str]:
        await self.http.look()
        return [t["__address__"] for group in self.feed.groups() for t in group.targets]

    def _changed(self) -> None:
        self.changes += 1


@asynccontextmanager
async def asking(query: str = "", access: HttpAccess = ANONYMOUS) -> AsyncIterator[Rig]:
    server, app, port = Server(), web.Application(), free_port()
    app.router.add_get("/sd", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    client = fetch.Client()
    try:
        yield Rig(server, f"http://127.0.0.1:{port}/sd{query}", client, access)
    finally:
        await client.close()
        await runner.cleanup()


async def test_an_answer_gives_its_groups_with_the_url() -> None:
    async with asking() as rig:
        await rig.look()
        labels = {"zone": "east", "__meta_url": rig.url}
        source = f"http/{rig.url}/0"
        assert rig.feed.groups() == (Group(source, ({"__address__": "a:1"},), labels),)
        (request,) = rig.server.requests
        assert request.headers["Accept"] == JSON
        assert request.headers["X-Prometheus-Refresh-Interval-Seconds"] == "30"


@pytest.mark.parametrize(
    "content_type", [f"{JSON}; charset=utf-8", 'Application/JSON;charset="UTF-8"', JSON]
)
async def test_json_in_utf_8_is_taken(content_type: str) -> None:
    async with asking() as rig:
        rig.server.content_type = content_type
        assert await rig.look() == ["a:1"]


async def test_a_compressed_answer_is_read() -> None:
    async with asking() as rig:
        rig.server.body = gzip.compress(ONE)
        rig.server.headers["Content-Encoding"] = "gzip"
        assert await rig.look() == ["a:1"]


async def test_the_same_answer_twice_says_nothing() -> None:
    async with asking() as rig:
        await rig.look()
        await rig.look()
        assert rig.changes == 1


BAD = {
    "status 503": Server(status=503),
    "status 204": Server(status=204, body=b""),
    "content-type `text/html` is not application/json": Server(content_type="text/html"),
    "not JSON": Server(body=b"{"),
    "not a list of target groups": Server(body=b"{}"),
    "body over limit": Server(body=b" " * 2000),
}


@pytest.mark.parametrize(("reason", "bad"), BAD.items(), ids=list(BAD))
async def test_an_answer_that_cannot_be_used_changes_nothing(
    reason: str, bad: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("collectors.discovery.http.MAX_BODY_BYTES", 1000)
    async with asking() as rig:
        await rig.look()
        good = rig.server.status, rig.server.content_type, rig.server.body
        rig.server.status, rig.server.content_type = bad.status, bad.content_type
        rig.server.body = bad.body
        for _ in range(3):
            assert await rig.look() == ["a:1"]
        status = rig.feed.status()
        assert (status.health, status.targets) == ("down", 1)
        assert reason in status.error
        assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
        rig.server.status, rig.server.content_type, rig.server.body = good
        await rig.look()
        assert rig.feed.status().health == "up"


async def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.discovery.http.MAX_BODY_BYTES", 100_000)
    async with asking() as rig:
        rig.server.body = gzip.compress(b" " * 50_000_000)
        rig.server.headers["Content-Encoding"] = "gzip"
        assert await rig.look() == []
        assert "body over limit" in rig.feed.status().error


async def test_before_the_first_good_answer_nothing_is_known() -> None:
    async with asking() as rig:
        rig.server.status = 500
        await rig.look()
        assert not rig.feed.answered
        assert rig.changes == 0
        rig.server.status, rig.server.body = 200, b"[]"
        await rig.look()
        assert rig.feed.answered
        assert rig.changes == 1


async def test_a_refused_connection_has_its_name() -> None:
    async with asking() as rig:
        clock = SetClock(1000.0)
        client = fetch.Client()
        url = f"http://127.0.0.1:{free_port()}/sd"
        http = Http(HttpSd(url), clock, rig.feed, client, Entry(ANONYMOUS, clock.now))
        await http.look()
        await client.close()
        assert rig.feed.status().error == f"{url}: connection refused"


async def test_credentials_are_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    access = HttpAccess(username="me", password="secret1")
    async with asking("?token=secret2", access) as rig:
        rig.server.status = 403
        await rig.look()
        assert rig.server.requests[0].headers["Authorization"].startswith("Basic ")
        assert rig.server.requests[0].query["token"] == "secret2"
        shown_to_people = f"{rig.feed.status()} {caplog.text}"
        assert "status 403" in shown_to_people
        assert "secret" not in shown_to_people


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    assert shown("https://me:secret@sd:8443/a/b?token=secret#secret") == "https://sd:8443/a/b"
    assert shown("http://[::1") == "a bad address"
