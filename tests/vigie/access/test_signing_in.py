"""Sessions of people: how they begin, what they prove, how they end."""

import asyncio
import logging
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from accounts import HTML, PASSWORD, csrf, served, sign_in, token, user
from fleet import Answer, Fleet, Site
from vigie.access import COOKIE, MAX_FAILURES, Gate, Role, passwords, proofs, users
from vigie.access.signing_in import SignIn, Unproven
from vigie.store import sessions
from vigie.store import users as stored
from vigie.store.tables_access import user_account, user_session

NEW = "another long pass phrase"


@pytest.fixture
def people(serve: Callable[..., Site], fleet: Fleet) -> Site:
    user(fleet)
    return served(serve, fleet)


def cookie_of(answer: Answer) -> str:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE].value


def kept(fleet: Fleet) -> list[str]:
    """The digests of all sessions."""
    query = select(user_session.c.digest)
    return list(fleet.db.read(lambda c: c.execute(query).scalars().all()))


async def with_cookie(site: Site, value: str) -> int:
    """What a request with this cookie alone is answered with."""
    async with aiohttp.ClientSession() as other:
        headers = {"Cookie": f"{COOKIE}={value}"}
        async with other.get(f"{site.url}/api/v1/slos", headers=headers) as answer:
            return answer.status


async def change(site: Site, new: str, now: str = PASSWORD, again: str | None = None) -> Answer:
    form = {"csrf": await csrf(site), "password": now, "new": new, "again": again or new}
    return await site.ask("POST", "/password", data=form, headers=HTML)


async def test_a_name_and_its_password_lead_on(people: Site) -> None:
    turned_away = await people.get("/incidents?state=all", headers=HTML)
    assert turned_away.headers["location"] == "/login?next=/incidents%3Fstate%3Dall"
    form = await people.get(turned_away.headers["location"], headers=HTML)
    assert 'name="password"' in form.text
    assert 'name="token"' not in form.text
    answer = await sign_in(people, " Ada ", onward="/incidents?state=all")
    assert (answer.status, answer.headers["location"]) == (303, "/incidents?state=all")
    page = await people.get("/", headers=HTML)
    assert page.status == 200
    assert ">ada</a>" in page.text
    assert 'action="/logout"' in page.text


async def test_the_cookie_opens_nothing_once_read_from_the_database(
    people: Site, fleet: Fleet
) -> None:
    answer = await sign_in(people)
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"].lower() == "lax"
    assert not morsel["secure"]  # this test speaks http
    assert kept(fleet) == [proofs.digest(morsel.value)]
    assert await with_cookie(people, morsel.value) == 200
    assert await with_cookie(people, kept(fleet)[0]) == 401


async def test_a_session_that_somebody_planted_is_not_the_one_that_begins(
    people: Site, fleet: Fleet
) -> None:
    """Session fixation: what the browser had before it signed in proves nothing after."""
    planted = proofs.new_session()
    people.client.cookie_jar.update_cookies({COOKIE: planted})
    assert cookie_of(await sign_in(people)) != planted
    assert await with_cookie(people, planted) == 401


async def test_signing_in_again_ends_the_session_before(people: Site, fleet: Fleet) -> None:
    before, after = cookie_of(await sign_in(people)), cookie_of(await sign_in(people))
    assert await with_cookie(people, before) == 401
    assert await with_cookie(people, after) == 200


async def test_two_sign_ins_at_once_are_two_sessions(people: Site, fleet: Fleet) -> None:
    async def one() -> str:
        async with aiohttp.ClientSession() as other:
            form = {"username": "ada", "password": PASSWORD}
            posted = other.post(f"{people.url}/login", data=form, allow_redirects=False)
            async with posted as answer:
                return answer.cookies[COOKIE].value

    cookies = await asyncio.gather(one(), one())
    assert len(set(cookies)) == 2
    assert [await with_cookie(people, value) for value in cookies] == [200, 200]


@pytest.mark.parametrize("shown", [None, "", "0" * 64, "é"])
async def test_a_write_of_a_browser_without_what_its_forms_hold_is_refused(
    people: Site, fleet: Fleet, shown: str | None
) -> None:
    await sign_in(people)
    number = fleet.open()
    form = {} if shown is None else {"csrf": shown}
    path = f"/incidents/{number}/acknowledge"
    answer = await people.ask("POST", path, data=form, headers=HTML)
    assert (answer.status, "out of date" in answer.text) == (403, True)
    # A form of another session holds another word.
    assert (await people.post(f"/api/v1{path}", {})).status == 403
    assert (await people.ask("POST", "/logout", data=form)).status == 403
    found = (await people.get(f"/api/v1/incidents/{number}")).json
    assert found["acknowledged_by"] is None


async def test_the_word_of_one_session_is_not_that_of_another(people: Site) -> None:
    await sign_in(people)
    before = await csrf(people)
    await sign_in(people)
    answer = await people.post("/api/v1/incidents/1/resolve", {}, headers={"X-CSRF-Token": before})
    assert answer.status == 403


async def test_signing_out_ends_the_session_for_good(people: Site, fleet: Fleet) -> None:
    cookie = cookie_of(await sign_in(people))
    out = await people.ask("POST", "/logout", data={"csrf": await csrf(people)})
    assert (out.status, out.headers["location"]) == (303, "/login")
    assert (await with_cookie(people, cookie), kept(fleet)) == (401, [])


@pytest.mark.parametrize(
    ("idle_s", "status"),
    [(proofs.IDLE_S - 1, 200), (proofs.IDLE_S, 401), (proofs.SESSION_S + 1, 401)],
)
async def test_a_session_that_nobody_uses_ends(
    people: Site, fleet: Fleet, idle_s: float, status: int
) -> None:
    cookie = cookie_of(await sign_in(people))
    fleet.clock.set(fleet.clock.now() + idle_s)
    assert await with_cookie(people, cookie) == status


async def test_a_session_that_is_used_ends_too(people: Site, fleet: Fleet) -> None:
    cookie = cookie_of(await sign_in(people))
    answers = []
    for _ in range(7):
        fleet.clock.set(fleet.clock.now() + proofs.SESSION_S / 6)
        answers.append(await with_cookie(people, cookie))
    assert answers == [200] * 5 + [401] * 2


async def test_who_is_disabled_is_signed_out_at_once(people: Site, fleet: Fleet) -> None:
    user(fleet, "bob")
    cookie, now = cookie_of(await sign_in(people)), fleet.clock.now()
    users.change(fleet.db, "ada", role=None, disabled=True, by="bob", now=now)
    assert await with_cookie(people, cookie) == 401
    assert (await sign_in(people)).status == 401
    users.change(fleet.db, "ada", role=None, disabled=False, by="bob", now=now)
    assert await with_cookie(people, cookie) == 401
    assert (await sign_in(people)).status == 303


async def test_another_role_counts_at_once(people: Site, fleet: Fleet) -> None:
    user(fleet, "bob")
    await sign_in(people)
    assert (await people.get("/api/v1/users")).status == 200
    now = fleet.clock.now()
    users.change(fleet.db, "ada", role=Role.VIEWER, disabled=None, by="bob", now=now)
    assert (await people.get("/api/v1/users")).status == 403
    assert (await people.get("/api/v1/slos")).status == 200


async def test_another_password_ends_every_other_session(people: Site, fleet: Fleet) -> None:
    elsewhere = cookie_of(await sign_in(people))
    people.client.cookie_jar.clear()
    before = cookie_of(await sign_in(people))
    changed = await change(people, NEW)
    assert (changed.status, changed.headers["location"]) == (303, "/")
    answers = [await with_cookie(people, c) for c in (elsewhere, before, cookie_of(changed))]
    assert answers == [401, 401, 200]
    assert (await sign_in(people)).status == 401
    assert (await sign_in(people, password=NEW)).status == 303


@pytest.mark.parametrize(
    ("new", "more", "status", "said"),
    [
        ("short", {}, 422, "12 to 256 characters"),
        ("x" * 300, {}, 422, "12 to 256 characters"),
        (PASSWORD, {}, 422, "is the old one"),
        (NEW, {"again": NEW + "x"}, 422, "differ"),
        (NEW, {"now": "wrong"}, 401, "not your password now"),
    ],
)
async def test_a_password_that_will_not_do_changes_nothing(
    people: Site, new: str, more: dict[str, str], status: int, said: str
) -> None:
    await sign_in(people)
    answer = await change(people, new, **more)
    assert (answer.status, said in answer.text) == (status, True)
    assert new not in answer.text
    assert (await sign_in(people)).status == 303


async def test_a_one_time_password_opens_only_the_page_that_asks_for_another(
    people: Site, fleet: Fleet
) -> None:
    once = users.add(fleet.db, "bob", Role.ADMIN, by="ada", now=fleet.clock.now())
    entered = await sign_in(people, "bob", once, "/incidents")
    assert entered.headers["location"] == "/password"
    assert (await people.get("/", headers=HTML)).headers["location"] == "/password"
    refused = await people.get("/api/v1/slos")
    assert (refused.status, "one of your own" in refused.json["detail"]) == (403, True)
    assert "one-time" in (await people.get("/password", headers=HTML)).text
    # Who one is is not told before either: the form of the page holds the word.
    page = (await people.get("/password", headers=HTML)).text
    word = page.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"csrf": word, "password": once, "new": NEW, "again": NEW}
    assert (await people.ask("POST", "/password", data=form)).headers["location"] == "/"
    assert (await people.get("/api/v1/slos")).status == 200
    assert (await sign_in(people, "bob", once)).status == 401


async def test_a_one_time_password_ends_and_so_does_what_it_opened(
    people: Site, fleet: Fleet
) -> None:
    once = users.reset(fleet.db, "ada", by="bob", now=fleet.clock.now())
    await sign_in(people, password=once)
    assert (await people.get("/password", headers=HTML)).status == 200
    fleet.clock.set(fleet.clock.now() + passwords.ONE_TIME_S)
    assert (await people.get("/password", headers=HTML)).status == 303
    assert (await sign_in(people, password=once)).status == 401


WRONG = [
    ("nobody", PASSWORD),
    ("ada", "wrong"),
    ("ada", ""),
    ("", ""),
    ("ada\x00", PASSWORD),
    ("\u0430da", PASSWORD),  # the first letter is Cyrillic
    ("a" * 5000, PASSWORD),
    ("ada", "x" * 9000),
    ("ada", f"{PASSWORD}\x00"),
    ("' OR 1=1 --", PASSWORD),
]


@pytest.mark.parametrize(("name", "password"), WRONG)
async def test_whatever_is_wrong_is_answered_alike(people: Site, name: str, password: str) -> None:
    answer = await sign_in(people, name, password)
    assert answer.status == 401
    assert "That name and password do not fit." in answer.text
    assert "set-cookie" not in answer.headers
    if len(password) > 5:
        assert password not in answer.text


async def test_guessing_is_slowed_by_client_and_nobody_is_locked_out_for_good(
    people: Site, fleet: Fleet
) -> None:
    answers = [(await sign_in(people, password="wrong")).status for _ in range(MAX_FAILURES + 3)]
    assert answers == [401] * MAX_FAILURES + [429] * 3
    refused = await sign_in(people)
    assert (refused.status, "Try again in 60 s" in refused.text) == (429, True)
    fleet.clock.set(fleet.clock.now() + 60.0)
    assert (await sign_in(people)).status == 303


async def test_guesses_at_once_are_counted_before_they_are_known_to_fail(people: Site) -> None:
    tries = (sign_in(people, password=f"wrong {n}") for n in range(MAX_FAILURES + 5))
    answers = sorted(answer.status for answer in await asyncio.gather(*tries))
    assert answers.count(401) + answers.count(503) <= MAX_FAILURES
    assert answers.count(429) >= 5


def test_guessing_one_name_from_everywhere_stops_but_not_where_they_signed_in_from(
    fleet: Fleet,
) -> None:

    user(fleet)
    people, now = SignIn(Gate(fleet.clock), fleet.db), fleet.clock.now()
    people.enter("home", "ada", PASSWORD, now)
    waits = []
    for number in range(MAX_FAILURES + 1):
        with pytest.raises(Unproven) as refused:
            people.enter(f"client {number}", "ada", "wrong", now)
        waits.append(refused.value.wait_s)
    assert waits == [0] * MAX_FAILURES + [60]
    with pytest.raises(Unproven):
        people.enter("elsewhere", "ada", PASSWORD, now)
    assert people.enter("home", "ada", PASSWORD, now).who.name == "ada"


async def test_signing_in_often_makes_nobody_wait(people: Site) -> None:
    answers = [(await sign_in(people)).status for _ in range(MAX_FAILURES + 2)]
    assert set(answers) == {303}


async def test_sessions_of_one_user_are_bounded_and_old_ones_forgotten(
    people: Site, fleet: Fleet
) -> None:
    for n in range(sessions.MOST + 3):
        begin = {"now": float(n), "expires_at": fleet.clock.now() + 9 + n}
        fleet.db.write(lambda c, n=n, b=begin: sessions.begin(c, f"d{n}", 1, **b))
    assert len(kept(fleet)) == sessions.MOST
    assert "d0" not in kept(fleet)
    fleet.clock.set(fleet.clock.now() + 100.0)
    await sign_in(people)
    assert len(kept(fleet)) == 1


async def test_a_password_is_hashed_anew_when_parameters_change(
    people: Site, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64))
    await sign_in(people)
    found: Any = fleet.db.read(lambda c: c.execute(select(user_account.c.password)).scalar())
    assert "m=64,t=1" in found
    assert (await sign_in(people)).status == 303


async def test_no_password_is_ever_logged_or_answered(
    people: Site, fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await sign_in(people, password="a wrong pass phrase")
    await sign_in(people, "a-password-in-the-wrong-field", "x")
    cookie = cookie_of(await sign_in(people))
    changed = await change(people, NEW)
    shown = [await people.get(f"/api/v1/{p}") for p in ("me", "users", "tokens")]
    bad = await people.post("/api/v1/session", {"name": ["x"], "password": {"p": NEW}})
    secret = token(fleet)
    said = caplog.text + changed.text + bad.text + "".join(a.text for a in shown)
    for hidden in (PASSWORD, NEW, "a wrong pass", "a-password-in", cookie, secret, "$argon2id"):
        assert hidden not in said
    assert "sign-in as ada from 127.0.0.1 refused" in caplog.text


async def test_programs_sign_in_and_out_without_a_page(people: Site) -> None:
    body = {"name": "ada", "password": PASSWORD}
    answer = await people.post("/api/v1/session", body)
    assert (answer.status, answer.json["name"], answer.json["role"]) == (200, "ada", "admin")
    word = {"X-CSRF-Token": answer.json["csrf"]}
    assert (await people.ask("DELETE", "/api/v1/session")).status == 403
    assert (await people.ask("DELETE", "/api/v1/session", headers=word)).status == 204
    assert (await people.get("/api/v1/me")).status == 401
    wrong = await people.post("/api/v1/session", body | {"password": "wrong"})
    assert (wrong.status, wrong.headers["content-type"]) == (401, "application/problem+json")


async def test_the_token_of_the_server_goes_on_beside_users(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    site = served(serve, fleet, token="shared")
    both = (await site.get("/login", headers=HTML)).text
    assert 'name="token"' in both
    assert 'name="password"' in both
    await site.ask("POST", "/login", data={"token": "shared"}, headers=HTML)
    assert (await site.get("/api/v1/me")).json["kind"] == "shared token"
    bearer = {"Authorization": "Bearer shared"}
    assert (await site.get("/api/v1/users", headers=bearer)).status == 200


async def test_without_users_nobody_signs_in_and_everybody_may(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    site = served(serve, fleet)
    me = (await site.get("/api/v1/me")).json
    assert (me["kind"], me["name"], me["csrf"]) == ("anyone", "", None)
    assert (await site.get("/login")).headers["location"] == "/"
    refused = await site.post("/api/v1/session", {"name": "ada", "password": PASSWORD})
    assert (refused.status, "there are no users" in refused.json["detail"]) == (409, True)


async def test_a_first_user_of_another_replica_is_noticed(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    site = served(serve, fleet)
    assert (await site.get("/api/v1/slos")).status == 200
    user(fleet)
    fleet.clock.set(fleet.clock.now() + 5.0)
    assert (await site.get("/api/v1/slos")).status == 401
    assert fleet.db.read(stored.any_exist)
