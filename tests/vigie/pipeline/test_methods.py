"""Every way to count a budget, over the running pipeline: equal to the unit to what was made.

A process counts its events; the test remembers which page showed which, and works out by hand what
each slice, period or group holds.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slo.calendar import Calendar, Unit
from slo.exclusions import MaintenanceWindow
from slo.promql import compile_events
from slo.spec import (
    Budgeting,
    Component,
    CompositeSli,
    CountingSli,
    Method,
    Policy,
    RatioKind,
    Rule,
    Slo,
)
from slo.status import SloFigures
from vigie.clock import SetClock
from vigie.config import Config, Watch
from world import TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation

T0 = datetime(2026, 10, 31, 22, 50, tzinfo=UTC).timestamp()  # an hour and ten before November
STEP_S, STEPS = 5.0, 480  # forty minutes
ERRORS = compile_events('sum(http_requests_total{code=~"5.."})')
TOTAL = compile_events("sum(http_requests_total)")
SLI = CountingSli(RatioKind.BAD, ERRORS, TOTAL)
SLICED = Budgeting(Method.TIMESLICES, 0.9, 60.0)
RATIOS = Budgeting(Method.RATIO_TIMESLICES, 0.0, 300.0)
HOURS = Calendar(1, Unit.HOUR, datetime(2026, 1, 1, 0, 10), "UTC")  # noqa: DTZ001 - wall clock
POLICY = Policy("test", no_data_after_s=600.0)


def slo(name: str, **more: Any) -> Slo:
    made = Slo("shop", name, 0.99, 3600.0, SLI)
    return replace(made, **more)


SLOS = (
    slo("plain"),
    slo("slices", budgeting=SLICED),
    slo("zero-is-bad", budgeting=SLICED),
    slo("ratios", budgeting=RATIOS),
    slo("hourly", calendar=HOURS, window_s=3599.0),
    slo("by-code", group_by=("code",)),
    slo(
        "both",
        objective=0.975,
        sli=CompositeSli((Component("a", SLI, 0.99, 3.0), Component("b", SLI, 0.93, 1.0, SLICED))),
    ),
)


def config() -> Config:
    one = config_for(1, POLICY)
    policies = {"zero-is-bad": replace(POLICY, zero_traffic=Rule.BAD)}
    watches = {s.id: Watch(s, policies.get(s.name, POLICY), ()) for s in SLOS}
    window = MaintenanceWindow(
        name="upgrade",
        services=("shop",),
        slos=("plain", "slices"),
        labels={},
        start=datetime(2026, 10, 31, 23, 0),  # noqa: DTZ001 - wall clock
        duration_s=600.0,
        zone="UTC",
        recurrence="",
        owner="team",
        reason="upgrade",
    )
    return replace(one, watches=watches, maintenance=(window,))


class Story:
    """Forty minutes of a shop, with silence in between, and what each slice should hold."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = SetClock(T0)
        self.vigie = Vigie(config(), folder, self.clock)
        (self.target,) = self.vigie.config.targets.values()
        self.process = Process(T0 - 600.0)
        self.events: dict[float, list[str]] = defaultdict(list)  # by the time of their page

    async def run(self) -> None:
        for step in range(STEPS):
            quiet = 100 <= step < 130 or 300 <= step < 312
            made = [] if quiet else self._made()
            self.process.events += [Event(self.clock.now() - 1.0, code) for code in made]
            if step:  # what the first page shows nobody watched happen
                self.events[self.clock.now()] += made
            page = self.process.page(TEXT)
            self.vigie.pipeline.deliver(self.vigie.scrape(self.target, page, TEXT))
            assert await self.vigie.pipeline.tick()
            if step == STEPS // 2:
                self.vigie.kill()
                self.vigie.start()
            self.clock.set(self.clock.now() + STEP_S)

    def _made(self) -> list[str]:
        share = 0.5 if self.random.random() < 0.15 else 0.05
        return [
            self.random.choice(["500", "503"]) if self.random.random() < share else "200"
            for _ in range(self.random.randint(0, 30))
        ]

    def slices(self, width: int, start: float = 0.0) -> dict[int, tuple[int, int]]:
        """Good and total by slice of a width, from `start` on."""
        found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for at, codes in self.events.items():
            if int(at // 10 * 10) >= start:
                good, total = found[int(at // width) * width]
                ok = sum(code == "200" for code in codes)
                found[int(at // width) * width] = (good + ok, total + len(codes))
        return found

    def of(self, name: str) -> SloFigures:
        status = self.vigie.board.now.status
        assert status is not None
        return next(f for f in status.slos.values() if f.slo.name == name)


@pytest.fixture(scope="module", params=[1, 2])
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    told = Story(tmp_path_factory.mktemp("story"), request.param)
    asyncio.run(told.run())
    yield told
    told.vigie.kill()


def test_every_method_counts_what_was_made(story: Story) -> None:
    minutes = story.slices(60)
    last = story.clock.now() - STEP_S
    over = {at: sums for at, sums in minutes.items() if at + 60 <= last}
    # Timeslices: a minute is good from 90 % on; one without events has no say.
    told = [good >= 0.9 * total for good, total in over.values() if total]
    figures = story.of("slices")
    assert (figures.good_total, figures.total_total) == (sum(told), len(told))
    # With zero traffic counted as bad, every measured minute has one.
    whole = range(int(T0 // 60) * 60, int(last // 60) * 60, 60)
    zero = sum(not minutes.get(at, (0, 0))[1] for at in whole)
    figures = story.of("zero-is-bad")
    assert zero >= 2
    assert (figures.good_total, figures.total_total) == (sum(told), len(told) + zero)
    # RatioTimeslices: the mean of the shares of five minutes.
    fives = [(g, n) for at, (g, n) in story.slices(300).items() if at + 300 <= last and n]
    figures = story.of("ratios")
    assert figures.total_total == len(fives)
    assert figures.good_total == pytest.approx(sum(round(g / n, 6) for g, n in fives), abs=1e-5)


def test_a_calendar_window_holds_its_period_and_nothing_before(story: Story) -> None:
    figures = story.of("hourly")
    start = datetime(2026, 10, 31, 23, 10, tzinfo=UTC).timestamp()
    assert (figures.window.start, figures.period and figures.period.start) == (start, start)
    inside = story.slices(10, start).values()
    assert (figures.window.good, figures.window.total) == (
        sum(good for good, _ in inside),
        sum(total for _, total in inside),
    )
    assert figures.period is not None
    # The period before was watched for a third only: it says nothing of what is to be expected.
    passed = (figures.window.end - start) / 3600
    expected = pytest.approx(figures.window.total / passed)
    assert (figures.period.basis, figures.period.expected_total) == ("pro_rata", expected)
    bad = figures.window.total - figures.window.good
    left = 1 - bad / (0.01 * figures.window.total / passed)
    assert figures.period.budget_remaining == pytest.approx(left)
    assert figures.budget_for_action == figures.period.budget_remaining


def test_groups_are_counted_from_their_first_page_and_sum_up(story: Story) -> None:
    shown = {code for codes in story.events.values() for code in codes}
    total = 0
    for code in shown:
        figures = story.of(f"by-code[code={code}]")
        made = sum(codes.count(code) for codes in story.events.values())
        assert figures.total_total == made
        assert figures.good_total == (made if code == "200" else 0)
        total += made
    assert story.of("by-code").total_total == total


def test_a_composite_is_the_weighted_mean_of_its_parts(story: Story) -> None:
    plain, slices, both = (story.of(name) for name in ("plain", "slices", "both"))
    assert plain.whole is not None
    assert slices.whole is not None
    assert plain.whole.sli is not None
    assert slices.whole.sli is not None
    mean = (3 * plain.whole.sli + slices.whole.sli) / 4
    assert both.window.sli == pytest.approx(mean, abs=1e-9)
    assert both.window.burn_rate == pytest.approx((1 - mean) / 0.025, abs=1e-6)


def test_what_is_excluded_is_taken_out_to_the_unit(story: Story) -> None:
    start = datetime(2026, 10, 31, 23, 0, tzinfo=UTC).timestamp()
    figures = story.of("plain")
    assert figures.whole is not None
    held = [sums for at, sums in story.slices(10).items() if start <= at < start + 600]
    good, total = (sum(column) for column in zip(*held, strict=True))
    assert figures.whole.good - figures.window.good == good
    assert figures.whole.total - figures.window.total == total
    assert figures.budget_remaining == pytest.approx(
        1 - (1 - figures.window.good / figures.window.total) / 0.01
    )
    assert figures.window.coverage == pytest.approx(figures.whole.coverage, abs=0.3)
