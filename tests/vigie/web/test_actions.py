"""The forms of an incident's page, posted as a browser without JavaScript does."""

import pytest

from fleet import Answer, Site
from vigie.live import Change


async def post(site: Site, path: str, **form: str) -> Answer:
    headers = {"Origin": site.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    return await site.ask("POST", path, data=form, headers=headers)


async def test_acknowledging_leads_back_to_the_incident(site: Site) -> None:
    number, changes = site.fleet.open(), site.fleet.feed.listen()
    answer = await post(site, f"/incidents/{number}/acknowledge", actor="ada")
    assert (answer.status, answer.headers["location"]) == (303, f"/incidents/{number}")
    assert (site.fleet.woken, changes.get_nowait()) == (1, Change("incident", number))
    page = await site.get(f"/incidents/{number}")
    assert "ada works on it" in page.text.lower()
    assert "Acknowledge</button>" not in page.text
    assert "Resolve</button>" in page.text


async def test_resolving_takes_the_buttons_away(site: Site) -> None:
    number = site.fleet.open()
    assert (await post(site, f"/incidents/{number}/resolve", actor="ada")).status == 303
    page = await site.get(f"/incidents/{number}")
    assert "Resolved by ada" in page.text
    assert "Resolve</button>" not in page.text


async def test_a_comment_leads_to_the_timeline(site: Site) -> None:
    number = site.fleet.open()
    answer = await post(site, f"/incidents/{number}/comment", actor="ada", text="looking")
    assert answer.headers["location"] == f"/incidents/{number}#timeline"
    assert "looking" in (await site.get(f"/incidents/{number}")).text


async def test_a_correction_is_shown_beside_the_words_it_corrects(site: Site) -> None:
    number = site.fleet.open()
    await post(site, f"/incidents/{number}/comment", actor="ada", text="deployed at <b>14:02")
    said = {"actor": "bob", "text": "deployed at <i>13:02", "reason": "wrong zone"}
    answer = await post(site, f"/incidents/{number}/correction", entry="2", **said)
    assert answer.headers["location"] == f"/incidents/{number}#entry-2"
    page = await site.get(f"/incidents/{number}")
    assert "<del>deployed at &lt;b&gt;14:02</del>" in page.text
    assert "<ins>deployed at &lt;i&gt;13:02</ins>" in page.text
    assert 'Corrects <a href="#entry-2">entry 2</a>: wrong zone' in page.text


async def test_a_name_is_remembered_for_the_next_form(site: Site) -> None:
    number = site.fleet.open()
    await post(site, f"/incidents/{number}/comment", actor="Zoë Š.", text="looking")
    page = await site.get(f"/incidents/{number}")
    asked = page.text.count('name="actor"')
    assert page.text.count('name="actor" value="Zoë Š."') == asked > 1


@pytest.mark.parametrize(
    ("action", "form", "status"),
    [
        ("acknowledge", {"actor": "  "}, 422),
        ("comment", {"actor": "ada", "text": " "}, 422),
        ("comment", {"actor": "ada"}, 422),
        ("correction", {"actor": "ada", "text": "x", "reason": "y"}, 422),
        ("correction", {"actor": "ada", "text": "x", "reason": "y", "entry": "0"}, 422),
        ("correction", {"actor": "ada", "text": "x", "reason": "y", "entry": "9"}, 404),
    ],
)
async def test_a_form_that_says_nothing_is_refused_on_a_page(
    site: Site, action: str, form: dict[str, str], status: int
) -> None:
    answer = await post(site, f"/incidents/{site.fleet.open()}/{action}", **form)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_a_form_of_another_site_is_refused(site: Site) -> None:
    number = site.fleet.open()
    answer = await site.ask(
        "POST",
        f"/incidents/{number}/acknowledge",
        data={"actor": "mallory"},
        headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status == 403
    assert (await site.get(f"/api/v1/incidents/{number}")).json["acknowledged_by"] is None


async def test_looking_never_acknowledges(site: Site) -> None:
    number = site.fleet.open()
    assert (await site.get(f"/incidents/{number}/acknowledge")).status == 405
