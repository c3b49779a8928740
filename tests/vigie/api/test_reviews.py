"""Reviews over the API."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from sqlalchemy import update

from accounts import bearer, served, token, user
from fleet import T0, Fleet, Site, burn_signal
from vigie.access import Role
from vigie.api.reviews import ListedReview, Review
from vigie.commands import resolve
from vigie.notify.tasks import recurred
from vigie.store import incidents
from vigie.store.tables import incident
from vigie.store.tables_tasks import task

BASE = "/api/v1/incidents/1/review"
ASKED: dict[str, Any] = {"reviewers": ["bob"]}
WORDS = {"went_well": "paged **at once**", "went_badly": "slow"}


def over(fleet: Fleet, *signal: Any) -> int:
    number = fleet.open(*signal)
    resolve(fleet.db, fleet.board.now.config, number, "ada", "rolled back", T0)
    return number


async def post(site: Site, path: str = "", status: int = 200, **body: Any) -> Any:
    answer = await site.post(BASE + path, {"actor": "ada", **body})
    assert answer.status == status, answer.text
    return answer.json


async def test_a_review_is_begun_written_approved_and_final(site: Site) -> None:
    assert (await site.get(BASE)).status == 404
    over(site.fleet)
    assert "POST to this address begins one" in (await site.get(BASE)).text
    begun = await site.post(BASE, {"actor": "ada"})
    assert begun.status == 201
    shown = Review.model_validate_json(begun.body)
    assert shown.state == "draft"
    assert "set the root cause" in shown.points
    texts = {one.name: one for one in shown.sections}
    assert texts["detection"].text.startswith("Found by Vigie (`slo-burn`)")
    assert texts["detection"].written_by is None
    assert "it was found by measurement" in texts["went_well"].offered
    body: dict[str, Any] = {
        "actor": "ada",
        "sections": WORDS,
        "root_cause": "deploy",
        "factors": ["no canary"],
    }
    body |= {"whys": ["it was rolled to all", "no stage"], "seen": shown.version}
    wrote = await site.ask("PATCH", BASE, json=body)
    assert wrote.status == 200, wrote.text
    assert (wrote.json["root_cause"], wrote.json["factors"]) == ("deploy", ["no canary"])
    assert (await site.get("/api/v1/incidents/1")).json["cause"] == "deploy"
    late: dict[str, Any] = {"actor": "bob", "sections": {"went_well": "x"}, "seen": shown.version}
    refused = await site.ask("PATCH", BASE, json=late)
    assert refused.status == 409
    assert "ada changed went_well" in refused.json["detail"]
    await post(site, "/ask", **ASKED)
    lacks = await site.post(f"{BASE}/finalize", {"actor": "ada"})
    assert (lacks.status, "approved by 0 of" in lacks.text) == (409, True)
    await post(site, "/approve", 409)
    assert (await post(site, "/approve", actor="bob"))["reviewers"][0]["approved_at"]
    final = await post(site, "/finalize")
    assert (final["state"], final["points"]) == ("final", [])
    assert (await site.ask("PATCH", BASE, json={**body, "seen": None})).status == 409
    listed = (await site.get("/api/v1/reviews?state=final")).json["items"]
    assert [ListedReview.model_validate_json(json.dumps(one)).incident for one in listed] == [1]
    assert (await site.get("/api/v1/reviews?state=draft")).json["items"] == []
    assert (await post(site, "/reopen", reason="more is known"))["state"] == "draft"


async def test_documents_hold_what_it_says_and_no_markup_of_others(site: Site) -> None:
    over(site.fleet)
    await post(site, status=201)
    bad = "<script>alert(1)</script> `<b>`\n# Mine\n```\nopen"
    body = {"actor": "ada", "sections": {"lucky": bad}, "factors": ["<img src=x> @all"]}
    assert (await site.ask("PATCH", BASE, json=body)).status == 200
    markdown = await site.get(f"{BASE}?format=markdown")
    assert markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "\\<script>alert(1)\\</script> `<b>`\n\\# Mine\n```\nopen\n```\n" in markdown.text
    assert "- `<img src=x> @all`" in markdown.text
    assert "\n<script" not in markdown.text
    document = yaml.safe_load((await site.get(f"{BASE}?format=yaml")).text)
    assert document["sections"]["lucky"] == bad
    assert (document["format"], document["version"], document["state"]) == (1, 2, "draft")
    record = (await site.get("/api/v1/incidents/1/export")).json
    assert record["review"]["sections"] == {"lucky": bad}
    assert "## Review" in (await site.get("/api/v1/incidents/1/export?format=markdown")).text
    assert "\r\nreview,," in (await site.get("/api/v1/incidents/1/export?format=csv")).text


async def test_actions_stand_with_how_far_they_are(site: Site) -> None:
    over(site.fleet)
    await post(site, status=201)
    check = {"kind": "slo", "slo": "checkout/availability"}
    action = {"actor": "ada", "title": "cap retries", "owner": "bob", "source": "review"}
    tasks = "/api/v1/incidents/1/tasks"
    assert (await site.post(tasks, {**action, "kind": "prevent", "check": check})).status == 201
    assert (await site.post(tasks, {"actor": "ada", "title": "work of the day"})).status == 201
    (shown,) = (await site.get(BASE)).json["actions"]
    assert (shown["title"], shown["kind"], shown["state"]) == ("cap retries", "prevent", "open")
    assert shown["check_text"] == "checkout/availability is met over its window"
    done = {"state": "verified", "done_at": T0, "done_by": "bob", "verified_at": T0}
    said = update(task).where(task.c.number == 1)
    site.fleet.db.write(lambda c: c.execute(said.values(**done, verified_by="vigie")))
    (listed,) = (await site.get("/api/v1/reviews")).json["items"]
    assert [listed[f"actions{of}"] for of in ("", "_done", "_verified")] == [1, 1, 1]
    site.fleet.open(at=T0 + 60)  # it comes back
    config, db = site.fleet.board.now.config, site.fleet.db
    db.write(lambda c: recurred(c, config, incidents.get(c, 2) or {}, T0 + 60))
    (again,) = (await site.get(BASE)).json["actions"]
    assert (again["state"], again["reopened"]) == ("open", 1)


async def test_the_review_of_a_restricted_incident_is_hidden(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    over(fleet)
    over(fleet, burn_signal("frontend"))
    bob = user(fleet, "bob", Role.RESPONDER)
    site = served(serve, fleet)
    mine = bearer(token(fleet, Role.RESPONDER, of=bob))
    for number in (1, 2):
        path = f"/api/v1/incidents/{number}/review"
        assert (await site.ask("POST", path, json={}, headers=mine)).status == 201
    hide = update(incident).where(incident.c.number == 1).values(restricted=1)
    fleet.db.write(lambda c: c.execute(hide))
    listed = (await site.ask("GET", "/api/v1/reviews", headers=mine)).json["items"]
    assert [one["incident"] for one in listed] == [2]
    assert (await site.ask("GET", BASE, headers=mine)).status == 404
    assert (await site.ask("PATCH", BASE, json={"factors": []}, headers=mine)).status == 404


async def test_a_viewer_reads_and_writes_nothing(serve: Callable[..., Site], fleet: Fleet) -> None:
    over(fleet)
    user(fleet, "vi", Role.VIEWER)
    site = served(serve, fleet)
    mine = bearer(token(fleet, Role.VIEWER))
    assert (await site.ask("GET", "/api/v1/reviews", headers=mine)).status == 200
    for path in ("", "/ask", "/approve", "/finalize", "/reopen"):
        bodies: dict[str, Any] = {"/ask": {"reviewers": ["vi"]}, "/reopen": {"reason": "x"}}
        body = bodies.get(path, {})
        assert (await site.ask("POST", BASE + path, json=body, headers=mine)).status == 403, path
