"""External parties: a link to one incident, and nothing beside it."""

import re
from collections.abc import Callable

import aiohttp
import pytest
from fastapi.routing import iter_route_contexts

from accounts import HTML, bearer, served, sign_in, token, user
from fleet import Answer, Door, Fleet, Site
from vigie.access import FAILURES_WINDOW_S, MAX_FAILURES
from vigie.commands.guests import LONGEST_S, digest
from vigie.store.tables_guests import guest as t

# What is open to whoever is let in, or needs no proof.
OPEN = ("/-/", "/login", "/logout", "/password", "/api/v1/me", "/api/v1/session", "/guest/")
KEYED = ("/api/v1/heartbeats/{key}", "/api/v1/hooks/")


@pytest.fixture
def site(serve: Callable[..., Site], fleet: Fleet) -> Site:
    user(fleet)
    return served(serve, fleet)


async def invite(site: Site, number: int, **more: str) -> dict[str, str]:
    body = {"name": "Ann", **more}
    made = await site.post(
        f"/api/v1/incidents/{number}/guests", body, headers=bearer(token(site.fleet, of=1))
    )
    assert made.status == 201, made.text
    found: dict[str, str] = made.json
    return found


async def follow(site: Site, url: str) -> Answer:
    """Follow a link: the page that it leads to; cookies are kept."""
    entered = await site.get(url.removeprefix(site.url), headers=HTML)
    assert entered.status == 303
    return await site.get(entered.headers["Location"], headers=HTML)


async def test_a_link_opens_its_incident_as_often_as_it_is_followed(
    site: Site, fleet: Fleet
) -> None:
    number = fleet.open()
    url = (await invite(site, number))["url"]
    for _ in range(2):
        page = await follow(site, url)
        assert page.status == 200
        assert "You are here as Ann (guest)" in page.text
        site.client.cookie_jar.clear()
    (row,) = fleet.db.read(lambda c: c.execute(t.select()).mappings().all())
    assert (row["opened"], row["first_used_at"]) == (2, fleet.clock.now())
    secret = url.rpartition("/")[2]
    assert row["digest"] == digest(secret)
    assert secret not in str(dict(row))


async def test_a_guest_comments_by_a_form_of_the_page_alone(site: Site, fleet: Fleet) -> None:
    number = fleet.open()
    page = await follow(site, (await invite(site, number))["url"])
    word = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert word is not None
    path = f"/incidents/{number}/comment"
    assert (await site.ask("POST", path, data={"text": "x"}, headers=HTML)).status == 403
    form = {"text": "we see it too", "csrf": word[1]}
    assert (await site.ask("POST", path, data=form, headers=HTML)).status == 303
    forged = form | {"actor": "ada"}
    assert (await site.ask("POST", path, data=forged, headers=HTML)).status == 403
    page = await site.get(f"/incidents/{number}", headers=HTML)
    assert "we see it too" in page.text
    ada = bearer(token(fleet, of=1))
    whole = (await site.get(f"/api/v1/incidents/{number}", headers=ada)).json
    assert whole["timeline"][-1]["actor"] == "Ann (guest)"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("responder", 303)])
async def test_only_a_guest_who_responds_works_on_tasks(
    site: Site, fleet: Fleet, role: str, status: int
) -> None:
    number = fleet.open()
    made = await invite(site, number, role=role)
    answer = await site.ask(
        "POST",
        f"/incidents/{number}/tasks",
        data={"title": "send logs"},
        headers=bearer(made["token"]),
    )
    assert answer.status == status


@pytest.mark.parametrize("role", ["viewer", "responder"])
async def test_nothing_else_answers_a_guest(
    site: Site, fleet: Fleet, door: Door, role: str
) -> None:
    number = fleet.open()
    other = number + 1
    secret = bearer((await invite(site, number, role=role))["token"])
    assert door.app is not None
    reached = set()
    for route in iter_route_contexts(door.app.routes):
        path = str(route.path)
        if path.startswith((*OPEN, *KEYED, "/static")) or path.endswith("openapi.json"):
            continue
        for method in route.methods or ():
            for of in (number, other):
                where = re.sub(r"\{[^}]+\}", "1", path.replace("{number}", str(of)))
                answer = await site.ask(method, where, headers=secret)
                if answer.status not in (403, 404):
                    reached.add((method, path, of))
    expected = {
        ("GET", "/incidents/{number}", number),
        ("GET", "/api/v1/incidents/{number}/attachments", number),
        ("POST", "/incidents/{number}/comment", number),
    }
    if role == "responder":
        expected |= {("POST", "/incidents/{number}/tasks", number)}
    assert reached == expected


async def test_a_link_that_is_over_opens_nothing(site: Site, fleet: Fleet) -> None:
    number = fleet.open()
    first, second = [await invite(site, number, expires_in="1h") for _ in range(2)]
    await follow(site, first["url"])
    ada = bearer(token(fleet, of=1, lasts_s=9e6))
    ended = await site.ask(
        "DELETE", f"/api/v1/incidents/{number}/guests/{first['id']}", headers=ada
    )
    assert ended.json["revoked_by"] == "ada/ci"
    assert (await site.get(f"/incidents/{number}")).status == 401
    site.client.cookie_jar.clear()
    fleet.clock.set(fleet.clock.now() + 3601.0)
    for made, why in ((first, "This link was revoked"), (second, "This link has expired")):
        answer = await site.get(made["url"].removeprefix(site.url))
        assert (answer.status, why in answer.text) == (404, True)
        page = await site.get(f"/incidents/{number}", headers=bearer(made["token"]))
        assert (page.status, why in page.text) == (401, True)


async def test_who_guesses_links_waits(site: Site, fleet: Fleet) -> None:
    number = fleet.open()
    good = (await invite(site, number))["url"].removeprefix(site.url)
    for n in range(MAX_FAILURES):
        assert (await site.get(f"/guest/vgg_{n}")).status == 404
    assert (await site.get(good)).status == 429
    fleet.clock.set(fleet.clock.now() + FAILURES_WINDOW_S)
    assert (await site.get(good)).status == 303


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Ann", "role": "admin"},
        {"name": "Ann", "expires_in": "31d"},
        {"name": "Ann", "expires_in": "0s"},
        {"name": ""},
        {"name": "x" * 81},
        {"name": "a\u202eb"},
    ],
)
async def test_what_is_no_guest_is_refused(site: Site, fleet: Fleet, body: dict[str, str]) -> None:
    path = f"/api/v1/incidents/{fleet.open()}/guests"
    answer = await site.post(path, body, headers=bearer(token(fleet, of=1)))
    assert answer.status == 422
    assert LONGEST_S == 30 * 86_400.0


async def test_a_signed_in_user_who_follows_a_link_stays_who_they_are(
    site: Site, fleet: Fleet
) -> None:
    number = fleet.open()
    made = await invite(site, number)
    site.client.cookie_jar.clear()
    await sign_in(site)
    page = await follow(site, made["url"])
    assert "You are here as" not in page.text
    assert (await site.get("/api/v1/me")).json["name"] == "ada"


async def test_the_page_lists_guests_and_makes_links(site: Site, fleet: Fleet) -> None:
    number = fleet.open()
    made = await invite(site, number)
    ada = bearer(token(fleet, of=1))
    page = await site.get(f"/incidents/{number}", headers=ada | HTML)
    assert "Ann (guest, viewer)" in page.text
    assert made["token"] not in page.text
    form = {"guest": "Bo of Acme", "role": "responder", "expires_in": "2d"}
    shown = await site.ask("POST", f"/incidents/{number}/guests", data=form, headers=ada)
    link = re.search(r"http://\S+/guest/vgg_[\w-]{43}", shown.text)
    assert link is not None
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as elsewhere,
        elsewhere.get(link[0]) as entered,
    ):
        assert entered.status == 200
