"""Tokens: fetched once, renewed before their end, and every refusal by its name."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import BasicAuth, web

from collectors.access import HttpAccess, Oauth2
from collectors.entry import Entry
from collectors.errors import AccessError
from collectors.oauth2 import REST_S
from collectors.scraping import Scraping
from plugins.scraping import Rig, answer, target, web_server


class Server:
    """A token server that counts, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.expires_in: object = 100
        self.status = 200
        self.in_body_only = False
        self.body: object = None

    async def token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        header = request.headers.get("Authorization", "")
        if header:
            login = BasicAuth.decode(header)
            form |= {"login": f"{login.login}:{login.password}"}
        self.asked.append(form)
        if self.in_body_only and header:
            return web.json_response({"error": "invalid_client"}, status=401)
        if self.status != 200:
            return web.json_response({"error": "invalid_scope", "x": "s3cret"}, status=self.status)
        token = {"access_token": f"t{len(self.asked)}", "expires_in": self.expires_in}
        return web.json_response(token if self.body is None else self.body)


class Time:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def said(server: Server) -> AsyncIterator[Oauth2]:
    app = web.Application()
    app.router.add_post("/token", server.token)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://{}:{}/token".format(*runner.addresses[0][:2])
    yield Oauth2("vigie", url, client_secret="s3 cret")
    await runner.cleanup()


def entry_of(said: Oauth2, now: Time) -> Entry:
    return Entry(HttpAccess(oauth2=said), now)


async def header(entry: Entry) -> str:
    return (await entry.headers())["Authorization"]


async def test_a_token_is_kept_and_renewed_before_its_end(server: Server, said: Oauth2) -> None:
    now = Time()
    entry = entry_of(replace(said, scopes=("a", "b"), endpoint_params={"audience": "x"}), now)
    assert await header(entry) == "Bearer t1"
    now.at += 89.0
    assert await header(entry) == "Bearer t1"
    now.at += 2.0  # nine tenths of its time
    assert await header(entry) == "Bearer t2"
    assert server.asked[0] == {
        "grant_type": "client_credentials",
        "audience": "x",
        "scope": "a b",
        "login": "vigie:s3+cret",
    }


async def test_many_who_ask_at_once_cause_one_request(server: Server, said: Oauth2) -> None:
    entry = entry_of(said, Time())
    got = await asyncio.gather(*(header(entry) for _ in range(50)))
    assert set(got) == {"Bearer t1"}
    assert len(server.asked) == 1


async def test_a_server_that_wants_the_secret_in_the_body_gets_it_there(
    server: Server, said: Oauth2
) -> None:
    server.in_body_only = True
    now = Time()
    entry = entry_of(said, now)
    assert await header(entry) == "Bearer t2"
    assert server.asked[1]["client_secret"] == "s3 cret"
    now.at += 200.0
    assert await header(entry) == "Bearer t3"  # it remembers how


async def test_a_refusal_is_named_and_not_asked_about_again_at_once(
    server: Server, said: Oauth2
) -> None:
    now = Time()
    entry = entry_of(said, now)
    server.status = 400
    for _ in range(20):
        with pytest.raises(AccessError) as caught:
            await header(entry)
        assert caught.value.reason == "oauth2: status 400: invalid_scope"
    assert len(server.asked) == 2
    server.status = 200
    now.at += REST_S
    assert await header(entry) == "Bearer t3"


async def test_a_token_is_used_to_its_end_when_it_cannot_be_renewed(
    server: Server, said: Oauth2
) -> None:
    now = Time()
    entry = entry_of(said, now)
    await header(entry)
    server.status = 503
    now.at += 95.0
    assert await header(entry) == "Bearer t1"
    now.at += 10.0
    with pytest.raises(AccessError, match="oauth2: status 503"):
        await header(entry)


async def test_a_secret_that_changed_gets_a_token_of_its_own(
    server: Server, said: Oauth2, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("one")
    entry = entry_of(replace(said, client_secret="", client_secret_file=str(file)), Time())
    assert await header(entry) == "Bearer t1"
    file.write_text("two")
    assert await header(entry) == "Bearer t2"
    assert [form["login"] for form in server.asked] == ["vigie:one", "vigie:two"]


@pytest.mark.parametrize(
    "body", ["x", [], {}, {"access_token": ""}, {"access_token": "a\nb"}, {"access_token": 1}]
)
async def test_an_answer_without_a_token_is_named(
    server: Server, said: Oauth2, body: object
) -> None:
    server.body = body
    with pytest.raises(AccessError, match="oauth2: the answer holds no access_token"):
        await header(entry_of(said, Time()))


async def test_a_server_that_is_away_is_named(said: Oauth2) -> None:
    away = replace(said, token_url="http://127.0.0.1:9/token")
    with pytest.raises(AccessError, match=r"oauth2: no answer of 127\.0\.0\.1"):
        await header(entry_of(away, Time()))


async def test_a_target_that_refuses_a_token_is_asked_with_another(
    rig: Rig, server: Server, said: Oauth2
) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return await answer(status=401 if request.headers["Authorization"] == "Bearer t1" else 200)(
            request
        )

    async with web_server({"/metrics": page}) as address:
        rig.watch(target(address, scraping=Scraping(access=HttpAccess(oauth2=said))))
        assert (await rig.one()).error == "status 401"
        assert (await rig.one()).page is not None
