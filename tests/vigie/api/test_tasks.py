"""Tasks over the API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from accounts import bearer, served, token, user
from fleet import T0, Fleet, Site, burn_signal
from vigie.access import Role
from vigie.api.tasks import ListedTask, Task
from vigie.store.tables import incident
from vigie.views.shape import when

BASE = "/api/v1/incidents/1/tasks"


async def add(site: Site, number: int = 1, **body: Any) -> Any:
    said = {"title": "raise the limit", "actor": "ada", **body}
    answer = await site.post(f"/api/v1/incidents/{number}/tasks", said)
    assert answer.status == 201, answer.text
    Task.model_validate_json(answer.body)
    return answer.json


async def test_a_task_is_added_listed_done_and_verified(site: Site) -> None:
    site.fleet.open()
    check = {"kind": "slo", "slo": "checkout/availability", "window": "3d"}
    task = await add(site, owner="bob", kind="prevent", source="review", priority=2, check=check)
    assert (task["task"], task["state"], task["priority"]) == (1, "open", "P2")
    assert task["due_at"] == when(T0 + 7 * 86400)
    assert task["check_text"] == "checkout/availability is met over 3d"
    assert task["check"] == check
    await add(site, title="tell support")
    shown = (await site.get(BASE)).json["items"]
    assert [(one["task"], one["title"]) for one in shown] == [
        (1, "raise the limit"),
        (2, "tell support"),
    ]
    done = await site.post(f"{BASE}/2/do", {"actor": "ada"})
    assert (done.json["state"], done.json["done_by"]) == ("done", "ada")
    verified = await site.post(f"{BASE}/2/verify", {"actor": "ada"})
    assert verified.json["state"] == "verified"  # nobody is signed in: nobody is told apart
    dropped = await site.post(f"{BASE}/1/drop", {"actor": "ada", "reason": "moot"})
    assert (dropped.json["state"], dropped.json["dropped_for"]) == ("dropped", "moot")
    assert site.fleet.woken == 5
    record = (await site.get("/api/v1/incidents/1/export")).json
    assert [one["state"] for one in record["tasks"]] == ["dropped", "verified"]
    markdown = (await site.get("/api/v1/incidents/1/export?format=markdown")).text
    assert "- 1 of `bob`, review, prevent, dropped, due" in markdown
    csv = (await site.get("/api/v1/incidents/1/export?format=csv")).text
    assert "task,2," in csv


async def test_an_edit_on_what_others_changed_is_refused_with_what_it_was(site: Site) -> None:
    site.fleet.open()
    seen = (await add(site))["version"]
    change = {"owner": "bob", "seen": seen, "actor": "ada"}
    assert (await site.ask("PATCH", f"{BASE}/1", json=change)).json["owner"] == "bob"
    answer = await site.ask("PATCH", f"{BASE}/1", json={"title": "x", "seen": seen, "actor": "cy"})
    assert answer.status == 409
    assert "ada: Task 1 owner none -> bob" in answer.json["detail"]
    begun = await site.ask("PATCH", f"{BASE}/1", json={"state": "doing", "actor": "cy"})
    assert (begun.json["state"], begun.json["owner"]) == ("doing", "bob")
    back = await site.ask("PATCH", f"{BASE}/1", json={"state": "open", "actor": "cy"})
    assert back.json["state"] == "open"
    gone = await site.ask("PATCH", f"{BASE}/1", json={"owner": None, "actor": "cy"})
    assert (gone.json["owner"], gone.json["title"]) == (None, "raise the limit")


async def test_the_same_key_adds_once(site: Site) -> None:
    site.fleet.open()
    for _ in range(2):
        said = {"title": "t", "actor": "ada"}
        answer = await site.post(BASE, said, headers={"Idempotency-Key": "k"})
        assert (answer.status, answer.json["task"]) == (201, 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", BASE, {}, 422),
        ("POST", BASE, {"title": " "}, 422),
        ("POST", BASE, {"title": "a\x00b\nc"}, 422),
        ("POST", BASE, {"title": "t", "source": "type"}, 422),
        ("POST", BASE, {"title": "t", "priority": 0}, 422),
        ("POST", BASE, {"title": "t", "due_at": "2020-01-01T00:00:00Z"}, 422),
        ("POST", BASE, {"title": "t", "due_at": "2026-10-01T00:00:00"}, 422),
        ("POST", BASE, {"title": "t", "check": {"kind": "slo", "slo": "no/such"}}, 422),
        ("POST", BASE, {"title": "t", "check": {"kind": "run", "runbook": "a", "x": 1}}, 422),
        ("PATCH", f"{BASE}/1", {"state": "verified"}, 422),
        ("PATCH", f"{BASE}/1", {"state": "doing", "title": "x"}, 422),
        ("POST", f"{BASE}/1/drop", {}, 422),
        ("POST", f"{BASE}/1/verify", {}, 409),
        ("POST", f"{BASE}/9/do", {}, 404),
        ("POST", "/api/v1/incidents/99/tasks", {"title": "t"}, 404),
        ("GET", "/api/v1/incidents/99/tasks", None, 404),
        ("GET", "/api/v1/tasks?state=late", None, 422),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_written(
    site: Site, method: str, path: str, body: Any, status: int
) -> None:
    site.fleet.open()
    await add(site)
    assert (await site.ask(method, path, json=body)).status == status
    assert len((await site.get(BASE)).json["items"]) == 1
    assert len((await site.get("/api/v1/incidents/1/timeline")).json["items"]) == 2


async def test_all_that_is_left_to_do_is_listed_by_due_date(site: Site) -> None:
    for service in ("checkout", "frontend"):
        site.fleet.open(burn_signal(service))
    soon = (datetime.fromtimestamp(T0, UTC) + timedelta(minutes=5)).isoformat()
    await add(site, owner="Ada")
    await add(site, 2, title="late", due_at=soon)
    await add(site, 2, title="other")
    await site.post("/api/v1/incidents/2/tasks/2/do", {"actor": "ada"})
    site.fleet.clock.set(T0 + 600)

    async def found(query: str = "") -> list[str]:
        answer = await site.get(f"/api/v1/tasks{query}")
        for item in answer.json["items"]:
            ListedTask.model_validate(item, strict=False)
        return [item["title"] for item in answer.json["items"]]

    assert await found() == ["late", "raise the limit"]
    assert await found("?owner=ada") == ["raise the limit"]
    assert await found("?overdue=true") == ["late"]
    assert await found("?state=all") == ["late", "raise the limit", "other"]
    assert await found("?state=done") == ["other"]
    following = (await site.get("/api/v1/tasks?limit=1")).json["next"]
    assert await found(f"?limit=1&cursor={following}") == ["raise the limit"]


async def test_who_did_it_does_not_verify_it_and_hidden_ones_are_not_listed(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    site = served(serve, fleet)
    fleet.open()
    keys = {}
    for name in ("ada", "bob"):
        id_ = user(fleet, name, Role.RESPONDER)
        keys[name] = bearer(token(fleet, Role.RESPONDER, of=id_, name=f"{name}s"))
    assert (await site.post(BASE, {"title": "t"}, headers=keys["ada"])).status == 201
    assert (await site.post(f"{BASE}/1/do", {}, headers=keys["ada"])).status == 200
    refused = await site.post(f"{BASE}/1/verify", {}, headers=keys["ada"])
    assert refused.status == 409
    assert "somebody else" in refused.json["detail"]
    said = await site.post(f"{BASE}/1/verify", {}, headers=keys["bob"])
    assert said.json["state"] == "verified"
    every = "/api/v1/tasks?state=all"
    assert len((await site.get(every, headers=keys["bob"])).json["items"]) == 1
    fleet.db.write(lambda c: c.execute(update(incident).values(restricted=1)))
    assert (await site.get(every, headers=keys["bob"])).json["items"] == []


async def test_metrics_count_what_is_left_and_what_is_late(site: Site) -> None:
    site.fleet.open()
    await add(site)
    await add(site)
    await site.post(f"{BASE}/1/do", {"actor": "ada"})
    for now, late in ((T0, 0), (T0 + 86400, 1)):
        site.fleet.clock.set(now)
        text = (await site.get("/metrics")).text
        assert f'vigie_tasks_open{{overdue="true"}} {late}' in text
        assert f'vigie_tasks_open{{overdue="false"}} {1 - late}' in text
