"""What an incident cost, on top of its page; by API, command line and export in the same words."""

from typing import Any

import pytest
from sqlalchemy import update

from fleet import T0, Fleet, Site
from vigie.cli.incidents import text_of
from vigie.store.sql import to_json
from vigie.store.tables import incident
from vigie.views.shape import when

IMPACT = {
    "sli": "checkout/availability",
    "window": "30d",
    "from": T0 - 500.0,
    "until": T0,
    "budget_burned": 0.123,
    "bad": 4_310,
    "total": 51_200,
    "window_total": 35_000_000,
    "window_coverage": 1.0,
    "traffic_share": 0.084,
    "coverage": 0.97,
    "covered": True,
    "excluded_bad": 0,
    "counts": "events",
    "estimated": "judged by <samples>",
    "reasons": [],
    "known_seconds": 500.0,
    "corrected_seconds": 0.0,
    "redundancy": {
        "at": T0 - 480.0,
        "state": "at_risk",
        "since": T0 - 500.0,
        "reason": "1 of 2 replicas ready",
        "ready": 1,
        "expected": 2,
        "minimum": 1,
        "zones": None,
    },
    "changes": [3],
    "traces": [],
    "final": False,
}
LINE = "12.3 % of the 30d budget; 4,310 of 51,200 requests failed (8.4 %); down 4m10s, planned 0s"


def cost(fleet: Fleet, number: int, **changed: Any) -> None:
    values = {
        "budget_burned": 0.123,
        "bad_events": 4_310,
        "traffic_share": 0.084,
        "downtime_s": 250.0,
        "planned_downtime_s": 0.0,
        "impact": to_json({**IMPACT, **changed}),
    }
    changed_row = update(incident).where(incident.c.number == number).values(**values)
    fleet.db.write(lambda c: c.execute(changed_row))


@pytest.mark.parametrize(("final", "title"), [(False, "Cost so far"), (True, "What it cost")])
async def test_the_page_begins_with_what_it_cost(
    site: Site, fleet: Fleet, final: bool, title: str
) -> None:
    number = fleet.open()
    cost(fleet, number, final=final)
    text = (await site.get(f"/incidents/{number}")).text
    assert f'<h2 id="cost">{title}</h2>' in text
    assert f"<p>{LINE}.</p>" in text
    assert "97.0 % of the time was measured. Estimated: judged by &lt;samples&gt;." in text
    assert "checkout was at risk: 1 of 2 replicas ready" in text
    assert text.index('id="cost"') < text.index('id="burn"')


async def test_before_it_is_measured_the_page_says_so(site: Site, fleet: Fleet) -> None:
    number = fleet.open()
    assert "Not measured yet" in (await site.get(f"/incidents/{number}")).text


async def test_the_api_the_command_line_and_the_export_say_the_same(
    site: Site, fleet: Fleet
) -> None:
    number = fleet.open()
    cost(fleet, number)
    found = (await site.get(f"/api/v1/incidents/{number}")).json
    assert (found["cost"], found["bad_events"], found["downtime_seconds"]) == (LINE, 4_310, 250.0)
    assert found["impact"]["until"] == when(T0)
    assert found["impact"]["redundancy"]["state"] == "at_risk"
    lines = text_of(found)
    assert f"  cost so far      {LINE}" in lines
    assert any(line.endswith("97.0 % of the time was measured") for line in lines)
    exported = (await site.get(f"/api/v1/incidents/{number}/export?format=json")).json
    assert (exported["cost"], exported["impact"]["changes"]) == (LINE, [3])
    for output in ("markdown", "csv"):
        document = (await site.get(f"/api/v1/incidents/{number}/export?format={output}")).text
        assert LINE in document
