"""Files of incidents over HTTP: sent in bounds, served such that nothing in them runs."""

import asyncio
import resource
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest

from accounts import bearer, served, token, user
from files import GIF, LOG, PNG, ZIP, chunk, png
from fleet import Answer, Fleet, Site
from hars import entry, har
from vigie import uploads
from vigie.access import Role
from vigie.commands import attachments
from vigie.live import Change

HAR = orjson.dumps(har(entry(status=503)))
MB = 1_000_000
AS_JSON = {"Content-Type": "application/json"}


def path_of(number: int, id_: int | None = None) -> str:
    return f"/api/v1/incidents/{number}/attachments" + (f"/{id_}" if id_ else "")


async def send(site: Site, content: Any, name: str = "x", **more: Any) -> Answer:
    """Attach it to the first incident."""
    query = {"name": name, "actor": "ada"}
    return await site.ask("POST", path_of(1), data=content, params=query, **more)


async def left(site: Site) -> list[Any]:
    items = (await site.get(path_of(1))).json["items"]
    return list(items)


@pytest.fixture
def open_site(site: Site) -> Site:
    assert site.fleet.open() == 1
    return site


async def test_a_file_comes_back_as_it_was(open_site: Site) -> None:
    changes = open_site.fleet.feed.listen()
    answer = await send(open_site, PNG, "shot.png")
    assert answer.status == 201
    assert changes.get_nowait() == Change("incident", 1)
    told = answer.json
    assert (told["name"], told["media_type"], told["is_image"]) == ("shot.png", "image/png", True)
    assert await left(open_site) == [told]
    got = await open_site.get(told["url"])
    assert (got.status, got.body) == (200, PNG)
    assert got.headers["content-length"] == str(len(PNG))
    assert got.headers["etag"] == f'"{told["sha256"]}"'
    again = await open_site.get(told["url"], headers={"If-None-Match": got.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    kinds = [e["kind"] for e in (await open_site.get("/api/v1/incidents/1/timeline")).json["items"]]
    assert kinds == ["opened", "attached"]


async def test_a_form_sends_one_too(open_site: Site) -> None:
    form = aiohttp.FormData({"actor": "bob"}, quote_fields=False)
    form.add_field("file", HAR, filename="../../trace.har", content_type="text/html")
    told = (await open_site.ask("POST", path_of(1), data=form)).json
    assert (told["name"], told["uploaded_by"]) == ("trace.har", "bob")
    assert told["media_type"] == "application/har+json"
    got = await open_site.get(told["url"])
    assert b"biscuit" not in got.body
    assert len(got.body) == told["size"] < told["sent_size"] == len(HAR)


SERVED: dict[str, tuple[bytes, str, str]] = {
    "an image": (PNG, "image/png", "inline"),
    "an image with a script in a comment": (
        png(chunk(b"tEXt", b"Comment\x00<script>alert(1)</script>")),
        "image/png",
        "inline",
    ),
    "another image": (GIF, "image/gif", "inline"),
    "a log": (LOG, "text/plain; charset=utf-8", "attachment"),
    "a page": (b"<html><script>alert(1)</script>", "text/plain; charset=utf-8", "attachment"),
    "a drawing": (b"<svg onload='alert(1)'/>", "text/plain; charset=utf-8", "attachment"),
    "records": (b"a,b\n=cmd(),2\n", "text/csv; charset=utf-8", "attachment"),
    "a document": (b'{"a": "<script>"}', "application/json", "attachment"),
    "a HAR": (HAR, "application/har+json", "attachment"),
}


@pytest.mark.parametrize("what", SERVED)
async def test_a_browser_runs_nothing_of_it(open_site: Site, what: str) -> None:
    content, media_type, how = SERVED[what]
    headers = {"Content-Type": "text/html"}  # what the sender calls it does not matter
    told = (await send(open_site, content, "evil.html", headers=headers)).json
    got = await open_site.get(told["url"])
    assert got.headers["content-type"] == media_type
    assert got.headers["content-disposition"].startswith(f"{how}; filename=")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"
    assert '.html"' not in got.headers["content-disposition"]


async def test_a_name_breaks_out_of_no_header(open_site: Site) -> None:
    name = 'a"\r\nSet-Cookie: x=1\u202egnp.é 😀.log'
    told = (await send(open_site, LOG, name)).json
    assert told["name"] == "a Set-Cookie x=1gnp.é 😀.log"
    got = await open_site.get(told["url"])
    assert "set-cookie" not in got.headers
    ascii_name, coded = "a Set-Cookie x=1gnp.e .log", quote(told["name"], safe="")
    expected = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{coded}"
    assert got.headers["content-disposition"] == expected


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 422), (ZIP, 415), (PNG + ZIP, 415), (HAR[:-5], 415)]
)
async def test_what_is_not_taken_is_refused_by_name(
    open_site: Site, content: bytes, status: int
) -> None:
    answer = await send(open_site, content)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert await left(open_site) == []


class Stream:
    """A body that goes on for a gigabyte, and counts how much of it was taken."""

    def __init__(self, start: bytes) -> None:
        self.start, self.sent = start, 0

    async def __call__(self) -> AsyncIterator[bytes]:
        yield self.start
        part = b"x" * MB
        for _ in range(1_000):
            yield part
            self.sent += len(part)


async def stopped(site: Site, stream: Stream, **more: Any) -> int | None:
    """The status, or None where the line was cut before it could be read."""
    try:
        answer = await send(site, stream(), **more)
    except aiohttp.ClientError:
        return None
    return answer.status


@pytest.mark.parametrize(("start", "most"), [(b"log line\n", 10), (b'{"log": "', 50)])
async def test_a_gigabyte_is_stopped_where_the_limit_is(
    open_site: Site, start: bytes, most: int
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream = Stream(start)
    assert await stopped(open_site, stream) in (413, None)
    assert most * MB <= stream.sent < 500 * MB  # the sender sees late that nobody reads on
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert await left(open_site) == []


async def test_a_gigabyte_that_is_announced_is_not_read(open_site: Site) -> None:
    stream = Stream(b"")
    assert await stopped(open_site, stream, headers={"Content-Length": str(1_000 * MB)}) in (
        413,
        None,
    )
    assert stream.sent < 20 * MB
    assert await left(open_site) == []


async def test_who_goes_on_too_slowly_is_told_and_leaves_nothing(
    open_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "IDLE_S", 0.05)
    stalled = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield LOG
        await stalled.wait()

    answer = await send(open_site, body())
    stalled.set()
    assert (answer.status, "nothing for" in answer.text) == (408, True)
    assert await left(open_site) == []


@pytest.mark.parametrize("form", [False, True])
async def test_who_hangs_up_half_way_leaves_nothing_and_no_place_taken(
    open_site: Site, form: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))  # spooling would fail
    host, _, port = open_site.url.removeprefix("http://").partition(":")
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.har"\r\n\r\n'
    kind = b"Content-Type: multipart/form-data; boundary=b\r\n" if form else b""
    for _ in range(2 * uploads.MAX_AT_ONCE):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST {path_of(1)} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5000000\r\n".encode()
            + kind + b"\r\n" + (start if form else b"") + HAR * 300
        )  # fmt: skip
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        del reader
    for _ in range(100):
        answer = await send(open_site, LOG)
        if answer.status != 503:
            break
    assert answer.status == 201
    assert len(await left(open_site)) == 1


async def test_only_so_many_are_read_at_once(
    open_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun = threading.Event(), threading.Semaphore(0)
    kept = attachments.kept

    def held(name: str, content: bytes) -> Any:
        begun.release()
        assert go.wait(30)
        return kept(name, content)

    monkeypatch.setattr(attachments, "kept", held)
    tasks = [asyncio.create_task(send(open_site, LOG)) for _ in range(uploads.MAX_AT_ONCE)]
    for _ in tasks:
        assert await asyncio.to_thread(begun.acquire, timeout=30)
    answer = await send(open_site, LOG)
    go.set()
    assert (answer.status, answer.json["detail"][:9]) == (503, "4 uploads")
    assert answer.headers["retry-after"] == "5"
    assert [(await task).status for task in tasks] == [201] * uploads.MAX_AT_ONCE


async def test_a_file_of_another_incident_is_not_found(open_site: Site) -> None:
    told = (await send(open_site, LOG)).json
    other = 2
    for method, path in [
        ("GET", path_of(other, told["id"])),
        ("DELETE", path_of(other, told["id"])),
        ("GET", path_of(1, told["id"] + 1)),
        ("GET", path_of(other)),
        ("POST", path_of(other)),
    ]:
        answer = await open_site.ask(method, path, data=b'{"reason": "r"}', headers=AS_JSON)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_removing_says_who_and_why_and_takes_the_file(open_site: Site) -> None:
    told = (await send(open_site, LOG, "app.log")).json
    nameless = await open_site.ask("DELETE", told["url"], json={"actor": "bob"})
    assert nameless.status == 422
    said = {"actor": "bob", "reason": "a customer's name"}
    gone = (await open_site.ask("DELETE", told["url"], json=said)).json
    assert (gone["removed_by"], gone["removed_for"], gone["url"]) == ("bob", said["reason"], None)
    assert (await open_site.get(told["url"])).status == 404
    assert await left(open_site) == [gone]
    timeline = (await open_site.get("/api/v1/incidents/1/timeline")).json["items"]
    assert timeline[-1]["text"] == "Removed app.log: a customer's name"


@pytest.mark.parametrize("path", ["/api/v1/incidents/1/attachments/x", "/incidents/1/attachment"])
def test_only_uploads_may_be_large(path: str) -> None:
    assert uploads.is_upload(path_of(7))
    assert uploads.is_upload("/incidents/7/attachments")
    assert not uploads.is_upload(path)


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.RESPONDER, 201)])
async def test_only_who_responds_attaches_and_takes_away(
    fleet: Fleet, serve: Callable[..., Site], role: Role, status: int
) -> None:
    fleet.open()
    user(fleet)
    site = served(serve, fleet)
    headers = bearer(token(fleet, role))
    answer = await site.ask("POST", path_of(1), data=LOG, headers=headers)
    assert answer.status == status
    listed = await site.get(path_of(1), headers=headers)
    assert [i["uploaded_by"] for i in listed.json["items"]] == (
        ["token/ci"] if status == 201 else []
    )
    removal = {"reason": "wrong file"}
    gone = await site.ask("DELETE", path_of(1, 1), json=removal, headers=headers)
    assert gone.status == (200 if status == 201 else 403)
    assert (await site.get(path_of(1))).status == 401
