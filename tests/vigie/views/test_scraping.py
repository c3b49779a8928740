"""Targets as every reader sees them."""

from dataclasses import replace

from fleet import live
from vigie.views import targets


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
