"""Errors as pages for people, as JSON for programs."""

import pytest

from fleet import Site


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nothing", 404, "There is nothing at /nothing."),
        ("/slos/checkout/nothing", 404, "There is no SLO `checkout/nothing`"),
        ("/incidents/7", 404, "There is no incident 7."),
        ("/incidents/seven", 422, "path.number"),
        ("/incidents/7/acknowledge", 405, "use POST"),
    ],
)
async def test_a_person_gets_a_page_and_a_program_the_same_as_json(
    site: Site, path: str, status: int, says: str
) -> None:
    page = await site.get(path, headers={"Accept": "text/html"})
    assert (page.status, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert says in page.text
    problem = await site.get(path)
    assert (problem.status, problem.json["status"]) == (status, status)
    assert says in problem.json["detail"]


async def test_the_api_answers_browsers_in_json_too(site: Site) -> None:
    answer = await site.get("/api/v1/nothing", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"
