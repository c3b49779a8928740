"""Where a history comes from: a file, or the raw samples of a server that answers PromQL."""

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from collectors import openmetrics
from collectors.errors import (
    AnswerTooLarge,
    QueryRefused,
    SourceBusy,
    SourceFailed,
    SourceResting,
    SourceTimeout,
)
from collectors.promapi import PromApi, Samples
from collectors.scrape import Scrape
from collectors.source_pages import Catalogue
from collectors.source_poller import LEAST_SPAN_S, MOST_POINTS, all_of, asked
from collectors.source_reader import SourceReader, jobs_named, up_of
from slo.series import Floats
from slo.spec import DataSource, Selector
from vigie.config import Config
from vigie.pipeline.plan import compile_plan

TRIES: Final = 5  # of one piece, before the server is given up
# Prometheus refuses an answer of more points of one series; scrapes are a second apart at least.
FIRST_SPAN_S: Final = float(MOST_POINTS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The selectors of a configuration: of counters, and of current values."""

    counters: frozenset[Selector]
    gauges: frozenset[Selector]

    @classmethod
    def by(cls, config: Config, slice_s: int) -> "Wanted":
        plan = compile_plan(config, slice_s)
        return cls(
            frozenset(selector for _, selector in plan.counted),
            frozenset(selector for _, selector in plan.sampled_from),
        )


def from_file(path: Path, wanted: Wanted) -> openmetrics.Recording:
    """The history in a file of OpenMetrics text; ExpositionError, OSError."""
    return openmetrics.read(path, wanted.counters, wanted.gauges)


async def from_server(
    api: PromApi,
    wanted: Wanted,
    start: float,
    end: float,
    tell: Callable[[float], None] = lambda _: None,
) -> "Gathered":
    """The history that a server has of (start, end], oldest first; `tell` is given the share that
    is read. SourceError when it fails for good.

    Pieces that are too much for it are halved. `up` is asked for too, so that scrapes that failed
    are known.
    """
    gathered = Gathered(wanted)
    reader = SourceReader(api.source.name, wanted.counters, wanted.gauges)
    span_s, done = FIRST_SPAN_S, start
    while done < end:
        upto = min(done + span_s, end)
        try:
            answer = await _patiently(api, partial(_piece, api, reader, done, upto))
        except (QueryRefused, AnswerTooLarge, SourceTimeout):
            if span_s <= LEAST_SPAN_S:
                raise
            span_s = max(math.floor(span_s / 2), LEAST_SPAN_S)
            continue
        gathered.add(answer)
        done = upto
        tell((done - start) / (end - start))
    return gathered


class Gathered:
    """Samples of a server as scrapes, piece by piece in time order; 20 bytes are kept of each."""

    def __init__(self, wanted: Wanted) -> None:
        self._catalogue = Catalogue("server", wanted.counters, wanted.gauges)
        self._pieces: list[tuple[npt.NDArray[np.uint32], Floats, Floats]] = []

    @property
    def targets(self) -> Mapping[str, Mapping[str, str]]:
        return dict(zip(self._catalogue.target_ids, self._catalogue.labels, strict=True))

    def add(self, answer: list[Samples]) -> None:
        """Take the samples of the next piece, which are later than all before."""
        found = [(self._catalogue.row(one.labels), one) for one in answer]
        kept = [(row, one) for row, one in found if row is not None]
        if kept:
            sizes = [len(one.at) for _, one in kept]
            rows = np.repeat(np.array([row for row, _ in kept], dtype=np.uint32), sizes)
            at = np.concatenate([one.at for _, one in kept])
            self._pieces.append((rows, at, np.concatenate([one.values for _, one in kept])))

    def scrapes(self) -> Iterator[Scrape]:
        for rows, at, values in self._pieces:
            yield from self._catalogue.scrapes(rows.astype(np.int64), at, values)


def source_at(config: Config, given: str) -> DataSource:
    """The DataSource with this name or this address, with its credentials; else one of nothing but
    the address.
    """
    for source in config.sources.values():
        if given == source.name or given.rstrip("/") == source.url.rstrip("/"):
            return source
    return DataSource("prometheus", "Prometheus", given)


async def _piece(api: PromApi, reader: SourceReader, start: float, end: float) -> list[Samples]:
    answers = await all_of(asked(api, selector, start, end) for selector in reader.asked)
    samples = [series for answer in answers for series in answer]
    jobs = jobs_named(reader.asked) | {series.labels.get("job", "") for series in samples}
    if (selector := up_of(jobs)) is not None:
        samples += await asked(api, selector, start, end)
    return samples


async def _patiently(api: PromApi, ask: Callable[[], Awaitable[list[Samples]]]) -> list[Samples]:
    """The answer of a server that may be busy for a while."""
    for left in reversed(range(TRIES)):
        try:
            return await ask()
        except (SourceBusy, SourceFailed, SourceResting):
            if not left:
                raise
            await api.clock.sleep_until(max(api.retry_at or 0.0, api.clock.now() + 1.0))
    raise AssertionError("the last try returns or raises")
