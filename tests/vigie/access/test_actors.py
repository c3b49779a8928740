"""Whose name is written under what is done."""

from collections.abc import Callable

import pytest

from accounts import bearer, csrf, served, sign_in, token, user
from fleet import Fleet, Site
from vigie.access import Role
from vigie.api.writes import Body
from vigie.store import users
from vigie.store.users import Grant

HTML = {"Accept": "text/html"}


async def acknowledge(site: Site, number: int, body: object = None, **headers: str) -> object:
    path = f"/api/v1/incidents/{number}/acknowledge"
    answer = await site.post(path, body, headers=headers)
    return answer.json["acknowledged_by"] if answer.status == 200 else answer.status


@pytest.mark.parametrize(
    ("body", "actor"),
    [
        (None, "ada"),
        ({}, "ada"),
        ({"actor": "ada"}, "ada"),
        ({"actor": "ADA "}, "ada"),
        ({"actor": "api"}, "ada"),
        ({"actor": "bob"}, 403),
    ],
)
async def test_a_person_acts_under_their_own_name(
    serve: Callable[..., Site], fleet: Fleet, body: object, actor: object
) -> None:
    user(fleet, role=Role.RESPONDER)
    site = served(serve, fleet)
    await sign_in(site)
    number = fleet.open()
    assert await acknowledge(site, number, body, **{"X-CSRF-Token": await csrf(site)}) == actor


@pytest.mark.parametrize(
    ("body", "actor"), [(None, "ada/ci"), ({"actor": "bob"}, "bob (by ada/ci)")]
)
async def test_a_program_acts_as_itself_and_says_for_whom(
    serve: Callable[..., Site], fleet: Fleet, body: object, actor: str
) -> None:
    secret = token(fleet, of=user(fleet))
    site = served(serve, fleet)
    assert await acknowledge(site, fleet.open(), body, **bearer(secret)) == actor


async def test_the_shared_token_acts_under_the_name_that_it_is_given(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    site = served(serve, fleet, token="shared")
    number = fleet.open()
    assert await acknowledge(site, number, {"actor": "bob"}, **bearer("shared")) == "bob"


async def test_every_write_of_a_person_bears_their_name(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    site, number = served(serve, fleet), fleet.open()
    await sign_in(site)
    token = {"X-CSRF-Token": await csrf(site)}
    incident = f"/api/v1/incidents/{number}"
    await site.post(f"{incident}/comment", {"text": "x"}, headers=token)
    await site.post(f"{incident}/resolve", {"reason": "x"}, headers=token)
    timeline = (await site.get(f"{incident}/timeline")).json["items"]
    assert [entry["actor"] for entry in timeline[1:]] == ["ada", "ada"]
    gate = "/api/v1/services/checkout/gate/override"
    opened = await site.post(gate, {"reason": "x", "expires_in": "1h"}, headers=token)
    assert opened.json["override"]["author"] == "ada"
    await site.ask("DELETE", gate, headers=token)
    withdrawn = (await site.get("/api/v1/services/checkout/gate/overrides")).json["items"][0]
    assert withdrawn["withdrawn_by"] == "ada"
    month = {"from": "2026-09-21T10:00:00Z", "to": "2026-09-21T11:00:00Z"}
    made = await site.post(
        "/api/v1/maintenance", {"service": "checkout", "reason": "x", **month}, headers=token
    )
    assert made.json["by"] == "ada"
    path = f"/api/v1/maintenance/{made.json['id']}?reason=x"
    assert (await site.ask("DELETE", path, headers=token)).json["removed_by"] == "ada"
    told = {"title": "x", "service": "checkout", "actor": "bob"}
    change = await site.post("/api/v1/changes", told, headers=token)
    assert change.json["actor"] == "bob (by ada)"


async def test_a_form_of_a_page_needs_no_name_of_who_is_signed_in(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    site, number = served(serve, fleet), fleet.open()
    await sign_in(site)
    page = await site.get(f"/incidents/{number}", headers=HTML)
    assert 'name="actor"' not in page.text
    assert f'name="csrf" value="{await csrf(site)}"' in page.text
    form = {"csrf": await csrf(site)}
    done = await site.ask("POST", f"/incidents/{number}/acknowledge", data=form, headers=HTML)
    assert done.status == 303
    assert "ada works on it" in (await site.get(f"/incidents/{number}")).text.lower()


async def test_a_right_on_one_incident_is_enough_for_that_one(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    eve = user(fleet, "eve", Role.VIEWER)
    mine, other = fleet.open(), 999
    given = Grant("incident", str(mine), "responder")
    fleet.db.write(lambda c: users.grant(c, eve, given, by="ada", now=0.0))
    site, secret = served(serve, fleet), token(fleet, of=eve)
    assert await acknowledge(site, other, None, **bearer(secret)) == 403
    assert await acknowledge(site, mine, None, **bearer(secret)) == "eve/ci"


def test_every_body_that_names_an_actor_takes_who_is_signed_in() -> None:
    from vigie.api import gate, maintenance, writes  # noqa: PLC0415 - looked through as they are

    bodies = [
        shape
        for module in (gate, maintenance, writes)
        for shape in vars(module).values()
        if isinstance(shape, type) and "actor" in getattr(shape, "model_fields", {})
    ]
    assert len(bodies) >= 5
    assert all(issubclass(shape, Body) for shape in bodies)
