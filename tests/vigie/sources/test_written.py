"""What is written counts as what is scraped does: the increments of the counters, each once."""

from pathlib import Path

import pytest

from collectors.targets import FOUND_BY_WRITE
from collectors.written import FORGET_S, HOLD_S, Inbox
from vigie.clock import SetClock
from vigie.config import Config
from vigie.sources.written import Written
from world import T0, Vigie, config_for, target
from writing import Series, body, counters, ms

pytestmark = pytest.mark.simulation


class Site:
    """A Vigie that nothing but remote write reaches."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.clock = SetClock(T0)
        self.vigie = Vigie(config, folder, self.clock)
        self.begin()

    def begin(self) -> None:
        self.inbox = Inbox()
        self.written = Written(self.inbox, self.clock, self.vigie.pipeline)
        self.written.watch(self.vigie.pipeline.state.plan)

    def restart(self) -> None:
        """Kill it, with what it holds, and start it again."""
        self.vigie.kill()
        self.vigie.start()
        self.begin()

    async def write(self, *series: Series, after_s: float = 5.0) -> None:
        """Take a request, and hand over what is whole."""
        self.clock.set(self.clock.now() + after_s)
        self.inbox.take(body(*series), self.clock.now())
        await self.tell()

    async def tell(self, after_s: float = 0.0) -> None:
        self.clock.set(self.clock.now() + after_s)
        self.written.tell()
        await self.vigie.pipeline.tick()

    async def first(self, **counts: float) -> None:
        """A first whole scrape, which is the baseline."""
        await self.write(*counters(self.clock.now() + 5.0, **counts))
        await self.tell(HOLD_S)

    @property
    def targets(self) -> list[str]:
        return list(self.vigie.pipeline.state.plan.config.targets)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, config_for(0))


async def test_good_and_total_are_the_increments(site: Site) -> None:
    await site.first(c200=1000, c500=10)
    for count in range(1, 8):
        at = site.clock.now() + 5.0
        await site.write(*counters(at, c200=1000 + 9 * count, c500=10 + count))
    assert site.vigie.counted() == (63, 70)
    (one,) = site.vigie.pipeline.state.plan.config.targets.values()
    assert (one.id, one.source, one.found_by) == ("shop/a:80", "", FOUND_BY_WRITE)
    assert one.interval_s == 5.0  # as its times show


async def test_a_scrape_in_two_requests_counts_once_and_in_one_piece(site: Site) -> None:
    await site.first(c200=1000, c500=10)
    up, good, bad = counters(site.clock.now() + 5.0, c200=1090, c500=20)
    await site.write(up, good)
    assert site.vigie.counted() == (0, 0)
    await site.write(bad, after_s=1.0)
    assert site.vigie.counted() == (90, 100)


async def test_the_rest_of_a_scrape_that_comes_too_late_is_in_the_next_one(site: Site) -> None:
    await site.first(c200=1000, c500=10)
    up, good, bad = counters(site.clock.now() + 5.0, c200=1090, c500=20)
    await site.write(up, good)
    await site.tell(HOLD_S)
    assert site.vigie.counted() == (90, 90)
    await site.write(bad)
    assert site.vigie.counted() == (90, 90)
    assert site.inbox.counted().samples["late"] == 1
    await site.write(*counters(site.clock.now() + 5.0, c200=1090, c500=21))
    assert site.vigie.counted() == (90, 101)


async def test_a_process_that_restarts_counts_from_zero(site: Site) -> None:
    await site.first(c200=1000, c500=10)
    await site.write(*counters(site.clock.now() + 5.0, c200=7, c500=2))
    assert site.vigie.counted() == (7, 9)


async def test_a_new_process_that_overtook_the_old_one_is_told_by_created(site: Site) -> None:
    await site.first(c200=1000)
    now = site.clock.now()
    labels = {"__name__": "http_requests_created", "job": "shop", "instance": "a:80", "code": "200"}
    made = Series(labels, [(ms(now + 5.0), now + 1.0)])
    await site.write(*counters(now + 5.0, c200=1005), made)
    assert site.vigie.counted() == (1005, 1005)


async def test_a_series_that_is_new_is_a_baseline(site: Site) -> None:
    await site.first(c200=1000)
    await site.write(*counters(site.clock.now() + 5.0, c200=1001, c500=500))
    await site.write(*counters(site.clock.now() + 5.0, c200=1001, c500=503))
    assert site.vigie.counted() == (1, 4)


async def test_a_kill_loses_no_event_and_counts_none_twice(site: Site) -> None:
    await site.first(c200=1000)
    sent = counters(site.clock.now() + 5.0, c200=1010)
    await site.write(*sent)
    site.inbox.take(body(*counters(site.clock.now() + 1.0, c200=1015)), site.clock.now())
    site.restart()
    await site.write(*sent)  # sent again by one who did not hear that it was taken
    await site.tell(HOLD_S)
    assert site.vigie.counted() == (10, 10)
    await site.write(*counters(site.clock.now() + 5.0, c200=1030, c500=4))
    await site.tell(HOLD_S)
    assert site.vigie.counted() == (30, 30)


async def test_events_of_a_time_that_is_closed_count_in_what_is_open(site: Site) -> None:
    await site.first(c200=1000, c500=10)
    begin = site.clock.now()
    restarted = [*range(1100, 1600, 100), 50, 70]  # while nobody took what was sent
    sent = [
        one
        for count, value in enumerate(restarted)
        for one in counters(begin + 5.0 * (count + 1), c200=value, c500=10)
    ]
    await site.write(*sent, after_s=3600.0)
    assert site.vigie.counted() == (570, 570)
    await site.write(*counters(site.clock.now() + 5.0, c200=71, c500=12))
    assert site.vigie.counted() == (571, 573)


async def test_what_is_held_at_the_end_is_handed_over(site: Site) -> None:
    await site.first(c200=1000, c500=1)
    await site.written.start()
    await site.write(*counters(site.clock.now() + 5.0, c200=1005))
    await site.written.stop()
    await site.vigie.pipeline.tick()
    assert site.vigie.counted() == (5, 5)


async def test_a_target_that_a_file_names_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, config_for(1))
    assert site.targets == [target("10.0.0.0:80").id]
    for value in (1000, 1100):
        at = site.clock.now() + 5.0
        await site.write(*counters(at, "10.0.0.0:80", c200=value))
        await site.tell(HOLD_S)
    assert site.vigie.counted() == (0, 0)
    assert site.inbox.counted().samples["taken_by_others"] == 4


async def test_a_target_that_is_silent_for_an_hour_is_no_longer_expected(site: Site) -> None:
    await site.first(c200=1000)
    await site.tell(FORGET_S - 2 * HOLD_S)
    assert site.targets == ["shop/a:80"]
    await site.tell(4 * HOLD_S)
    assert site.targets == []
