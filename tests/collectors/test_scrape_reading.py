"""From what a target answered to what its scrape says: `up`, rules, formats, and its families."""

import gzip
from dataclasses import replace

import pytest
from aiohttp import web

from collectors import scrape
from collectors.families import Family
from collectors.relabel import Action, Rule
from collectors.scrape import Scrape, read_as
from collectors.scraping import AS_USUAL, Scraping
from collectors.targets import Target
from plugins.scraping import ALL, PAGE, Rig, target, web_server
from slo.spec import Selector

UP, TOOK = Selector("up"), Selector("scrape_duration_seconds")
SCRAPED, KEPT = (
    Selector("scrape_samples_scraped"),
    Selector("scrape_samples_post_metric_relabeling"),
)
OTHER = Selector("other")


class Site:
    """A target that answers what it is told to."""

    def __init__(self) -> None:
        self.body, self.status, self.headers = PAGE, 200, {"Content-Type": "text/plain"}

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(body=self.body, status=self.status, headers=self.headers)


def watch(rig: Rig, one: Target, *gauges: Selector) -> None:
    rig.watching = 1
    rig.scraper.watch({one.id: one}, {one.id: frozenset({ALL})}, {one.id: frozenset(gauges)})


def gauges_of(scrape: Scrape) -> dict[str, float]:
    assert scrape.page is not None
    keys = [key.decode() for key in scrape.page.gauge_layout.keys]
    return dict(zip(keys, scrape.page.gauges.tolist(), strict=True))


async def test_a_good_scrape_says_of_itself_what_is_measured(rig: Rig) -> None:
    rules = Scraping(metric_relabel=(Rule(Action.DROP, ("code",), regex="500"),))
    async with web_server({"/metrics": Site().answer}) as address:
        watch(rig, target(address, scraping=rules), UP, TOOK, SCRAPED, KEPT, OTHER)
        said = await rig.one()
    assert said.error is None
    assert said.page is not None
    assert said.page.values.tolist() == [7.0]
    gauges = gauges_of(said)
    assert gauges.pop("scrape_duration_seconds") == said.duration_s > 0
    assert gauges == {
        "other": 3.0,
        "up": 1.0,
        "scrape_samples_scraped": 3.0,
        "scrape_samples_post_metric_relabeling": 2.0,
    }


async def test_a_failed_scrape_is_up_0_and_nothing_else_where_somebody_measures_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site()
    async with web_server({"/metrics": site.answer}) as address:
        watch(rig, target(address), UP, TOOK, OTHER)
        assert gauges_of(await rig.one())["up"] == 1.0
        for status, body, error in (
            (500, PAGE, "status 500"),
            (200, b"requests_total NaN\n", "counter requests_total is NaN"),
        ):
            site.status, site.body = status, body
            failed = await rig.one()
            assert failed.error == error
            assert failed.page is not None
            assert gauges_of(failed) == {"up": 0.0}
            assert failed.page.at == failed.at
            assert failed.page.read_for == {str(UP)}
            assert failed.samples is None
        monkeypatch.setattr(scrape, "_stopwatch", lambda: 1 / 0)
        broken = await rig.one()
        assert broken.error == "internal error: ZeroDivisionError: division by zero"
        assert gauges_of(broken) == {"up": 0.0}


async def test_a_failed_scrape_is_no_page_where_nobody_measures_up(rig: Rig) -> None:
    site = Site()
    site.status = 503
    async with web_server({"/metrics": site.answer}) as address:
        watch(rig, target(address), TOOK, OTHER)
        assert (await rig.one()).page is None


async def test_new_gauges_of_a_target_are_asked_of_its_next_scrape(rig: Rig) -> None:
    async with web_server({"/metrics": Site().answer}) as address:
        watch(rig, target(address), OTHER)
        assert gauges_of(await rig.one()) == {"other": 3.0}
        watch(rig, target(address), UP)
        assert gauges_of(await rig.one()) == {"up": 1.0}


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "x"])
async def test_an_odd_type_is_text_from_a_targets_file_and_refused_from_a_job_without_a_fallback(
    rig: Rig, content_type: str
) -> None:
    site = Site()
    site.headers["Content-Type"] = content_type
    async with web_server({"/metrics": site.answer}) as address:
        watch(rig, target(address))
        assert (await rig.one()).error is None
        watch(rig, target(address, found_by="job shop"))
        reason = f"unsupported Content-Type {content_type}, and no fallback_scrape_protocol"
        assert (await rig.one()).error == reason
        fallback = Scraping(fallback="PrometheusText0.0.4")
        watch(rig, target(address, found_by="job shop", scraping=fallback))
        assert (await rig.one()).error is None


def test_a_fallback_that_is_written_down_holds_whoever_found_the_target() -> None:
    openmetrics = Scraping(fallback="OpenMetricsText1.0.0", sample_limit=5)
    assert read_as(target("a:1", scraping=openmetrics)) is openmetrics
    assert read_as(target("a:1")) == replace(AS_USUAL, fallback="PrometheusText0.0.4")
    assert read_as(target("a:1", found_by="job shop")) is AS_USUAL


# -- what people look at ----------------------------------------------------------------------


async def test_the_families_of_the_last_page_are_at_hand_even_if_it_was_refused(rig: Rig) -> None:
    site = Site()
    async with web_server({"/metrics": site.answer}) as address:
        one = target(address)
        watch(rig, one)
        assert await rig.scraper.families(one.id) is None
        assert await rig.scraper.families("nobody") is None
        for body in (b"# TYPE other gauge\nother 3\n", b"other 3\nrequests_total NaN\n"):
            site.body = gzip.compress(body)
            site.headers["Content-Encoding"] = "gzip"
            await rig.one()
            found = await rig.scraper.families(one.id)
            assert found is not None
            assert found.items[0].sample == "other 3"
        site.status = 500
        await rig.one()
        assert await rig.scraper.families(one.id) == found
    assert found is not None
    assert found.items[1] == Family("requests_total", "", "", 1, "requests_total NaN")


async def test_a_page_that_is_too_large_to_keep_is_not_kept(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site()
    async with web_server({"/metrics": site.answer}) as address:
        one = target(address)
        watch(rig, one)
        await rig.one()
        assert await rig.scraper.families(one.id) is not None
        monkeypatch.setattr(scrape, "KEPT_BYTES", len(PAGE) - 1)
        assert (await rig.one()).error is None
        assert await rig.scraper.families(one.id) is None


async def test_what_cannot_be_unpacked_shows_no_families(rig: Rig) -> None:
    site = Site()
    site.headers["Content-Encoding"] = "gzip"
    async with web_server({"/metrics": site.answer}) as address:
        one = target(address)
        watch(rig, one)
        assert (await rig.one()).error == "bad gzip"
        assert await rig.scraper.families(one.id) is None
