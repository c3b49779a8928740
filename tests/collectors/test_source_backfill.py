"""Reading the past by chunks: all of it, once, whatever the server's limits."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import QueryRefused, SourceFailed, SourceTimeout
from collectors.promapi import Samples
from collectors.source_backfill import Chunk, backfill_estimates, backfill_scrapes, chunks
from slo.spec import DataSource, RatioKind, Selector, ServerSli

SHARE = ServerSli(RatioKind.BAD, "a", "b", "main")
ALL = Selector("requests_total")


@given(start=st.integers(0, 1000), length=st.integers(1, 5000), most=st.integers(1, 50))
def test_chunks_hold_everything_once_newest_first(start: int, length: int, most: int) -> None:
    plan = list(chunks(start, start + length, 10, most))
    assert plan[0].end == start + length
    assert plan[-1].start == start
    assert [chunk.start for chunk in plan[:-1]] == [chunk.end for chunk in plan[1:]]
    assert all(0 < chunk.end - chunk.start <= 10 * most for chunk in plan)
    assert [chunk.done_s for chunk in plan] == [start + length - chunk.start for chunk in plan]
    assert {chunk.total_s for chunk in plan} == {length}


class Now:
    """A clock that need not be waited for."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.rested: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep_until(self, at: float) -> None:
        self.rested.append(at - self.time)
        self.time = at
        await asyncio.sleep(0)


class Limited:
    """A server that computes no more than `most` slices at once and fails when told to."""

    def __init__(self, most: int, failures: list[Exception] | None = None) -> None:
        self.source = DataSource("main", "Prometheus", "http://none", max_samples=4000)
        self.clock = Now()
        self.retry_at: float | None = None
        self.most, self.failures = most, failures or []

    async def query(self, expr: str, at: float) -> list[Samples]:
        return await self.query_range(expr, at, at, 60)

    async def query_range(self, expr: str, start: float, end: float, step: float) -> list[Samples]:
        self._may_fail()
        times = np.arange(start, end + 1, step)
        if len(times) > self.most:
            raise QueryRefused("too many points")
        if "count_over_time" in expr:
            return [Samples({}, times, np.full(len(times), 300.0))]  # one a second
        return [Samples({"vigie_part": name}, times, times) for name in ("part", "total")]

    async def samples(self, selector: str, start: float, end: float) -> list[Samples]:
        self._may_fail()
        labels = {"__name__": selector.partition("{")[0], "job": "api"}
        at = np.arange(max(0, start // 10 * 10 + 10), end + 1, 10)  # nothing before 0
        return [Samples(labels, at, at)] if len(at) else []

    def _may_fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@pytest.mark.parametrize("most", [1, 7, 100])
async def test_slices_are_all_read_within_the_limit_of_the_server(most: int) -> None:
    found, done = [], []
    async for chunk, part in backfill_estimates(Limited(most), SHARE, 0, 6000):
        assert (part[0].slice_start, part[-1].slice_start) == (chunk.start, chunk.end - 60)
        found = [*part, *found]
        done.append(chunk.done_s)
    assert [estimate.slice_start for estimate in found] == [60.0 * n for n in range(100)]
    assert [estimate.total for estimate in found] == [60.0 * (n + 1) for n in range(100)]
    assert done == sorted(done)
    assert done[-1] == 6000


async def test_a_source_that_fails_is_waited_for() -> None:
    api = Limited(100, [SourceFailed("status 500"), SourceTimeout("timeout")])
    got = [chunk async for chunk, _ in backfill_estimates(api, SHARE, 0, 6000)]
    assert got == [Chunk(3000, 6000, 3000, 6000), Chunk(0, 3000, 6000, 6000)]  # the timeout halved
    assert api.clock.rested == [1.0, 1.0]


async def test_a_query_that_is_refused_however_little_is_asked_ends_the_backfill() -> None:
    with pytest.raises(QueryRefused):
        _ = [chunk async for chunk, _ in backfill_estimates(Limited(0), SHARE, 0, 6000)]


async def test_scrapes_are_read_in_chunks_by_how_dense_they_are() -> None:
    api = Limited(1, [SourceFailed("status 500")])
    wanted = frozenset({ALL}), frozenset[Selector]()
    spans, times = [], []
    async for chunk, scrapes in backfill_scrapes(api, *wanted, -500.0, 5000.0):
        spans.append(chunk.end - chunk.start)
        first = scrapes[0].at if scrapes else None
        if chunk.start > 0:
            assert first == chunk.start  # what the counters are counted from
        times = [scrape.at for scrape in scrapes if scrape.at > chunk.start] + times
    assert spans == [1000, 1000, 1000, 1000, 1000, 500]  # a quarter of 4,000 samples, one a second
    assert times == [10.0 * n for n in range(501)]
