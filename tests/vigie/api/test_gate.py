"""The deploy gate over a real connection."""

import asyncio
from typing import Any

import pytest

from fleet import BROKEN, Site, live
from vigie.api import schemas
from vigie.api.gate import Gate, GateOverride

GATE = "/api/v1/services/checkout/gate"
OVERRIDE = f"{GATE}/override"
SAID = {"actor": "ann", "reason": "the fix itself", "expires_in": "2h"}


async def test_the_gate_goes_out_in_the_documented_shape(site: Site) -> None:
    answer = await site.get(GATE)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    gate = Gate.model_validate_json(answer.body)
    assert (gate.service, gate.gate, gate.state) == ("checkout", "open", "open")


async def test_a_closed_gate_is_an_answer_and_no_error(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    answer = await site.get(GATE)
    gate = Gate.model_validate_json(answer.body)
    assert (answer.status, gate.gate, gate.state) == (200, "closed", "closed")


async def test_an_override_opens_the_gate_until_it_is_withdrawn(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    opened = Gate.model_validate_json((await site.post(OVERRIDE, SAID)).body)
    assert (opened.gate, opened.state) == ("open", "closed")
    assert opened.override is not None
    assert (opened.override.author, opened.override.reason) == ("ann", "the fix itself")
    assert (opened.override.expires_at - opened.override.created_at).total_seconds() == 7200
    assert (await site.get(GATE)).json["gate"] == "open"
    withdrawn = await site.ask("DELETE", f"{OVERRIDE}?actor=bob")
    assert (withdrawn.status, withdrawn.json["gate"]) == (200, "closed")
    again = await site.ask("DELETE", OVERRIDE)
    assert (again.status, again.json) == (200, withdrawn.json)
    listed = await site.get(f"{GATE}/overrides")
    page = schemas.Listing[GateOverride].model_validate_json(listed.body)
    assert [(one.author, one.withdrawn_by) for one in page.items] == [("ann", "bob")]
    assert page.next is None


async def test_an_override_ends_by_itself(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    await site.post(OVERRIDE, {**SAID, "expires_in": "90s"})
    site.fleet.clock.set(site.fleet.clock.now() + 89.9)
    assert (await site.get(GATE)).json["gate"] == "open"
    site.fleet.clock.set(site.fleet.clock.now() + 0.1)
    assert (await site.get(GATE)).json["gate"] == "closed"


async def test_the_same_key_twice_writes_one_override(site: Site) -> None:
    key = {"Idempotency-Key": "o1"}
    answers = await asyncio.gather(*(site.post(OVERRIDE, SAID, headers=key) for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    await site.post(OVERRIDE, SAID, headers={"Idempotency-Key": "o2"})
    await site.post(OVERRIDE, SAID)
    assert len((await site.get(f"{GATE}/overrides")).json["items"]) == 3


async def test_overrides_come_page_by_page(site: Site) -> None:
    for _ in range(3):
        await site.post(OVERRIDE, SAID)
    first = (await site.get(f"{GATE}/overrides?limit=2")).json
    rest = (await site.get(f"{GATE}/overrides?limit=2&cursor={first['next']}")).json
    assert [[one["id"] for one in page["items"]] for page in (first, rest)] == [[3, 2], [1]]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "gate", None),
        ("GET", "gate/overrides", None),
        ("POST", "gate/override", SAID),
        ("DELETE", "gate/override", None),
    ],
)
@pytest.mark.parametrize("service", ["chekcout", "%00"])
async def test_a_service_that_is_not_there_is_a_problem_that_says_so(
    site: Site, method: str, path: str, body: Any, service: str
) -> None:
    answer = await site.ask(method, f"/api/v1/services/{service}/{path}", json=body)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "/api/v1/services lists them" in answer.json["detail"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": None}, "body.reason"),
        ({"reason": " "}, "body.reason"),
        ({"reason": "x" * 1001}, "body.reason"),
        ({"actor": ""}, "body.actor"),
        ({"expires_in": None}, "body.expires_in"),
        ({"expires_in": 7200}, "body.expires_in"),
        ({"expires_in": "soon"}, "body.expires_in"),
        ({"expires_in": "0s"}, "body.expires_in"),
        ({"expires_in": "7d1ms"}, "body.expires_in"),
        ({"expires": "2h"}, "body.expires"),
    ],
)
async def test_an_override_needs_a_reason_and_an_end_within_a_week(
    site: Site, wrong: dict[str, Any], field: str
) -> None:
    body = {name: said for name, said in {**SAID, **wrong}.items() if said is not None}
    answer = await site.post(OVERRIDE, body)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json["errors"][0]["field"] == field
    assert (await site.get(f"{GATE}/overrides")).json["items"] == []


async def test_a_name_of_two_lines_is_refused(site: Site) -> None:
    assert (await site.post(OVERRIDE, {**SAID, "actor": "ann\nbob"})).status == 422
    assert (await site.ask("DELETE", f"{OVERRIDE}?actor=a%0Ab")).status == 422


async def test_a_page_of_another_site_cannot_open_a_gate(site: Site) -> None:
    headers = {"Origin": "http://evil.example"}
    assert (await site.post(OVERRIDE, SAID, headers=headers)).status == 403
    assert (await site.get(f"{GATE}/overrides")).json["items"] == []
