"""Runs durable jobs: claims what is due, keeps its lease while a handler works, records the end.

A handler does the outside work with no transaction open, and hands back what to write; that is
committed together with the end of the job, and only if the lease still stands. So a job is done at
least once, and its result recorded exactly once.
"""

import asyncio
import logging
import math
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from vigie.clock import Clock
from vigie.jobs.handler import Done, GiveUp, Handler, OnDead, RetryLater, Write, backoff_s
from vigie.store import jobs
from vigie.store.db import Database
from vigie.store.errors import StoreError
from vigie.store.jobs import Job
from vigie.telemetry import Telemetry, log_ids

log = logging.getLogger(__name__)

GRACE_S: Final = 2.0  # for handlers at a stop: most are in one request that is about to end


class Worker:
    """One worker of this process. `results` counts how jobs ended: done, retried, dead, lost (the
    lease), crashed (the handler raised what it should not), untold (`on_dead` raised); and
    store_errors.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        handlers: Mapping[str, Handler],
        *,
        worker: str,
        on_dead: OnDead,
        lease_s: float = 30.0,
        poll_s: float = 5.0,
        batch: int = 10,
        chance: Callable[[], float] = random.random,
        settled: Callable[[Job], None] = lambda _job: None,
        telemetry: Telemetry | None = None,
    ) -> None:
        """`worker` is unique to this process. At most `batch` handlers run at once. `poll_s` is the
        longest that a due job waits whose writer forgot to `wake`. `settled` hears of every job
        whose attempt was recorded.
        """
        self._db = db
        self._clock = clock
        self._handlers = handlers
        self._name = worker
        self._on_dead = on_dead
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._batch = batch
        self._chance = chance
        self._settled = settled
        self._telemetry = telemetry or Telemetry()
        self._running: dict[int, _Running] = {}
        self._claiming: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self.results: Counter[str] = Counter()

    def wake(self) -> None:
        """Something was enqueued. Call it after the commit, from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                self._loop.call_soon_threadsafe(self._woken.set)

    async def start(self) -> None:
        """Begin to claim and run jobs."""
        self._loop, self._stopping = asyncio.get_running_loop(), False
        self._claiming = asyncio.create_task(self._survive(self._claim_and_rest))
        self._renewing = asyncio.create_task(self._survive(self._rest_and_renew))

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Claim no more, let handlers end within the grace, stop the others and give their jobs
        back, so that the next server need not wait for leases to run out.
        """
        self._stopping = True
        self._woken.set()
        if self._claiming is not None:  # not cancelled: a claim under way must be known of
            await self._claiming
        if working := [one.task for one in self._running.values()]:
            await _first_of(
                asyncio.wait(working), self._clock.sleep_until(self._clock.now() + grace_s)
            )
            await _ended(*working)
        if self._renewing is not None:  # leases are renewed until the last handler has ended
            await _ended(self._renewing)
        self._claiming = self._renewing = None
        try:
            await self._db.awrite(lambda c: jobs.release(c, self._name, self._tell))
        except StoreError as error:  # their leases will run out
            log.warning("the jobs of this worker could not be given back: %s", error)

    async def run_due(self) -> int:
        """Run all that is due now to its end, without `start`; how many. For tests and commands."""
        ran = 0
        while claimed := await self._claim():
            ran += len(claimed)
            await asyncio.gather(*claimed)
        return ran

    # -- claiming ------------------------------------------------------------------------------

    async def _claim_and_rest(self) -> None:
        self._woken.clear()
        look_at = await self._next_look()
        if look_at <= self._clock.now():
            if await self._claim():
                return
            look_at = self._clock.now() + self._poll_s  # due, but held by a transaction elsewhere
        await self._rest_until(look_at)

    async def _rest_until(self, at: float) -> None:
        await _first_of(self._woken.wait(), self._clock.sleep_until(at))

    async def _claim(self) -> list[asyncio.Task[None]]:
        """Claim what is due and start it; the tasks."""
        free = self._batch - len(self._running)
        if free <= 0:
            return []
        clock_now = self._clock.now()
        until = clock_now + self._lease_s
        claimed = await self._db.awrite(lambda c: self._take(c, clock_now, free))
        return [self._start(job, until) for job in claimed]

    def _take(self, c: Connection, clock_now: float, free: int) -> list[Job]:
        now = self._db.now(clock_now, c)
        kinds = self._handlers.keys()
        return jobs.claim(
            c,
            self._name,
            kinds,
            now=now,
            lease_s=self._lease_s,
            limit=free,
            tell=self._tell,
        )

    def _start(self, job: Job, until: float) -> asyncio.Task[None]:
        # A job of ours whose lease ran out while the store was away may come back to us.
        if (before := self._running.get(job.id)) is not None:
            before.task.cancel()
        task = asyncio.create_task(self._run(job), name=f"job-{job.id}")
        self._running[job.id] = _Running(job, task, until)
        return task

    async def _next_look(self) -> float:
        """When to look again by this process's clock, whatever the database's clock says."""
        clock_now = self._clock.now()
        latest = clock_now + self._poll_s
        if len(self._running) >= self._batch:
            return latest
        return min(latest, await self._db.aread(lambda c: self._due(c, clock_now)))

    def _due(self, c: Connection, clock_now: float) -> float:
        at = jobs.next_run_at(c, self._handlers.keys())
        if at is None:
            return clock_now + self._poll_s
        return clock_now + max(0.0, at - self._db.now(clock_now, c))

    # -- leases --------------------------------------------------------------------------------

    async def _rest_and_renew(self) -> None:
        """Renew when a third of a lease is gone, counted from the lease that ends first."""
        third = self._lease_s / 3
        now = self._clock.now()
        first_end = min((one.until for one in self._running.values()), default=now + 3 * third)
        await self._clock.sleep_until(min(first_end - 2 * third, now + third))
        if self._running and not await self._renew():
            await self._clock.sleep_until(self._clock.now() + self._poll_s)

    async def _renew(self) -> bool:
        """Prolong every lease; stop the handlers whose lease is lost, or ran out unrenewed. False
        when the store was away.
        """
        asked = list(self._running.values())
        clock_now = self._clock.now()
        held: set[int] | None = None
        try:
            held = await self._db.awrite(lambda c: self._prolong(c, asked, clock_now))
        except StoreError as error:
            self._note(error, "leases could not be renewed")
        for one in asked:
            if held is not None and one.job.id in held:
                one.until = clock_now + self._lease_s
            elif held is not None or one.until <= self._clock.now():
                self._abandon(one)
        return held is not None

    def _abandon(self, one: "_Running") -> None:
        """Stop a handler whose job may be another's by now."""
        one.until = math.inf
        # One whose end is being recorded needs no stopping: its fence shuts it out.
        if not one.ending:
            self.results["lost"] += 1
            log.warning("job %s (%s): its lease is lost", one.job.id, one.job.dedup)
            one.task.cancel()

    def _prolong(self, c: Connection, asked: list["_Running"], clock_now: float) -> set[int]:
        now = self._db.now(clock_now, c)
        return jobs.renew(c, [(r.job.id, r.job.fence) for r in asked], now, self._lease_s)

    # -- one job -------------------------------------------------------------------------------

    async def _run(self, job: Job) -> None:
        """Run one job to its recorded end. A cancelled one records nothing."""
        span = self._telemetry.span("job", kind=job.kind, dedup=job.dedup, attempt=job.attempts)
        with log_ids(job=job.id, dedup=job.dedup), span:
            try:
                await self._attempt(job)
            finally:
                if self._own(job) is not None:
                    del self._running[job.id]
                self.wake()  # a slot is free, and what it wrote may be due

    def _own(self, job: Job) -> "_Running | None":
        """The entry of this very claim; a later claim of the same job has another."""
        one = self._running.get(job.id)
        return one if one is not None and one.job.fence == job.fence else None

    async def _attempt(self, job: Job) -> None:
        try:
            done = await self._handlers[job.kind](job)
            await self._settle(job, "done", partial(self._finish, job, done))
        except RetryLater as answer:
            await self._failed(job, answer.reason, answer.after_s)
        except GiveUp as answer:
            await self._settle(job, "dead", partial(self._kill, job, answer.reason))
        except StoreError as error:
            self._note(error, "a handler needed the store")
            await self._failed(job, str(error), None)
        except Exception as error:  # a mistake in one handler must not stop every page
            self.results["crashed"] += 1
            log.exception("job %s (%s) failed", job.id, job.kind)
            await self._failed(job, f"{type(error).__name__}: {error}", None)

    async def _failed(self, job: Job, reason: str, after_s: float | None) -> None:
        if job.attempts >= job.max_attempts:
            why = f"gave up after {job.attempts} attempts: {reason}"
            await self._settle(job, "dead", partial(self._kill, job, why))
            return
        delay_s = backoff_s(job.attempts, self._chance()) if after_s is None else after_s
        await self._settle(job, "retried", partial(self._retry, job, reason, delay_s))

    async def _settle(
        self, job: Job, result: str, end: Callable[[float, Connection], bool]
    ) -> None:
        """Record how a job ended, however long the store is away: the outside work is done, and
        doing it again is worse than waiting. The fence says whether it still counts.
        """
        if (one := self._own(job)) is not None:
            one.ending = True
        while True:
            clock_now = self._clock.now()
            try:
                held = await self._db.awrite(partial(end, clock_now))
            except StoreError as error:
                self._note(error, "the end of a job could not be recorded yet")
                await self._clock.sleep_until(clock_now + self._poll_s)
            else:
                self.results[result if held else "lost"] += 1
                self._settled(job)
                return

    def _finish(self, job: Job, done: Done, clock_now: float, c: Connection) -> bool:
        held = jobs.finish(c, job, clock_now)
        if held and done.write is not None:
            done.write(c)
        return held

    def _retry(
        self, job: Job, reason: str, delay_s: float, clock_now: float, c: Connection
    ) -> bool:
        return jobs.retry_later(c, job, self._db.now(clock_now, c) + delay_s, reason)

    def _kill(self, job: Job, reason: str, clock_now: float, c: Connection) -> bool:
        held = jobs.kill(c, job, clock_now, reason)
        if held:
            self._tell(c, job, reason)
        return held

    def _tell(self, c: Connection, job: Job, reason: str) -> None:
        """Have somebody told that a job is given up, in the transaction that gives it up."""
        log.error("job %s (%s, %s) is given up: %s", job.id, job.kind, job.dedup, reason)
        try:
            with c.begin_nested():
                self._on_dead(c, job, reason)
        except SQLAlchemyError:
            raise  # the store's trouble: nothing of this transaction is kept, it comes again
        except Exception:  # a mistake there must not keep every other job from being claimed
            self.results["untold"] += 1
            log.exception("nobody could be told that job %s is given up", job.id)

    # -- loops ---------------------------------------------------------------------------------

    async def _survive(self, once: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it until the stop; the store's troubles pass, and a mistake must not end all pages."""
        while not self._stopping:
            try:
                await once()
                continue
            except StoreError as error:
                self._note(error, "jobs wait for the store")
            except Exception:  # logged and counted; the loop goes on
                self.results["crashed"] += 1
                log.exception("the worker's loop failed; it goes on")
            self._woken.clear()
            if not self._stopping:
                await self._rest_until(self._clock.now() + self._poll_s)

    def _note(self, error: StoreError, what: str) -> None:
        self.results["store_errors"] += 1
        log.warning("%s: %s", what, error)


@dataclass(slots=True)
class _Running:
    """A job that this worker holds, and until when by its own clock (inf: no more)."""

    job: Job
    task: asyncio.Task[None]
    until: float
    ending: bool = False  # its end is being recorded


async def _first_of(*ways: Coroutine[Any, Any, object]) -> None:
    """Wait for one of these and drop the others."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["Done", "GiveUp", "Handler", "OnDead", "RetryLater", "Worker", "Write", "backoff_s"]
