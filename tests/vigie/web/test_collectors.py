"""The pages of what is collected, as a browser without JavaScript gets them."""

from dataclasses import replace
from typing import Any

import pytest

from collected import NIGHTLY, SOUGHT, collect, collected
from collectors.heartbeat import Said
from collectors.targets import By
from fleet import CONFIG, T0, TARGETS, Site, live
from vigie.store import heartbeats
from vigie.web.collectors import headline
from web_text import Text, page

FIRST = TARGETS[0]


@pytest.fixture
def busy_site(site: Site) -> Site:
    """Everything that can be collected is, and does badly."""
    collect(site.fleet)
    return site


async def test_what_does_badly_is_said_first_and_then_each_kind(busy_site: Site) -> None:
    text = str(await page(busy_site, "/targets"))
    order = [
        "1 of 4 targets does not answer, 1 probe down, 1 heartbeat missed, discovery fails for 1",
        "Probes Probed State Since Locations Certificate ends",
        "https://shop.example/ frontend · front down local: status 503 5 min ago",
        "local down paris up 2026-09-22 14:13:20 UTC",
        "https://gone.example/ frontend · front unknown not probed yet never",
        "Heartbeats Heartbeat State Since Last said Expected Deadline",
        "nightly checkout · every 1h missed",
        "ok 2 h ago 13:13:20 UTC 13:14:20 UTC",
        "Discovery Job Health Last answer Targets",
        "shop file · /etc/shop/*.json down no file matches 1 min ago 3",
        "Targets Target Health Last page",
        "payments/127.0.0.1:8103 payments · scraped · http://127.0.0.1:8103/metrics down",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


async def test_of_one_service_only_its_own_is_shown(busy_site: Site) -> None:
    text = str(await page(busy_site, "/targets?service=checkout"))
    assert "1 heartbeat missed in checkout" in text
    assert "frontend" not in text
    assert "/etc/shop" not in text


async def test_every_link_leads_to_a_page_and_a_target_to_its_families(busy_site: Site) -> None:
    listed = await page(busy_site, "/targets")
    html = (await busy_site.get("/targets", headers={"Accept": "text/html"})).text
    within = [link[1:] for link in listed.links if link.startswith("#") and link != "#main"]
    assert within == ["probes", "heartbeats", "discovery", "targets"]
    assert all(f'<h2 id="{name}">' in html for name in within)
    mine = [link for link in listed.links if link.startswith("/targets/")]
    assert len(mine) == len(TARGETS)
    for link in mine:
        await page(busy_site, link)
    text = str(await page(busy_site, f"/targets/{FIRST.id}"))
    assert "checkout/127.0.0.1:8100 up An instance of checkout, scraped." in text
    assert (
        "http_requests_total Requests, by <code>. counter 2 "
        'http_requests_total{code="200"} 12' in text
    )
    assert "process_start_time_seconds not stated 1 process_start_time_seconds 1.79e9" in text


@pytest.mark.parametrize(
    ("by", "found_by", "how", "why"),
    [
        (By.SCRAPE, "job shop", "scraped, found by job shop.", "No page was kept"),
        (By.PROBE, "", "probed.", "Its pages are not kept"),
        (By.SPANS, "spans", "counted from spans.", "Its pages are not kept"),
        (By.PUSH, "otlp", "pushed by OTLP.", "Its pages are not kept"),
        (By.PUSH, "write", "pushed by remote write.", "Its pages are not kept"),
    ],
)
async def test_a_target_says_how_it_comes_and_why_no_page_is_there(
    site: Site, by: By, found_by: str, how: str, why: str
) -> None:
    target = replace(FIRST, job="a/b c", by=by, found_by=found_by, url="")
    site.fleet.board.now = replace(live(), config=replace(CONFIG, targets={target.id: target}))
    (link,) = [link for link in (await page(site, "/targets")).links if "/targets/" in link]
    text = str(await page(site, link))
    assert f"An instance of checkout, {how}" in text
    assert why in text


async def test_that_a_probe_asked_is_not_taken_for_an_answer(site: Site) -> None:
    target = replace(FIRST, by=By.PROBE)
    site.fleet.board.now = replace(live(), config=replace(CONFIG, targets={target.id: target}))
    for path in ("/targets", f"/targets/{target.id}"):
        words = (await page(site, path)).words
        assert "asked" in words, path
        assert "up" not in words, path


async def test_a_target_that_is_not_there_is_said_as_a_page(site: Site) -> None:
    assert "There is no target" in str(await page(site, "/targets/a/b", 404))


async def test_text_of_a_page_stays_text(busy_site: Site) -> None:
    answer = await busy_site.get(f"/targets/{FIRST.id}", headers={"Accept": "text/html"})
    assert "by <code>." not in answer.text
    assert "by <code>." in str(Text(answer.text))


async def test_a_beat_that_comes_is_no_trouble_any_more(busy_site: Site) -> None:
    busy_site.fleet.db.write(lambda c: heartbeats.beat(c, NIGHTLY, Said.OK, T0))
    busy_site.fleet.collected = collected(discoveries={"shop": [replace(SOUGHT, health="up")]})
    text = str(await page(busy_site, "/targets"))
    assert "heartbeat missed" not in text
    assert "discovery fails" not in text
    assert "nightly checkout · every 1h ok" in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "No targets"),
        ({"targets": [{"health": "up"}]}, "Every target answers"),
        ({"targets": [{"health": "unknown"}]}, "1 of 1 targets was not scraped yet"),
        ({"targets": [{"health": "down"}] * 2}, "2 of 2 targets do not answer"),
        ({"heartbeats": [{"state": "failed"}, {"state": "late"}]}, "1 heartbeat failed"),
        ({"probes": [{"state": "down"}] * 2 + [{"state": "unknown"}]}, "2 probes down"),
    ],
)
def test_a_headline_tells_what_is_wrong(facts: dict[str, Any], said: str) -> None:
    none: dict[str, Any] = {"targets": [], "probes": [], "heartbeats": [], "discoveries": []}
    assert headline(none | facts) == said
