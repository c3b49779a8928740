"""However the past is cut into pieces, the sums of its slices are what happened in them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.promapi import Samples
from collectors.scrape import Scrape
from collectors.source_backfill import LEAD_S
from collectors.source_reader import SourceReader
from plugins.recorded import HOUR_S, SLICE_S, T0, Recording, config, labels_of, record, slo
from slo.ledger import MICROSECONDS
from slo.promql import compile_threshold
from slo.spec import MICRO, Budgeting, DataSource, Method, Op
from vigie.pipeline.plan import Plan, compile_plan
from vigie.sources.past import Block, Past, plan_for

pytestmark = pytest.mark.simulation

HOURS = 3
END = T0 + HOURS * HOUR_S
SOURCE = DataSource("main", "Prometheus", "http://none")
BOTH_UP = compile_threshold('sum(up{job="api"})', Op.GTE, 2.0, "main")
SLOS = (
    slo(),
    slo("slices", budgeting=Budgeting(Method.TIMESLICES, 0.9, 420.0)),
    slo("up", sli=BOTH_UP),
)


def plan() -> Plan:
    whole = compile_plan(config([SOURCE], *SLOS), SLICE_S)
    return plan_for(whole, "main", frozenset(whole.ids))


def scrapes_of(recording: Recording) -> list[Scrape]:
    counted = plan()
    reader = SourceReader(
        "main",
        frozenset(selector for _, selector in counted.counted),
        frozenset(selector for _, selector in counted.sampled_from),
    )
    samples = [
        Samples(labels_of(key), *np.array(series, dtype=np.float64).T)
        for key, series in recording.series.items()
    ]
    return reader.read(samples, [], float(END))


def read_back(scrapes: Sequence[Scrape], cuts: Sequence[float], base: int) -> list[Block]:
    """The blocks of the past, read in pieces that meet at `cuts`, newest first."""
    past = Past(plan(), {}, T0, END)
    blocks = []
    edges = [float(T0), *sorted(cuts), float(END)]
    for start, end in reversed(list(pairwise(edges))):
        inside = [scrape for scrape in scrapes if start < scrape.at <= end]
        leads = {s.target_id: s for s in scrapes if start - LEAD_S < s.at <= start and s.page}
        past.take(start, [*leads.values(), *inside])
        blocks += past.final(base)
    return blocks


def sums(blocks: Sequence[Block], start: int, end: int, col: int) -> tuple[int, ...]:
    """Good, total and measured microseconds of [start, end)."""
    found = [held[:, col] for b in blocks for at, held in b.slices.items() if start <= at < end]
    return tuple(np.sum(found or [[0, 0, 0]], axis=0).tolist())


cuts_of = st.lists(st.integers(T0 + 60, END - 60), max_size=8, unique=True)


@settings(max_examples=12)
@given(
    cuts=cuts_of,
    gap=st.tuples(st.integers(205, 260), st.integers(3, 30)),
    base=st.integers(1, HOURS),
)
def test_every_minute_holds_what_happened_in_it(
    cuts: list[int], gap: tuple[int, int], base: int
) -> None:
    recording = record(HOURS, silent=lambda name, n: name == "a:1" and 0 <= n - gap[0] < gap[1])
    blocks = read_back(scrapes_of(recording), cuts, END - base * HOUR_S)
    assert [block.end for block in blocks] == [END, *(block.start for block in blocks[:-1])]
    assert blocks[-1].start == T0
    for minute in range(T0, END, 60):
        bad, total = recording.counted(minute, minute + 60)
        assert sums(blocks, minute, minute + 60, 0)[:2] == (total - bad, total)


@settings(max_examples=5)
@given(cuts=cuts_of)
def test_slices_of_time_samples_and_coverage_do_not_depend_on_the_cuts(cuts: list[int]) -> None:
    recording = record(HOURS)
    scrapes = scrapes_of(recording)
    cut, whole = (read_back(scrapes, given_cuts, END - HOUR_S) for given_cuts in (cuts, []))
    for col in range(plan().columns):
        assert sums(cut, T0, END, col) == sums(whole, T0, END, col)
    good, total, measured = sums(whole, T0, END, 0)
    assert measured / MICROSECONDS > 0.99 * (END - T0) > 0.9 * measured / MICROSECONDS
    samples = sums(whole, T0 + 60, END, 2)
    assert samples[:2] == ((END - T0 - 60) // SLICE_S * MICRO,) * 2
    assert total > good > 0


def test_only_targets_that_are_there_are_expected() -> None:
    """One of two targets leaves after half an hour: five minutes later all is measured again."""
    recording = record(HOURS, silent=lambda name, turn: name == "a:1" and turn >= 120)
    blocks = read_back(scrapes_of(recording), [T0 + 5400], END - HOUR_S)
    left = T0 + 1800
    measured = [
        sums(blocks, at, at + 300, 0)[2] / MICROSECONDS / 300
        for at in (left - 600, left, left + 900, left + 5400)
    ]
    assert measured[0] == 1.0
    assert 0.4 < measured[1] < 0.65
    assert measured[2:] == [1.0, 1.0]


def test_a_span_that_nothing_measured_is_told_as_one() -> None:
    recording = record(HOURS, silent=lambda name, turn: name == "a:1" and 210 <= turn < 250)
    blocks = read_back(scrapes_of(recording), [T0 + 3600], END - HOUR_S)
    spans = [spans for block in blocks for spans in block.spans]
    found = {
        (began, ended)
        for one in spans
        for began, ended in zip(one.began.tolist(), one.ended.tolist(), strict=True)
    }
    assert found == {(T0 + 209 * 15 + 3.25, T0 + 250 * 15 + 3.25)}
