"""Slices of time, judged while a server lives, misses ticks, dies and starts again: as if somebody
had looked over the whole history at the end, each slice once.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.promql import compile_events
from slo.spec import MICRO, Budgeting, CountingSli, Excluded, Method, Policy, RatioKind, Rule, Slo
from vigie.clock import SetClock
from vigie.config import Config, Watch
from vigie.store import exclusions
from world import Core, Told, config_for

pytestmark = pytest.mark.simulation

T0 = 1_790_000_000 // 86_400 * 86_400.0 + 3 * 3600.0
SLI = CountingSli(
    RatioKind.BAD,
    compile_events('sum(http_requests_total{code=~"5.."})'),
    compile_events("sum(http_requests_total)"),
)
# Whole minutes up to a day, or parts of a minute: what `timeSliceWindow` takes.
WIDTHS = (10, 20, 30, 60, 120, 300, 420, 3600, 12_060, 26_000 // 60 * 60, 86_400)


def config(slos: Sequence[tuple[Budgeting, Rule, Rule]]) -> Config:
    watches = []
    for number, (budgeting, zero, missing) in enumerate(slos):
        slo = Slo("shop", f"slo-{number}", 0.9, 3600.0, SLI, budgeting=budgeting)
        policy = Policy("test", zero_traffic=zero, missing=missing, no_data_after_s=1e9)
        watches.append(Watch(slo, policy, ()))
    return replace(config_for(1), watches={watch.slo.id: watch for watch in watches})


budgets = st.builds(
    Budgeting,
    st.sampled_from(Method),
    st.sampled_from([0.5, 0.9, 0.95, 1.0]),
    st.sampled_from(WIDTHS).map(float),
).map(lambda b: Budgeting() if b.method is Method.OCCURRENCES else b)
slos = st.lists(
    st.tuples(budgets, st.sampled_from(Rule), st.sampled_from(Rule)), min_size=1, max_size=5
)
steps = st.lists(
    st.tuples(
        st.sampled_from([1, 5, 5, 5, 5, 5, 9, 12, 14, 31, 60, 130, 700, 5000, 40_000, 120_000]),
        st.lists(st.sampled_from(["200", "200", "200", "500"]), max_size=6),
        st.sampled_from(["read", "read", "read", "read", "late", "nothing", "fail", "again"]),
        st.sampled_from(["tick", "tick", "tick", "tick", "miss", "die", "restart"]),
    ),
    min_size=10,
    max_size=50,
)


@settings(max_examples=settings().max_examples // 12)
@given(st.sampled_from([5, 10]), st.integers(0, 100), slos, steps)
def test_each_slice_is_judged_once_by_all_that_was_told_of_it(
    slice_s: int,
    begun: int,
    made: list[tuple[Budgeting, Rule, Rule]],
    story: list[tuple[int, list[str], str, str]],
) -> None:
    core = Core(config(made), SetClock(T0 + 7 * begun), slice_s)
    told = Told(core)
    (name,) = core.config.targets
    told.read(name)
    narrowest = min(int(budgeting.slice_s) or 60 for budgeting, _, _ in made)
    longest = 30 * narrowest
    for gap, codes, page, then in [(5, [], "read", "tick"), *story, (5, [], "nothing", "tick")]:
        live(told, name, min(gap, longest), codes, page, then)
    for number, (budgeting, zero, missing) in enumerate(made):
        figures = core.of(f"slo-{number}")
        good, total = judged(told, budgeting, zero, missing)
        assert (figures.good_total, figures.total_total) == (
            pytest.approx(good, abs=1e-9),
            total,
        ), f"{budgeting} {zero} {missing}"
    core.close()


@pytest.mark.parametrize("zero", [Rule.IGNORE, Rule.BAD])
def test_a_slice_that_no_tier_of_the_ledger_fits_is_judged_by_all_of_it(zero: Rule) -> None:
    """Of 201 minutes: longer than the ledger keeps every minute, and no multiple of five."""
    odd = Budgeting(Method.RATIO_TIMESLICES, 0.0, 12_060.0)
    told = Told(Core(config([(odd, zero, Rule.FREEZE)]), SetClock(T0)))
    (name,) = told.core.config.targets
    for turn in range(160):
        codes = ["500"] * (turn % 3) + ["200"] * (turn % 5)
        live(told, name, 5 if turn % 4 else 600, codes, "read", "tick")
        if turn % 50 == 24:  # for which the columns are laid out anew
            out = Excluded("another", "", T0, T0 + 60.0, "", "ada", planned=False)
            with told.core.engine.begin() as c:
                exclusions.add(c, out, {}, told.clock.now())
        if turn % 50 == 49:
            told.restart()
            told.tick()
    figures = told.core.of("slo-0")
    good, total = judged(told, odd, zero, Rule.FREEZE)
    assert total == figures.total_total == 2
    assert figures.good_total == pytest.approx(good, abs=1e-9)
    told.core.close()


def live(told: Told, name: str, gap: int, codes: list[str], page: str, then: str) -> None:
    """One step; `late` is a page that is told ten seconds after it was read."""
    told.clock.set(told.clock.now() + gap)
    told.work(name, codes)
    if page in ("read", "late", "fail", "again"):
        told.read(name, fail=page == "fail", twice=page == "again")
    if page == "late":
        told.clock.set(told.clock.now() + 10.0)
    match then:
        case "tick":
            told.tick()
        case "die":
            told.die(name)
        case "restart":
            told.restart()


def judged(told: Told, budgeting: Budgeting, zero: Rule, missing: Rule) -> tuple[float, int]:
    """Good and total of the slices that are over, one by one."""
    if budgeting.method is Method.OCCURRENCES and (zero, missing) == (Rule.IGNORE, Rule.FREEZE):
        return told.held(0.0, float("inf"))
    width = int(budgeting.slice_s) or 60
    held, measured = by_slice(told, width)
    good, total = 0.0, 0
    first = int(told.core.born // width) * width
    for start in range(first, int(told.clock.now()) - width + 1, width):
        if start in held:
            more = counted(budgeting, *held[start])
        else:
            rule = zero if start in measured else missing
            more = {Rule.GOOD: (1, 1), Rule.BAD: (0, 1)}.get(rule, (0, 0))
        good, total = good + more[0], total + more[1]
    return good, total


def by_slice(told: Told, width: int) -> tuple[dict[int, tuple[int, int]], set[int]]:
    """Good and total by slice, and the slices that were measured, be it in part."""
    held: dict[int, tuple[int, int]] = {}
    for one in told.shown:
        start = int(one.at // width) * width
        good, total = held.get(start, (0, 0))
        held[start] = (good + (not one.code.startswith("5")), total + 1)
    measured = {
        start
        for _, began, ended in told.measured
        for start in range(int(began // width) * width, int(ended), width)
    }
    return held, measured


def counted(budgeting: Budgeting, good: int, total: int) -> tuple[float, int]:
    match budgeting.method:
        case Method.OCCURRENCES:
            return good, total
        case Method.TIMESLICES:
            return int(good >= round(budgeting.slice_target * 100) * total / 100), 1
        case _:
            return round(good / total * MICRO) / MICRO, 1
