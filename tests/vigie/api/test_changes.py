"""Changes over a real connection."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import APIRouter

from fleet import T0, Door, Site
from keyed import serve
from vigie.api import changes, schemas
from vigie.api.changes import ChangeShown

PATH = "/api/v1/changes"


@pytest.fixture
def told(site: Site, door: Door) -> Site:
    """The routes, served."""
    router = APIRouter(prefix="/api/v1")
    changes.add(
        router,
        services=lambda: site.fleet.board.now.config.services,
        db=site.fleet.db,
        clock=site.fleet.clock,
    )
    serve(door, router)
    return site


def at(seconds: float) -> str:
    return datetime.fromtimestamp(T0 + seconds, UTC).isoformat()


def body(**more: Any) -> dict[str, Any]:
    return {"title": "Ship v2", "service": "checkout", **more}


async def test_a_change_needs_a_title_and_a_service_and_happened_now(told: Site) -> None:
    answer = await told.post(PATH, body())
    made = ChangeShown.model_validate_json(answer.body)
    assert (answer.status, made.kind, made.status) == (201, "deploy", "succeeded")
    assert made.finished_at == made.started_at == datetime.fromtimestamp(T0, UTC)
    assert (await told.get(f"{PATH}/{made.number}")).json == answer.json


async def test_all_that_is_said_is_shown(told: Site) -> None:
    said = body(
        service=None, services=["checkout", "payments"], kind="flag", status="failed", id="run-7",
        version="v2", actor="ann", url="https://ci.example/7", environment="production",
        labels={"flag": "new-payments"}, started_at=at(-60), finished_at=at(-10),
    )  # fmt: skip
    shown = (await told.post(PATH, said)).json
    for name in ("services", "kind", "status", "id", "version", "actor", "url", "labels"):
        assert shown[name] == said[name]


@pytest.mark.parametrize("way", ["id", "header"])
async def test_told_twice_it_is_one_change_that_goes_forward(told: Site, way: str) -> None:
    more = {"id": "run-7"} if way == "id" else {}
    headers = {"Idempotency-Key": "k"} if way == "header" else {}
    running = await told.post(PATH, body(status="running", **more), headers=headers)
    told.fleet.clock.set(T0 + 60)
    done = await told.post(PATH, body(**more), headers=headers)
    late = await told.post(PATH, body(status="pending", **more), headers=headers)
    assert [answer.status for answer in (running, done, late)] == [201, 200, 200]
    assert late.json == done.json
    assert (done.json["number"], done.json["status"]) == (running.json["number"], "succeeded")
    assert (done.json["started_at"], done.json["finished_at"]) == (
        running.json["started_at"], "2026-09-21T14:14:20.000Z",
    )  # fmt: skip


async def test_the_list_goes_by_service_by_time_and_in_pages(told: Site) -> None:
    for n in range(3):
        more = {"started_at": at(n - 100), "finished_at": at(n - 99)}
        await told.post(PATH, body(title=str(n), **more))
    await told.post(PATH, body(title="other", service="payments"))
    first = await told.get(PATH, params={"service": "checkout", "limit": 2})
    page = schemas.Listing[ChangeShown].model_validate_json(first.body)
    assert [one.title for one in page.items] == ["2", "1"]
    rest = {"service": "checkout", "limit": 2, "cursor": page.next or ""}
    second = (await told.get(PATH, params=rest)).json
    assert ([one["title"] for one in second["items"]], second["next"]) == (["0"], None)
    during = (await told.get(PATH, params={"from": at(-97.5), "to": at(-50)})).json
    assert [one["title"] for one in during["items"]] == ["2"]


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"service": "nobody"}, 404, "nobody"),
        ({"services": ["payments"]}, 422, "name the `service`"),
        ({"service": None}, 422, "name the `service`"),
        ({"title": " "}, 422, "title"),
        ({"title": "a\x00b"}, 422, "title"),
        ({"url": "javascript:alert(1)"}, 422, "url"),
        ({"kind": "party"}, 422, "kind"),
        ({"labels": {str(n): "x" for n in range(33)}}, 422, "labels"),
        ({"started_at": "2026-10-01T12:00:00"}, 422, "started_at"),  # whose clock?
        ({"started_at": at(7200)}, 422, "lies ahead"),
        ({"finished_at": at(-7200), "started_at": at(-60)}, 422, "before `started_at`"),
        ({"team": "shop"}, 422, "team"),
    ],
)
async def test_what_makes_no_sense_is_a_problem(
    told: Site, more: dict[str, Any], status: int, words: str
) -> None:
    answer = await told.post(PATH, body(**more))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/999", 404), ("/x", 422), ("?cursor=x", 422), ("?from=yesterday", 422), ("?limit=0", 422)],
)
async def test_what_is_not_there_or_no_question_is_a_problem(
    told: Site, path: str, status: int
) -> None:
    assert (await told.get(PATH + path)).status == status
