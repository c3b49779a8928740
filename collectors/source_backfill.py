"""Reading the past of a new SLO from its DataSource, the newest first, within the server's limits.

A source that fails meanwhile is waited for; an answer that is too large is asked for in halves.
What lies before the server's retention is simply not there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from collectors.errors import AnswerTooLarge, QueryRefused, SourceError, SourceTimeout
from collectors.promapi import PromApi, Samples
from collectors.scrape import Scrape
from collectors.source_poller import LEAST_SPAN_S, MOST_POINTS, all_of, asked
from collectors.source_reader import SourceReader, jobs_named, up_of
from collectors.source_slices import SLICE_S, Estimate, estimates
from slo.spec import Selector, ServerSli

T = TypeVar("T")

# The counters' last values before a piece are what its first increments are counted from.
LEAD_S: Final = 300.0
MOST_SPAN_S: Final = 86_400.0
_DENSITY_S: Final = 300
_FIRST_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the past, (start, end]; with it `done_s` of `total_s` are read."""

    start: float
    end: float
    done_s: float
    total_s: float


def chunks(start: float, end: float, step: float, max_points: int) -> Iterator[Chunk]:
    """The pieces of (start, end], newest first, each of at most `max_points` steps."""
    later = end
    while later > start:
        earlier = max(start, later - step * max_points)
        yield Chunk(earlier, later, end - earlier, end - start)
        later = earlier


async def backfill_scrapes(
    api: PromApi,
    selectors: frozenset[Selector],
    gauges: frozenset[Selector],
    start: float,
    end: float,
) -> AsyncIterator[tuple[Chunk, list[Scrape]]]:
    """The scrapes of (start, end] by chunks, newest chunk first, each in time order.

    A target's last good scrape of the LEAD_S before a chunk comes first with it: counters are
    counted from that, and it is itself part of an older chunk.
    """
    reader = SourceReader(api.source.name, selectors, gauges)
    density = await _patiently(api, lambda: _density(api, reader.asked))
    span = min(max(api.source.max_samples / 4 / max(density, 1e-9), LEAST_SPAN_S), MOST_SPAN_S)

    async def read(chunk: Chunk) -> list[Scrape]:
        return await _scrapes(api, selectors, gauges, chunk)

    plan = list(chunks(start, end, 1.0, int(span)))
    async for chunk, scrapes in _walked(api, plan, LEAST_SPAN_S, 1.0, read):
        yield chunk, scrapes


async def backfill_estimates(
    api: PromApi, sli: ServerSli, start: float, end: float
) -> AsyncIterator[tuple[Chunk, list[Estimate]]]:
    """The slices of [start, end), which are slice edges, by chunks, newest chunk first."""

    async def read(chunk: Chunk) -> list[Estimate]:
        return await estimates(api, sli, chunk.start, chunk.end)

    plan = list(chunks(start, end, SLICE_S, MOST_POINTS))
    async for chunk, found in _walked(api, plan, SLICE_S, SLICE_S, read):
        yield chunk, found


async def _walked(
    api: PromApi,
    plan: list[Chunk],
    least_s: float,
    step: float,
    read: Callable[[Chunk], Awaitable[T]],
) -> AsyncIterator[tuple[Chunk, T]]:
    """Read the chunks in order; one that is too much is halved, down to `least_s`."""
    left = plan[::-1]
    while left:
        chunk = left.pop()
        halves = _halves(chunk, step) if chunk.end - chunk.start > least_s else ()
        try:
            result = await read(chunk)
        except (QueryRefused, AnswerTooLarge):
            if not halves:
                raise
            left.extend(halves)
        except SourceError as error:
            left.extend(halves if halves and isinstance(error, SourceTimeout) else (chunk,))
            await _rest(api)
        else:
            yield chunk, result


def _halves(chunk: Chunk, step: float) -> tuple[Chunk, ...]:
    """The older and the newer half, split at a step."""
    middle = chunk.end - max(1, (chunk.end - chunk.start) / step // 2) * step
    newer = replace(chunk, start=middle, done_s=chunk.done_s - (middle - chunk.start))
    return (replace(chunk, end=middle), newer)


async def _patiently(api: PromApi, ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, however long the source fails. A refused query is not asked again."""
    while True:
        try:
            return await ask()
        except (QueryRefused, AnswerTooLarge):
            raise
        except SourceError:
            await _rest(api)


async def _rest(api: PromApi) -> None:
    now = api.clock.now()
    # Others may probe just now: then there is no later time yet.
    await api.clock.sleep_until(max(api.retry_at or 0.0, now + _FIRST_WAIT_S))


async def _density(api: PromApi, selectors: tuple[Selector, ...]) -> float:
    """Samples per second of all these selectors now, by the server's count."""
    now = api.clock.now() - api.source.lag_s
    exprs = (f"sum(count_over_time({selector}[{_DENSITY_S}s]))" for selector in selectors)
    answers = await all_of(api.query(expr, now) for expr in exprs)
    counts = (float(series.values[-1]) for answer in answers for series in answer)
    return sum(counts) / _DENSITY_S


async def _scrapes(
    api: PromApi, selectors: frozenset[Selector], gauges: frozenset[Selector], chunk: Chunk
) -> list[Scrape]:
    reader = SourceReader(api.source.name, selectors, gauges)
    begin, end = chunk.start - LEAD_S, chunk.end
    answers = await all_of(asked(api, selector, begin, end) for selector in reader.asked)
    samples = [series for answer in answers for series in answer]
    jobs = jobs_named(reader.asked) | {series.labels.get("job", "") for series in samples}
    up: list[Samples] = []
    if (selector := up_of(jobs)) is not None:
        up = await asked(api, selector, begin, end)
    read = reader.read(samples, up, end)
    leads = {s.target_id: s for s in read if s.at <= chunk.start and s.page is not None}
    return [*leads.values(), *(scrape for scrape in read if scrape.at > chunk.start)]
