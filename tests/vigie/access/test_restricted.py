"""A restricted incident is there for its participants only, on every route there is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import update

from accounts import HTML, bearer, served, sign_in, token, user
from fleet import BROKEN, Door, Fleet, Site, burn_signal, live
from incidents.people import Part
from vigie.access import Role
from vigie.access.roles import ROLES
from vigie.access.routes import INCIDENT, needs_of
from vigie.commands import people, restrict
from vigie.config import Config
from vigie.live import Change
from vigie.store.tables import incident, outage

PLANTED = "zanzibar-breach"
CONFIG = Config({}, {}, {}, {}, ())
NOBODY = 4242  # no incident has this number
BLIND = "POST /api/v1/incidents/{number}/participants"


def of_incidents(app: FastAPI) -> Iterator[tuple[str, str, object]]:
    """Every route with an incident in its address: method, path, endpoint."""
    for route in iter_route_contexts(app.routes):
        endpoint = getattr(route, "endpoint", None)
        if endpoint is not None and INCIDENT in str(route.path):
            for method in route.methods or ():
                yield method, str(route.path), endpoint


def address(path: str, number: int) -> str:
    return re.sub(r"\{[^}]+\}", "1", path.replace("{number}", str(number)))


def plant(fleet: Fleet, *, restricted: bool = True, by: str = "mia") -> int:
    """An incident full of the planted word, restricted by mia."""
    signal = burn_signal()
    labels = {**signal.labels, "where": PLANTED}
    number = fleet.open(replace(signal, title=f"{PLANTED} burns", labels=labels))
    words = {"description": PLANTED, "cause": PLANTED, "resolution": PLANTED}
    changed = update(incident).where(incident.c.number == number)
    fleet.db.write(lambda c: c.execute(changed.values(**words)))
    row = {"service": "checkout", "started_at": 1.0, "incident": number, "planned": 0}
    fleet.db.write(lambda c: c.execute(outage.insert().values(**row)))
    now = fleet.clock.now()
    people.call_team(fleet.db, CONFIG, number, "net", PLANTED, actor=by, now=now)
    if restricted:
        restrict.restrict(fleet.db, CONFIG, number, PLANTED, actor=by, now=now)
    return number


@pytest.fixture
def hidden(serve: Callable[..., Site], fleet: Fleet) -> tuple[Site, int]:
    user(fleet)
    user(fleet, "mia", Role.RESPONDER)
    number = plant(fleet)
    fleet.board.now = live(BROKEN)
    return served(serve, fleet), number


@pytest.mark.parametrize("role", Role)
async def test_every_route_of_one_answers_as_if_there_were_none(
    hidden: tuple[Site, int], fleet: Fleet, door: Door, role: Role
) -> None:
    site, number = hidden
    secret = bearer(token(fleet, role, of=user(fleet, "eve", role)))
    assert door.app is not None
    routes = list(of_incidents(door.app))
    assert len(routes) > 40
    wrong = []
    for method, path, endpoint in routes:
        if f"{method} {path}" == BLIND:
            continue
        seen = await site.ask(method, address(path, number), headers=secret)
        none = await site.ask(method, address(path, NOBODY), headers=secret)
        same = (seen.status, seen.text.replace(f"incident {number};", "N")) == (
            none.status,
            none.text.replace(f"incident {NOBODY};", "N"),
        )
        asked = needs_of(endpoint)
        may = asked is not None and asked.permission in ROLES[role]
        if not same or seen.status != (404 if may else 403):
            wrong.append((method, path, seen.status, none.status))
    assert wrong == []


async def test_a_participant_is_let_past_the_gate_on_every_route(
    hidden: tuple[Site, int], fleet: Fleet, door: Door
) -> None:
    site, number = hidden
    people.assign(fleet.db, CONFIG, number, "ada", Part.SCRIBE, actor="mia", now=fleet.clock.now())
    secret = bearer(token(fleet, of=1))
    assert door.app is not None
    gate = f"There is no incident {number}; /api/v1/incidents lists them."
    for method, path, _ in sorted(of_incidents(door.app), key=lambda one: one[0] != "GET"):
        answer = await site.ask(method, address(path, number), headers=secret)
        assert gate not in answer.text, (method, path)


@pytest.mark.parametrize("role", Role)
async def test_nothing_of_it_is_in_any_page_list_export_or_feed(
    hidden: tuple[Site, int], fleet: Fleet, door: Door, role: Role
) -> None:
    site, number = hidden
    secret = bearer(token(fleet, role, of=user(fleet, "eve", role)))
    assert door.app is not None
    # Every GET there is: {number} is the incident, {service} one that has it, other things the 1st.
    known = {"service": "checkout", "slo": "availability", "name": "ada"}
    asked = 0
    for route in iter_route_contexts(door.app.routes):
        path = str(route.path)
        if "GET" not in (route.methods or ()) or path == "/api/v1/events":
            continue
        where = re.sub(r"\{(\w+)[^}]*\}", lambda m: known.get(m[1], str(number)), path)
        for accept in ("text/html", "application/json"):
            answer = await site.ask("GET", where, headers=secret | {"Accept": accept})
            assert PLANTED not in answer.text, where
            assert f"/incidents/{number}" not in answer.text.replace(where, ""), where
            asked += 1
    assert asked > 100
    for where in ("/api/v1/incidents?state=open", f"/api/v1/incidents?cursor={number}"):
        answer = await site.ask("GET", f"{where}&order=priority", headers=secret)
        assert answer.json["items"] == []


async def test_what_is_counted_leaves_it_out_and_participants_see_it(
    hidden: tuple[Site, int], fleet: Fleet
) -> None:
    site, number = hidden
    other, mine = bearer(token(fleet, of=1)), bearer(token(fleet, of=2))
    for who, count in ((other, 0), (mine, 1)):
        listed = (await site.get("/api/v1/incidents", headers=who)).json["items"]
        assert [one["number"] for one in listed] == [number][:count]
        service = (await site.get("/api/v1/services/checkout", headers=who)).json
        assert service["incidents_open"] == count
        outages = await site.get("/api/v1/services/checkout/outages", headers=who)
        assert outages.json["items"][0]["incident"] == (number if count else None)
    page = await site.get("/", headers=mine | HTML)
    assert PLANTED in page.text


async def test_a_right_on_the_incident_lets_in_and_is_written_on_it(
    hidden: tuple[Site, int], fleet: Fleet
) -> None:
    site, number = hidden
    user(fleet, "eve", Role.VIEWER)
    admin, eve = bearer(token(fleet, of=1)), bearer(token(fleet, of=3))
    path = f"/api/v1/incidents/{number}"
    assert (await site.get(path, headers=eve)).status == 404
    given = {"incident": number, "role": "viewer"}
    assert (await site.post("/api/v1/users/eve/grants", given, headers=admin)).status == 200
    found = await site.get(path, headers=eve)
    assert found.status == 200
    assert "eve may act as viewer on it" in found.json["timeline"][-1]["text"]
    assert (await site.get(path, headers=admin)).status == 404


async def test_an_admin_lets_somebody_in_blind_and_learns_nothing(
    hidden: tuple[Site, int], fleet: Fleet
) -> None:
    site, number = hidden
    admin, mia = bearer(token(fleet, of=1)), bearer(token(fleet, of=2))
    path = f"/api/v1/incidents/{number}/participants"
    body = {"name": "ada", "reason": "everybody left"}
    assert (await site.post(path, body, headers=mia)).status == 403
    answer = await site.post(path, body, headers=admin)
    assert (answer.status, answer.json) == (200, {"number": number, "name": "ada"})
    whole = (await site.get(f"/api/v1/incidents/{number}", headers=admin)).json
    assert whole["timeline"][-1]["text"] == (
        "ada was let in by ada/ci, from outside: everybody left"
    )
    missing = await site.post("/api/v1/incidents/4242/participants", body, headers=admin)
    assert missing.status == 404


@pytest.mark.parametrize("number", ["007", "1.0", "+1", "%201", "1e0", "0x1", "\u0661"])
async def test_no_other_spelling_of_the_number_gets_past(
    hidden: tuple[Site, int], fleet: Fleet, number: str
) -> None:
    site, _ = hidden
    answer = await site.get(f"/api/v1/incidents/{number}", headers=bearer(token(fleet, of=1)))
    assert answer.status == 404


async def test_who_signs_in_nowhere_sees_all(serve: Callable[..., Site], fleet: Fleet) -> None:
    number = plant(fleet)
    site = serve()
    assert PLANTED in (await site.get(f"/api/v1/incidents/{number}")).text


async def test_the_stream_tells_of_it_only_to_who_sees_it(
    hidden: tuple[Site, int], fleet: Fleet
) -> None:
    site, number = hidden
    for of, told in ((1, ["tick", "reload"]), (2, ["tick", "incident", "reload"])):
        headers = bearer(token(fleet, of=of))
        async with site.client.get(f"{site.url}/api/v1/events", headers=headers) as stream:
            events = [await _event(stream)]
            fleet.feed.publish(Change("incident", number))
            fleet.feed.publish(Change("reload"))
            while events[-1] != "reload":
                events.append(await _event(stream))
        assert events == told


async def _event(stream: object) -> str:
    name = ""
    while line := (await stream.content.readline()).decode().strip():  # type: ignore[attr-defined]  # an answer of aiohttp
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
    return name


async def test_a_page_shows_it_to_who_takes_part_and_404_to_others(
    hidden: tuple[Site, int], fleet: Fleet
) -> None:
    site, number = hidden
    await sign_in(site, "mia")
    page = await site.get(f"/incidents/{number}", headers=HTML)
    assert (page.status, PLANTED in page.text) == (200, True)
    await sign_in(site, "ada")
    page = await site.get(f"/incidents/{number}", headers=HTML)
    assert (page.status, PLANTED in page.text) == (404, False)
