"""Signing in with the server's token."""

from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest

from fleet import Answer, Site
from vigie.access import COOKIE, MAX_FAILURES

TOKEN = "correct horse battery staple"
HTML = {"Accept": "text/html"}


@pytest.fixture
def guarded(serve: Callable[..., Site]) -> Site:
    return serve(token=TOKEN)


async def sign_in(site: Site, token: str, onward: str = "/") -> Answer:
    form = {"token": token, "next": onward}
    return await site.ask("POST", "/login", data=form, headers=HTML)


async def test_a_page_asks_for_the_token_and_leads_on_after_it(guarded: Site) -> None:
    turned_away = await guarded.get("/incidents?state=all", headers=HTML)
    assert turned_away.status == 303
    form = await guarded.get(turned_away.headers["location"], headers=HTML)
    assert 'name="next" value="/incidents?state=all"' in form.text
    signed_in = await sign_in(guarded, f" {TOKEN}\n", "/incidents?state=all")
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/incidents?state=all")
    assert (await guarded.get("/incidents", headers=HTML)).status == 200


async def test_the_cookie_is_kept_from_scripts_and_other_sites_and_holds_no_token(
    guarded: Site,
) -> None:
    answer = await sign_in(guarded, TOKEN)
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"].lower() == "strict"
    assert TOKEN not in morsel.value


async def test_signing_out_ends_the_session(guarded: Site) -> None:
    await sign_in(guarded, TOKEN)
    page = await guarded.get("/", headers=HTML)
    assert 'action="/logout"' in page.text
    out = await guarded.ask("POST", "/logout", headers=HTML)
    assert (out.status, out.headers["location"]) == (303, "/login")
    assert (await guarded.get("/", headers=HTML)).status == 303


async def test_a_wrong_token_is_said_and_counted(guarded: Site) -> None:
    for _ in range(MAX_FAILURES):
        answer = await sign_in(guarded, "wrong")
        assert answer.status == 401
        assert "not this server&#39;s token" in answer.text
    refused = await sign_in(guarded, TOKEN)
    assert refused.status == 429
    assert "Try again in 60 s" in refused.text


@pytest.mark.parametrize(
    "onward",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/x"],
)
async def test_signing_in_never_leads_to_another_site(guarded: Site, onward: str) -> None:
    assert (await sign_in(guarded, TOKEN, onward)).headers["location"] == "/"


async def test_without_a_token_there_is_nothing_to_sign_in_to(site: Site) -> None:
    answer = await site.get("/login")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert (await sign_in(site, "")).status == 401


async def test_programs_send_the_token_with_every_request(guarded: Site) -> None:
    assert (await guarded.get("/metrics")).status == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert (await guarded.get("/metrics", headers=bearer)).status == 200
    assert (await guarded.get("/-/ready")).status == 200
    assert (await guarded.get("/static/app.css")).status == 200
