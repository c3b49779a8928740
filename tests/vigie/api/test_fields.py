"""PATCH of an incident."""

from dataclasses import replace
from typing import Any

import pytest

from fleet import CONFIG, T0, Answer, Site, live
from incidents.types import Field, TypeRules, Types
from vigie.views.shape import when

FIELDS = (Field("ticket", "Ticket"), Field("cost", "Cost", "number"), Field("at", "At", "time"))
TYPES = Types({"slo-burn": TypeRules("slo-burn", fields=FIELDS, users={1: 1000})})


@pytest.fixture
def number(site: Site) -> int:
    site.fleet.board.now = replace(live(), config=replace(CONFIG, types=TYPES))
    return site.fleet.open()


async def patch(site: Site, number: int, body: Any, **more: Any) -> Answer:
    path = f"/api/v1/incidents/{number}"
    if isinstance(body, str):
        headers = {"Content-Type": "application/json"}
        return await site.ask("PATCH", path, data=body, headers=headers, **more)
    return await site.ask("PATCH", path, json=body, **more)


async def test_what_is_said_changes_and_what_is_not_stays(site: Site, number: int) -> None:
    body = {"actor": "ada", "seen": 1, "title": "Checkout is down", "users_affected": 1200}
    body |= {"fields": {"ticket": "T-1", "cost": 3, "at": "2026-09-01T14:00:00+02:00"}}
    answer = await patch(site, number, body)
    assert answer.status == 200, answer.text
    shown = answer.json
    assert (shown["title"], shown["users_affected"]) == ("Checkout is down", 1200)
    assert (shown["severity"], shown["severity_measured"], shown["priority"]) == (
        "SEV1", "SEV1", "P1",
    )  # fmt: skip
    assert shown["fields"] == {"ticket": "T-1", "cost": 3, "at": "2026-09-01T12:00:00.000Z"}
    assert [entry["kind"] for entry in shown["timeline"]] == ["opened", "field_set", "upgraded"]
    assert site.fleet.woken == 1
    shown = (await patch(site, number, {"users_affected": None, "fields": {"cost": None}})).json
    assert (shown["users_affected"], shown["title"]) == (None, "Checkout is down")
    assert set(shown["fields"]) == {"ticket", "at"}
    assert shown["severity"] == "SEV1"  # the worst that it came to


async def test_who_is_overtaken_gets_a_conflict_that_says_how(site: Site, number: int) -> None:
    await patch(site, number, {"actor": "ada", "seen": 1, "title": "hers"})
    answer = await patch(site, number, {"actor": "bob", "seen": 1, "title": "his", "cause": "x"})
    assert answer.status == 409
    detail = answer.json["detail"]
    assert f"ada set title to `hers` at {when(T0)} (entry 2)" in detail
    found = (await site.get(f"/api/v1/incidents/{number}")).json
    assert (found["title"], found["cause"], len(found["timeline"])) == ("hers", None, 2)
    answer = await patch(site, number, {"actor": "bob", "title": "his"})  # without `seen`
    assert (answer.status, answer.json["title"]) == (200, "his")


async def test_the_same_key_is_written_once(site: Site, number: int) -> None:
    for _ in range(2):
        key = {"Idempotency-Key": "k"}
        answer = await patch(site, number, {"title": "a", "actor": "ada"}, headers=key)
        assert answer.status == 200
    assert len(answer.json["timeline"]) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "an edit changes 1 to 100 fields"),
        ({"title": ""}, "title must not be empty"),
        ({"title": None}, "title must be a text"),
        ({"title": "x" * 201}, "title has 201 characters; at most 200"),
        ({"title": "a\x00b"}, "title holds characters that cannot be shown"),
        ({"title": "a\u202egnp.exe"}, "title holds characters that turn words around"),
        ({"description": "a\x1b[2Jb"}, "description holds characters that cannot be shown"),
        ({"description": "x" * 10_001}, "at most 10000"),
        ({"category": "x" * 81}, "at most 80"),
        ({"subcategory": "dns"}, "subcategory `dns` needs a category"),
        ({"affected": ["payment"]}, "did you mean `payments`?"),
        ({"affected": ["payments"] * 51}, "at most 50 services"),
        ({"users_affected": -1}, "users_affected must be a whole number"),
        ({"users_affected": 2**60}, "users_affected must be a whole number"),
        ({"users_affected": True}, "users_affected"),
        ({"users_affected": 1.5}, "users_affected"),
        ({"urgency": "hgih"}, "did you mean `high`?"),
        ({"started_at": when(T0 + 60)}, "started_at is in the future"),
        ({"started_at": when(T0 - 60)}, "started_at is after detected_at"),
        ({"started_at": "9999-99-99T00:00:00Z"}, "started_at is no time"),
        ({"fields": {"tickets": "x"}}, "did you mean `ticket`?"),
        ({"fields": {"cost": "much"}}, "field.cost must be a number"),
        ({"fields": {"cost": True}}, "field.cost must be a number"),
        ({"fields": {"ticket": 7}}, "field.ticket must be a text"),
        ({"fields": {"ticket": ["x"]}}, "fields.ticket"),
        ({"fields": {"\u202e<b>": "x"}}, "field.?<b> is no field of type"),
        ({"fields": {f"f{i}": "" for i in range(101)}}, "an edit changes 1 to 100 fields"),
        ({"number": 7}, "number"),
        ({"state": "closed"}, "state"),
        ({"severity": "SEV1"}, "severity"),
        ({"reporter": "bob"}, "reporter"),
        ({"seen": -1, "title": "x"}, "seen"),
        ({"reason": "x" * 1001, "title": "x"}, "reason"),
        ('{"fields": {"cost": NaN}}', "must be a finite number"),
        ('{"fields": {"cost": 1e400}}', "must be a finite number"),
        ('{"title": "\\ud800"}', "title"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_name(
    site: Site, number: int, body: Any, words: str
) -> None:
    answer = await patch(site, number, body)
    assert answer.status == 422, answer.text
    assert words in answer.json["detail"]
    assert len(answer.json["detail"]) < 9_000
    assert site.fleet.woken == 0


async def test_an_incident_that_is_not_there_has_no_fields(site: Site, number: int) -> None:
    assert (await patch(site, 99, {"title": "x"})).status == 404
