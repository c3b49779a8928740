"""What the API does to an incident."""

import asyncio
from typing import Any

import pytest

from fleet import Site
from vigie.live import Change


async def test_acknowledging_says_who_and_tells_the_channels(site: Site) -> None:
    number, changes = site.fleet.open(), site.fleet.feed.listen()
    answer = await site.post(f"/api/v1/incidents/{number}/acknowledge", {"actor": "ada"})
    assert answer.status == 200
    assert answer.json["acknowledged_by"] == "ada"
    assert answer.json["acknowledged_at"] == "2026-09-21T14:13:20.000Z"
    assert answer.json["timeline"][-1]["kind"] == "acknowledged"
    assert site.fleet.woken == 1
    assert changes.get_nowait() == Change("incident", number)


async def test_acknowledging_twice_changes_nothing(site: Site) -> None:
    number = site.fleet.open()
    first = await site.post(f"/api/v1/incidents/{number}/acknowledge", {"actor": "ada"})
    again = await site.post(f"/api/v1/incidents/{number}/acknowledge", {"actor": "bob"})
    assert again.json == first.json


async def test_resolving_ends_an_incident_and_again_changes_nothing(site: Site) -> None:
    number = site.fleet.open()
    said = {"actor": "ada", "reason": "rolled back"}
    first = await site.post(f"/api/v1/incidents/{number}/resolve", said)
    assert (first.status, first.json["state"]) == (200, "resolved")
    assert first.json["resolved_by"] == "ada"
    assert "rolled back" in first.json["timeline"][-1]["text"]
    again = await site.post(f"/api/v1/incidents/{number}/resolve", {"actor": "bob"})
    assert (again.status, again.json) == (200, first.json)


async def test_a_body_may_be_left_out(site: Site) -> None:
    number = site.fleet.open()
    acknowledged = await site.post(f"/api/v1/incidents/{number}/acknowledge")
    assert acknowledged.json["acknowledged_by"] == "api"
    assert (await site.post(f"/api/v1/incidents/{number}/resolve")).json["state"] == "resolved"


async def test_acknowledging_what_is_over_is_a_conflict(site: Site) -> None:
    number = site.fleet.open()
    await site.post(f"/api/v1/incidents/{number}/resolve")
    answer = await site.post(f"/api/v1/incidents/{number}/acknowledge")
    assert (answer.status, answer.json["title"]) == (409, "Conflict")
    assert "resolved already" in answer.json["detail"]


async def test_a_comment_lands_on_the_timeline(site: Site) -> None:
    number = site.fleet.open()
    said = {"actor": "ada", "text": "payments was deployed at 14:02"}
    answer = await site.post(f"/api/v1/incidents/{number}/comment", said)
    last = answer.json["timeline"][-1]
    assert (last["kind"], last["actor"], last["text"]) == ("commented", "ada", said["text"])


async def test_the_same_key_twice_writes_one_comment(site: Site) -> None:
    number = site.fleet.open()
    path = f"/api/v1/incidents/{number}/comment"
    key = {"Idempotency-Key": "c1"}
    said = {"actor": "ada", "text": "looking"}
    await asyncio.gather(*(site.post(path, said, headers=key) for _ in range(5)))
    other = await site.post(path, said, headers={"Idempotency-Key": "c2"})
    kinds = [entry["kind"] for entry in other.json["timeline"]]
    assert kinds == ["opened", "commented", "commented"]


@pytest.mark.parametrize("action", ["acknowledge", "resolve", "comment"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
async def test_there_is_nothing_to_do_to_an_incident_that_is_not_there(
    site: Site, action: str, headers: dict[str, str]
) -> None:
    body = {"text": "looking"} if action == "comment" else {}
    answer = await site.post(f"/api/v1/incidents/7/{action}", body, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("acknowledge", {"actr": "ada"}, "body.actr"),
        ("acknowledge", {"actor": ""}, "body.actor"),
        ("acknowledge", {"actor": "a" * 101}, "body.actor"),
        ("acknowledge", {"actor": 7}, "body.actor"),
        ("acknowledge", {"actor": "a\x00b"}, "body.actor"),
        ("acknowledge", [], "body"),
        ("resolve", {"text": "x"}, "body.text"),
        ("comment", {}, "body.text"),
        ("comment", {"text": "  \n"}, "body.text"),
        ("comment", {"text": "a\x00b"}, "body.text"),
        ("comment", {"text": "x" * 10_001}, "body.text"),
    ],
)
async def test_an_unknown_or_impossible_field_is_refused_by_name(
    site: Site, action: str, body: Any, field: str
) -> None:
    number = site.fleet.open()
    answer = await site.post(f"/api/v1/incidents/{number}/{action}", body)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json["errors"][0]["field"] == field
    assert len((await site.get(f"/api/v1/incidents/{number}/timeline")).json["items"]) == 1


@pytest.mark.parametrize("raw", [b'{"text": "\\ud800"}', b"{", b"\xff"])
async def test_a_body_that_is_no_text_is_refused(site: Site, raw: bytes) -> None:
    path = f"/api/v1/incidents/{site.fleet.open()}/comment"
    answer = await site.ask("POST", path, data=raw, headers={"Content-Type": "application/json"})
    assert answer.status in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_of_another_site_cannot_write(site: Site) -> None:
    number = site.fleet.open()
    answer = await site.post(
        f"/api/v1/incidents/{number}/acknowledge", {}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status == 403
    assert (await site.get(f"/api/v1/incidents/{number}")).json["acknowledged_at"] is None
