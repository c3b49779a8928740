"""The states of a service, through the pipeline: scraped every five seconds, in slices of ten."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo.availability import Look
from slo.exclusions import MaintenanceWindow
from slo.outages import Outage
from slo.spec import ServiceState
from slo.status import ServiceFigures
from vigie.clock import SetClock
from vigie.config import Config
from vigie.store import outages
from world import INTERVAL_S, POLICY, T0, TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation

START = T0 // 60 * 60
UP, DEGRADED = ServiceState.UP, ServiceState.DEGRADED
DOWN, UNKNOWN = ServiceState.DOWN, ServiceState.UNKNOWN
MAINTENANCE = ServiceState.MAINTENANCE


class Shop:
    """One instance; times are seconds since the start."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.vigie = Vigie(config, folder, SetClock(START))
        self.process = Process(START - 50.0)
        (self.target,) = config.targets.values()

    @property
    def now(self) -> float:
        return self.vigie.clock.now() - START

    async def until(self, at: float, good: int = 10, bad: int = 0, *, silent: bool = False) -> None:
        """So many events an interval, each a second before the scrape that tells of it."""
        while self.now < at:
            self.vigie.clock.set(self.vigie.clock.now() + INTERVAL_S)
            moment = self.vigie.clock.now() - 1.0
            codes = ["200"] * good + ["500"] * bad
            self.process.events += [Event(moment, code) for code in codes]
            body = None if silent else self.process.page(TEXT)
            self.vigie.pipeline.deliver(self.vigie.scrape(self.target, body, TEXT))
            assert await self.vigie.pipeline.tick()

    def service(self) -> ServiceFigures:
        status = self.vigie.board.now.status
        assert status is not None
        return status.services["shop"]

    def outages(self) -> list[tuple[float, float | None, bool]]:
        def since_start(one: Outage) -> tuple[float, float | None, bool]:
            end = None if one.ended_at is None else one.ended_at - START
            return one.started_at - START, end, one.planned

        return [since_start(one) for one in self.vigie.db.read(outages.read)]


def window(start: float, duration_s: float) -> MaintenanceWindow:
    wall = datetime.fromtimestamp(START + start, UTC).replace(tzinfo=None)
    return MaintenanceWindow(
        "w", ("shop",), (), {}, wall, duration_s, "UTC", "", "ada", "new disks"
    )


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    windows = getattr(request, "param", ())
    made = Shop(tmp_path, replace(config_for(1, POLICY), maintenance=windows))
    yield made
    made.vigie.kill()


async def test_an_outage_is_of_slices_and_not_of_when_it_was_noticed(shop: Shop) -> None:
    await shop.until(120)
    assert shop.service().state is UP
    # The scrape of 125 falls into the slice of 120, which is half good: that of 130 is the first
    # that is bad. At 155 the recent window begins at 90, with 7 good scrapes and 7 bad ones: a
    # half. At 160 it begins at 100, with 5 and 8.
    await shop.until(155, good=0, bad=10)
    assert shop.service().state is DEGRADED
    await shop.until(160, good=0, bad=10)
    assert shop.service().state is DOWN
    assert shop.outages() == [(130.0, None, False)]
    await shop.until(195, good=0, bad=10)
    assert shop.service().downtime_s == 65.0
    # That of 195 was bad, so the slice of 190 is; those of 200, 210 and 220 are good.
    await shop.until(225)
    assert shop.service().state is DOWN
    await shop.until(230)
    assert shop.service().state is DEGRADED  # the arm that pages still fires
    assert shop.outages() == [(130.0, 200.0, False)]
    assert shop.service().downtime_s == 70.0
    await shop.until(600)
    assert shop.service().state is UP


async def test_bad_slices_between_good_ones_keep_an_outage_open(shop: Shop) -> None:
    await shop.until(120)
    await shop.until(205, good=0, bad=10)
    for end in (225, 255, 285):  # two good slices, then a bad one
        await shop.until(end)
        await shop.until(end + 10, good=0, bad=10)
    assert shop.service().state is DOWN
    await shop.until(400)
    (outage,) = shop.outages()
    assert outage[0] == 130.0
    assert outage[1] in {290.0, 300.0}


async def test_few_failures_are_no_outage_and_some_that_page_degrade(shop: Shop) -> None:
    await shop.until(30, good=0)
    await shop.until(35, good=0, bad=2)
    assert shop.service().state is UP  # min_bad is three
    await shop.until(120)
    await shop.until(180, good=7, bad=3)
    assert shop.service().state is DEGRADED
    assert shop.outages() == []


async def test_failed_scrapes_alone_are_unknown_and_end_an_outage_where_it_was_last_bad(
    shop: Shop,
) -> None:
    await shop.until(120)
    await shop.until(200, silent=True)
    assert shop.service().state is UNKNOWN
    assert shop.outages() == []
    await shop.until(320)
    await shop.until(385, good=0, bad=10)
    assert shop.service().state is DOWN
    await shop.until(500, silent=True)
    assert shop.service().state is UNKNOWN
    ((start, end, _),) = shop.outages()
    assert (start, end) == (330.0, 390.0)


@pytest.mark.parametrize("shop", [(window(100, 60),)], indirect=True)
async def test_inside_planned_work_a_service_is_in_maintenance(shop: Shop) -> None:
    await shop.until(95)
    assert shop.service().state is UP
    await shop.until(100)
    assert (shop.service().state, shop.service().reason) == (
        MAINTENANCE,
        "planned work: new disks",
    )
    await shop.until(155)
    assert shop.service().state is MAINTENANCE
    await shop.until(160)
    assert shop.service().state is UP
    assert shop.outages() == []


@pytest.mark.parametrize("shop", [(window(140, 60),)], indirect=True)
async def test_what_would_have_been_down_is_planned_downtime(shop: Shop) -> None:
    await shop.until(90)
    await shop.until(180, good=0, bad=10)
    assert shop.service().state is MAINTENANCE
    assert "would be down" in shop.service().reason
    assert shop.outages() == [(100.0, 140.0, False), (140.0, None, True)]
    await shop.until(225, good=0, bad=10)
    assert shop.service().state is DOWN
    await shop.until(300)
    assert shop.service().state is UP
    assert shop.outages() == [
        (100.0, 140.0, False),
        (140.0, 200.0, True),
        (200.0, 230.0, False),
    ]
    assert (shop.service().downtime_s, shop.service().planned_s) == (70.0, 60.0)


@pytest.mark.parametrize("shop", [(window(120, 60),)], indirect=True)
async def test_planned_work_comes_before_probes_that_fail(shop: Shop) -> None:
    await shop.until(140)
    since = START + 130.0
    shop.vigie.pipeline.probed({"shop": Look(DOWN, "probe front: timeout", since)})
    await shop.until(150)
    assert shop.service().state is MAINTENANCE
    assert shop.service().reason == "planned work: new disks; would be down: probe front: timeout"
    await shop.until(200)
    assert (shop.service().state, shop.service().reason) == (DOWN, "probe front: timeout")
    assert shop.outages() == [(130.0, 180.0, True), (180.0, None, False)]


async def test_after_a_restart_downtime_goes_on_and_no_second_is_counted_twice(shop: Shop) -> None:
    await shop.until(120)
    await shop.until(180, good=0, bad=10)
    shop.vigie.kill()
    shop.vigie.start()
    await shop.until(240, good=0, bad=10)
    ended, going_on = shop.outages()
    assert ended == (130.0, 180.0, False)
    assert going_on[0] >= 180.0
    assert shop.service().downtime_s == pytest.approx(240.0 - 130.0 - (going_on[0] - 180.0))
