"""Sums over one-minute slices: equal to the unit to walking the minutes one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.report_spells import Looked, spells
from slo.report_sums import DAY, Asked, Counted, Day, Sums, count, whole_slices
from slo.spec import MICRO, Method, Rule
from slo.timeslices import Slicing

D0 = 20_000  # a day since 1970
T0 = D0 * DAY
Minute = tuple[int, int, int]  # good, total, measured_us
FULL = 60_000_000


@dataclass(frozen=True)
class World:
    """What was measured, by SLI and minute; a minute that is not in it was not."""

    minutes: dict[tuple[int, int], Minute]

    def days(self) -> list[Day]:
        found = []
        for at in sorted({minute // DAY for _, minute in self.minutes}):
            rows = [(s, m, *v) for (s, m), v in self.minutes.items() if m // DAY == at]
            found.append(Day(at * DAY, (at + 1) * DAY, frame(rows)))
        return found


def frame(rows: list[tuple[int, ...]]) -> pl.LazyFrame:
    schema = {"sli": pl.UInt32, "minute": pl.UInt32}
    sums = dict.fromkeys(("good", "total", "measured_us"), pl.Int64)
    return pl.DataFrame(rows, schema={**schema, **sums}, orient="row").lazy()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Three days of two SLIs around which little is measured: events lie near the edges of days,
    and there are minutes without events, and without measurement.
    """
    near = st.integers(-40, 40)
    days = st.sampled_from([0, DAY, 2 * DAY, 3 * DAY])
    value = st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0, FULL // 2, FULL]))
    found = {}
    for _ in range(draw(st.integers(0, 60))):
        minute = T0 + min(max(draw(days) + draw(near), 0), 3 * DAY - 1)
        good, bad, measured = draw(value)
        found[draw(st.integers(1, 2)), minute] = (good, good + bad, measured)
    return World(found)


RULES = st.sampled_from(list(Rule))


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    near, days = st.integers(-40, 40), st.sampled_from([0, DAY, 2 * DAY, 3 * DAY])
    edges = sorted(T0 + draw(days) + draw(near) for _ in range(2))
    how = None
    if draw(st.booleans()):
        method, wide = draw(st.sampled_from(list(Method))), draw(st.sampled_from([1, 5, 7, 60]))
        target = draw(st.sampled_from([0.5, 0.6, 1.0]))
        wide = 1 if method is Method.OCCURRENCES else wide
        how = Slicing(method, wide * 60, target, draw(RULES), draw(RULES))
    first, last = whole_slices(edges[0], edges[1], T0 + 4 * DAY, how)
    cuts = sorted({draw(st.integers(first, last)) for _ in range(draw(st.integers(0, 3)) * 2)})
    out = tuple(zip(cuts[::2], cuts[1::2], strict=False))
    return Asked(draw(st.integers(1, 2)), first, last, out, how)


@given(worlds(), st.lists(questions(), min_size=1, max_size=5))
def test_any_method_with_any_exclusions_is_what_walking_the_minutes_says(
    world: World, asked: list[Asked]
) -> None:
    assert count(asked, world.days()) == [walked(world, one) for one in asked]


def walked(world: World, one: Asked) -> Counted:
    """The rules, one slice after the other, in plain numbers."""
    wide = one.how.slice_s // 60 if one.how else 1
    out = {minute for begin, end in one.out for minute in range(begin, end)}
    held = {minute: sums for (sli, minute), sums in world.minutes.items() if sli == one.sli}
    slices = range(one.first, one.last, wide)
    # Those in which nothing was measured and nothing is left out are all alike.
    special = {m - (m - one.first) % wide for m in out | set(held)} & set(slices)
    alike = [(len(slices) - len(special)) * value for value in counted(one.how, [])]
    sums = [alike, alike]
    for start in special:
        minutes = range(start, start + wide)
        inside = [m for m in minutes if m not in out]
        for place, chosen in enumerate((minutes, inside)):
            if chosen:
                more = counted(one.how, [held[m] for m in chosen if m in held])
                sums[place] = [a + b for a, b in zip(sums[place], more, strict=True)]
    return Counted(Sums(*sums[0]), Sums(*sums[1]))


def counted(how: Slicing | None, minutes: Sequence[Minute]) -> list[int]:
    slice_ = [sum(values) for values in zip((0, 0, 0), *minutes, strict=True)]
    return slice_ if how is None else counts_for(how, slice_)


def counts_for(how: Slicing, slice_: list[int]) -> list[int]:
    good, total, measured = slice_
    unit = MICRO if how.method is Method.RATIO_TIMESLICES else 1
    if total > 0:
        match how.method:
            case Method.OCCURRENCES:
                return [good, total, measured]
            case Method.TIMESLICES:
                return [int(good / total >= how.target), 1, measured]
            case Method.RATIO_TIMESLICES:
                return [round(good / total * MICRO), MICRO, measured]
    was_measured = measured > 0
    rule = how.zero_traffic if was_measured else how.missing
    counted = {Rule.GOOD: [unit, unit], Rule.BAD: [0, unit]}.get(rule, [0, 0])
    if was_measured:
        return [*counted, 0 if rule is Rule.FREEZE else measured]
    return [*counted, 0 if rule is Rule.FREEZE else how.slice_s * 1_000_000]


@given(st.integers(0, 500), st.lists(st.integers(1, 200), min_size=2, max_size=6))
def test_periods_that_meet_share_no_slice_and_leave_none_out(
    first: int, lengths: list[int]
) -> None:
    how = Slicing(Method.TIMESLICES, 7 * 60, 0.9, Rule.IGNORE, Rule.FREEZE)
    edges = [first]
    for length in lengths:
        edges.append(edges[-1] + length)
    parts = [whole_slices(a, b, 10_000, how) for a, b in pairwise(edges)]
    assert [a for a, _ in parts[1:]] == [b for _, b in parts[:-1]]
    assert (parts[0][0], parts[-1][1]) == whole_slices(edges[0], edges[-1], 10_000, how)
    assert all(begin % 7 == 0 for begin, _ in parts)


def test_a_slice_that_is_not_complete_yet_is_not_judged() -> None:
    how = Slicing(Method.TIMESLICES, 300, 0.9, Rule.IGNORE, Rule.FREEZE)
    assert whole_slices(0, 100, 14, how) == (0, 10)
    assert whole_slices(0, 100, 4, how) == (0, 0)


def test_sums_beyond_32_bits_are_exact_whatever_the_files_are_in() -> None:
    big = 4_000_000_000
    narrow = frame([(1, T0, big, big, FULL)]).cast({"good": pl.UInt32, "total": pl.UInt32})
    wide = frame([(1, T0 + DAY, big * 1000, big * 1000, FULL)])
    days = [Day(T0, T0 + DAY, narrow), Day(T0 + DAY, T0 + 2 * DAY, wide)]
    for asked in (Asked(1, T0, T0 + 2 * DAY), Asked(1, T0 + 1, T0 + 2 * DAY)):
        (found,) = count([asked], days)
        whole = big * 1001 if asked.first == T0 else big * 1000
        assert found.all.total == found.kept.total == whole


LOW = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 2, 3, 6])), max_size=30)


@given(LOW, st.sampled_from([0.3, 0.5, 0.9]), st.sampled_from([1, 2]))
def test_spells_are_the_minutes_in_which_too_few_were_good(
    minutes: list[tuple[int, int]], below: float, unit: int
) -> None:
    start = T0 + DAY - 15  # over midnight
    world = World(
        {(1, start + n): (min(good, total), total, FULL) for n, (good, total) in enumerate(minutes)}
    )
    low = {
        minute
        for (_, minute), (good, total, _) in world.minutes.items()
        if total >= 3 * unit and good < below * total
    }
    found = spells([Looked(1, T0, T0 + 2 * DAY, below, unit)], world.days())[0]
    assert {m for a, b in found for m in range(a, b)} == low
    assert all(one[1] < other[0] for one, other in pairwise(found))


def test_each_question_has_its_own_bound_and_range() -> None:
    rows = {(1, T0 + m): (good, 10, FULL) for m, good in enumerate([1, 1, 6, 6, 9])}
    rows |= {(2, T0 + m): (1, 10, FULL) for m in range(3)}
    asked = [
        Looked(1, T0, T0 + DAY, 0.5),
        Looked(1, T0, T0 + DAY, 0.7),
        Looked(1, T0 + 1, T0 + DAY, 0.7),
        Looked(2, T0, T0 + DAY, 0.05),
        Looked(3, T0, T0 + DAY, 0.9),
    ]
    assert spells(asked, World(rows).days()) == [
        ((T0, T0 + 2),),
        ((T0, T0 + 4),),
        ((T0 + 1, T0 + 4),),
        (),
        (),
    ]


@pytest.mark.parametrize("last", [T0, T0 + DAY, T0 + 5 * DAY])
def test_where_nothing_was_measured_everything_is_zero(last: int) -> None:
    nothing = Counted(Sums(), Sums())
    assert count([Asked(1, T0, last)], []) == [nothing]
    assert spells([Looked(1, T0, last, 0.5)], []) == [()]
