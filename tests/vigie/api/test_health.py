"""Probes and reload."""

import pytest

from fleet import CALM, Site, live


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_process_that_answers_is_healthy_whatever_its_figures(
    site: Site, method: str
) -> None:
    site.fleet.board.now = live(None, ticks_failed=9, tick_error="full")
    assert (await site.ask(method, "/-/healthy")).status == 200


async def test_a_server_that_records_is_ready(site: Site) -> None:
    assert (await site.get("/-/ready")).status == 200


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (live(None), "nothing was committed yet"),
        (live(CALM, ticks_failed=3, tick_error="the disk is full"), "the disk is full"),
    ],
)
async def test_a_server_that_cannot_record_is_not_ready_and_says_why(
    site: Site, state: object, reason: str
) -> None:
    site.fleet.board.now = state
    answer = await site.get("/-/ready")
    assert answer.status == 503
    assert reason in answer.json["reasons"][0]


async def test_an_engine_that_stalls_is_not_ready(site: Site) -> None:
    site.fleet.board.now = live(CALM)
    site.fleet.clock.set(CALM.at + 151.0)
    answer = await site.get("/-/ready")
    assert answer.status == 503
    assert answer.json["reasons"] == ["the last tick was committed 151 s ago"]


async def test_pages_stay_readable_while_the_server_is_not_ready(site: Site) -> None:
    site.fleet.board.now = live(CALM, ticks_failed=3, tick_error="the disk is full")
    page = await site.get("/", headers={"Accept": "text/html"})
    assert page.status == 200
    assert "the disk is full" in page.text


async def test_a_good_reload_says_what_is_in_force(site: Site) -> None:
    site.fleet.reloads.append(live(CALM))
    answer = await site.post("/-/reload")
    assert (answer.status, answer.json["slos"], answer.json["targets"]) == (200, 3, 4)


async def test_a_refused_reload_names_every_problem(site: Site) -> None:
    problems = "a.yaml:1:1: error: one\nb.yaml:2:2: error: two"
    site.fleet.reloads.append(live(CALM, reload_error=problems))
    answer = await site.post("/-/reload")
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json["errors"] == problems.splitlines()
