"""Stakeholder updates over the API."""

from datetime import datetime
from typing import Any

import pytest

from fleet import Site
from vigie.api.updates import Draft, Update, Updates
from vigie.views.export import ExportFormat, export
from vigie.views.shape import when

BASE = "/api/v1/incidents/1/updates"


async def tell(site: Site, **body: Any) -> Any:
    answer = await site.post(BASE, {"actor": "ada", "text": "We look.", **body})
    assert answer.status == 201, answer.text
    Update.model_validate_json(answer.body)
    return answer.json


async def test_it_is_drafted_told_and_listed(site: Site) -> None:
    site.fleet.open()
    draft = await site.get(f"{BASE}/draft?audience=customer")
    Draft.model_validate_json(draft.body)
    assert draft.json["text"].startswith("**Investigating**: ")
    one = await tell(site, audience="customer", next_in_seconds=600)
    assert (one["audience"], one["status"]) == ("customer", "investigating")
    await tell(site, text="second")
    found = await site.get(BASE)
    Updates.model_validate_json(found.body)
    assert [item["text"] for item in found.json["items"]] == ["second", "We look."]
    assert found.json["due_at"] == one["next_at"]
    assert found.json["late_seconds"] == 0


async def test_before_the_first_the_cadence_says_when(site: Site) -> None:
    site.fleet.open()
    incident = (await site.get("/api/v1/incidents/1")).json
    every = {"SEV1": 1_800.0, "SEV2": 3_600.0}[incident["severity"]]
    opened = datetime.fromisoformat(incident["opened_at"]).timestamp()
    found = (await site.get(BASE)).json
    assert found["items"] == []
    assert found["due_at"] == when(opened + every)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": ""}, 422),
        ({"text": "x", "audience": "press"}, 422),
        ({"text": "x", "status": "fixed"}, 422),
        ({"text": "x", "next_in_seconds": 1}, 422),
        ({"text": "x", "next_in_seconds": "NaN"}, 422),
        ({"text": "x", "more": 1}, 422),
    ],
)
async def test_nonsense_is_refused(site: Site, body: dict[str, Any], status: int) -> None:
    site.fleet.open()
    assert (await site.post(BASE, {"actor": "ada", **body})).status == status
    assert (await site.get(BASE)).json["items"] == []


async def test_of_an_incident_that_is_not_there_is_nothing(site: Site) -> None:
    for path in (BASE, f"{BASE}/draft"):
        assert (await site.get(path)).status == 404
    assert (await site.post(BASE, {"actor": "ada", "text": "x"})).status == 404


async def test_it_is_part_of_the_record(site: Site) -> None:
    site.fleet.open()
    await tell(site, text="=cmd ``` [x](http://evil)", audience="executive")
    shown = export(site.fleet.db, 1, ExportFormat.MARKDOWN) or ""
    assert "## Updates\n\n### executive, investigating, " in shown
    assert "````markdown\n=cmd ``` [x](http://evil)\n````" in shown
    assert "update,1," in (export(site.fleet.db, 1, ExportFormat.CSV) or "")
    assert '"updates": [' in (export(site.fleet.db, 1, ExportFormat.JSON) or "")
