"""The life of an incident over the API, and who may do what to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from accounts import bearer, served, token, user
from fleet import Answer, Fleet, Site
from incidents.types import Closing, TypeRules, Types
from vigie.access import Role
from vigie.store.tables import incident


def fill(fleet: Fleet, number: int, **values: Any) -> None:
    fleet.db.write(lambda c: c.execute(update(incident).where(incident.c.number == number), values))


def ruled(fleet: Fleet, closing: Closing) -> None:
    rules = Types({"default": TypeRules("default", closing=closing)})
    now = fleet.board.now
    fleet.board.now = replace(now, config=replace(now.config, types=rules))


async def post(site: Site, number: int, verb: str, who: str = "", **body: Any) -> Answer:
    headers = bearer(who) if who else {}
    return await site.post(f"/api/v1/incidents/{number}/{verb}", body, headers=headers)


async def test_a_life_from_triage_to_its_closing_and_back(site: Site) -> None:
    number = site.fleet.open()
    fill(site.fleet, number, severity=3)
    why = {"actor": "ada", "reason": "seen"}
    for verb, body, state in (
        ("status", {"actor": "ada", "state": "identified"}, "identified"),
        ("escalate", {**why, "to": "L2", "tried": "a restart"}, "identified"),
        ("status", {"actor": "ada", "state": "mitigated"}, "mitigated"),
        ("status", {**why, "state": "resolved"}, "resolved"),
        ("escalate", {**why, "to": "desk"}, "resolved"),
        ("status", {"actor": "ada", "state": "review"}, "review"),
        ("close", why, "closed"),
        ("confirm", {"actor": "rita", "over": True, "satisfaction": 4}, "closed"),
        ("reopen", why, "investigating"),
        ("cancel", why, "cancelled"),
    ):
        answer = await post(site, number, verb, **body)
        assert (answer.status, answer.json.get("state")) == (200, state), answer.json
    kinds = [entry["kind"] for entry in answer.json["timeline"]]
    assert kinds[-4:] == ["closed", "confirmed", "reopened", "cancelled"]
    assert site.fleet.woken == 10


async def test_what_speaks_against_closing_is_listed(site: Site) -> None:
    number = site.fleet.open()
    why = ["it is triage: resolve it first", "SEV2 needs a final review: it has none"]
    gate = await site.get(f"/api/v1/incidents/{number}/closing")
    assert gate.json == {"ready": False, "reasons": why}
    answer = await post(site, number, "close", actor="ada", reason="done")
    assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json["reasons"] == why
    assert all(one in answer.json["detail"] for one in why)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("status", {}),
        ("status", {"state": "gone"}),
        ("escalate", {"to": "L4", "reason": "x"}),
        ("escalate", {"to": "L2", "reason": " "}),
        ("cancel", {}),
        ("close", {}),
        ("reopen", {"reason": ""}),
        ("confirm", {"over": True, "satisfaction": 9}),
        ("confirm", {"satisfaction": 1}),
    ],
)
async def test_what_says_nothing_is_refused(site: Site, verb: str, body: dict[str, Any]) -> None:
    number = site.fleet.open()
    assert (await post(site, number, verb, **body)).status == 422


async def test_the_requester_and_who_responds_speak_of_the_end_and_nobody_else(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    names = {"rita": Role.REQUESTER, "mallory": Role.REQUESTER, "ada": Role.RESPONDER}
    secrets = {n: token(fleet, role, of=user(fleet, n, role), name=n) for n, role in names.items()}
    number, site = fleet.open(), served(serve, fleet)
    fill(fleet, number, detected_by="person", reporter="Rita", severity=3)

    async def of(who: str, verb: str, **body: Any) -> Answer:
        return await post(site, number, verb, secrets[who], **body)

    await of("ada", "status", state="resolved")
    assert (await of("rita", "status", state="review")).status == 403
    assert (await of("rita", "comment", text="thank you")).status == 200
    assert (await of("mallory", "comment", text="me too")).status == 403
    refused = await of("mallory", "confirm", over=True)
    assert refused.status == 403
    assert refused.json["detail"].startswith("Only Rita, or whoever may `respond`")
    assert (await of("mallory", "reopen", reason="no")).status == 403
    assert (await of("rita", "confirm", over=True, actor="ada")).status == 403
    again = await of("rita", "confirm", over=False, words="still slow")
    assert (again.status, again.json["state"]) == (200, "investigating")
    await of("ada", "status", state="resolved")
    assert (await of("ada", "close", reason="x")).status == 403
    told = await of("ada", "confirm", over=True, satisfaction=3)
    assert told.status == 200
    assert told.json["timeline"][-1]["actor"] == "Rita (by ada/ada)"


async def test_a_role_of_the_type_closes(serve: Callable[..., Site], fleet: Fleet) -> None:
    user(fleet)
    ruled(fleet, Closing(roles=("desk",)))
    number, site = fleet.open(), served(serve, fleet)
    fill(fleet, number, severity=3)
    admin, desk = token(fleet, Role.ADMIN, name="a"), token(fleet, Role.DESK, name="d")
    await post(site, number, "status", admin, state="resolved")
    refused = await post(site, number, "close", admin, reason="done")
    assert refused.json["reasons"] == ["closing needs the role desk"]
    closed = await post(site, number, "close", desk, reason="done")
    assert (closed.status, closed.json["closed_by"]) == (200, "token/d")
