"""Files on an incident's page, sent as a browser without JavaScript does."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp
import orjson
import pytest

from accounts import csrf, served, sign_in, user
from files import LOG, PNG
from fleet import Answer, Fleet, Site
from hars import entry, har

HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


async def send(site: Site, content: bytes, name: str, actor: str = "ada") -> Answer:
    form = aiohttp.FormData({"actor": actor}, quote_fields=False)
    form.add_field("file", content, filename=name)
    return await site.ask("POST", "/incidents/1/attachments", data=form, headers=HEADERS)


@pytest.fixture
def open_site(site: Site) -> Site:
    assert site.fleet.open() == 1
    return site


async def test_the_form_leads_back_to_the_files(open_site: Site) -> None:
    answer = await send(open_site, PNG, "shot<b>.png")
    assert (answer.status, answer.headers["location"]) == (303, "/incidents/1#attachments")
    page = (await open_site.get("/incidents/1")).text
    assert '<img class="thumb" src="/api/v1/incidents/1/attachments/1"' in page
    assert "shot b.png" in page
    assert 'enctype="multipart/form-data"' in page


async def test_a_har_shows_what_failed_and_what_was_slow(open_site: Site) -> None:
    failed = [entry(url=f"https://api.example.com/pay/{n}", status=503) for n in range(3)]
    cut = entry(url="https://api.example.com/cut", status=0, error="net::ERR_FAILED")
    slow = entry(url="https://api.example.com/slow", time=12_400, timings={"wait": 12_000})
    await send(open_site, orjson.dumps(har(*failed, cut, slow)), "trace.har")
    page = (await open_site.get("/incidents/1")).text
    assert "5 requests, 4 failed." in page
    assert "GET api.example.com/pay/{n}" in page
    assert "503 (3)" in page
    assert "no answer" in page
    assert "net::ERR_FAILED" in page
    assert "wait 12 s" in page
    assert "5 cookies" in page
    assert "biscuit" not in page


async def test_removing_leaves_a_line_that_says_why(open_site: Site) -> None:
    await send(open_site, LOG, "app.log")
    form = {"actor": "bob", "reason": "<i>wrong</i>"}
    path = "/incidents/1/attachments/1/remove"
    answer = await open_site.ask("POST", path, data=form, headers=HEADERS)
    assert answer.headers["location"] == "/incidents/1#attachments"
    page = (await open_site.get("/incidents/1")).text
    assert "<del>app.log</del> was removed by bob" in page
    assert "&lt;i&gt;wrong" in page
    assert 'attachments/1"' not in page


@pytest.mark.parametrize(
    ("content", "actor", "status", "why"),
    [
        (b"PK\x03\x04", "ada", 415, "taken are PNG"),
        (b"", "ada", 422, "empty"),
        (LOG, " ", 422, "name is empty"),
    ],
)
async def test_a_file_that_is_not_taken_is_refused_on_a_page(
    open_site: Site, content: bytes, actor: str, status: int, why: str
) -> None:
    answer = await send(open_site, content, "x", actor)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert why in answer.text
    assert "Nothing yet." in (await open_site.get("/incidents/1")).text


async def test_a_form_without_a_file_is_refused(open_site: Site) -> None:
    form = aiohttp.FormData({"actor": "ada"}, default_to_multipart=True)
    answer = await open_site.ask("POST", "/incidents/1/attachments", data=form, headers=HEADERS)
    assert (answer.status, "has no file" in answer.text) == (422, True)


async def test_a_form_of_another_site_is_refused(open_site: Site) -> None:
    form = aiohttp.FormData({"actor": "mallory"})
    form.add_field("file", LOG, filename="x.log")
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = await open_site.ask("POST", "/incidents/1/attachments", data=form, headers=headers)
    assert answer.status == 403


async def test_who_is_signed_in_sends_a_form_of_ours_and_nothing_of_it_is_spooled(
    fleet: Fleet, serve: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.open()
    user(fleet, "ada")
    site = served(serve, fleet)
    await sign_in(site)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))  # spooling would fail
    large = orjson.dumps(har(*[entry()] * 3_000))
    assert len(large) > 3_000_000
    for path in ("/incidents/1/attachments", "/api/v1/incidents/1/attachments"):
        statuses = []
        for fields in ({}, {"csrf": "guessed"}, {"csrf": await csrf(site)}):
            form = aiohttp.FormData(fields)
            form.add_field("file", io.BytesIO(large), filename="trace.har")
            statuses.append((await site.ask("POST", path, data=form, headers=HEADERS)).status)
        assert statuses[:2] == [403, 403]
        assert statuses[2] in (201, 303)
    listed = (await site.get("/api/v1/incidents/1/attachments")).json["items"]
    assert [one["uploaded_by"] for one in listed] == ["ada", "ada"]
