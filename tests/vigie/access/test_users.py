"""Users and tokens over HTTP: made, changed, revoked; what expired or is gone opens nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts import PASSWORD, bearer, served, token, user
from fleet import Answer, Fleet, Site
from vigie.access import MAX_FAILURES, Permission, Role, Scope, proofs, users
from vigie.commands.errors import Conflict

USERS, TOKENS = "/api/v1/users", "/api/v1/tokens"


@pytest.fixture
def root(fleet: Fleet) -> dict[str, str]:
    """The headers of an admin."""
    return bearer(token(fleet, of=user(fleet)))


@pytest.fixture
def people(serve: Callable[..., Site], fleet: Fleet, root: dict[str, str]) -> Site:
    return served(serve, fleet)


async def slos(site: Site, secret: str) -> Answer:
    return await site.get("/api/v1/slos", headers=bearer(secret))


async def test_the_first_user_is_an_admin_and_closes_the_door_behind(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    site = served(serve, fleet)
    refused = await site.post(USERS, {"name": "bob", "role": "viewer"})
    assert (refused.status, "the first user is an admin" in refused.json["detail"]) == (422, True)
    made = await site.post(USERS, {"name": "ada", "role": "admin"})
    assert (made.status, made.json["created_by"]) == (201, "api")
    assert (await site.get("/api/v1/slos")).status == 401
    body = {"name": "ada", "password": made.json["one_time_password"]}
    assert (await site.post("/api/v1/session", body)).json["must_change_password"]


async def test_users_are_made_listed_and_never_twice(people: Site, root: dict[str, str]) -> None:
    made = await people.post(USERS, {"name": "bob"}, headers=root)
    assert (made.status, made.json["role"], made.json["created_by"]) == (201, "responder", "ada/ci")
    again = await people.post(USERS, {"name": "bob"}, headers=root)
    assert again.status == 409
    listed = (await people.get(USERS, headers=root)).json
    assert [one["name"] for one in listed["items"]] == ["ada", "bob"]
    assert "password" not in {key for one in listed["items"] for key in one}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Bob",
        "bob\x00",
        "b b",
        "-bob",
        "böb",
        "\u0430da",
        "x" * 41,
        "api",
        "vigie",
        "token",
        "a/b",
    ],
)
async def test_a_name_is_one_that_nobody_mistakes(
    people: Site, root: dict[str, str], name: str
) -> None:
    assert (await people.post(USERS, {"name": name}, headers=root)).status == 422


async def test_roles_and_states_change_but_an_admin_remains(
    people: Site, root: dict[str, str]
) -> None:
    await people.post(USERS, {"name": "bob"}, headers=root)
    changed = await people.post(f"{USERS}/bob", {"role": "admin"}, headers=root)
    assert changed.json["role"] == "admin"
    disabled = await people.post(f"{USERS}/bob", {"disabled": True}, headers=root)
    assert disabled.json["disabled_at"] is not None
    for loses in ({"disabled": True}, {"role": "desk"}):
        last = await people.post(f"{USERS}/ada", loses, headers=root)
        assert (last.status, "last admin" in last.json["detail"]) == (409, True)
    assert (await people.post(f"{USERS}/ada", {}, headers=root)).status == 422
    assert (await people.post(f"{USERS}/eve", {"role": "desk"}, headers=root)).status == 404


def test_of_two_admins_one_remains(fleet: Fleet) -> None:
    for name in ("ada", "bob"):
        user(fleet, name)
    change: dict[str, Any] = {"role": None, "disabled": True, "by": "x", "now": 0.0}
    users.change(fleet.db, "ada", **change)
    with pytest.raises(Conflict, match="bob is the last admin"):
        users.change(fleet.db, "bob", **change)


def test_the_first_start_makes_an_admin_and_the_second_does_not(fleet: Fleet) -> None:
    password = users.first(fleet.db, fleet.clock.now())
    assert password is not None
    assert users.first(fleet.db, fleet.clock.now()) is None


async def test_a_lost_password_is_replaced_by_a_one_time_one(
    people: Site, root: dict[str, str]
) -> None:
    reset = await people.post(f"{USERS}/ada/password", headers=root)
    assert reset.json["one_time_until"] is not None
    old = await people.post("/api/v1/session", {"name": "ada", "password": PASSWORD})
    new = {"name": "ada", "password": reset.json["one_time_password"]}
    assert (old.status, (await people.post("/api/v1/session", new)).status) == (401, 200)


async def test_rights_on_one_incident_are_given_and_taken_back(
    people: Site, root: dict[str, str]
) -> None:
    given = {"incident": 7, "role": "desk"}
    one = await people.post(f"{USERS}/ada/grants", given, headers=root)
    assert one.json["grants"] == [given]
    other = await people.post(f"{USERS}/ada/grants", given | {"role": "manager"}, headers=root)
    assert other.json["grants"] == [{"incident": 7, "role": "manager"}]
    assert (await people.get(USERS, headers=root)).json["items"][0]["grants"] != []
    gone = await people.ask("DELETE", f"{USERS}/ada/grants/7", headers=root)
    assert gone.json["grants"] == []


async def test_a_token_is_shown_once_and_opens_until_it_is_revoked(
    people: Site, root: dict[str, str]
) -> None:
    body = {"name": "exporter", "role": "responder", "scope": "send", "user": "ada"}
    made = (await people.post(TOKENS, body, headers=root)).json
    assert made["token"].startswith("vgt_")
    assert made["expires_at"] == "2026-12-20T14:13:20.000Z"  # 90 days
    assert made["last_used_at"] is None
    me = (await people.get("/api/v1/me", headers=bearer(made["token"]))).json
    assert (me["kind"], me["name"]) == ("token", "ada/exporter")
    assert me["permissions"] == [Permission.SEND]
    listed = (await people.get(TOKENS, headers=root)).json["items"]
    assert listed[0]["last_used_at"] is not None
    assert made["token"] not in str(listed)
    for _ in range(2):
        gone = await people.ask("DELETE", f"{TOKENS}/{made['id']}", headers=root)
        assert (gone.status, gone.json["revoked_by"]) == (200, "ada/ci")
    refused = await people.get("/api/v1/me", headers=bearer(made["token"]))
    assert (refused.status, "revoked" in refused.json["detail"]) == (401, True)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"name": "a b"}, 422),
        ({"name": "x\x00"}, 422),
        ({"name": "x" * 41}, 422),
        ({"role": "god"}, 422),
        ({"scope": "write"}, 422),
        ({"expires_in": "367d"}, 422),
        ({"expires_in": "0s"}, 422),
        ({"expires_in": "soon"}, 422),
        ({"user": "nobody"}, 404),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(
    people: Site, root: dict[str, str], wrong: dict[str, str], status: int
) -> None:
    body = {"name": "ci", "role": "viewer"} | wrong
    assert (await people.post(TOKENS, body, headers=root)).status == status


async def test_an_expired_token_says_so_and_is_no_guess(people: Site, fleet: Fleet) -> None:
    secret = token(fleet, lasts_s=10.0)
    assert (await slos(people, secret)).status == 200
    fleet.clock.set(fleet.clock.now() + 10.0)
    answers = [await slos(people, secret) for _ in range(MAX_FAILURES + 2)]
    assert {answer.status for answer in answers} == {401}
    assert "has expired" in answers[-1].json["detail"]


async def test_a_token_never_may_more_than_whose_it_is(people: Site, fleet: Fleet) -> None:
    bob = user(fleet, "bob", Role.VIEWER)
    secret = token(fleet, Role.ADMIN, of=bob)
    assert (await slos(people, secret)).status == 200
    assert (await people.get(USERS, headers=bearer(secret))).status == 403
    users.change(fleet.db, "bob", role=None, disabled=True, by="ada", now=1.0)
    assert (await slos(people, secret)).status == 401


async def test_made_up_tokens_are_counted_as_guesses(people: Site, fleet: Fleet) -> None:
    wrong = [(await slos(people, proofs.new_token())).status for _ in range(MAX_FAILURES + 1)]
    assert wrong == [401] * MAX_FAILURES + [429]


async def test_tokens_are_paged(people: Site, fleet: Fleet, root: dict[str, str]) -> None:
    for number in range(3):
        token(fleet, name=f"t{number}", scope=Scope.READ)
    first = (await people.get(f"{TOKENS}?limit=2", headers=root)).json
    assert [one["name"] for one in first["items"]] == ["t2", "t1"]
    rest = (await people.get(f"{TOKENS}?limit=5&cursor={first['next']}", headers=root)).json
    assert ([one["name"] for one in rest["items"]], rest["next"]) == (["t0", "ci"], None)
