"""Severity, priority and targets over the API."""

import pytest
from sqlalchemy import update

from fleet import T0, Site, burn_signal
from vigie.store.tables import incident
from vigie.views.shape import when


async def put(site: Site, number: int, **body: str) -> dict[str, object]:
    said = {"severity": "SEV4", "reason": "only the preview", "actor": "ada", **body}
    answer = await site.post(f"/api/v1/incidents/{number}/severity", said)
    assert answer.status == 200, answer.json
    shown: dict[str, object] = answer.json
    return shown


async def test_a_severity_is_set_with_its_reason_and_given_back(site: Site) -> None:
    number = site.fleet.open()
    shown = await put(site, number)
    assert (shown["severity"], shown["severity_measured"]) == ("SEV4", "SEV2")
    assert (shown["severity_set_by"], shown["severity_set_for"]) == ("ada", "only the preview")
    assert (shown["priority"], shown["severity_set_at"]) == ("P4", when(T0))
    assert shown["priority_reasons"] == ["SEV4 x high urgency: P4"]
    assert site.fleet.woken == 1
    shown = await put(site, number, severity="measured", reason="it spreads")
    assert (shown["severity"], shown["severity_set_by"], shown["priority"]) == ("SEV2", None, "P2")


async def test_the_same_key_is_written_once(site: Site) -> None:
    number = site.fleet.open()
    said = {"severity": "SEV1", "reason": "worse", "actor": "ada"}
    for _ in range(2):
        path = f"/api/v1/incidents/{number}/severity"
        answer = await site.post(path, said, headers={"Idempotency-Key": "k"})
        assert answer.status == 200
    kinds = [entry["kind"] for entry in answer.json["timeline"]]
    assert kinds == ["opened", "severity_set"]


@pytest.mark.parametrize(
    "body",
    [
        {"severity": "SEV5", "reason": "x"},
        {"severity": "SEV1"},
        {"severity": "SEV1", "reason": "  "},
        {"severity": "SEV1", "reason": "x", "priority": "P1"},
    ],
)
async def test_what_is_no_severity_is_refused(site: Site, body: dict[str, str]) -> None:
    number = site.fleet.open()
    answer = await site.post(f"/api/v1/incidents/{number}/severity", body)
    assert answer.status == 422


async def test_one_that_is_over_keeps_its_severity(site: Site) -> None:
    number = site.fleet.open()
    await site.post(f"/api/v1/incidents/{number}/resolve")
    said = {"severity": "SEV1", "reason": "x"}
    answer = await site.post(f"/api/v1/incidents/{number}/severity", said)
    assert answer.status == 409
    assert (await site.post("/api/v1/incidents/99/severity", said)).status == 404


async def test_targets_show_until_when_and_whether_they_were_met(site: Site) -> None:
    number = site.fleet.open()
    due = {"response_due_at": T0 + 60, "resolution_due_at": T0 - 60}
    changed = update(incident).values(**due)
    site.fleet.db.write(lambda c: c.execute(changed))
    shown = (await site.get(f"/api/v1/incidents/{number}")).json
    assert (shown["response_due_at"], shown["response_met"]) == (when(T0 + 60), None)
    answer = await site.post(f"/api/v1/incidents/{number}/resolve")
    assert (answer.json["response_met"], answer.json["resolution_met"]) == (True, False)


async def test_open_incidents_come_by_priority_and_all_others_newest_first(site: Site) -> None:
    first, second, third = (site.fleet.open(burn_signal(name)) for name in ("a", "b", "c"))
    await put(site, second, severity="SEV1")
    await put(site, third, severity="SEV4")

    async def numbers(query: str) -> list[int]:
        found = (await site.get(f"/api/v1/incidents?{query}")).json["items"]
        return [item["number"] for item in found]

    assert await numbers("state=open") == [second, first, third]
    assert await numbers("") == [third, second, first]
    assert await numbers("state=open&order=newest") == [third, second, first]
    assert await numbers("order=priority") == [second, first, third]
    assert await numbers(f"state=open&cursor={second}&limit=1") == [first]
    assert (await site.get("/api/v1/incidents?order=age")).status == 422
