"""The DataSources of a configuration, polled: what their servers say goes to the pipeline."""

import asyncio
import statistics
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import aiohttp

from collectors.promapi import PromApi
from collectors.scrape import Clock, Scrape
from collectors.source_poller import Poller, SourceStatus
from collectors.source_reader import SourceReader, VirtualTarget
from collectors.source_slices import SLICE_S
from collectors.source_slices import Estimate as Told
from collectors.targets import Target
from slo.spec import DataSource, Selector, ServerSli, SloId
from vigie.live import Backfilled, Board
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import Estimate, State
from vigie.pipeline.tick import Pipeline
from vigie.sources.backfill import Backfill
from vigie.sources.past import CHANGED, FIRST_INTERVAL_S, SEEN, columns_shown
from vigie.sources.told import columns_of, in_units
from vigie.store.db import Database


class Sources:
    """Polls every DataSource that an SLO uses, reads back what was before, and shows on the board
    how that goes. All its methods belong to one event loop.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        pipeline: Pipeline,
        db: Database,
        board: Board,
    ) -> None:
        self._session, self._clock, self._pipeline = session, clock, pipeline
        self._db, self._board = db, board
        self._polled: dict[str, _Polled] = {}
        self._columns: tuple[Plan, list[tuple[SloId, list[str]]]] | None = None

    async def watch(self, plan: Plan) -> None:
        """Poll what this plan asks for; a source that is the same goes on where it is."""
        wanted = _wanted(plan)
        for name in list(self._polled):
            if self._polled[name].source != wanted.get(name, _Wanted(None)).source:
                await self._polled.pop(name).stop()
        for name, asks in wanted.items():
            one = self._polled.get(name)
            if one is None:
                one = self._polled[name] = self._new(asks, plan)
                one.poller.start()
                one.backfill.start()
            one.columns = {sli.fingerprint(SLICE_S): columns_of(plan, sli) for sli in asks.slis}
            one.poller.watch(asks.selectors, asks.gauges, asks.slis)
            one.backfill.changed()
        self._show()

    async def stop(self) -> None:
        """Stop every poll and backfill."""
        await asyncio.gather(*(one.stop() for one in self._polled.values()))
        self._polled = {}

    def _new(self, asks: "_Wanted", plan: Plan) -> "_Polled":
        assert asks.source is not None, "only a source that exists is polled"
        seen = self._pipeline.read_to(asks.source.name)
        reader = SourceReader(asks.source.name, asks.selectors, asks.gauges, seen)
        # Known before a restart: they are expected at once, and their `up` is asked for, without
        # which the newest samples would wait to be whole.
        for name, at in seen.items():
            reader.targets[name] = VirtualTarget(name, plan.found.targets[name].labels, at)
        one = _Polled(asks.source, reader, self._pipeline, plan.found.targets, self._show)
        one.poller = Poller(
            PromApi(self._session, asks.source, self._clock),
            reader,
            one.deliver,
            one.estimate,
            one.polled,
            since=max(seen.values(), default=None),
        )
        one.backfill = Backfill(
            self._session,
            asks.source,
            self._clock,
            self._pipeline,
            db=self._db,
            told=self._show,
        )
        return one

    def _show(self) -> None:
        """Put on the board how every source does, and how far the past of each SLO is."""
        left = {name: one.backfill.left for name, one in self._polled.items()}
        errors = {name: one.backfill.error for name, one in self._polled.items()}
        by_column = {column: how for columns in left.values() for column, how in columns.items()}
        slos = {}
        if by_column:
            for slo, columns in self._columns_of_slos():
                if parts := [by_column[column] for column in columns if column in by_column]:
                    slos[slo] = _least(parts)
        self._board.now = replace(
            self._board.now,
            sources={name: one.poller.status for name, one in self._polled.items()},
            backfills=slos,
            source_backfills={
                name: replace(_least(parts.values()), error=errors[name])
                for name, parts in left.items()
                if parts
            },
        )

    def _columns_of_slos(self) -> list[tuple[SloId, list[str]]]:
        plan = self._pipeline.state.plan
        if self._columns is None or self._columns[0] is not plan:
            each = zip(plan.watches, columns_shown(plan), strict=True)
            found = [(watch.slo.id, [plan.ids[col] for col in cols]) for watch, cols in each]
            self._columns = plan, found
        return self._columns[1]


def _least(parts: Iterable[tuple[float, float]]) -> Backfilled:
    """The column that is least far speaks for all."""
    return Backfilled(*min(parts, key=lambda part: part[0] / max(part[1], 1.0)))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of one source."""

    source: DataSource | None
    selectors: frozenset[Selector] = frozenset()
    gauges: frozenset[Selector] = frozenset()
    slis: tuple[ServerSli, ...] = ()


def _wanted(plan: Plan) -> dict[str, _Wanted]:
    """By source: what the SLOs of a plan ask of it; none of a source that no SLO uses."""
    found: dict[str, _Wanted] = {}
    for name, source in plan.config.sources.items():
        slis = [sli for sli in plan.columns_.slis if isinstance(sli, ServerSli)]
        one = _Wanted(
            source,
            _named(plan.counted, name),
            _named(plan.sampled_from, name),
            tuple(sli for sli in slis if sli.source == name),
        )
        if one.selectors or one.gauges or one.slis:
            found[name] = one
    return found


def _named(wanted: Iterable[tuple[str, Selector]], name: str) -> frozenset[Selector]:
    return frozenset(selector for source, selector in wanted if source == name)


@dataclass
class _Polled:
    """One source that is polled, and what its targets' intervals seem to be."""

    source: DataSource
    reader: SourceReader
    pipeline: Pipeline
    known: Mapping[str, Target]
    show: Callable[[], None]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by SLI, as polled
    poller: Poller = field(init=False)
    backfill: Backfill = field(init=False)
    _times: dict[str, deque[float]] = field(default_factory=dict)
    _met: dict[str, Target] = field(default_factory=dict)
    _estimates: list[Estimate] = field(default_factory=list)

    async def stop(self) -> None:
        await asyncio.gather(self.poller.stop(), self.backfill.stop())

    def deliver(self, scrape: Scrape) -> None:
        """A scrape of a target that the server knows."""
        virtual = self.reader.targets.get(scrape.target_id)
        if virtual is not None:
            self._meet(virtual, scrape.at)
        self.pipeline.deliver(scrape)

    def estimate(self, told: Told) -> None:
        """A slice that the server computed. One that the ledger has was told before a restart."""
        state = self.pipeline.state
        place = {fingerprint: col for col, fingerprint in enumerate(state.plan.ids)}
        for one in in_units([told], self.columns.get(told.fingerprint, ())):
            if one.fingerprint in place and not _has(state, place[one.fingerprint], one):
                self._estimates.append(one)

    def polled(self, status: SourceStatus) -> None:
        """A poll ended, well or not."""
        if status.health == "up" and status.last_ok_at is not None:
            estimates, self._estimates = self._estimates, []
            self.pipeline.polled(self.source.name, status.last_ok_at, estimates)
            self.pipeline.present(self.source.name, frozenset(self.reader.targets))
        self.show()
        self.backfill.changed()

    def _meet(self, virtual: VirtualTarget, at: float) -> None:
        times = self._times.setdefault(virtual.id, deque(maxlen=SEEN))
        if not times or at > times[-1]:
            times.append(at)
        before = self._met.get(virtual.id) or self.known.get(virtual.id)
        interval_s = before.interval_s if before else FIRST_INTERVAL_S
        if len(times) == SEEN:
            gaps = [later - earlier for earlier, later in zip(times, list(times)[1:], strict=False)]
            seen_s = statistics.median(gaps)
            if abs(seen_s - interval_s) > CHANGED * interval_s:
                interval_s = seen_s
        if before is None or before.interval_s != interval_s:
            one = before or _target(self.source, virtual)
            self._met[virtual.id] = replace(one, interval_s=interval_s)
            self.pipeline.meet(self._met[virtual.id])


def _has(state: State, col: int, one: Estimate) -> bool:
    """Whether a slice holds anything of a column already."""
    end = one.start + one.width_s
    return bool(state.ledger.between(one.start, end)[2, col] > 0)


def _target(source: DataSource, virtual: VirtualTarget) -> Target:
    return Target(
        job=virtual.labels.get("job", ""),
        instance=virtual.labels.get("instance", ""),
        url=source.url,
        service="",
        labels=virtual.labels,
        source=source.name,
    )
