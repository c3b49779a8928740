"""Real pages, and the bad ones of the OpenMetrics test suite, as prometheus_client reads them."""

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from collectors import strict
from collectors.exposition import ExpositionError, Reader
from collectors.lines import REFUSALS, Format, families, key_of
from collectors.relabel import Action, Rule
from collectors.scrape import Scrape, Scraper
from collectors.scraping import AS_USUAL, Scraping
from collectors.targets import Target
from slo.series import Page
from slo.spec import Selector

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
FORMATS = {TEXT: Format.TEXT, OPENMETRICS: Format.OPENMETRICS}
FILES = Path(__file__).parents[3] / "shared" / "data" / "exposition"

pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason=f"the pages of other exporters are not at {FILES}"
)
CASES = sorted(FILES.glob("openmetrics/*"))


def fast(body: bytes, content_type: str, *metrics: str) -> Page:
    """What a reader past its strict first page finds of these metrics."""
    reader = Reader({}, frozenset(map(Selector, metrics)))
    reader.read(b"" if content_type == TEXT else b"# EOF\n", content_type, 0.0)
    return reader.read(body, content_type, 1.0)[0]


def compare(body: bytes, content_type: str) -> int:
    """Read every metric of a page that prometheus_client accepts, those that are no counters
    each for itself; how many series agreed.
    """
    format_ = FORMATS[content_type]
    names = {s.name for family in families(body.decode(), format_) for s in family.samples}
    values: dict[str, dict[bytes, float]] = defaultdict(dict)
    for sample in strict.read(body, format_, names):
        values[sample.metric][key_of(sample.metric, sample.labels)] = sample.value
    counters = {name for name in values if all(0 <= v < 2**63 for v in values[name].values())}
    for name in names - counters:
        with pytest.raises(ExpositionError, match=r"^(counter|unreadable line)"):
            fast(body, content_type, name)
    page = fast(body, content_type, *counters)
    peer = {key: value for name in counters for key, value in values[name].items()}
    assert dict(zip(page.layout.keys, page.values.tolist(), strict=True)) == peer
    return len(peer)


@pytest.mark.parametrize(
    ("name", "content_type", "least"),
    [
        ("alltypes.237mfs.prom.txt", TEXT, 1800),
        ("alltypes.237mfs.nometa.prom.txt", TEXT, 1800),
        ("alltypes.5mfs.om.txt", TEXT, 40),
        ("1histogram.om.txt", OPENMETRICS, 30),
    ],
)
def test_every_series_of_a_real_page_is_read_as_prometheus_client_does(
    name: str, content_type: str, least: int
) -> None:
    assert compare((FILES / name).read_bytes(), content_type) >= least


def test_a_page_that_only_prometheus_client_refuses_can_still_be_read_fast() -> None:
    """A histogram of positive and negative values has a negative sum, which it does not accept."""
    body = (FILES / "alltypes.5mfs.om.txt").read_bytes()
    with pytest.raises(ExpositionError, match="Counter-like samples cannot be negative"):
        Reader({}, frozenset({Selector("rpc_requests_total")})).read(body, OPENMETRICS, 1.0)
    page = fast(body, OPENMETRICS, "rpc_requests_total")
    assert page.values.tolist() == [22.0, 15.0, 11.0]
    assert page.created.tolist() == [1.726839813016893e9, 1.726839813016717e9, 1.7268398130168471e9]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_page_of_the_openmetrics_suite_is_read_or_refused_as_it_should_be(case: Path) -> None:
    body = (case / "metrics").read_bytes()
    reader = Reader({}, frozenset({Selector("nobody_has_this")}))
    if json.loads((case / "test.json").read_text())["shouldParse"]:
        reader.read(body, OPENMETRICS, 1.0)
        if case.name == "duplicate_timestamps_0":
            # Two values of one series, told apart by their times: which of them counts?
            with pytest.raises(ExpositionError, match=r"^duplicate series a"):
                fast(body, OPENMETRICS, "a")
        else:
            compare(body, OPENMETRICS)
        return
    with pytest.raises(ExpositionError):
        reader.read(body, OPENMETRICS, 1.0)
    with pytest.raises(REFUSALS):
        list(families(body.decode(), Format.OPENMETRICS))


class OneTurn:
    """A clock that gives every loop one turn."""

    def __init__(self) -> None:
        self._had: set[asyncio.Task[None] | None] = set()

    def now(self) -> float:
        return 1.0

    async def sleep_until(self, at: float) -> None:
        task = asyncio.current_task()
        if task in self._had:
            await asyncio.Event().wait()
        self._had.add(task)


async def scraped(content_type: str, scraping: Scraping) -> dict[str, Scrape]:
    """What a scrape of each case says when a server gives it that type."""

    async def answer(request: web.Request) -> web.Response:
        body = (FILES / "openmetrics" / request.match_info["case"] / "metrics").read_bytes()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/{case}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = "{}:{}".format(*runner.addresses[0][:2])
    told: asyncio.Queue[Scrape] = asyncio.Queue()
    scraper = Scraper(OneTurn(), told.put_nowait)
    found_by = "job suite"  # else it may do without a fallback
    base = Target("suite", "", "", "suite", scraping=scraping, found_by=found_by)
    targets = [
        replace(base, instance=case.name, url=f"http://{address}/{case.name}") for case in CASES
    ]
    scraper.watch({target.id: target for target in targets}, {})
    try:
        await scraper.start()
        said = [await told.get() for _ in targets]
        return {one.target_id.removeprefix("suite/"): one for one in said}
    finally:
        await scraper.stop()
        await runner.cleanup()


EVERYTHING = replace(AS_USUAL, metric_relabel=(Rule(Action.KEEP, regex=".*"),))


@pytest.mark.parametrize(
    ("content_type", "scraping"),
    [
        (OPENMETRICS, AS_USUAL),
        ("application/openmetrics-text; version=0.0.1", AS_USUAL),
        (OPENMETRICS, EVERYTHING),
        ("text/html", replace(AS_USUAL, fallback="OpenMetricsText1.0.0")),
    ],
)
async def test_a_served_case_of_the_suite_is_accepted_or_refused_as_it_says(
    content_type: str, scraping: Scraping
) -> None:
    said = await scraped(content_type, scraping)
    accepted = {name for name, one in said.items() if one.error is None}
    assert len(said) == len(CASES) == 70
    assert accepted == {
        case.name for case in CASES if json.loads((case / "test.json").read_text())["shouldParse"]
    }
    assert all(one.page is None for one in said.values() if one.error is not None)


async def test_without_a_fallback_a_page_of_unknown_type_is_refused_by_name() -> None:
    said = await scraped("text/html", AS_USUAL)
    reason = "unsupported Content-Type text/html, and no fallback_scrape_protocol"
    assert {one.error for one in said.values()} == {reason}
