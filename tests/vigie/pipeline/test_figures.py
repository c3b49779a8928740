"""Figures over the running pipeline: how long budgets last, by a simulation of what was made; and
windows that reach back as far as any may, over a restart.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.calendar import Calendar, Unit
from slo.ledger import REACH_S
from slo.promql import compile_events
from slo.spec import CountingSli, Excluded, Policy, RatioKind, Slo
from vigie.clock import SetClock
from vigie.config import Config, Watch
from vigie.store import exclusions
from world import INTERVAL_S, Core, Told, config_for

pytestmark = pytest.mark.simulation

T0 = 1_790_000_000 // 3600 * 3600.0
OBJECTIVE = 0.75
SLI = CountingSli(
    RatioKind.BAD,
    compile_events('sum(http_requests_total{code=~"5.."})'),
    compile_events("sum(http_requests_total)"),
)
POLICY = Policy("test", no_data_after_s=1e9, coverage_floor=0.0)
HALF_DAYS = Calendar(12, Unit.HOUR, datetime(2026, 1, 1), "UTC")  # noqa: DTZ001 - wall clock
ROLLING = Slo("shop", "rolling", OBJECTIVE, 3600.0, SLI)
SLOS = (
    ROLLING,
    replace(ROLLING, name="period", window_s=43_200.0, calendar=HALF_DAYS),
    replace(ROLLING, name="longest", window_s=float(REACH_S)),
)


def config() -> Config:
    return replace(config_for(1), watches={slo.id: Watch(slo, POLICY, ()) for slo in SLOS})


class Shop:
    """One instance that is read every five seconds."""

    def __init__(self) -> None:
        self.clock = SetClock(T0)
        self.told = Told(Core(config(), self.clock))
        (self.name,) = self.told.core.config.targets
        self.told.work(self.name, ["200"])
        self.live([])

    def live(self, codes: list[str], by: float = INTERVAL_S) -> None:
        self.told.work(self.name, codes)
        self.told.read(self.name)
        self.told.tick()
        self.clock.set(self.clock.now() + by)

    def minutes(self, since: float) -> list[tuple[int, int]]:
        """Good and bad of each minute from `since` to the last page."""
        starts = range(int(since // 60) * 60, int(self.clock.now()), 60)
        held = [self.told.held(start, start + 60) for start in starts]
        return [(good, total - good) for good, total in held]


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.told.core.close()


stretches = st.lists(
    st.tuples(st.integers(1, 90), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=5
)


@settings(max_examples=settings().max_examples // 30)
@given(stretches)
def test_a_rolling_budget_lasts_as_long_as_a_simulation_says(
    lived: list[tuple[int, int, int]],
) -> None:
    """Each stretch is so many pages of so many good and bad events."""
    shop = Shop()
    for pages, good, bad in lived:
        for _ in range(pages):
            shop.live(["200"] * good + ["500"] * bad, by=12.0)
    figures = shop.told.core.of("rolling")
    good, total = shop.told.held(figures.window.start, float("inf"))
    seconds = figures.window.end - max(figures.window.start, shop.told.core.born)
    rates = (good / seconds, (total - good) / seconds)
    minutes = shop.minutes(figures.window.start)
    minutes = [(0, 0)] * (60 - len(minutes)) + minutes
    spent = simulated(minutes, *rates)
    left = figures.exhaustion.left_s
    if spent is None or left is None:
        assert spent is left is None
    else:  # the window's start is told by the minute, the simulation goes by minutes too
        assert left == pytest.approx(spent, abs=120.0)
    if total:
        burn = (total - good) / total / (1 - OBJECTIVE)
        full = 3600.0 / burn if burn else None
        assert figures.exhaustion.full_s == (full and pytest.approx(full))
    shop.told.core.close()


def simulated(minutes: list[tuple[int, int]], good_s: float, bad_s: float) -> float | None:
    """After how many seconds a window of so many minutes has no budget left."""
    window = [(float(good), float(bad)) for good, bad in minutes]
    for minute in range(2 * len(minutes)):
        good, bad = (sum(column) for column in zip(*window, strict=True))
        if bad and bad >= (1 - OBJECTIVE) * (good + bad) * (1 - 1e-12):
            return 60.0 * minute
        window = [*window[1:], (60 * good_s, 60 * bad_s)]
    return None


def test_a_period_lasts_by_the_pace_of_the_time_that_was_watched(shop: Shop) -> None:
    """Ten minutes after the start, four bad of ten on every page."""
    for _ in range(120):
        shop.live(["200"] * 6 + ["500"] * 4)
    figures = shop.told.core.of("period")
    assert figures.period is not None
    allowed = (1 - OBJECTIVE) * figures.period.expected_total
    bad = figures.window.total - figures.window.good
    lasts = (allowed - bad) / 4 * INTERVAL_S
    assert lasts < figures.period.end - figures.window.end
    # What was not watched before the start is no time without failures.
    assert figures.exhaustion.left_s == pytest.approx(lasts, rel=0.1)


def test_what_a_period_is_expected_to_have_goes_by_all_the_time_that_it_tells_of(
    shop: Shop,
) -> None:
    """Two requests a second. Forty minutes in which nobody watched are told by the page after them,
    and twenty are excluded: neither makes it more, or fewer.
    """
    for _ in range(240):
        shop.live(["200"] * 6 + ["500"] * 4)
    for _ in range(480):
        shop.told.work(shop.name, ["200"] * 6 + ["500"] * 4)
        shop.clock.set(shop.clock.now() + INTERVAL_S)
    for _ in range(60):
        shop.live(["200"] * 6 + ["500"] * 4)
    figures = shop.told.core.of("period")
    assert figures.period is not None
    assert figures.period.basis == "pro_rata"
    assert figures.period.expected_total == pytest.approx(2 * 43_200, rel=0.02)
    allowed = (1 - OBJECTIVE) * figures.period.expected_total
    bad = figures.window.total - figures.window.good
    assert figures.exhaustion.left_s == pytest.approx((allowed - bad) / 0.8, rel=0.02)
    out = Excluded("shop", "", T0 + 60.0, T0 + 1260.0, "", "ada", planned=False)
    with shop.told.core.engine.begin() as c:
        exclusions.add(c, out, {}, shop.clock.now())
    shop.live(["200"] * 6 + ["500"] * 4)
    figures = shop.told.core.of("period")
    assert figures.period is not None
    assert figures.whole is not None
    assert figures.whole.total - figures.window.total > 1000
    assert figures.period.expected_total == pytest.approx(2 * 43_200, rel=0.02)


def test_the_longest_window_is_the_same_after_a_restart(shop: Shop) -> None:
    """Its start is rounded down, so it reaches back further than it is long: by four hours here."""
    shop.clock.set(T0 + 14_400.0 * 3 + 600.0)
    for _ in range(3):
        shop.live(["200", "500"])
    shop.clock.set(shop.clock.now() + 600.0)
    out = Excluded("shop", "", shop.clock.now() - 60, shop.clock.now() + 60, "", "ada", False)
    with shop.told.core.engine.begin() as c:
        exclusions.add(c, out, {}, shop.clock.now())
    for _ in range(3):
        shop.live(["200"])
    shop.clock.set(shop.clock.now() + REACH_S + 3600.0)
    shop.live(["200"])
    before = shop.told.core.of("longest")
    assert before.whole is not None
    assert (before.window.total, before.whole.total) == (6, 9)
    shop.told.restart()
    shop.live([])
    after = shop.told.core.of("longest")
    assert after.whole is not None
    assert (after.window.total, after.whole.total) == (6, 9)
