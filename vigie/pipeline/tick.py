"""The tick: waits for an arrival or a deadline, decides, commits, and shows the new figures."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection

from collectors.scrape import Scrape
from collectors.targets import Target
from incidents.model import Certificate, EventKind, OpenIncident
from slo.availability import Look
from slo.redundancy import Observed
from slo.status import Status
from vigie import faults
from vigie.clock import Clock
from vigie.config import Config
from vigie.live import Board, Change, Feed
from vigie.pipeline.commit import Committed, commit
from vigie.pipeline.decide import decide, next_deadline
from vigie.pipeline.figures import ServiceView, SloView
from vigie.pipeline.found import fitting, with_groups
from vigie.pipeline.heard import Heard
from vigie.pipeline.plan import Plan
from vigie.pipeline.restore import Restored, replan
from vigie.pipeline.state import Batch, Effects, Estimate, State
from vigie.pipeline.take import groups_shown
from vigie.store import exclusions, incidents
from vigie.store.db import Database
from vigie.store.errors import StoreError
from vigie.telemetry import Meters, Telemetry, log_ids

log = logging.getLogger(__name__)

MIN_PAUSE_S = 0.1  # between two ticks: a storm of arrivals costs one pass
GATHER_S = 0.03  # after an arrival, for those that were asked for in the same moment
MAX_WAITING = 20_000  # scrapes kept while nothing can be committed; the oldest go first
FAILURES_BEFORE_TELLING = 3


class Outcry(Protocol):
    """Tells people, without the database, that nothing can be recorded."""

    def __call__(self, text: str, firing: Sequence[str]) -> Coroutine[None, None, None]: ...


class Pipeline:
    """Runs one tick at a time over everything that arrived since the last.

    A tick whose transaction fails leaves no trace: its scrapes wait for the next one. Dropping a
    scrape loses no event, for counters are cumulative; it only blurs when an event happened.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        board: Board,
        feed: Feed,
        meters: Meters,
        telemetry: Telemetry,
        restored: Restored,
        wake_worker: Callable[[], None],
        outcry: Outcry,
        replanned: Callable[[Plan], None] = lambda _: None,
    ) -> None:
        self._db, self._clock, self._board, self._feed = db, clock, board, feed
        self._meters, self._telemetry = meters, telemetry
        self._wake_worker, self._outcry, self._replanned = wake_worker, outcry, replanned
        self._restored = restored
        self._open: dict[str, OpenIncident] = {}
        self._open_is_old = True
        self._corrections_are_old = False
        self._heard = Heard(db)
        self._arrived: deque[Scrape] = deque(maxlen=MAX_WAITING)
        self._estimates: deque[Estimate] = deque(maxlen=MAX_WAITING)
        self._polled: dict[str, float] = {}
        self._met: dict[str, Target] = {}
        self._present: dict[str, frozenset[str]] = {}
        self._found_anew = True
        self._probed: Mapping[str, Look] | None = None
        self._certificates: tuple[Certificate, ...] = ()
        self._observed: dict[str, Observed] = {}
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failed = 0
        self._last_tick_at: float | None = None
        self._cry: asyncio.Task[None] | None = None  # a slow receiver holds up no tick

    @property
    def state(self) -> State:
        """What is known now: the last committed state."""
        return self._restored.state

    def deliver(self, scrape: Scrape) -> None:
        """Take a scrape, good or failed; the next tick counts it."""
        faults.reach("scrape.done")
        self._meters.scrapes.labels("ok" if scrape.error is None else "failed").inc()
        self._meters.scrape_seconds.observe(scrape.duration_s)
        self._telemetry.record(
            "scrape",
            scrape.at,
            scrape.duration_s,
            target=scrape.target_id,
            error=scrape.error or "",
        )
        self._arrived.append(scrape)
        self._wake.set()

    def meet(self, target: Target) -> None:
        """Take note of a target that was found; its scrapes may follow."""
        if self._met.get(target.id) != target:
            self._met[target.id] = target
            self._found_anew = True
            self._wake.set()

    def present(self, finder: str, targets: frozenset[str]) -> None:
        """The targets that a DataSource, or who finds targets, still knows; others of it are no
        longer expected.
        """
        if self._present.get(finder) != targets:
            self._present[finder] = targets
            self._found_anew = True
            self._wake.set()

    def read_to(self, source: str) -> dict[str, float]:
        """By target of a DataSource: up to when it was read."""
        state = self.state
        pages = {name: state.memories[name].page_at for name in state.plan.found.targets}
        targets = state.plan.found.targets
        return {n: at for n, at in pages.items() if at is not None and targets[n].source == source}

    def polled(self, source: str, at: float, estimates: Iterable[Estimate] = ()) -> None:
        """A DataSource answered for all up to `at`, with what only it can evaluate."""
        self._polled[source] = max(at, self._polled.get(source, 0.0))
        self._estimates.extend(estimates)
        self._wake.set()

    def probed(
        self, services: Mapping[str, Look], certificates: Iterable[Certificate] = ()
    ) -> None:
        """What probes now say of every service that is probed, and every certificate they saw."""
        self._probed, self._certificates = services, tuple(certificates)
        self._wake.set()

    def observed(self, service: str, seen: Observed) -> None:
        """What a cluster now says of the replicas of a service."""
        self._observed[service] = seen
        self._wake.set()

    def changed_by_people(self) -> None:
        """A person changed an incident or a correction: the next tick reads them anew."""
        self._open_is_old = self._corrections_are_old = True
        self._wake.set()

    def heard(self) -> None:
        """A heartbeat said something, which the database has: the next tick reads it."""
        self._heard.beat()
        self._wake.set()

    def told_of_change(self) -> None:
        """A change was told, which the database has: it may be a rollout."""
        self._heard.change()
        self._wake.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="tick")

    async def stop(self) -> None:
        """End after the tick under way, with one more for what has arrived."""
        tasks = [task for task in (self._task, self._cry) if task is not None]
        # Not within a tick: its transaction may be committed all the same, and nobody would know.
        async with self._turn:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.tick()

    async def swap(self, config: Config) -> Plan:
        """Take a new configuration between two ticks; the plan that is made of it."""
        async with self._turn:
            now, before = self._clock.now(), self.state
            self._restored = await self._db.awrite(lambda c: replan(c, config, before, now))
            self._open_is_old = True
        self._wake.set()
        return self.state.plan

    async def reread(self, first: Callable[[Connection, Restored], None] | None = None) -> None:
        """Take in, between two ticks, what storage has come to know of the past: what others wrote
        before, or `first` writes in the same transaction.
        """
        async with self._turn:
            now, restored = self._clock.now(), self._restored

            def work(c: Connection) -> Restored:
                if first is not None:
                    first(c, restored)
                state = restored.state
                return replan(c, state.plan.written, state, now, reread=True)

            self._restored = await self._db.awrite(work)
        self._wake.set()

    async def tick(self) -> bool:
        """One pass; whether it was committed."""
        async with self._turn:
            number = self.state.tick + 1
            with log_ids(tick=number), self._telemetry.span("tick", tick=number):
                return await self._one()

    async def _run(self) -> None:
        while True:
            try:
                await self._wait()
                await self.tick()
            except Exception:  # a defect outside the tick itself must not end all watching
                log.exception("the loop of ticks failed; it goes on")
                self._meters.tick_failures.inc()
            await self._clock.sleep_until(self._clock.now() + MIN_PAUSE_S)

    async def _wait(self) -> None:
        deadline = next_deadline(self.state, self._clock.now())
        due = asyncio.create_task(self._clock.sleep_until(deadline))
        arrival = asyncio.create_task(self._wake.wait())
        try:
            done, _ = await asyncio.wait({due, arrival}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            due.cancel()
            arrival.cancel()
        if arrival in done:
            await self._clock.sleep_until(self._clock.now() + GATHER_S)

    async def _one(self) -> bool:
        self._wake.clear()
        batch = Batch(
            tuple(self._arrived),
            tuple(self._estimates),
            dict(self._polled),
            probed=self._probed,
            certificates=self._certificates,
            observed=dict(self._observed),
        )
        now = self._clock.now()
        effects: Effects | None = None
        try:
            with self._meters.tick_seconds.time():
                if self._open_is_old:
                    self._open_is_old = False  # before it is read: it may change meanwhile
                    self._open = await self._db.aread(incidents.open_incidents)
                await self._find(batch, now)
                batch = await self._with_heard(batch, now)
                after, effects = decide(self.state, batch, self._open, now)
                committed = await self._commit(effects, now)
        except StoreError as error:
            self._not_recorded(str(error), effects)
            return False
        except Exception as error:  # the loop must survive a defect; these scrapes are given up
            log.exception("tick failed; %d scrapes are dropped", len(batch.scrapes))
            self._forget(batch)
            self._not_recorded(f"internal error: {error}", effects)
            return False
        self._forget(batch)
        arrived = min((scrape.at + scrape.duration_s for scrape in batch.scrapes), default=now)
        self._adopt(after, effects, committed, arrived, now)
        return True

    async def _with_heard(self, batch: Batch, now: float) -> Batch:
        beating = self.state.plan.config.heartbeats.values()
        return replace(
            batch,
            beats=await self._heard.beats(beating, self._last_tick_at, now),
            rollouts=await self._heard.rollouts(now),
        )

    async def _find(self, batch: Batch, now: float) -> None:
        """Make room for groups and targets that this batch shows for the first time, and take in
        what people took out of the figures.
        """
        state = self.state
        known = state.plan.found
        seen = with_groups(state.plan.written, known, groups_shown(state, batch))
        anew, self._found_anew = self._found_anew, False  # it may be set again meanwhile
        if anew:
            self._met = {n: t for n, t in self._met.items() if t.source or self._is_present(t)}
            targets = {**known.targets, **self._met}
            present = {name: t for name, t in targets.items() if self._is_present(t)}
            seen = fitting(state.plan.written, replace(seen, targets=present))
        corrected = False
        if self._corrections_are_old:
            self._corrections_are_old = False  # before they are read: they may change meanwhile
            corrected = await self._db.aread(exclusions.in_force) != state.corrections
        if seen == known and not corrected:
            return
        written = state.plan.written
        try:
            self._restored = await self._db.awrite(lambda c: replan(c, written, state, now, seen))
        except StoreError:
            self._found_anew = self._found_anew or anew
            raise
        if self.state.plan.config.targets != state.plan.config.targets:
            self._replanned(self.state.plan)
        if seen.targets != known.targets:
            await self._find(batch, now)  # the pages of new targets may show new groups

    def _is_present(self, target: Target) -> bool:
        return target.id in self._present.get(target.found_by or target.source, (target.id,))

    async def _commit(self, effects: Effects, now: float) -> Committed:
        restored, state = self._restored, self.state
        committed = await self._db.awrite(
            lambda c: commit(
                c,
                effects,
                config=state.plan.config,
                ids=restored.ids,
                since=restored.at,
                known=state.memories,
                now=now,
            )
        )
        if EventKind.OPENED in committed.kinds:
            faults.reach("open.after_commit")
        if EventKind.RESOLVED in committed.kinds:
            faults.reach("resolve.after_commit")
        return committed

    def _adopt(
        self, after: State, effects: Effects, committed: Committed, arrived: float, now: float
    ) -> None:
        self._restored = replace(self._restored, state=after)
        self._failed = 0
        self._meters.ticks.inc()
        self._meters.late.inc(effects.late)
        self._measure(after, arrived, now)
        self._open_is_old = self._open_is_old or bool(committed.incidents)
        self._board.now = replace(
            self._board.now,
            config=after.plan.config,
            status=_status(after, now),
            targets=after.targets,
            tick_error=None,
            ticks_failed=0,
        )
        self._feed.publish(Change("tick", after.tick))
        for number in committed.incidents:
            self._feed.publish(Change("incident", number))
            with log_ids(incident=number):
                log.info("incident changed")
        if committed.jobs:
            self._wake_worker()

    def _measure(self, after: State, arrived: float, now: float) -> None:
        """How punctual the ticks are."""
        width, last = after.plan.slice_s, self._last_tick_at
        if last is not None:
            self._meters.missed.inc(max(0, int(now // width) - int(last // width) - 1))
        self._last_tick_at = now
        self._meters.watermark.set(now)
        self._meters.sealed.set(after.ledger.open_from)
        self._meters.lag.set(max(0.0, now - arrived))

    def _not_recorded(self, reason: str, effects: Effects | None) -> None:
        """Say loudly that this tick could not be recorded, and go on with what was known before."""
        self._failed += 1
        self._open_is_old = True
        self._heard.all_again()
        state = replace(self.state, ledger=self.state.ledger.retried())
        self._restored = replace(self._restored, state=state)
        self._meters.tick_failures.inc()
        log.error("tick not recorded: %s (%d in a row)", reason, self._failed)
        self._board.now = replace(self._board.now, tick_error=reason, ticks_failed=self._failed)
        told = self._cry is None or self._cry.done()
        if self._failed >= FAILURES_BEFORE_TELLING and told:
            firing = effects.firing if effects is not None else ()
            self._cry = asyncio.create_task(self._outcry(f"Vigie can't record: {reason}", firing))

    def _forget(self, batch: Batch) -> None:
        """Take a batch off the queue, which may have lost its oldest to `MAX_WAITING` meanwhile."""
        for waiting, taken in ((self._arrived, batch.scrapes), (self._estimates, batch.estimates)):
            for one in taken:
                if waiting and waiting[0] is one:
                    waiting.popleft()


def _status(state: State, now: float) -> Status:
    assert state.figures is not None, "a committed tick has figures"
    services = ServiceView(state.availability, state.histories, state.redundancy)
    return Status(now, state.tick, SloView(state.figures), services)
