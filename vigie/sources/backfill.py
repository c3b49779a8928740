"""Reading the past of new columns from their DataSource, the newest first, beside its live poll.

A column is new until its first row in `backfill`. Live measuring takes over at its seam: a whole
minute before which every target was read for it once, so that nothing is counted twice or lost.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import aiohttp
import numpy as np
from sqlalchemy import Connection

from collectors.errors import CollectError
from collectors.promapi import PromApi
from collectors.scrape import Clock
from collectors.source_backfill import backfill_estimates, backfill_scrapes
from slo.ledger import HOUR_S
from slo.promql_text import QueryError
from slo.spec import CountingSli, DataSource, SampledSli, Selector, ServerSli
from vigie.pipeline.plan import Plan
from vigie.pipeline.restore import Restored
from vigie.pipeline.tick import Pipeline
from vigie.sources import rows
from vigie.sources.past import SLOWEST_S, Block, Past, plan_for
from vigie.sources.seam import Wanted, has_passed, seam_of, wanted_of
from vigie.sources.told import columns_of, in_units
from vigie.store import backfill as store
from vigie.store import ledger
from vigie.store.backfill import Progress
from vigie.store.db import Database
from vigie.store.errors import StoreError

log = logging.getLogger(__name__)

TAKE_IN_S: Final = 300.0  # so often the pipeline takes in what was read
RETRY_S: Final = 600.0  # after an error that waiting a little doesn't mend
MOST_SAMPLES: Final = 40_000  # four chunks' worth: one holds up the loop for 0.1 s (measured)
# The pipeline reads its slices anew only while storage has them all: see vigie.store.keep.FINE_S.
LONGEST_OPEN_S: Final = 2700.0


class Backfill:
    """The backfill of one source. All its methods belong to one event loop.

    `told` is called when anything of `left` or `error` changed.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        source: DataSource,
        clock: Clock,
        pipeline: Pipeline,
        *,
        db: Database,
        told: Callable[[], None],
    ) -> None:
        # A breaker of its own: a piece that is too much for the server holds up no live poll.
        few = replace(source, concurrency=1, max_samples=min(source.max_samples, MOST_SAMPLES))
        self._api = PromApi(session, few, clock)
        self._name, self._clock, self._pipeline, self._db = source.name, clock, pipeline, db
        self._told = told
        self._rows: dict[str, Progress] | None = None
        self._wanted: dict[str, Wanted] = {}  # of this plan, until then
        self._plan: Plan | None = None
        self._plan_until = 0.0
        self._seams: dict[str, int] = {}  # of columns that have not passed theirs
        self._alone: set[str] = set()  # what is not read together with others any more
        self._failed: dict[str, float] = {}  # by fingerprint: when it is tried again
        self._untaken: set[str] = set()  # columns of which the pipeline did not take in everything
        self._taken_in_at = 0.0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.error: str | None = None

    @property
    def left(self) -> Mapping[str, tuple[float, float]]:
        """By fingerprint of the columns whose past is not complete: how many seconds of it were
        read, and of how many.
        """
        found = {}
        now = self._clock.now()
        for fingerprint, wanted in self._wanted.items():
            row = (self._rows or {}).get(fingerprint)
            if row is None:
                found[fingerprint] = (0.0, now - wanted.oldest)
            elif not row.done or fingerprint in self._untaken:
                found[fingerprint] = float(row.seam - row.done_from), float(row.seam - row.oldest)
        return found

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"backfill {self._name}")

    async def stop(self) -> None:
        """Stop; what was written stays, and the next start goes on there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def changed(self) -> None:
        """The plan changed, or the source was polled: there may be something to do."""
        state, now = self._pipeline.state, self._clock.now()
        if state.plan is not self._plan or now >= self._plan_until:
            self._plan, self._plan_until = state.plan, now + HOUR_S
            self._wanted = wanted_of(state, self._name, now, self._wanted)
        self._changed.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._once()
            except StoreError as error:
                log.error("backfill from %s: %s", self._name, error)
                await self._clock.sleep_until(self._clock.now() + 10.0)
            except Exception:  # a defect must not end the backfill of everything else
                log.exception("the backfill from %s failed; it goes on", self._name)
                await self._clock.sleep_until(self._clock.now() + RETRY_S)

    async def _once(self) -> None:
        if self._rows is None:
            self._rows = await self._db.aread(lambda c: store.read(c, self._name))
        await self._look()
        if due := self._due():
            await self._read(due)
        elif not await self._take_in():
            await self._changed.wait()

    # -- what there is to do ----------------------------------------------------------------------

    async def _look(self) -> None:
        """Bring in line with the plan: columns that are new, or wanted further back."""
        assert self._rows is not None, "they are read first"
        self.changed()
        self._changed.clear()
        born_late = []
        for fingerprint, wanted in self._wanted.items():
            row = self._rows.get(fingerprint)
            if row is not None:
                if wanted.oldest < row.oldest - HOUR_S:
                    self._rows[fingerprint] = replace(row, oldest=wanted.oldest)
            elif wanted.group_of in self._rows:
                at = int(self._clock.now())
                born_late.append(Progress(fingerprint, self._name, at, at, at))
            elif (seam := self._seam(wanted)) is not None:
                self._rows[fingerprint] = Progress(
                    fingerprint, self._name, wanted.oldest, seam, seam
                )
        if born_late:
            await self._db.awrite(lambda c: store.write(c, born_late))
            self._rows |= {row.fingerprint: row for row in born_late}
        self._told()

    def _seam(self, wanted: Wanted) -> int | None:
        """Where live measuring took over, once all that lies before was told."""
        state, source = self._pipeline.state, self._api.source
        seam = self._seams.get(wanted.fingerprint) or seam_of(state, source, wanted)
        if seam is None:
            return None
        self._seams[wanted.fingerprint] = seam
        return seam if has_passed(state, source, wanted, seam) else None

    def _due(self) -> list[Progress]:
        """The columns whose newest part is missing, which are read together."""
        now = self._clock.now()
        waiting = [
            row
            for fingerprint, row in (self._rows or {}).items()
            if fingerprint in self._wanted
            and not row.done
            and self._failed.get(fingerprint, 0.0) <= now
        ]
        newest = max((row.done_from for row in waiting), default=0)
        due = [row for row in waiting if row.done_from == newest]
        together = [row for row in due if not self._is_read_alone(row.fingerprint)]
        if together or not due:
            return together
        first = self._wanted[due[0].fingerprint].measured
        return [row for row in due if self._wanted[row.fingerprint].measured == first]

    def _is_read_alone(self, fingerprint: str) -> bool:
        wanted = self._wanted[fingerprint]
        return wanted.by_server or wanted.measured in self._alone

    # -- reading ----------------------------------------------------------------------------------

    async def _read(self, due: list[Progress]) -> None:
        """Read what these columns lack until it is complete or something else comes first."""
        try:
            await self._read_all(due)
        except (CollectError, QueryError) as error:
            reason = error.reason if isinstance(error, CollectError) else error.message
            log.warning("backfill from %s: %s", self._name, reason)
            measured = {self._wanted[row.fingerprint].measured for row in due}
            if len(measured) > 1:  # the others need not wait for the one that is refused
                self._alone |= measured
                return
            self.error = reason
            again = self._clock.now() + RETRY_S
            self._failed |= {row.fingerprint: again for row in due}
            self._told()

    async def _read_all(self, due: list[Progress]) -> None:
        state, end = self._pipeline.state, due[0].done_from
        names = frozenset(row.fingerprint for row in due)
        plan = plan_for(state.plan, self._name, names)
        past = Past(plan, state.plan.found.targets, min(row.oldest for row in due), end)
        base = end
        if any(row.done_from == row.seam for row in due) or end % HOUR_S:
            base = (min(state.ledger.open_from, end - HOUR_S)) // HOUR_S * HOUR_S
        sli = self._wanted[due[0].fingerprint].sli
        reading = (
            self._estimates(sli, plan, past)
            if isinstance(sli, ServerSli)
            else self._scrapes(plan, past)
        )
        async for _ in reading:
            for block in past.final(base):
                due = await self._keep(block, plan, due, in_turn=block.end > base)
            await self._take_in_at_times()
            if await self._something_comes_first(due, names):
                return

    async def _scrapes(self, plan: Plan, past: Past) -> AsyncIterator[None]:
        selectors, gauges = _named(plan, CountingSli), _named(plan, SampledSli)
        until = min(past.end + SLOWEST_S, self._clock.now() - self._api.source.lag_s)
        pieces = backfill_scrapes(self._api, selectors, gauges, float(past.oldest), until)
        async for chunk, scrapes in pieces:
            await asyncio.to_thread(past.take, chunk.start, scrapes)
            yield

    async def _estimates(self, sli: ServerSli, plan: Plan, past: Past) -> AsyncIterator[None]:
        columns = columns_of(plan, sli)
        pieces = backfill_estimates(self._api, sli, float(past.oldest), float(past.end))
        async for chunk, told in pieces:
            past.estimated(chunk.start, in_units(told, columns))
            yield

    async def _something_comes_first(self, due: list[Progress], names: frozenset[str]) -> bool:
        await self._look()
        if not names <= self._wanted.keys():
            return True
        waiting = self._due()
        ours = max((row.done_from for row in due), default=0)
        return any(row.fingerprint not in names and row.done_from >= ours for row in waiting)

    # -- keeping ----------------------------------------------------------------------------------

    async def _keep(
        self, block: Block, plan: Plan, due: list[Progress], *, in_turn: bool
    ) -> list[Progress]:
        """Write a block of the columns that want it, with how far they are then."""
        assert self._rows is not None, "they are read first"
        given = [row for row in due if row.oldest < block.end and not row.done]
        after = [replace(row, done_from=block.start) for row in given]
        place = {fingerprint: col for col, fingerprint in enumerate(plan.ids)}
        cols = np.array([place[row.fingerprint] for row in after], dtype=np.int64)
        work = partial(_write, block=block, cols=cols, after=after, slice_s=plan.slice_s)
        if in_turn:
            await self._until_slices_close()
            await self._pipeline.reread(work)
            self._all_taken_in()
        else:
            await self._db.awrite(lambda c: work(c, None))
            self._untaken |= {row.fingerprint for row in after}
        self._rows |= {row.fingerprint: row for row in after}
        for row in after:
            self._failed.pop(row.fingerprint, None)
        if not self._failed:
            self.error = None
        self._told()
        return after

    async def _take_in_at_times(self) -> None:
        if self._clock.now() - self._taken_in_at >= TAKE_IN_S:
            await self._take_in()

    async def _take_in(self) -> bool:
        """Let the pipeline take in what was read; False when there is nothing, or not now."""
        if not self._untaken or not self._slices_close():
            return False
        await self._pipeline.reread()
        self._all_taken_in()
        self._told()
        return True

    def _all_taken_in(self) -> None:
        self._untaken = set()
        self._taken_in_at = self._clock.now()

    async def _until_slices_close(self) -> None:
        while not self._slices_close():
            await self._clock.sleep_until(self._clock.now() + 10.0)

    def _slices_close(self) -> bool:
        """Whether slices wait for no source that fails for long."""
        return self._clock.now() - self._pipeline.state.ledger.open_from < LONGEST_OPEN_S


def _write(
    c: Connection,
    restored: Restored | None,
    *,
    block: Block,
    cols: np.ndarray[tuple[int], np.dtype[np.int64]],
    after: list[Progress],
    slice_s: int,
) -> None:
    if after:
        ids = ledger.sli_ids(c, [row.fingerprint for row in after])
        open_from = block.end if restored is None else restored.state.ledger.open_from
        seam = after[0].seam
        rows.write(c, block, cols, ids, slice_s=slice_s, seam=seam, open_from=open_from)
    store.write(c, after)


def _named(plan: Plan, form: type[CountingSli | SampledSli]) -> frozenset[Selector]:
    return frozenset(
        selector
        for sli in plan.columns_.slis
        if isinstance(sli, form) and sli.source in plan.written.sources
        for selector in sli.selectors
    )
