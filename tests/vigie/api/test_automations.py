"""Automations over HTTP: what there is, what they would have done, and who may ask."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accounts import bearer, served, token, user
from fleet import T0, Fleet, Site
from incidents.automation import Action, Automation, Conditions
from vigie.access import Role
from vigie.api import automations as schemas
from vigie.api.schemas import Listing
from vigie.commands import acknowledge
from vigie.store import automations, incidents
from vigie.store.automations import RunState
from vigie.store.tables import incident

FILE = """apiVersion: vigie.dev/v1
kind: Automation
metadata: {name: new}
spec:
  when: {event: opened, conditions: {severity: SEV2}}
  then: [{comment: {text: "look at ${title}"}}, {notify: {channels: [oncall], text: a}}]
"""
RULES = (
    Automation("open", ("opened",), (Action("comment", {"text": "it is ${severity}"}),)),
    Automation(
        "late",
        ("opened",),
        (Action("escalate", {"tier": 2, "reason": "nobody"}),),
        Conditions(states=("triage",)),
        for_s=300.0,
    ),
)


def configure(fleet: Fleet) -> None:
    config = replace(fleet.board.now.config, automations=RULES)
    fleet.board.now = replace(fleet.board.now, config=config)


async def test_the_list_says_what_each_did(site: Site) -> None:
    configure(site.fleet)
    number, do = site.fleet.open(), [{"do": "comment", "given": {}}]
    site.fleet.db.write(
        lambda c: automations.begin(c, number, 1, "open", ["open"], RunState.RUNNING, "w", do, T0)
    )
    answer = await site.get("/api/v1/automations")
    shown = Listing[schemas.ListedAutomation].model_validate_json(answer.body)
    assert [(one.name, one.runs, one.last_incident) for one in shown.items] == [
        ("open", 1, number),
        ("late", 0, None),
    ]
    assert (shown.items[1].for_, shown.items[1].conditions) == ("5m", ["state triage"])


async def test_what_would_have_been_done_goes_out_in_the_documented_shape(site: Site) -> None:
    configure(site.fleet)
    first = site.fleet.open(at=T0 - 900)
    config = site.fleet.board.now.config
    acknowledge(site.fleet.db, config, first, "ada", T0 - 700)
    before = site.fleet.db.read(lambda c: incidents.timeline(c, first))
    shown = schemas.Tried.model_validate_json((await site.get("/api/v1/automations/try")).body)
    assert [(one.automation, one.incident, one.entry) for one in shown.items] == [("open", 1, 1)]
    assert shown.items[0].actions[0].text == "comment it is SEV2"
    assert shown.items[0].why == ["opened"]
    again = await site.get("/api/v1/automations/try?name=late&since=1h")
    assert again.json["items"] == []
    assert site.fleet.db.read(lambda c: incidents.timeline(c, first)) == before


async def test_who_waited_did_so_while_nobody_answered(site: Site) -> None:
    configure(site.fleet)
    first = site.fleet.open(at=T0 - 900)
    acknowledge(site.fleet.db, site.fleet.board.now.config, first, "ada", T0 - 500)
    (one,) = (await site.get("/api/v1/automations/try?name=late")).json["items"]
    assert one["why"] == ["opened", "state triage", "for 5m"]
    assert one["at"] > one["recorded_at"]


async def test_a_file_is_tried_as_it_is_sent(site: Site) -> None:
    site.fleet.open()
    answer = await site.post("/api/v1/automations/try", {"text": FILE, "file": "new.yaml"})
    shown = schemas.Tried.model_validate_json(answer.body)
    assert shown.problems == []
    texts = [action.text for action in shown.items[0].actions]
    assert texts == [
        "comment look at checkout/availability burns 180x its error budget (1h/5m)",
        "notify oncall: a",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("event: opened", "event: opend", "new.yaml:5:17: error[V105] "),
        ("[oncall]", "[onecall]", "channel `onecall` stands in no file; did you mean `oncall`?"),
        ("${title}", "${titel}", "did you mean `title`?"),
        ("kind: Automation", "kind: Channel", "only Automations of vigie.dev/v1 are tried"),
        (FILE, "", "there is no Automation in it"),
        (FILE, f"{FILE}---\n{FILE}", "there is more than one Automation `new`"),
        (FILE, "{", "new.yaml:"),
    ],
)
async def test_what_is_wrong_with_a_file_is_told_with_its_place(
    site: Site, old: str, new: str, told: str
) -> None:
    body = {"text": FILE.replace(old, new, 1), "file": "new.yaml"}
    answer = await site.post("/api/v1/automations/try", body)
    shown = schemas.Tried.model_validate_json(answer.body)
    assert shown.items == []
    assert told in shown.problems[0]
    assert shown.problems[0].startswith("new.yaml:")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("name=lat", 404, "did you mean `late`?"),
        ("since=0s", 422, ""),
        ("since=401d", 422, ""),
        ("since=soon", 422, ""),
    ],
)
async def test_what_cannot_be_asked(site: Site, query: str, status: int, words: str) -> None:
    configure(site.fleet)
    answer = await site.get(f"/api/v1/automations/try?{query}")
    assert answer.status == status
    assert words in answer.text


async def test_a_restricted_incident_is_not_seen_by_trying(
    fleet: Fleet, serve: Callable[..., Site]
) -> None:
    site = served(serve, fleet)
    configure(fleet)
    fleet.open()
    fleet.db.write(lambda c: c.execute(incident.update().values(restricted=1)))
    user(fleet)
    reader = bearer(token(fleet, Role.RESPONDER))
    answer = await site.get("/api/v1/automations/try", headers=reader)
    assert (answer.json["items"], answer.json["incidents"]) == ([], 0)
    sent: dict[str, Any] = {"json": {"text": FILE}, "headers": reader}
    answer = await site.ask("POST", "/api/v1/automations/try", **sent)
    assert (answer.json["items"], answer.json["problems"]) == ([], [])


async def test_who_only_reads_tries_what_is_in_force_and_nothing_else(
    fleet: Fleet, serve: Callable[..., Site]
) -> None:
    site = served(serve, fleet)
    user(fleet)
    reader = bearer(token(fleet, Role.VIEWER))
    assert (await site.get("/api/v1/automations/try", headers=reader)).status == 200
    answer = await site.ask("POST", "/api/v1/automations/try", json={"text": FILE}, headers=reader)
    assert answer.status == 403
