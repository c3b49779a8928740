"""Calendar windows, rolling ones, groups and composites through stories in which months go by, over
every change of the clocks in ten zones; with maintenance that recurs, and corrections after the
fact. What the figures say of a window is what was made in the slices that its edges name.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo import calendar
from slo.calendar import Calendar, Unit
from slo.exclusions import MaintenanceWindow
from slo.promql import compile_events
from slo.spec import (
    MICRO,
    Budgeting,
    Component,
    CompositeSli,
    CountingSli,
    Excluded,
    Method,
    Policy,
    RatioKind,
    Slo,
)
from slo.status import WindowFigures
from vigie.clock import SetClock
from vigie.config import Watch
from vigie.store import exclusions
from world import INTERVAL_S, Core, Told, config_for

pytestmark = pytest.mark.simulation

# A day or two before the clocks of each zone change, or would have: Apia left out a day, in Sao
# Paulo and Tehran midnight itself is skipped, on Lord Howe it is half an hour.
CHANGES = (
    ("Australia/Lord_Howe", "2026-04-04", "2026-10-03"),
    ("America/St_Johns", "2026-03-07", "2026-10-31"),
    ("Asia/Kathmandu", "2026-03-30", "1985-12-31"),
    ("Pacific/Apia", "2011-12-28", "2021-04-03"),
    ("Africa/Casablanca", "2026-02-14", "2026-03-21"),
    ("America/New_York", "2026-03-07", "2026-10-31"),
    ("Europe/Paris", "2026-03-28", "2026-10-24"),
    ("Australia/Sydney", "2026-04-04", "2026-10-03"),
    ("America/Sao_Paulo", "2018-11-03", "2019-02-16"),
    ("Asia/Tehran", "2022-03-21", "2022-09-21"),
)
DAY_S = 86_400.0
OBJECTIVE = 0.95
SLI = CountingSli(
    RatioKind.BAD,
    compile_events('sum(http_requests_total{code=~"5.."})'),
    compile_events("sum(http_requests_total)"),
)
SLICED = Budgeting(Method.TIMESLICES, 0.5, 60.0)
PARTS = (Component("a", SLI, 0.9, 3.0), Component("b", SLI, 0.9, 1.0, SLICED))
POLICY = Policy("test", no_data_after_s=1e9, coverage_floor=0.0)
EXCLUDED_OF = ("month", "week", "rolling", "sliced")  # of the others nothing is


def slos(zone: str) -> tuple[Slo, ...]:
    base = Slo("shop", "rolling", OBJECTIVE, 90 * DAY_S, SLI)
    first = datetime(2015, 1, 5)  # noqa: DTZ001 - wall clock; a Monday

    def by(name: str, unit: Unit, start: datetime) -> Slo:
        return replace(base, name=name, calendar=Calendar(1, unit, start, zone))

    return (
        base,
        replace(base, name="hour", window_s=3600.0),
        by("day", Unit.DAY, first),
        by("week", Unit.WEEK, first),
        by("month", Unit.MONTH, datetime(2015, 1, 1)),  # noqa: DTZ001 - wall clock
        by("quarter", Unit.QUARTER, datetime(2015, 1, 1)),  # noqa: DTZ001 - wall clock
        replace(by("sliced", Unit.DAY, first), budgeting=SLICED),
        replace(by("mean", Unit.WEEK, first), sli=CompositeSli(PARTS)),
        replace(by("by-code", Unit.DAY, first), group_by=("code",)),
    )


def upgrade(zone: str, start: datetime, recurrence: str) -> MaintenanceWindow:
    return MaintenanceWindow(
        name="upgrade",
        services=("shop",),
        slos=EXCLUDED_OF,
        labels={},
        start=start,
        duration_s=5400.0,
        zone=zone,
        recurrence=recurrence,
        owner="team",
        reason="upgrade",
    )


@dataclass
class Story:
    """A shop whose clock jumps, and all time that is taken out of its figures."""

    zone: str
    told: Told
    begun: datetime
    daily: bool
    corrections: list[tuple[float, float]] = field(default_factory=list)

    def excluded(self) -> list[tuple[float, float]]:
        """When the upgrades were, from the first on, by the clock on the wall."""
        zone, now = ZoneInfo(self.zone), self.told.clock.now()
        spans, wall = list(self.corrections), self.begun
        while (start := wall.replace(tzinfo=zone).timestamp()) <= now:
            spans.append((start, start + 5400.0))
            wall += timedelta(days=1 if self.daily else 7)
        return spans

    def correct(self, back_s: float, length_s: float) -> None:
        """A person takes time out of the figures that has passed."""
        now = self.told.clock.now()
        start, end = now - back_s, min(now - back_s + length_s, now)
        one = Excluded("shop", "", start, end, "a load test", "ada", planned=False)
        with self.told.core.engine.begin() as c:
            exclusions.add(c, one, {}, now)
        self.corrections.append((start, end))

    def counts(self, slice_start: float, spans: Iterable[tuple[float, float]]) -> bool:
        """Whether no span holds the middle of the minute in which a slice lies."""
        middle = slice_start // 60 * 60 + 30
        return not any(start <= middle < end for start, end in spans)


moves = st.one_of(
    st.tuples(
        st.just("live"),
        st.sampled_from([5, 5, 5, 5, 10, 10, 12, 14, 60, 1800, 21_600, 86_400, 650_000, 2_700_000]),
        st.lists(st.sampled_from(["200", "200", "404", "500"]), max_size=5),
        st.sampled_from(["read", "read", "read", "fail", "late", "again", "die"]),
    ),
    st.tuples(
        st.just("edge"),
        st.integers(0, 3),
        st.sampled_from([-30, -10, -5, 0, 1, 10, 40]),
        st.lists(st.sampled_from(["200", "404", "500"]), min_size=1, max_size=5),
    ),
    st.tuples(st.just("restart")),
    st.tuples(
        st.just("correct"),
        st.sampled_from([100.0, 4000.0, 90_000.0, 700_000.0, 2_500_000.0]),
        st.sampled_from([31.0, 600.0, 7200.0, 86_400.0]),
    ),
    st.tuples(st.just("check")),
)


@settings(max_examples=settings().max_examples // 15)
@given(
    st.sampled_from(CHANGES),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2 * 1440),
    st.lists(moves, min_size=8, max_size=30),
)
def test_every_window_holds_what_was_made_in_the_slices_that_its_edges_name(
    change: tuple[str, str, str],
    second: bool,
    daily: bool,
    minutes: int,
    steps: list[tuple[object, ...]],
) -> None:
    zone, start = change[0], datetime.fromisoformat(change[1 + second])
    begun = start + timedelta(hours=2, minutes=15)
    at = (start + timedelta(minutes=minutes)).replace(tzinfo=ZoneInfo(zone)).timestamp()
    made = config_for(2, POLICY)
    made = replace(
        made,
        watches={slo.id: Watch(slo, POLICY, ()) for slo in slos(zone)},
        maintenance=(upgrade(zone, begun, f"FREQ={'DAILY' if daily else 'WEEKLY'}"),),
    )
    story = Story(zone, Told(Core(made, SetClock(at))), begun, daily)
    for step in [("live", 5, ["200"], "read"), *steps, ("live", 5, [], "read"), ("check",)]:
        done(story, *step)
    story.told.core.close()


def done(story: Story, name: object, *how: object) -> None:
    """One step of a story. Some pages are read and told ten seconds later."""
    told = story.told
    match name, how:
        case "live", (int(by), list(codes), str(page)):
            told.clock.set(told.clock.now() + by)
            live(told, codes, page)
        case "edge", (int(which), int(offset), list(codes)):
            slo = slos(story.zone)[2 + which]
            assert slo.calendar is not None
            end = calendar.period(slo.calendar, told.clock.now() + 60.0)[1]
            told.clock.set(end + offset)
            live(told, codes, "read")
        case "restart", ():
            told.restart()
        case "correct", (float(back_s), float(length_s)):
            story.correct(back_s, length_s)
        case "check", ():
            told.tick()
            check(story)
        case _:
            pytest.fail(f"no such step: {name}")


def live(told: Told, codes: list[str], page: str) -> None:
    first, second = told.core.config.targets
    if page == "die":
        told.die(first)
    for name, some in ((first, codes), (second, codes[::2])):
        told.work(name, some)
        told.read(name, fail=page == "fail" and name == first, twice=page == "again")
    if page == "late":
        told.clock.set(told.clock.now() + 10.0)
    told.tick()


def check(story: Story) -> None:
    told = story.told
    spans = story.excluded()
    for slo in slos(story.zone):
        if slo.calendar is not None:
            check_period(story, slo)
        out = [*spans] if slo.name in EXCLUDED_OF else [*story.corrections]
        if slo.name == "mean":
            check_mean(story, slo, out)
        elif slo.name == "sliced":
            check_sliced(story, out)
        else:
            check_counted(story, slo.name, out)
    for code in {one.code for one in told.shown}:
        check_counted(story, f"by-code[code={code}]", story.corrections, code)


def check_counted(story: Story, name: str, out: list[tuple[float, float]], *codes: str) -> None:
    figures, told = story.told.core.of(name), story.told
    whole = figures.whole or figures.window
    assert (whole.good, whole.total) == told.window(whole.start, *codes)
    kept = [one for one in told.inside(whole.start, *codes) if story.counts(told.slice(one), out)]
    bad = sum(one.code.startswith("5") for one in kept)
    assert (figures.window.good, figures.window.total) == (len(kept) - bad, len(kept))
    check_budget(figures.window, figures.budget_remaining, OBJECTIVE)
    if not codes:
        assert whole.coverage == pytest.approx(coverage(told, whole, []), abs=1e-9)
        if not any(start <= now(told) and end > now(told) - 60.0 for start, end in out):
            window = figures.window
            assert window.coverage == pytest.approx(coverage(told, window, out), abs=1e-9)


def check_budget(window: WindowFigures, left: float | None, objective: float) -> None:
    """By exact fractions; events are whole here."""
    good, total = int(window.good), int(window.total)
    if not total:
        assert (left, window.sli, window.burn_rate) == (None, None, None)
        return
    burn = Fraction(total - good, total) / (1 - Fraction(str(objective)))
    assert window.sli == pytest.approx(good / total, abs=1e-12)
    assert window.burn_rate == pytest.approx(float(burn), rel=1e-9)
    assert left == pytest.approx(float(1 - burn), rel=1e-9, abs=1e-9)


def coverage(told: Told, window: WindowFigures, out: list[tuple[float, float]]) -> float:
    """Measured time of expected time. Not expected is what the next pages may yet measure."""
    waits = [now(told) - told.last_page.get(name, -1e18) for name in told.core.config.targets]
    pending = sum(wait for wait in waits if wait <= 2.5 * INTERVAL_S) / len(waits)
    edges = exclusions_in_minutes(out, window.start)
    measured = told.measured_s(window.start, now(told))
    measured -= sum(told.measured_s(start, end) for start, end in edges)
    excluded = sum(end - start for start, end in edges)
    expected = now(told) - window.start - pending - excluded
    return measured / expected if expected > 0 else 1.0


def exclusions_in_minutes(
    spans: list[tuple[float, float]], since: float
) -> list[tuple[float, float]]:
    """Whole minutes, apart from each other, from `since` on."""
    minutes = {
        minute
        for start, end in spans
        for minute in range(math.ceil((start - 30) / 60), math.ceil((end - 30) / 60))
        if minute * 60 + 60 > since
    }
    return [(max(minute * 60.0, since), minute * 60.0 + 60.0) for minute in sorted(minutes)]


def check_period(story: Story, slo: Slo) -> None:
    """The period is that of the zone's calendar; what it may spend goes by the one before."""
    figures, told = story.told.core.of(slo.name), story.told
    assert slo.calendar is not None
    start, end = calendar.period(slo.calendar, told.clock.now())
    whole, period = figures.whole or figures.window, figures.period
    assert period is not None
    assert (whole.start, period.start, period.end) == (start, start, end)
    if slo.name in ("mean", "sliced"):
        return
    before = told.held(calendar.previous(slo.calendar, start)[0], start)[1]
    if before:
        assert (period.basis, period.expected_total) == ("previous", before)
        allowed = (1 - Fraction(str(OBJECTIVE))) * before
        bad = int(figures.window.total - figures.window.good)
        assert period.budget_remaining == pytest.approx(float(1 - bad / allowed), rel=1e-9)
    else:
        assert period.basis == "pro_rata"


def check_sliced(story: Story, out: list[tuple[float, float]]) -> None:
    figures, told = story.told.core.of("sliced"), story.told
    over = {start: held for start, held in told.slices(60).items() if start + 60 <= now(told)}
    whole = figures.whole or figures.window
    inside = {start: held for start, held in over.items() if start + 50 >= whole.start}
    kept = {start: held for start, held in inside.items() if story.counts(start, out)}
    for window, slices in ((whole, inside), (figures.window, kept)):
        met = sum(2 * good >= total for good, total in slices.values())
        assert (window.good, window.total) == (met, len(slices))


def check_mean(story: Story, slo: Slo, out: list[tuple[float, float]]) -> None:
    """The weighted mean of the shares of its parts; one without events has no say."""
    figures, told = story.told.core.of(slo.name), story.told
    start = figures.window.start
    events = [one for one in told.inside(start) if story.counts(told.slice(one), out)]
    bad = sum(one.code.startswith("5") for one in events)
    slices = [
        held
        for at, held in told.slices(60).items()
        if start <= at + 50 and at + 60 <= now(told) and story.counts(at, out)
    ]
    met = sum(2 * good >= total for good, total in slices)
    shares = [(3, len(events) - bad, len(events)), (1, met, len(slices))]
    told_of = [(weight, Fraction(good, total)) for weight, good, total in shares if total]
    if not told_of:
        assert figures.window.sli is None
        return
    mean = sum(weight * share for weight, share in told_of) / sum(weight for weight, _ in told_of)
    assert figures.window.sli == pytest.approx(float(mean), abs=1 / MICRO)
    assert figures.window.burn_rate == pytest.approx(float((1 - mean) * 20), abs=20 / MICRO)


def now(told: Told) -> float:
    return told.clock.now()
