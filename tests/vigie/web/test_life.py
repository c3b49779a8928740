"""The life of an incident on its page: the next step, the forms, what closing needs."""

from dataclasses import replace
from typing import Any

from sqlalchemy import update

from fleet import Answer, Fleet, Site
from incidents.types import Closing, SubStatus, TypeRules, Types
from vigie.store.tables import incident
from web_text import page


def fill(fleet: Fleet, number: int, **values: Any) -> None:
    fleet.db.write(lambda c: c.execute(update(incident).where(incident.c.number == number), values))


async def post(site: Site, number: int, verb: str, **form: str) -> Answer:
    headers = {"Origin": site.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    said = {"actor": "ada", **form}
    return await site.ask("POST", f"/incidents/{number}/{verb}", data=said, headers=headers)


async def buttons(site: Site, number: int) -> list[str]:
    html = (await site.get(f"/incidents/{number}")).text
    head = html.partition('<header class="head sticky">')[2].partition("</header>")[0]
    words = ("Acknowledge", "Cause identified", "Mitigated", "Resolve", "Close")
    return [word for word in words if f">{word}</button>" in head]


async def test_the_header_has_the_next_steps(site: Site) -> None:
    number = site.fleet.open()
    fill(site.fleet, number, severity=3)
    assert await buttons(site, number) == ["Acknowledge", "Resolve"]
    for verb, form, following in (
        ("acknowledge", {}, ["Cause identified", "Mitigated", "Resolve"]),
        ("status", {"to": "identified"}, ["Mitigated", "Resolve"]),
        ("status", {"to": "mitigated"}, ["Resolve"]),
        ("resolve", {}, ["Close"]),
        ("close", {}, []),
    ):
        assert (await post(site, number, verb, **form)).status == 303
        assert await buttons(site, number) == following, verb
    assert "Closed by ada" in str(await page(site, f"/incidents/{number}"))


async def test_what_speaks_against_closing_is_shown_before_one_tries(site: Site) -> None:
    number = site.fleet.open()
    await post(site, number, "escalate", tier="2", reason="<b>deep</b>", tried="a restart")
    text = str(await page(site, f"/incidents/{number}"))
    assert "What closing will need it is with L2" in text
    await post(site, number, "resolve")
    text = str(await page(site, f"/incidents/{number}"))
    assert "It cannot be closed yet: it is with L2: hand it back to the desk SEV2 needs" in text
    assert await buttons(site, number) == []
    assert (await post(site, number, "close")).status == 409
    assert "by ada: <b>deep</b> Tried so far: a restart" in text


async def test_words_of_the_team_are_offered_and_set(site: Site) -> None:
    number, now = site.fleet.open(), site.fleet.board.now
    words = (SubStatus("vendor", "Waits for <vendor>", "identified"),)
    types = Types({"default": TypeRules("default", statuses=words, closing=Closing())})
    site.fleet.board.now = replace(now, config=replace(now.config, types=types))
    assert "identified: Waits for <vendor>" in str(await page(site, f"/incidents/{number}"))
    assert (await post(site, number, "status", to="identified/vendor")).status == 303
    assert (await site.get(f"/api/v1/incidents/{number}")).json["sub_status"] == "vendor"
    assert (await post(site, number, "status", to="identified/")).status == 303
    assert (await site.get(f"/api/v1/incidents/{number}")).json["sub_status"] is None
    for wrong in ("gone", "identified/gone"):
        assert (await post(site, number, "status", to=wrong)).status == 422


async def test_who_reported_it_is_asked_and_can_open_it_again(site: Site) -> None:
    number = site.fleet.open()
    fill(site.fleet, number, detected_by="person", reporter="rita")
    await post(site, number, "resolve")
    assert "rita, is it over?" in str(await page(site, f"/incidents/{number}"))
    await post(site, number, "confirm", actor="rita", over="no", words="still slow")
    text = str(await page(site, f"/incidents/{number}"))
    assert "Opened again by rita: still slow" in text
    assert "Opened again 1 time." in text
    await post(site, number, "resolve")
    form = {"actor": "rita", "over": "yes", "satisfaction": "5"}
    assert (await post(site, number, "confirm", **form)).status == 303
    assert "satisfaction 5 of 5" in str(await page(site, f"/incidents/{number}"))
    assert (await post(site, number, "reopen", reason="again")).status == 303


async def test_what_is_cancelled_offers_nothing_more(site: Site) -> None:
    number = site.fleet.open()
    assert (await post(site, number, "cancel", reason="a test")).status == 303
    text = str(await page(site, f"/incidents/{number}"))
    assert "Cancelled by ada." in text
    assert "open for" not in text
    assert await buttons(site, number) == []
    assert "Cancelled by ada" not in str(await page(site, "/incidents"))
