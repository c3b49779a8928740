"""What the API tells of the collectors, over a real connection."""

from dataclasses import replace

import pytest

from collected import DOWN, FAILED, JAEGER, SLOW, collect, collected
from fleet import CONFIG, TARGETS, Site, live
from vigie.api import incident_schemas, schemas


@pytest.fixture
def slashed(site: Site) -> str:
    """The id of a target that holds everything that has a meaning in addresses."""
    target = replace(TARGETS[0], job="a/b ?#%2F", instance="[::1]:81")
    site.fleet.board.now = replace(live(), config=replace(CONFIG, targets={target.id: target}))
    collect(site.fleet)
    return target.id


async def test_one_target_is_found_by_its_id_with_slashes_and_shows_its_families(
    site: Site, slashed: str
) -> None:
    assert slashed == "a/b ?#%2F/[::1]:81"
    answer = await site.get("/api/v1/targets/a/b%20%3F%23%252F/%5B::1%5D:81")
    assert answer.status == 200, answer.text
    shown = schemas.WholeTarget.model_validate_json(answer.body)
    assert (shown.id, shown.by, shown.found_by) == (slashed, "scrape", None)
    assert shown.families is not None
    assert [(f.name, f.samples) for f in shown.families] == [
        ("http_requests_total", 2),
        ("process_start_time_seconds", 1),
    ]


async def test_a_target_whose_page_was_not_kept_has_unknown_families(site: Site) -> None:
    answer = await site.get(f"/api/v1/targets/{TARGETS[1].id}")
    shown = schemas.WholeTarget.model_validate_json(answer.body)
    assert (shown.families, shown.families_left_out) == (None, None)


@pytest.mark.parametrize("target_id", ["nobody", "checkout/", "checkout/127.0.0.1:8100/", "%00"])
async def test_a_target_that_is_not_there_is_a_problem_that_says_so(
    site: Site, target_id: str
) -> None:
    answer = await site.get(f"/api/v1/targets/{target_id}")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "There is no target" in answer.json["detail"]


async def test_probes_and_discoveries_go_out_in_the_documented_shape(
    site: Site, slashed: str
) -> None:
    answer = await site.get("/api/v1/probes")
    probed = schemas.Listing[schemas.Probed].model_validate_json(answer.body).items
    assert {(one.target, one.state) for one in probed} == {
        (DOWN.target, "down"),
        ("https://gone.example/", "unknown"),
    }
    assert (await site.get("/api/v1/probes?service=checkout")).json["items"] == []
    answer = await site.get("/api/v1/discoveries")
    (found,) = schemas.Listing[schemas.Discovery].model_validate_json(answer.body).items
    assert (found.job, found.health, found.error) == ("shop", "down", "no file matches")


@pytest.mark.parametrize(
    ("query", "reasons"),
    [
        ("", ["slow", "error"]),
        ("?from=2026-09-21T14:12:21Z", ["slow"]),
        ("?to=2026-09-21T15:12:21%2B01:00", ["error"]),
        ("?from=2026-09-21T14:13:00Z&to=2026-09-21T14:14:00Z", []),
    ],
)
async def test_traces_of_bad_events_of_an_slo_are_asked_by_time(
    site: Site, query: str, reasons: list[str]
) -> None:
    site.fleet.collected = collected(
        exemplars={"checkout/availability": [FAILED, SLOW]}, traces_url=JAEGER
    )
    answer = await site.get(f"/api/v1/slos/checkout/availability/exemplars{query}")
    assert answer.status == 200, answer.text
    found = schemas.Listing[schemas.Exemplar].model_validate_json(answer.body).items
    assert [one.reason for one in found] == reasons
    assert all(one.url and one.trace_id in one.url for one in found)


async def test_what_cannot_be_said_of_exemplars_is_a_problem(site: Site) -> None:
    for path, status, said in [
        ("checkout/nothing/exemplars", 404, "There is no SLO `checkout/nothing`"),
        ("checkout/availability/exemplars?from=yesterday", 422, "query.from"),
        ("checkout/availability/exemplars?to=2026-09-21T14:12:21", 422, "query.to"),
    ]:
        answer = await site.get(f"/api/v1/slos/{path}")
        assert (answer.status, said in answer.text) == (status, True), answer.text


async def test_an_incident_has_the_traces_since_its_onset(site: Site) -> None:
    early = replace(FAILED, trace_id="12" * 16, at=FAILED.at - 3600)
    site.fleet.collected = collected(
        exemplars={"checkout/availability": [early, FAILED, SLOW]}, traces_url=JAEGER
    )
    number = site.fleet.open()
    answers = [await site.get(f"/api/v1/incidents/{number}")]
    answers += [await site.post(f"/api/v1/incidents/{number}/acknowledge")]
    for answer in answers:
        shown = incident_schemas.WholeIncident.model_validate_json(answer.body)
        assert [one.trace_id for one in shown.exemplars] == [FAILED.trace_id, SLOW.trace_id]


async def test_where_nothing_is_probed_or_discovered_the_lists_are_empty(site: Site) -> None:
    for path in ("/api/v1/probes", "/api/v1/discoveries"):
        assert (await site.get(path)).json == {"items": [], "next": None}
