"""Polling a DataSource: one loop a source, asking for what is new and for nothing twice.

What was asked for is remembered by the times of samples, not by those of polls: a poll that fails
moves nothing, and the next good one catches up.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from collectors.errors import AnswerTooLarge, CollectError, QueryRefused, SourceResting
from collectors.lines import shortened
from collectors.promapi import PromApi, Samples
from collectors.scrape import Scrape, next_turn
from collectors.source_reader import SourceReader
from collectors.source_slices import SLICE_S, Estimate, estimates, unknown
from slo.promql_text import QueryError
from slo.spec import Selector, ServerSli

log = logging.getLogger(__name__)

T = TypeVar("T")

# A sample has the time at which its scrape began, and appears when it ended, up to a timeout (10 s
# by default) later, or when a relay delivered it: so far back a poll looks again.
OVERLAP_S: Final = 30.0
SLICE_DELAY_S: Final = 10.0  # a slice is evaluated so long after its end, for the same reason
FIRST_SPAN_S: Final = 300.0
LEAST_SPAN_S: Final = 60.0
MOST_SPAN_S: Final = 3600.0
MOST_POINTS: Final = 11_000  # of one series in an answer: Prometheus refuses more


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source does, for people. Times in Unix seconds."""

    name: str
    health: str = "unknown"  # up | down | unknown (not asked yet)
    error: str | None = None
    last_ok_at: float | None = None
    lag_s: float | None = None  # how far behind the present its samples are read
    retry_at: float | None = None


class Poller:
    """The loop of one source. All its methods belong to one event loop.

    `deliver` gets scrapes, those of a target in time order; `estimate` gets the slices of
    ServerSlis; `polled` gets the status after each poll, well or not. All are called in the loop
    and must neither block nor raise. `since` is up to when the source was read before, None: begin
    now. A poll that fails delivers nothing further. Where the samples were read and only an
    expression failed, the source is up, and `error` says what did not work.
    """

    def __init__(
        self,
        api: PromApi,
        reader: SourceReader,
        deliver: Callable[[Scrape], None],
        estimate: Callable[[Estimate], None],
        polled: Callable[[SourceStatus], None] | None = None,
        *,
        since: float | None = None,
    ) -> None:
        self.status = SourceStatus(api.source.name)
        self._api, self._reader, self._clock = api, reader, api.clock
        self._deliver, self._estimate, self._polled = deliver, estimate, polled
        self._read_to = since
        self._behind = False
        self._span = FIRST_SPAN_S
        self._slis: dict[str, ServerSli] = {}
        self._sliced_to: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def targets(self) -> Mapping[str, object]:
        """The virtual targets of now, by id."""
        return self._reader.targets

    def watch(
        self,
        selectors: frozenset[Selector],
        gauges: frozenset[Selector],
        slis: Iterable[ServerSli],
    ) -> None:
        """Ask for these from the next poll on; an SLI that is new begins with the slice of now."""
        self._reader.change(selectors, gauges)
        self._slis = {sli.fingerprint(SLICE_S): sli for sli in slis}
        kept = self._sliced_to.items()
        self._sliced_to = {key: done for key, done in kept if key in self._slis}

    def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, in the middle of a poll if need be."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def poll(self) -> None:
        """Everything that is new. It raises nothing; `status` says how it went."""
        now = self._clock.now()
        self._behind = True
        try:
            await self._poll_samples(now)
            self._behind = False
            await self._poll_slices(now)
        except CollectError as error:
            if self._behind or not self._reader.asked:
                self._failed(error.reason)
            else:
                self._went_well(now, error.reason)
        except Exception as error:  # a defect of one poll must not end all of them
            log.exception("a poll of %s failed by a fault of our own", self._api.source.name)
            self._failed(f"internal error: {type(error).__name__}: {error}")
        else:
            self._went_well(now, None)
        if self._polled is not None:
            self._polled(self.status)

    def _went_well(self, now: float, but: str | None) -> None:
        name = self._api.source.name
        self.status = SourceStatus(name, "up", but, now, self._lag(), self._api.retry_at)

    def _failed(self, reason: str) -> None:
        last, lag = self.status.last_ok_at, self._lag()
        name = self._api.source.name
        self.status = SourceStatus(name, "down", reason, last, lag, self._api.retry_at)

    def _lag(self) -> float | None:
        return None if self._read_to is None else self._clock.now() - self._read_to

    async def _run(self) -> None:
        source = self._api.source
        while True:
            turn = next_turn(source.name, source.interval_s, self._clock.now())
            retry_at = self._api.retry_at
            if retry_at is not None:
                # Where only an expression fails, samples are read at their own pace.
                turn = retry_at if self._behind else max(retry_at, turn)
            await self._clock.sleep_until(turn)
            await self.poll()

    # -- raw samples ----------------------------------------------------------------------------

    async def _poll_samples(self, now: float) -> None:
        """Read up to now, in pieces that the source and we can bear."""
        source = self._api.source
        end = math.floor((now - source.lag_s) * 1000) / 1000
        if self._read_to is None:
            self._read_to = end - source.interval_s
        while self._read_to < end:
            until = min(end, self._read_to + self._span)
            start = min(self._read_to, self._reader.held_since or self._read_to) - OVERLAP_S
            try:
                count = await self._read_piece(start, until, end - OVERLAP_S)
            except (QueryRefused, AnswerTooLarge):
                if until - self._read_to <= LEAST_SPAN_S:
                    raise
                self._span = max(LEAST_SPAN_S, (until - self._read_to) / 2)
                continue
            self._read_to = until
            most = source.max_samples / 2 * (until - start) / max(count, 1)
            self._span = min(max(most - OVERLAP_S, LEAST_SPAN_S), MOST_SPAN_S, 2 * self._span)

    async def _read_piece(self, start: float, until: float, settled: float) -> int:
        """Deliver what is new up to `until`; how many samples there were."""
        reader = self._reader
        up: list[Samples] = []
        if (selector := reader.up) is not None:
            up = await asked(self._api, selector, start, until)  # first: see SourceReader.read
        answers = await all_of(asked(self._api, s, start, until) for s in reader.asked)
        samples = [series for answer in answers for series in answer]
        for scrape in reader.read(samples, up, until, settled):
            self._deliver(scrape)
        return sum(len(series.at) for series in (*samples, *up))

    # -- slices that the server computes --------------------------------------------------------

    async def _poll_slices(self, now: float) -> None:
        """Ask for the slices that ended. A failure leaves the others' asked for."""
        source = self._api.source
        due = int((now - source.lag_s - SLICE_DELAY_S) // SLICE_S * SLICE_S)
        for key in self._slis:
            self._sliced_to.setdefault(key, due - SLICE_S)
        behind = [(key, sli) for key, sli in self._slis.items() if self._sliced_to[key] < due]
        await all_of(self._slice(key, sli, due) for key, sli in behind)

    async def _slice(self, key: str, sli: ServerSli, due: int) -> None:
        while key in self._slis and (done := self._sliced_to[key]) < due:
            until = min(due, done + MOST_POINTS * SLICE_S)
            try:
                found = await evaluated(self._api, sli, done, until)
            except QueryError as error:  # what a loader let through; nothing will mend it
                found = unknown(sli, done, until, error.message)
            if key in self._slis:  # it may be unwatched by now
                for estimate in found:
                    self._estimate(estimate)
                self._sliced_to[key] = int(found[-1].slice_start) + SLICE_S


async def evaluated(api: PromApi, sli: ServerSli, start: int, end: int) -> list[Estimate]:
    """The slices of [start, end), or the first of them when the server refuses all at once. One
    that it refuses by itself is unknown: it would be refused again.
    """
    try:
        return await estimates(api, sli, start, end)
    except QueryRefused as error:
        if end - start <= SLICE_S:
            return unknown(sli, start, end, error.reason)
        return await evaluated(api, sli, start, start + SLICE_S)


async def asked(api: PromApi, selector: Selector, start: float, end: float) -> list[Samples]:
    """The raw samples of a selector; a refusal names it."""
    try:
        return await api.samples(str(selector), start, end)
    except QueryRefused as error:
        raise QueryRefused(f"{shortened(str(selector))}: {error.reason}") from error


async def all_of(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all once all have ended, or the first error that says more than that others
    failed before.
    """
    results = await asyncio.gather(*coroutines, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, SourceResting))
    return [result for result in results if not isinstance(result, BaseException)]
