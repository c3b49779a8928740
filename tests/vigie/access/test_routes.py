"""What every route asks for, and that it is refused to everybody else."""

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from accounts import bearer, served, token, user
from fleet import Door, Fleet, Site
from vigie.access import Permission, Role, Scope
from vigie.access.roles import ROLES
from vigie.access.routes import Needs, needs_of

# What answers without being asked for by a permission: who one is, signing in and out, yes or no
# for probes, and what a key in the address opens; and status pages, which ask by themselves.
OPEN = {
    "GET /-/healthy",
    "HEAD /-/healthy",
    "GET /-/ready",
    "HEAD /-/ready",
    "GET /api/v1/heartbeats/{key}",
    "POST /api/v1/heartbeats/{key}",
    "POST /api/v1/hooks/email/{key}",
    "POST /api/v1/hooks/{type}/{key}",
    "GET /api/v1/me",
    "POST /api/v1/session",
    "DELETE /api/v1/session",
    "GET /guest/{secret}",
    "GET /api/v1/status/{page}",
    "GET /status/{page}",
    "GET /status/{page}/feed.{kind}",
    "POST /status/{page}/subscribe",
    "GET /status/{page}/{purpose}/{code}",
    "POST /status/{page}/{purpose}/{code}",
    "GET /login",
    "POST /login",
    "POST /logout",
    "GET /password",
    "POST /password",
}


# What is fetched, and not by everybody who may read.
NOT_TO_READ = ("GET /api/v1/users", "GET /api/v1/tokens", "GET /incidents/new")


def routes(app: FastAPI) -> Iterator[tuple[str, Needs | None]]:
    """Every route as `METHOD path`, with what it says that it asks for."""
    for route in iter_route_contexts(app.routes):
        endpoint = getattr(route, "endpoint", None)
        if endpoint is None or str(route.path).endswith("openapi.json"):
            continue
        for method in route.methods or ():
            yield f"{method} {route.path}", needs_of(endpoint)


def test_every_route_says_what_it_asks_for(site: Site, door: Door) -> None:
    assert door.app is not None
    found = dict(routes(door.app))
    assert len(found) > 50
    assert sorted(name for name, asked in found.items() if asked is None) == []


def test_open_are_these_and_no_others(site: Site, door: Door) -> None:
    assert door.app is not None
    found = dict(routes(door.app))
    assert {n for n, asked in found.items() if asked is not None and not asked.permission} == OPEN


def test_what_only_reads_asks_to_read_and_nothing_that_writes_does(site: Site, door: Door) -> None:
    assert door.app is not None
    for name, asked in routes(door.app):
        if asked is None or name in OPEN:
            continue
        if not name.startswith("GET"):
            assert asked.permission is not Permission.READ, name
        elif not name.startswith(NOT_TO_READ):
            assert asked.permission is Permission.READ, name


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_what_the_table_says_on_every_route_and_nothing_else(
    serve: Callable[..., Site], fleet: Fleet, door: Door, role: Role
) -> None:
    user(fleet)
    secret = token(fleet, role)
    site = served(serve, fleet)
    assert door.app is not None
    asked_of = {name: asked for name, asked in routes(door.app) if asked is not None}
    wrong = []
    for name, asked in asked_of.items():
        if name in OPEN or name == "GET /api/v1/events":  # a stream, which does not end
            continue
        method, path = name.split(" ", 1)
        answer = await site.ask(method, re.sub(r"\{[^}]+\}", "1", path), headers=bearer(secret))
        assert asked.permission is not None
        if (answer.status == 403) == (asked.permission in ROLES[role]):
            wrong.append((name, answer.status))
    assert wrong == []


async def test_a_refusal_says_who_may(serve: Callable[..., Site], fleet: Fleet) -> None:
    user(fleet)
    site, path = served(serve, fleet), "/api/v1/services/checkout/gate/override"
    viewer = await site.post(path, {}, headers=bearer(token(fleet, Role.VIEWER)))
    assert viewer.headers["content-type"] == "application/problem+json"
    assert viewer.json["detail"] == (
        "This token does not cover `correct`; roles that may: manager, admin."
    )
    sender = await site.get("/api/v1/slos", headers=bearer(token(fleet, scope=Scope.SEND)))
    assert (sender.status, "does not cover `read`" in sender.json["detail"]) == (403, True)


async def test_who_may_not_learns_nothing_of_what_a_body_should_be(
    serve: Callable[..., Site], fleet: Fleet
) -> None:
    user(fleet)
    viewer = bearer(token(fleet, Role.VIEWER)) | {"Content-Type": "application/json"}
    site = served(serve, fleet)
    answer = await site.ask("POST", "/api/v1/users", data=b"{", headers=viewer)
    assert answer.status == 403
