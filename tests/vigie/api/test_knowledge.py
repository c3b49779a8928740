"""Search, similar incidents and problems over the API and on their pages."""

from typing import Any

from fleet import T0, Site, burn_signal
from incidents.model import EventKind
from vigie.store import timeline
from vigie.store.tables import incident
from web_text import page

PROBLEMS = "/api/v1/problems"


async def post(site: Site, path: str, **body: Any) -> Any:
    return await site.post(path, {"actor": "ada", **body})


def put(site: Site, number: int, **values: Any) -> None:
    """Columns as a command sets them, with the entry that says so."""

    def work(c: Any) -> None:
        c.execute(incident.update().where(incident.c.number == number).values(**values))
        timeline.append(c, number, T0, EventKind.FIELD_SET, "ann", "set", {})

    site.fleet.db.write(work)


async def found(site: Site, query: str) -> list[tuple[str, int]]:
    answer = await site.ask("GET", f"/api/v1/search?{query}")
    assert answer.status == 200, answer.json
    return [(item["kind"], item["number"]) for item in answer.json["items"]]


async def test_what_is_known_is_found_with_where_it_stands(site: Site) -> None:
    number = site.fleet.open()
    put(site, number, resolution="Rolled back <b>the ledger</b>")
    await post(site, PROBLEMS, title="The ledger locks up")
    both = {("incident", number), ("problem", 1)}
    assert set(await found(site, "q=ledger")) == both
    assert await found(site, "q=ledger&of=problem") == [("problem", 1)]
    assert await found(site, "q=ledger&severity=SEV4") == []
    assert await found(site, "q=%22%29%20OR%20NEAR(*") == []
    one = (await site.ask("GET", "/api/v1/search?q=ledger&of=incident")).json["items"][0]
    shown = one["snippet"]
    assert [shown["text"][start:end] for start, end in shown["marks"]] == ["ledger"]
    listed = (await site.ask("GET", "/api/v1/incidents?q=ledger")).json
    assert [item["number"] for item in listed["items"]] == [number]
    raw = (await site.ask("GET", "/knowledge?q=ledger", headers={"Accept": "text/html"})).text
    assert "&lt;b&gt;the <mark>ledger</mark>" in raw


async def test_a_problem_goes_from_open_to_fixed_and_is_open_again_when_it_recurs(
    site: Site,
) -> None:
    first = site.fleet.open(burn_signal("a"))
    put(site, first, cause="deploy")
    made = await post(site, PROBLEMS, title="Locks", cause="deploy")
    assert (made.status, made.json["state"]) == (200, "open"), made.json
    linked = await post(site, f"{PROBLEMS}/1/incidents", incident=first)
    assert [one["number"] for one in linked.json["incidents"]] == [first]
    known = await post(site, f"{PROBLEMS}/1/known-error", workaround="restart it")
    assert known.json["state"] == "known_error"
    similar = (await site.ask("GET", f"/api/v1/incidents/{first}/similar")).json
    assert [one["workaround"] for one in similar["known_errors"]] == ["restart it"]
    assert "restart it" in str(await page(site, f"/incidents/{first}"))
    fixed = await post(
        site, f"{PROBLEMS}/1/fix", fix="shorter transactions", url="https://x.example"
    )
    assert fixed.json["state"] == "fixed"
    again = await post(site, f"{PROBLEMS}/1/fix", fix="x")
    assert (again.status, again.json["title"]) == (409, "Conflict")
    after = site.fleet.open(burn_signal("b"))
    put(site, after, started_at=T0 + 9e6, detected_at=T0 + 9e6, opened_at=T0 + 9e6)
    answer = await site.ask(
        "PATCH", f"/api/v1/incidents/{after}", json={"actor": "ada", "cause": "deploy"}
    )
    assert answer.status == 200, answer.json
    now = (await site.ask("GET", f"{PROBLEMS}/1")).json
    assert (now["state"], now["reopened"]) == ("known_error", 1)
    assert {one["number"] for one in now["incidents"]} == {first, after}
    counted = (await site.ask("GET", f"{PROBLEMS}?state=unsolved")).json["items"]
    assert [one["incidents"] for one in counted] == [2]
    assert "Opened again" in str(await page(site, "/problems/1"))
    assert "Locks" in str(await page(site, "/problems"))


async def test_a_problem_shows_and_takes_only_what_there_is(site: Site) -> None:
    assert (await site.ask("GET", f"{PROBLEMS}/9")).status == 404
    assert (await post(site, PROBLEMS, title=" ")).status == 422
    assert (await post(site, PROBLEMS, title="x", service="nobody")).status == 422
    assert (await post(site, PROBLEMS, title="x")).status == 200
    assert (await post(site, f"{PROBLEMS}/1/incidents", incident=99)).status == 404
    assert (await post(site, f"{PROBLEMS}/1/fix", fix="x", url="javascript:1")).status == 422
    edited = await site.ask("PATCH", f"{PROBLEMS}/1", json={"actor": "bob", "owner": "bob"})
    assert (edited.json["owner"], edited.json["version"]) == ("bob", 2)
    stale = {"actor": "ada", "owner": "ada", "seen": 1}
    assert (await site.ask("PATCH", f"{PROBLEMS}/1", json=stale)).status == 409
