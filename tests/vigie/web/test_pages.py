"""Pages as a browser without JavaScript gets them."""

from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import pytest

from collected import DEPLOY, FAILED, JAEGER, MISSED, SLOW, collected
from collectors.changes import Kind
from fleet import (
    BROKEN,
    CALM,
    CONFIG,
    RUNBOOK,
    T0,
    Door,
    Site,
    burn_signal,
    live,
    many,
    no_data_signal,
)
from incidents.signals import heartbeat_signal
from remembered import knowing, past_of, row
from slo.spec import ServiceState
from slo.status import ServiceFigures
from vigie.store import changes
from web_text import Text, page

X = "\N{MULTIPLICATION SIGN}"
PAGES = ["/", "/slos/checkout/availability", "/services/checkout", "/incidents", "/targets"]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_before_anything_was_measured(site: Site, path: str) -> None:
    site.fleet.board.now = live(None)
    text = str(await page(site, path))
    assert "None" not in text
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("path", [*PAGES, "/incidents/1", "/incidents/2"])
async def test_every_page_is_there_while_everything_is_broken(site: Site, path: str) -> None:
    site.fleet.board.now = live(BROKEN, reload_error="a.yaml:1:1: error: no")
    site.fleet.tell(site.fleet.open())
    site.fleet.open(no_data_signal())
    assert "None" not in str(await page(site, path))


@pytest.mark.parametrize("path", [*PAGES, "/incidents/1"])
async def test_every_link_of_a_page_leads_to_a_page(site: Site, path: str) -> None:
    site.fleet.board.now = live(BROKEN)
    site.fleet.tell(site.fleet.open())
    for link in {link.partition("#")[0] for link in (await page(site, path)).links} - {""}:
        if link.startswith("/api/"):  # a document to keep
            assert (await site.get(link)).status == 200
        else:
            await page(site, link)


async def test_the_overview_says_first_what_is_broken(site: Site) -> None:
    site.fleet.board.now = live(BROKEN, reload_error="slos/a.yaml:3:5: error: unknown key")
    site.fleet.open()
    text = str(await page(site, "/"))
    order = [
        "1 open incident ",
        "#1 checkout/availability burns",
        "nobody works on it yet",
        "Objectives in trouble no data Pages load",
        "Services down down checkout",
        "Objectives SLO Alert",
        "slos/a.yaml:3:5: error: unknown key",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


async def test_the_overview_shows_planned_work_and_not_as_broken(site: Site) -> None:
    reason = "planned work: new disks; would be down: all fail"
    found = ServiceFigures("checkout", ServiceState.MAINTENANCE, reason, 0.0, None)
    site.fleet.board.now = live(replace(CALM, services={**CALM.services, "checkout": found}))
    text = str(await page(site, "/"))
    assert f"checkout maintenance {reason}" in text
    assert "Services down" not in text


async def test_the_overview_of_a_calm_fleet_says_so(site: Site) -> None:
    assert "Nothing is broken As of 14:13:20 UTC" in str(await page(site, "/"))


async def test_an_overview_that_cannot_know_does_not_claim_calm(site: Site) -> None:
    site.fleet.board.now = live(CALM, ticks_failed=3, tick_error="the disk is full")
    text = str(await page(site, "/"))
    assert "Vigie cannot tell" in text
    assert "the disk is full" in text


async def test_an_overview_of_many_slos_shows_the_worst_and_the_way_to_all(site: Site) -> None:
    config, status = many(120)
    site.fleet.board.now = replace(live(status), config=config)
    shown = await page(site, "/")
    assert sum(link.startswith("/slos/") for link in shown.links) == 100
    assert "The 100 worst of 120 are shown" in str(shown)
    whole = await page(site, "/?all=1")
    assert sum(link.startswith("/slos/") for link in whole.links) == 120


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (CALM, "The objective is met: 99.988 % good, 99.9 % promised, 88 % of the budget left."),
        (BROKEN, "The objective is missed: 99.82 % good, 99.9 % promised."),
        (None, "Nothing is known yet: no events were measured over 30d."),
    ],
)
async def test_an_slo_page_says_first_whether_it_is_met(
    site: Site, status: Any, answer: str
) -> None:
    site.fleet.board.now = live(status)
    assert f"Checkout answers {'firing' if status is BROKEN else ''}".strip() in str(
        text := await page(site, "/slos/checkout/availability")
    )
    assert answer in str(text)


async def test_an_slo_page_shows_each_window_with_its_threshold(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    text = str(await page(site, "/slos/checkout/availability"))
    assert f"page firing for 8 min 1h 180{X} over 14.4{X} 1,800 of 10,000 100 %" in text
    assert (
        "5m 180.1\N{MULTIPLICATION SIGN} over 14.4\N{MULTIPLICATION SIGN} 150 of 833 100 %" in text
    )


async def test_missing_data_is_said_and_not_smoothed_over(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    text = str(await page(site, "/slos/frontend/availability"))
    assert "Data is missing" in text
    assert "Coverage 40 %" in text


async def test_an_incident_page_shows_all_that_a_responder_needs(site: Site) -> None:
    number = site.fleet.open()
    site.fleet.tell(number)
    text = str(await page(site, f"/incidents/{number}"))
    for part in (
        "SEV2 triage P2 checkout open for 8 min",
        "Nobody works on it yet.",
        f"page firing 1h 180{X} over 14.4{X} 1,800 of 10,000 100 %",
        f"Runbook: {RUNBOOK.title}",
        "It matches type slo-burn, service checkout. Diagnosis done.",
        "payments 503: 412",
        "Deploy the release before this one.",
        "14:05:23 UTC oncall page, attempt 2 delivered 204 No Content",
        "14:05:20 UTC · opened Opened by vigie",
    ):
        assert part in text, part


async def test_the_page_of_silence_names_targets_and_errors(site: Site) -> None:
    number = site.fleet.open(no_data_signal())
    text = str(await page(site, f"/incidents/{number}"))
    assert "payments/127.0.0.1:8103 down connection refused 1 min 35 s ago" in text
    assert "No runbook fits this incident" in text


async def test_an_incident_page_shows_what_changed_before_newest_first(site: Site) -> None:
    number = site.fleet.open()  # it began 490 s ago
    flag = replace(DEPLOY, title="cart flag", kind=Kind.FLAG, version="")
    flag = replace(flag, started_at=T0 - 460, finished_at=T0 - 460)
    evil = replace(DEPLOY, title="evil", url="javascript:alert(1)", started_at=T0 - 900, actor="")
    for told in (evil, DEPLOY, flag):
        site.fleet.db.write(partial(changes.record, told=told, now=T0))
    shown = await page(site, f"/incidents/{number}")
    text = str(shown)
    order = [
        "What changed before Change Began Status By",
        "cart flag flag · production · from api 14:05:40 UTC 30 s after the onset succeeded ann",
        "checkout v2 deploy v2 · production · from api 14:03:10 UTC 2 min before the onset",
        "evil deploy v2 · production · from api 13:58:20 UTC 6 min 50 s before the onset "
        "succeeded not said",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert shown.links.count("https://ci.example/7") == 2
    assert not any("javascript" in link for link in shown.links)


async def test_an_incident_page_leads_to_the_traces_that_failed(site: Site) -> None:
    number = site.fleet.open()
    for traces_url in (JAEGER, None):
        site.fleet.collected = collected(
            exemplars={"checkout/availability": [FAILED, SLOW]}, traces_url=traces_url
        )
        shown = await page(site, f"/incidents/{number}")
        assert (
            "Traces that failed Trace Why Took Arrived "
            f"{FAILED.trace_id} POST /pay · checkout error 12 ms 14:12:20 UTC "
            f"{SLOW.trace_id} POST /pay · checkout slow 2 s 14:12:50 UTC"
        ) in str(shown)
        for one in (FAILED, SLOW):
            leads = JAEGER.replace("{trace_id}", one.trace_id) in shown.links
            assert leads is (traces_url is not None)


async def test_where_no_trace_is_kept_an_incident_page_says_nothing_of_them(site: Site) -> None:
    text = str(await page(site, f"/incidents/{site.fleet.open()}"))
    assert "Traces that failed" not in text


async def test_an_incident_page_says_that_no_change_is_known(site: Site) -> None:
    text = str(await page(site, f"/incidents/{site.fleet.open()}"))
    assert "No change of checkout is known from the 2 hours before it began." in text


async def test_the_page_of_a_missed_heartbeat_has_its_facts(site: Site) -> None:
    signal = heartbeat_signal(MISSED, None)
    assert signal is not None
    shown = await page(site, f"/incidents/{site.fleet.open(signal)}")
    assert (
        "Heartbeat nightly missed no beat came in time. Heartbeats now Since 14:12:20 UTC "
        "Last said ok 1 d ago Expected 14:11:20 UTC Deadline 14:12:20 UTC Runs since 13:13:20 UTC"
    ) in str(shown)
    assert "/targets?service=checkout#heartbeats" in shown.links
    silent = replace(MISSED, name="sync", state="failed", expected_at=inf, deadline=inf)
    signal = heartbeat_signal(replace(silent, last_at=None, last_state=None, started_at=None), None)
    assert signal is not None
    text = str(await page(site, f"/incidents/{site.fleet.open(signal)}"))
    assert "Last said nothing yet Expected none Deadline none" in text


async def test_text_from_outside_stays_text(site: Site) -> None:
    evil = "<script>alert(1)</script>"
    signal = replace(burn_signal(), title=evil, service="checkout")
    number = site.fleet.open(signal)
    site.fleet.tell(number)
    for path in ("/", "/incidents", f"/incidents/{number}"):
        answer = await site.get(path, headers={"Accept": "text/html"})
        assert evil not in answer.text
        assert evil in str(Text(answer.text))


async def test_incidents_can_be_paged_and_filtered(site: Site) -> None:
    for number in range(60):
        site.fleet.open(burn_signal(f"s{number}"))
    first = await page(site, "/incidents")
    assert "#1 s0/availability" in str(first)  # what is open comes by what to do first
    (more,) = [link for link in first.links if "cursor=" in link]
    assert "#60 s59/availability" in str(await page(site, more))
    newest = await page(site, "/incidents?state=all")
    (older,) = [link for link in newest.links if "cursor=" in link]
    assert "#10 s9/availability" in str(await page(site, older))
    assert "#1 s0" in str(await page(site, "/incidents?service=s0"))
    assert "None." in str(await page(site, "/incidents?state=resolved"))


async def test_targets_that_do_not_answer_come_first(site: Site) -> None:
    text = str(await page(site, "/targets"))
    assert "1 of 4 targets does not answer" in text
    assert text.index("payments/127.0.0.1:8103") < text.index("checkout/127.0.0.1:8100")
    assert "down connection refused 2 s ago last read 1 min 35 s ago" in text
    site.fleet.board.now = replace(live(), targets={})
    assert "4 of 4 targets were not scraped yet" in str(await page(site, "/targets"))
    site.fleet.board.now = replace(live(), config=replace(CONFIG, targets={}))
    assert "No targets" in str(await page(site, "/targets"))


async def test_pages_work_where_no_vendor_file_was_copied(
    door: Door, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.web.render._has", lambda _: False)
    monkeypatch.setattr(door, "whole", None)
    bare = serve()
    answer = await bare.get("/", headers={"Accept": "text/html"})
    assert answer.status == 200
    assert "vendor" not in answer.text
    assert "pico" not in answer.text


@pytest.mark.parametrize("file", ["app.css", "app.js", "pico.css", "vigie.svg"])
async def test_our_own_files_are_served(site: Site, file: str) -> None:
    answer = await site.get(f"/static/{file}")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert "etag" in answer.headers


async def test_an_slo_page_draws_the_range_that_was_asked_for(site: Site) -> None:
    minutes = [row(60, T0 // 60 * 60 - 60 * n, 99, 100) for n in range(70, 0, -1)]
    site.fleet.board.now = knowing(past_of(minutes))
    path = "/slos/checkout/availability"
    asked = await site.get(f"{path}?range=1h", headers={"Accept": "text/html"})
    assert '<a href="?range=1h" aria-current="page">1h</a>' in asked.text
    assert f'hx-get="{path}?range=1h"' in asked.text
    assert "Below 99.9 % in 60 of 60 intervals of 1 min" in asked.text
    unasked = await site.get(path, headers={"Accept": "text/html"})
    assert '<a href="?range=1d" aria-current="page">1d</a>' in unasked.text
    assert f'hx-get="{path}"' in unasked.text


async def test_an_slo_page_tells_of_changes_by_the_labels_of_its_chart(site: Site) -> None:
    site.fleet.board.now = knowing(past_of([row(60, T0 // 60 * 60 - 60, 99, 100)]))
    change = replace(DEPLOY, started_at=T0 - 200, finished_at=None, url="https://ci.example.org/9")
    site.fleet.db.write(lambda c: changes.record(c, change, T0))
    shown = await page(site, "/slos/checkout/availability?range=1h")
    assert f"1 14:10:00 UTC {change.title}" in str(shown)
    assert shown.links.count("https://ci.example.org/9") == 2


async def test_an_incident_shows_its_chart_and_the_labels_of_what_changed(site: Site) -> None:
    site.fleet.board.now = knowing(past_of([row(60, T0 // 60 * 60 - 60, 99, 100)]))
    number = site.fleet.open()
    for ago in (600.0, 60.0):  # before the onset and after
        change = replace(DEPLOY, id=f"run-{ago}", started_at=T0 - ago, finished_at=None, url="")
        site.fleet.db.write(partial(changes.record, told=change, now=T0))
    shown = str(await page(site, f"/incidents/{number}"))
    assert "What happened to availability" in shown
    listed, table = shown.split("What changed before")
    assert f"2 14:12:20 UTC {DEPLOY.title}" in listed
    assert f"1 {DEPLOY.title}" in table
    assert f"2 {DEPLOY.title}" not in table


async def test_an_incident_of_no_slo_has_no_chart(site: Site) -> None:
    site.fleet.board.now = knowing(past_of([]))
    assert "What happened" not in str(
        await page(site, f"/incidents/{site.fleet.open(no_data_signal())}")
    )
