"""Links, merges and splits over the API."""

from typing import Any

import pytest

from fleet import Site, burn_signal

TICKET = "https://tickets.example/1"


async def post(site: Site, path: str, **body: Any) -> Any:
    return await site.post(f"/api/v1/incidents/{path}", {"actor": "ada", **body})


async def test_a_link_is_added_listed_and_taken_away(site: Site) -> None:
    number = site.fleet.open()
    said = {"kind": "ticket", "to": TICKET, "title": "T-1"}
    answer = await post(site, f"{number}/links", **said)
    assert answer.status == 200, answer.json
    (link,) = answer.json["items"]
    assert (link["words"], link["url"], link["title"]) == ("ticket", TICKET, "T-1")
    assert (link["added_by"], link["incident"], answer.json["merged"]) == ("ada", None, [])
    path = f"/api/v1/incidents/{number}/links"
    assert (await site.ask("GET", path)).json == answer.json
    for _ in range(2):
        left = await site.ask("DELETE", f"{path}/{link['id']}")
        assert (left.status, left.json["items"]) == (200, [])
    whole = (await site.ask("GET", f"/api/v1/incidents/{number}")).json
    assert [one["kind"] for one in whole["timeline"]] == ["opened", "linked", "unlinked"]


async def test_a_merge_and_its_undoing(site: Site) -> None:
    one, two = site.fleet.open(burn_signal("a")), site.fleet.open(burn_signal("b"))
    merged = (await post(site, f"{two}/merge", into=one, reason="the same", duplicate=True)).json
    assert (merged["state"], merged["merged_into"]) == ("merged", one)
    links = (await site.ask("GET", f"/api/v1/incidents/{one}/links")).json
    assert links["merged"] == [two]
    assert [link["words"] for link in links["items"]] == ["duplicated by"]
    again = await post(site, f"{two}/merge", into=one, reason="x")
    assert (again.status, again.json["title"]) == (409, "Conflict")
    assert (await post(site, f"{two}/split", reason="not the same")).json["state"] == "triage"
    assert site.fleet.woken >= 2


async def test_a_split_answers_with_the_new_incident_once(site: Site) -> None:
    number = site.fleet.open()
    body = {"actor": "ada", "title": "half", "severity": "SEV4", "entries": [1], "reason": "two"}
    path = f"/api/v1/incidents/{number}/split"
    found = [await site.post(path, body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [one.json["number"] for one in found] == [number + 1, number + 1]
    assert (found[0].json["title"], found[0].json["severity"]) == ("half", "SEV4")
    document = (await site.ask("GET", f"/api/v1/incidents/{number}/export?format=markdown")).text
    assert f"related to #{number + 1}" in document


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("links", {"kind": "friend", "to": 1}, 422),
        ("links", {"kind": "related", "to": 0}, 422),
        ("links", {"kind": "related", "to": 99}, 404),
        ("links", {"kind": "ticket", "to": "javascript:alert(1)", "title": "x"}, 422),
        ("merge", {"into": 1}, 422),
        ("merge", {"into": 99, "reason": "x"}, 404),
        ("split", {"title": "x"}, 422),
        ("split", {"reason": "x"}, 409),
        ("split", {"title": "x", "reason": "x", "entries": [0]}, 422),
    ],
)
async def test_what_cannot_be_is_refused(
    site: Site, path: str, body: dict[str, Any], status: int
) -> None:
    number = site.fleet.open()
    answer = await post(site, f"{number}/{path}", **body)
    assert answer.status == status, answer.json
    whole = (await site.ask("GET", f"/api/v1/incidents/{number}")).json
    assert len(whole["timeline"]) == 1
