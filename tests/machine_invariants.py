"""What holds of all incidents, whatever was called: nothing lost, nothing out of order, nothing
shown to whom it is not there for.
"""

import re
from itertools import pairwise

import orjson

from incidents.targets import Promise
from machine_client import Client
from machine_model import GOING_ON, LEADS_TO, Inc, Model
from machine_world import Actor, Held, Row
from vigie.store import timeline
from vigie.store.db import Database

ORDERED = (
    ("started_at", "detected_at", "opened_at", "acknowledged_at", "resolved_at", "closed_at"),
    ("started_at", "mitigated_at", "resolved_at", "confirmed_at"),
    ("started_at", "recovered_at"),
    ("acknowledged_at", "mitigated_at"),
    ("reported_at", "opened_at"),
)
SCRIPT = "<script>alert(1)"  # planted in texts
# Where many incidents are told of, beside every route without parameters; {n} is one that is seen.
PLACES = (
    "/api/v1/incidents?limit=500",
    "/api/v1/incidents?state=open&order=priority",
    "/api/v1/incidents?service=checkout",
    "/api/v1/incidents/stats?by=cause&format=csv",
    "/api/v1/incidents/stats/list?which=all",
    "/api/v1/incidents/stats/summary?month=2026-09",
    "/api/v1/tasks?state=all",
    "/api/v1/services/checkout",
    "/api/v1/services/checkout/outages",
    "/api/v1/slos/checkout/availability",
    "/api/v1/incidents/{n}",
    "/api/v1/incidents/{n}/links",
    "/api/v1/incidents/{n}/participants",
    "/api/v1/incidents/{n}/export?format=json",
    "/api/v1/incidents/{n}/export?format=markdown",
    "/api/v1/incidents/{n}/export?format=csv",
    "/incidents?state=open",
    "/incidents/new?service=checkout",
    "/incidents/{n}",
    "/tasks?state=all",
    "/services/checkout",
    "/slos/checkout/availability",
)
LISTS = PLACES[1:7]  # what is cheap to read
LISTED = re.compile(r"^/api/v1/incidents\?limit")


def check_kept(was: Held, now: Held) -> None:
    """No incident and no entry is gone or changed, and there is no hole."""
    assert was.incidents.keys() <= now.incidents.keys()
    for number, entries in now.timelines.items():
        before = was.timelines.get(number, ())
        assert entries[: len(before)] == before, f"the timeline of #{number} was changed"
        assert [entry["position"] for entry in entries] == list(range(1, len(entries) + 1))
        assert len(entries) == now.incidents[number]["timeline_length"]
        assert entries, f"#{number} has no timeline"


def check_rows(was: Held, now: Held, *, unmerged: bool) -> None:
    keys = [row["open_key"] for row in now.incidents.values() if row["open_key"] is not None]
    assert len(keys) == len(set(keys)), "two are open under one key"
    for number, row in now.incidents.items():
        if row == was.incidents.get(number):
            continue
        _check_row(row)
        before, state = was.incidents.get(number, {}).get("state", "triage"), row["state"]
        back = unmerged and before == "merged" and state in GOING_ON
        assert state == before or state in LEADS_TO[before] or back, (number, before, state)


def _check_row(row: Row) -> None:
    state = row["state"]
    assert state in LEADS_TO, state
    assert (row["open_key"] is not None) == (state in GOING_ON), state
    for chain in ORDERED:
        times = [(name, row[name]) for name in chain if row[name] is not None]
        for (one, earlier), (other, later) in pairwise(times):
            assert earlier <= later, (row["number"], one, other)
    assert (row["resolved_at"] is not None) == (state in ("resolved", "review", "closed"))
    assert (row["closed_at"] is not None) == (state in ("closed", "cancelled"))
    assert (row["merged_into"] is not None) == (state == "merged")
    assert row["priority"] in range(1, 6)
    assert orjson.loads(row["priority_reasons"]), "a priority without reasons"
    assert row["severity"] in range(1, 5)
    for promise in Promise:
        assert row[promise.due] is None or row[promise.due] >= row["opened_at"]


def check_model(model: Model, now: Held) -> None:
    """The record is what the calls that were accepted make of it."""
    assert now.incidents.keys() == model.incidents.keys()
    for number, one in model.incidents.items():
        row = now.incidents[number]
        shown = (
            row["state"],
            row["sub_status"],
            bool(row["restricted"]),
            row["tier"],
            row["acknowledged_at"] is not None,
            row["confirmed_at"] is not None,
            row["merged_into"],
            now.parts.get(number, frozenset()),
        )
        assert shown == _meant(one), f"#{number}"
    tasks = {**{number: [] for number in model.incidents}, **_tasks(now)}
    assert tasks == {
        number: [(task, found.state) for task, found in sorted(one.tasks.items())]
        for number, one in model.incidents.items()
    }


def _meant(one: Inc) -> tuple[object, ...]:
    return (
        one.state,
        one.sub,
        one.restricted,
        one.tier,
        one.acknowledged,
        one.confirmed,
        one.merged_into,
        frozenset(one.parts),
    )


def _tasks(now: Held) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = {}
    for number, task, state in sorted(now.tasks):
        found.setdefault(number, []).append((task, state))
    return found


def check_chain(db: Database) -> None:
    verdict = db.read(timeline.verify)
    assert verdict.good, verdict.problems


def check_hidden(said: str, hidden: list[Inc]) -> None:
    """Nothing that was written on an incident is in what somebody reads who does not see it."""
    for one in hidden:
        for word in one.words:
            assert word not in said, f"a word of #{one.number}, which is hidden"


def check_place(client: Client, model: Model, actor: Actor, place: str) -> None:
    """What somebody reads at a place, of all incidents that there are."""
    seen = sorted(n for n in model.incidents if model.sees(actor, n))
    hidden = model.hidden_from(actor)
    if not seen and "{n}" in place:
        return
    path = place.replace("{n}", str(seen[-1]) if seen else "")
    is_page = not path.startswith(("/api", "/metrics"))
    accept = {"Accept": "text/html" if is_page else "*/*"}
    answer = client.ask("GET", path, {**actor.headers, **accept})
    needs_more = (422,) if place not in PLACES else ()  # parameters
    assert answer.status in (200, 303, 403, *needs_more), (path, answer.status, answer.text[:300])
    check_hidden(answer.text, hidden)
    for one in hidden:
        assert f'/incidents/{one.number}"' not in answer.text, (path, one.number)
    assert not is_page or SCRIPT not in answer.text, path
    if answer.status == 200 and LISTED.match(path):
        assert sorted(item["number"] for item in answer.json["items"]) == seen, path


def check_one(client: Client, model: Model, actor: Actor, one: Inc, *, page: bool) -> None:
    """An incident is there for who sees it, and for nobody else: on its page, or in the API."""
    status = {True: (200,), False: (404,)}[model.sees(actor, one.number)]
    path, accept = ("/incidents/", "text/html") if page else ("/api/v1/incidents/", "*/*")
    answer = client.ask("GET", f"{path}{one.number}", {**actor.headers, "Accept": accept})
    assert answer.status in status, (actor.name, path, one.number, answer.status)
