"""Every error is a problem that says what to do next."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fleet import Fleet, Site
from vigie.api.problems import MAX_BODY_BYTES
from vigie.store.errors import Unavailable


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v1/slos", "GET"),
        ("GET", "/api/v1/incidents/1/acknowledge", "POST"),
        ("DELETE", "/metrics", "GET"),
        ("GET", "/-/reload", "POST"),
    ],
)
async def test_a_method_that_does_nothing_names_the_one_that_does(
    site: Site, method: str, path: str, allowed: str
) -> None:
    answer = await site.ask(method, path)
    assert (answer.status, answer.headers["content-type"]) == (405, "application/problem+json")
    assert allowed in answer.headers["allow"]
    assert allowed in answer.json["detail"]


async def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    path = f"/api/v1/incidents/{site.fleet.open()}/comment"
    text = {"text": "x" * MAX_BODY_BYTES}
    answer = await site.post(path, text)
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_a_body_of_unknown_length_is_cut_off(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"text": "'
        for _ in range(2 * MAX_BODY_BYTES // 10_000):
            yield b"x" * 10_000

    path = f"/api/v1/incidents/{site.fleet.open()}/comment"
    headers = {"Content-Type": "application/json"}
    answer = await site.ask("POST", path, data=endless(), headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")


class FullDisk:
    """A database that can be read and not written, as on a full disk."""

    def __init__(self, db: Any) -> None:
        self.read, self.dialect, self.url = db.read, db.dialect, db.url

    def write(self, _: Any) -> Any:
        raise Unavailable("the database cannot be written: the disk is full")


async def test_a_full_disk_is_503_with_a_time_to_come_back_and_pages_stay(
    fleet: Fleet, serve: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = fleet.open()
    monkeypatch.setattr(fleet, "db", FullDisk(fleet.db))
    site = serve()
    answer = await site.post(f"/api/v1/incidents/{number}/acknowledge")
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "5"
    assert "the disk is full" in answer.json["detail"]
    page = await site.get(f"/incidents/{number}", headers={"Accept": "text/html"})
    assert page.status == 200


async def test_a_mistake_of_ours_tells_nothing_of_its_insides(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("vigie.views.slos", broken)
    monkeypatch.setattr("vigie.views.overview", broken)
    answer = await site.get("/api/v1/slos")
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    page = await site.get("/", headers={"Accept": "text/html"})
    assert (page.status, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert b"hunter2" not in answer.body + page.body
