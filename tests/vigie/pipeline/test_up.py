"""What scrapes tell of themselves, and what probes tell of services."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.scrape import Scrape
from collectors.synthetic import Synthetic
from slo.availability import Look
from slo.promql import compile_threshold
from slo.spec import Op, ServiceState, Slo
from slo.status import SloFigures
from vigie.clock import SetClock
from vigie.config import Watch
from world import POLICY, T0, TEXT, Vigie, config_for

START = T0 // 60 * 60
ALL_UP = Slo("shop", "up", 0.9, 3600.0, compile_threshold("min(up)", Op.GTE, 1.0, ""))


@pytest.fixture
def vigie(tmp_path: Path) -> Iterator[Vigie]:
    config = replace(config_for(1, POLICY), watches={ALL_UP.id: Watch(ALL_UP, POLICY, ())})
    made = Vigie(config, tmp_path, SetClock(START))
    yield made
    made.kill()


async def read(vigie: Vigie, *, good: bool) -> None:
    """A scrape five seconds after the last, as the Scraper tells of it, and a tick."""
    vigie.clock.set(vigie.clock.now() + 5.0)
    (target,) = vigie.config.targets.values()
    gauges = vigie.pipeline.state.plan.gauges[target.id]
    synthetic = Synthetic(target.labels, gauges)
    now = vigie.clock.now()
    if good:
        scrape = vigie.scrape(target, b"other 1\n", TEXT)
        assert scrape.page is not None
        counts = vigie.readers[target.id].counts
        vigie.pipeline.deliver(replace(scrape, page=synthetic.over(scrape.page, 0.01, counts)))
    else:
        vigie.pipeline.deliver(Scrape(target.id, now, 0.01, synthetic.down(now), error="timeout"))
    assert await vigie.pipeline.tick()


def of(vigie: Vigie) -> SloFigures:
    status = vigie.board.now.status
    assert status is not None
    return status.slos[ALL_UP.id]


async def test_a_target_that_fails_is_measured_to_be_down_where_up_is_asked(vigie: Vigie) -> None:
    for good in (True, True, True, False, False, False, False, True, True):
        await read(vigie, good=good)
    figures = of(vigie)
    # Slices end at +10 (up), +20 (the scrape of that moment failed), +30 (so did this), +40 (up).
    assert (figures.good_total, figures.total_total) == (2, 4)
    window = figures.window
    # From the first scrape to the last one, each moment once.
    assert window.coverage * (window.end - window.start) == pytest.approx(40.0)
    (status,) = vigie.board.now.targets.values()
    assert (status.health, status.error) == ("up", None)


async def test_a_failed_scrape_is_no_healthy_target(vigie: Vigie) -> None:
    await read(vigie, good=True)
    await read(vigie, good=False)
    (status,) = vigie.board.now.targets.values()
    assert (status.health, status.error, status.samples) == ("down", "timeout", None)


async def test_a_service_is_down_when_its_probes_say_so_since_the_first_failure(
    vigie: Vigie,
) -> None:
    await read(vigie, good=True)
    since = vigie.clock.now() - 30.0
    vigie.pipeline.probed({"shop": Look(ServiceState.DOWN, "probe front: timeout", since)})
    await read(vigie, good=True)
    status = vigie.board.now.status
    assert status is not None
    shop = status.services["shop"]
    assert (shop.state, shop.reason) == (ServiceState.DOWN, "probe front: timeout")
    assert shop.outage is not None
    assert shop.outage.started_at == since
    assert shop.downtime_s == vigie.clock.now() - since
    vigie.pipeline.probed({"shop": Look(ServiceState.UP, "", vigie.clock.now())})
    await read(vigie, good=True)
    status = vigie.board.now.status
    assert status is not None
    assert status.services["shop"].state is ServiceState.UP
    assert status.services["shop"].outage is None
