"""Targets as every reader sees them."""

from dataclasses import replace

from collected import PAGE
from collectors.families import families_of
from collectors.targets import By
from fleet import CONFIG, TARGETS, live
from vigie.views import target, targets


def test_a_failed_scrape_shows_its_reason_and_when_the_target_was_last_read() -> None:
    (down,) = targets(live(), service="payments")["items"]
    assert down["health"] == "down"
    assert down["error"] == "connection refused"
    assert down["last_good_at"] == "2026-09-21T14:11:45.000Z"
    assert down["samples"] is None


def test_a_target_shows_what_its_page_held_and_how_often_it_is_read() -> None:
    first = targets(live())["items"][0]
    assert first["id"] == "checkout/127.0.0.1:8100"
    assert (first["samples"], first["body_bytes"]) == (142, 18_204)
    assert (first["interval_seconds"], first["timeout_seconds"]) == (5.0, 5.0)


def test_a_target_that_was_not_scraped_yet_is_unknown() -> None:
    shown = targets(replace(live(), targets={}))["items"]
    assert {t["health"] for t in shown} == {"unknown"}
    assert len(shown) == 4


def test_a_target_shows_how_its_samples_come_and_who_found_it() -> None:
    first = targets(live())["items"][0]
    assert (first["by"], first["found_by"]) == ("scrape", None)
    found = replace(TARGETS[0], by=By.SPANS, found_by="spans")
    now = replace(live(), config=replace(CONFIG, targets={found.id: found}))
    (shown,) = targets(now)["items"]
    assert (shown["by"], shown["found_by"]) == ("spans", "spans")


def test_one_target_shows_the_families_of_its_page_or_that_none_was_kept() -> None:
    shown = target(live(), TARGETS[0].id, families_of(PAGE))
    assert shown is not None
    assert shown["families"] == [
        {
            "name": "http_requests_total",
            "type": "counter",
            "help": "Requests, by <code>.",
            "samples": 2,
            "sample": 'http_requests_total{code="200"} 12',
        },
        {
            "name": "process_start_time_seconds",
            "type": "",
            "help": "",
            "samples": 1,
            "sample": "process_start_time_seconds 1.79e9",
        },
    ]
    bare = target(live(), TARGETS[0].id, None)
    assert bare == {**targets(live())["items"][0], "families": None, "families_left_out": None}
    assert target(live(), "nobody", families_of(PAGE)) is None
