"""What the API tells, over a real connection."""

import pytest

from fleet import CALM, T0, Site, burn_signal, live
from remembered import knowing, past_of, row
from vigie.api import incident_schemas, schemas
from vigie.api.service_schemas import Service


async def test_slos_go_out_in_the_documented_shape(site: Site) -> None:
    answer = await site.get("/api/v1/slos")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    shown = schemas.Listing[schemas.Slo].model_validate_json(answer.body)
    assert [slo.id for slo in shown.items] == [
        "checkout/availability",
        "frontend/availability",
        "payments/availability",
    ]
    site.fleet.board.now = live(None)
    unknown = await site.get("/api/v1/slos")
    assert schemas.Listing[schemas.Slo].model_validate_json(unknown.body).items[0].sli is None


async def test_one_slo_is_found_by_service_and_name(site: Site) -> None:
    answer = await site.get("/api/v1/slos/checkout/availability")
    assert schemas.Slo.model_validate_json(answer.body).alert == "ok"


async def test_the_past_of_an_slo_goes_out_in_the_documented_shape(site: Site) -> None:
    site.fleet.board.now = knowing(past_of([row(60, T0 // 60 * 60 - 60, 9, 10)]))
    answer = await site.get("/api/v1/slos/checkout/availability/history?range=1h")
    shown = schemas.SloHistory.model_validate_json(answer.body)
    assert (shown.range, shown.step_seconds) == ("1h", 60)
    assert [one.sli for one in shown.items[-3:]] == [None, 0.9, None]
    unasked = await site.get("/api/v1/slos/checkout/availability/history")
    assert unasked.json["range"] == "1d"
    other = await site.get("/api/v1/slos/checkout/availability/history?range=2h")
    assert other.status == 422
    assert (await site.get("/api/v1/slos/checkout/other/history")).status == 404


async def test_services_and_targets_go_out_in_the_documented_shape(site: Site) -> None:
    services = await site.get("/api/v1/services")
    assert len(schemas.Listing[Service].model_validate_json(services.body).items) == 3
    targets = await site.get("/api/v1/targets?service=payments")
    (target,) = schemas.Listing[schemas.Target].model_validate_json(targets.body).items
    assert target.error == "connection refused"


async def test_incidents_go_out_in_the_documented_shape(site: Site) -> None:
    number = site.fleet.open()
    site.fleet.tell(number)
    listed = await site.get("/api/v1/incidents?state=open")
    assert schemas.Listing[incident_schemas.Incident].model_validate_json(listed.body).next is None
    one = await site.get(f"/api/v1/incidents/{number}")
    shown = incident_schemas.WholeIncident.model_validate_json(one.body)
    assert [delivery.outcome for delivery in shown.deliveries] == ["failed", "delivered"]
    timeline = await site.get(f"/api/v1/incidents/{number}/timeline")
    entries = schemas.Listing[incident_schemas.Entry].model_validate_json(timeline.body)
    assert [entry.kind for entry in entries.items] == ["opened"]


async def test_a_cursor_leads_through_every_incident_once(site: Site) -> None:
    for service in "abcde":
        site.fleet.open(burn_signal(service))
    seen, path = [], "/api/v1/incidents?limit=2"
    while path:
        page = (await site.get(path)).json
        seen += [incident["number"] for incident in page["items"]]
        path = f"/api/v1/incidents?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/slos/checkout/nothing",
        "/api/v1/incidents/7",
        "/api/v1/incidents/7/timeline",
        "/api/v1/nothing",
        "/nothing",
    ],
)
async def test_what_is_not_there_is_a_problem_that_says_so(site: Site, path: str) -> None:
    answer = await site.get(path)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    problem = schemas.Problem.model_validate_json(answer.body)
    assert (problem.type, problem.title, problem.status) == ("about:blank", "Not Found", 404)
    assert "There is no" in problem.detail


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/incidents/0", "path.number"),
        ("/api/v1/incidents/seven", "path.number"),
        ("/api/v1/incidents/9007199254740992", "path.number"),
        ("/api/v1/incidents?limit=0", "query.limit"),
        ("/api/v1/incidents?limit=501", "query.limit"),
        ("/api/v1/incidents?cursor=x", "query.cursor"),
        ("/api/v1/incidents?state=burning", "query.state"),
        ("/api/v1/incidents?service=%00", "query.service"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_by_name(
    site: Site, path: str, field: str
) -> None:
    answer = await site.get(path)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json["errors"][0]["field"].startswith(field)


async def test_pages_of_before_the_first_tick_and_after_it_agree_on_ids(site: Site) -> None:
    site.fleet.board.now = live(None)
    before = (await site.get("/api/v1/slos")).json["items"]
    site.fleet.board.now = live(CALM)
    after = (await site.get("/api/v1/slos")).json["items"]
    assert [slo["id"] for slo in before] == [slo["id"] for slo in after]
    assert set(before[0]) == set(after[0])
