"""The form that reports an incident, over a real connection."""

from typing import Any

import pytest

from fleet import Answer, Fleet, Site

HTML = {"Accept": "text/html"}


async def page(site: Site, path: str) -> Answer:
    return await site.ask("GET", path, headers=HTML)


async def send(site: Site, **form: Any) -> Answer:
    given = {"actor": "ada", "title": "Slow", "key": "k", **form}
    return await site.ask("POST", "/incidents/new", data=given, headers=HTML, allow_redirects=False)


async def test_list_and_front_page_lead_to_the_form(site: Site) -> None:
    for path in ("/", "/incidents"):
        assert '<a href="/incidents/new">Report an incident</a>' in (await page(site, path)).text
    blank = await page(site, "/incidents/new?service=cart")
    assert (blank.status, "What is wrong" in blank.text) == (200, True)


async def test_a_report_leads_to_its_incident(site: Site, fleet: Fleet) -> None:
    answer = await send(site, description="since lunch", severity="SEV1", users_affected="7")
    assert (answer.status, answer.headers["location"]) == (303, "/incidents/1")
    assert (await send(site)).headers["location"] == "/incidents/1"  # sent twice
    found = (await site.get("/api/v1/incidents/1")).json
    assert (found["severity"], found["users_affected"]) == ("SEV1", 7)
    assert "since lunch" in (await page(site, "/incidents/1")).text


async def test_what_is_open_on_its_service_is_shown_before_and_after(
    site: Site, fleet: Fleet
) -> None:
    number = fleet.open()
    assert (
        f'"/incidents/{number}#timeline"'
        in (await page(site, "/incidents/new?service=checkout")).text
    )
    answer = await send(site, service="checkout")
    assert answer.headers["location"] == f"/incidents/{number + 1}/reported"
    shown = (await page(site, answer.headers["location"])).text
    assert f'"/incidents/{number}#timeline"' in shown


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"started_at": "2099-01-01T00:00"}, "started_at is in the future"),
        ({"title": ""}, "title must not be empty"),
        ({"severity": "SEV9"}, "severity is none of"),
        ({"urgency": "soon"}, "urgency is none of"),
        ({"users_affected": "many"}, "whole number"),
        ({"field.x": "y"}, "is no field of type"),
    ],
)
async def test_what_cannot_be_kept_comes_back_as_it_was_typed(
    site: Site, form: dict[str, str], told: str
) -> None:
    typed = '"><script>alert(1)</script> {{ 7*7 }}'
    answer = await send(site, description=typed, category="typed too", service="checkout", **form)
    assert answer.status == 422
    assert told in answer.text
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in answer.text
    assert 'value="typed too"' in answer.text
    assert "<option selected>checkout</option>" in answer.text
    assert (await site.get("/api/v1/incidents")).json["items"] == []
