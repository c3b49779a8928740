"""The worker: what is due is run, recorded once, and never lost. Time stands until it is set."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, select

from vigie.clock import SetClock
from vigie.jobs.worker import Done, GiveUp, Handler, RetryLater, Worker
from vigie.store import jobs, meta
from vigie.store.db import Database
from vigie.store.errors import Unavailable
from vigie.store.jobs import Job, NewJob
from vigie.store.tables import job as table


class Told:
    """Who was told that a job is given up, in the database itself."""

    def __call__(self, c: Connection, job: Job, reason: str) -> None:
        meta.set_(c, f"dead:{job.dedup}", reason)


def worker(db: Database, clock: SetClock, handler: Handler, name: str = "w", **more: Any) -> Worker:
    given = {"on_dead": Told(), "chance": lambda: 1.0} | more
    return Worker(db, clock, {"notify": handler}, worker=name, **given)


def enqueue(db: Database, *dedups: str, **more: Any) -> None:
    def add(c: Connection) -> None:
        for dedup in dedups:
            given = {"kind": "notify", "payload": {}, "run_at": 0.0} | more
            jobs.enqueue(c, NewJob(dedup=dedup, **given), 0.0)

    db.write(add)


def row(db: Database, dedup: str = "a") -> dict[str, Any]:
    found = db.read(
        lambda c: c.execute(select(table).where(table.c.dedup == dedup)).mappings().one()
    )
    return dict(found)


def told(db: Database, dedup: str = "a") -> str | None:
    return db.read(lambda c: meta.get(c, f"dead:{dedup}"))


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds; the test's timeout ends what never does."""
    while not holds():  # noqa: ASYNC110 - it waits for the database as well as for the loop
        await asyncio.sleep(0)


@asynccontextmanager
async def started(one: Worker) -> AsyncIterator[Worker]:
    await one.start()
    try:
        yield one
    finally:
        await one.stop(grace_s=0.0)


async def done(_job: Job) -> Done:
    return Done()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(100.0)


async def test_the_result_is_written_with_the_end_of_the_job(db: Database, clock: SetClock) -> None:
    async def handler(job: Job) -> Done:
        return Done(lambda c: meta.set_(c, "sent", job.dedup))

    enqueue(db, "a")
    assert await worker(db, clock, handler).run_due() == 1
    assert (row(db)["state"], row(db)["finished_at"]) == ("done", 100.0)
    assert db.read(lambda c: meta.get(c, "sent")) == "a"


async def test_no_transaction_is_open_while_a_handler_works(db: Database, clock: SetClock) -> None:
    async def handler(_job: Job) -> Done:
        await db.awrite(lambda c: meta.set_(c, "meanwhile", "1"))
        return Done()

    enqueue(db, "a")
    await worker(db, clock, handler).run_due()
    assert row(db)["state"] == "done"


async def test_a_job_that_fails_comes_back_later_and_later(db: Database, clock: SetClock) -> None:
    async def handler(_job: Job) -> Done:
        raise RetryLater("503")

    enqueue(db, "a")
    one = worker(db, clock, handler)
    waits = []
    for _ in range(4):
        await one.run_due()
        waits.append(row(db)["run_at"] - clock.now())
        clock.set(row(db)["run_at"])
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert (row(db)["state"], row(db)["error"], row(db)["attempts"]) == ("ready", "503", 4)
    assert one.results == {"retried": 4}


async def test_a_receiver_that_says_when_is_listened_to(db: Database, clock: SetClock) -> None:
    async def handler(_job: Job) -> Done:
        raise RetryLater("429", after_s=77.0)

    enqueue(db, "a")
    await worker(db, clock, handler).run_due()
    assert row(db)["run_at"] == 177.0


async def test_the_last_attempt_that_fails_ends_the_job_and_somebody_is_told(
    db: Database, clock: SetClock
) -> None:
    async def handler(_job: Job) -> Done:
        raise RetryLater("503", after_s=0.0)

    enqueue(db, "a", max_attempts=3)
    one = worker(db, clock, handler)
    assert await one.run_due() == 3
    assert row(db)["state"] == "dead"
    assert told(db) == "gave up after 3 attempts: 503"
    assert one.results == {"retried": 2, "dead": 1}


async def test_a_handler_can_give_up_at_once(db: Database, clock: SetClock) -> None:
    async def handler(_job: Job) -> Done:
        raise GiveUp("404: no such hook")

    enqueue(db, "a")
    await worker(db, clock, handler).run_due()
    assert (row(db)["state"], told(db)) == ("dead", "404: no such hook")


async def test_a_mistake_in_a_handler_is_a_failed_attempt_and_harms_no_other_job(
    db: Database, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(job: Job) -> Done:
        if job.dedup == "a":
            raise ZeroDivisionError("oops")
        return Done()

    enqueue(db, "a", "b")
    one = worker(db, clock, handler)
    with caplog.at_level(logging.CRITICAL):
        await one.run_due()
    assert (row(db, "a")["state"], row(db, "a")["error"]) == ("ready", "ZeroDivisionError: oops")
    assert row(db, "b")["state"] == "done"
    assert one.results == {"crashed": 1, "retried": 1, "done": 1}


async def test_a_result_that_cannot_be_written_is_a_failed_attempt(
    db: Database, clock: SetClock
) -> None:
    def write(c: Connection) -> None:
        meta.set_(c, "half", "1")
        raise KeyError("gone")

    async def handler(_job: Job) -> Done:
        return Done(write)

    enqueue(db, "a")
    await worker(db, clock, handler).run_due()
    assert (row(db)["state"], row(db)["error"]) == ("ready", "KeyError: 'gone'")
    assert db.read(lambda c: meta.get(c, "half")) is None


async def test_a_mistake_in_telling_keeps_no_other_job_from_running(
    db: Database, clock: SetClock
) -> None:
    def on_dead(_c: Connection, _job: Job, _reason: str) -> None:
        raise KeyError("nobody")

    enqueue(db, "a", max_attempts=1)
    db.write(lambda c: jobs.claim(c, "dead", ["notify"], now=0.0, lease_s=1.0, limit=1))
    enqueue(db, "b")
    one = worker(db, clock, done, on_dead=on_dead)
    assert await one.run_due() == 1
    assert (row(db, "a")["state"], row(db, "b")["state"]) == ("dead", "done")
    assert one.results["untold"] == 1


async def test_a_started_worker_runs_what_is_enqueued_when_woken(
    db: Database, clock: SetClock
) -> None:
    ran = asyncio.Event()

    async def handler(_job: Job) -> Done:
        ran.set()
        return Done()

    async with started(worker(db, clock, handler)) as one:
        await asyncio.to_thread(enqueue, db, "a")
        await asyncio.to_thread(one.wake)
        await ran.wait()
        await until(lambda: one.results["done"] == 1)
    assert row(db)["state"] == "done"


async def test_a_started_worker_runs_a_timer_at_its_time(db: Database, clock: SetClock) -> None:
    enqueue(db, "a", run_at=100.5)
    async with started(worker(db, clock, done, poll_s=3600.0)) as one:
        await asyncio.sleep(0)
        clock.set(100.5)
        await until(lambda: one.results["done"] == 1)


async def test_a_job_whose_writer_forgot_to_wake_waits_a_poll_at_most(
    db: Database, clock: SetClock
) -> None:
    async with started(worker(db, clock, done, poll_s=1.0)) as one:
        await _settled()
        await asyncio.to_thread(enqueue, db, "a")
        clock.set(101.0)
        await until(lambda: one.results["done"] == 1)


async def _settled() -> None:
    """Give the loop's tasks and the writer's thread the turns they need to come to rest."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_no_more_jobs_run_at_once_than_allowed(db: Database, clock: SetClock) -> None:
    running, most, go = 0, 0, asyncio.Event()

    async def handler(_job: Job) -> Done:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        return Done()

    enqueue(db, *(str(n) for n in range(7)))
    async with started(worker(db, clock, handler, batch=3)) as one:
        await until(lambda: running == 3)
        go.set()
        await until(lambda: one.results["done"] == 7)
    assert most == 3


async def test_a_long_job_keeps_its_lease(db: Database, clock: SetClock) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(_job: Job) -> Done:
        begun.set()
        await go.wait()
        return Done()

    enqueue(db, "a")
    async with started(worker(db, clock, handler, lease_s=30.0)) as one:
        await begun.wait()
        for now in range(100, 145, 5):
            clock.set(float(now))
            await until(lambda now=now: row(db)["lease_until"] >= now + 15.0)
        assert await worker(db, clock, done, "other").run_due() == 0
        go.set()
        await until(lambda: one.results["done"] == 1)
    assert row(db)["attempts"] == 1


async def test_a_handler_whose_lease_is_lost_is_stopped_and_records_nothing(
    db: Database, clock: SetClock
) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def handler(_job: Job) -> Done:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return Done()

    enqueue(db, "a")
    async with started(worker(db, clock, handler)) as one:
        await begun.wait()
        taken = table.update().values(fence=table.c.fence + 1, worker="other", lease_until=999.0)
        await db.awrite(lambda c: c.execute(taken))
        clock.set(111.0)
        await stopped.wait()
        await until(lambda: one.results["lost"] == 1)
    assert (row(db)["state"], row(db)["worker"]) == ("running", "other")


async def test_a_zombies_result_is_not_written(db: Database, clock: SetClock) -> None:
    """Its process was stopped in the handler for longer than the lease, and wakes."""

    async def handler(_job: Job) -> Done:
        clock.set(clock.now() + 31.0)
        assert await worker(db, clock, done, "other").run_due() == 1
        return Done(lambda c: meta.set_(c, "zombie", "wrote"))

    enqueue(db, "a")
    one = worker(db, clock, handler)
    await one.run_due()
    assert one.results == {"lost": 1}
    assert (row(db)["state"], row(db)["attempts"]) == ("done", 2)
    assert db.read(lambda c: meta.get(c, "zombie")) is None


async def test_a_stop_lets_handlers_end_within_the_grace(db: Database, clock: SetClock) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(_job: Job) -> Done:
        begun.set()
        await go.wait()
        return Done()

    enqueue(db, "a")
    one = worker(db, clock, handler)
    await one.start()
    await begun.wait()
    stopping = asyncio.create_task(one.stop(grace_s=5.0))
    await _settled()
    go.set()
    await stopping
    assert row(db)["state"] == "done"


async def test_a_stop_gives_back_what_does_not_end_and_counts_no_attempt(
    db: Database, clock: SetClock
) -> None:
    async def handler(_job: Job) -> Done:
        await asyncio.Event().wait()
        return Done()

    enqueue(db, "a")
    enqueue(db, "b", idempotent=False)
    one = worker(db, clock, handler)
    await one.start()
    await until(lambda: row(db, "b")["state"] == "running")
    stopping = asyncio.create_task(one.stop(grace_s=5.0))
    while not stopping.done():  # whenever its grace begins, it ends
        clock.set(clock.now() + 0.001)
        await asyncio.sleep(0)
    await stopping
    assert (row(db, "a")["state"], row(db, "a")["attempts"]) == ("ready", 0)
    assert row(db, "b")["state"] == "needs_attention"
    assert told(db, "b") is not None
    assert await worker(db, clock, done, "next").run_due() == 1


class Flaky:
    """A database that is away for a number of writes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.away = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def awrite(self, work: Callable[[Connection], Any]) -> Any:
        if self.away:
            self.away -= 1
            raise Unavailable("disk full")
        return await self._db.awrite(work)


async def test_a_sent_page_is_recorded_when_the_store_is_back_and_not_sent_again(
    db: Database, clock: SetClock
) -> None:
    flaky, sent = Flaky(db), []

    async def handler(job: Job) -> Done:
        sent.append(job.dedup)
        flaky.away = 3
        return Done()

    enqueue(db, "a")
    one = worker(flaky, clock, handler)
    running = asyncio.create_task(one.run_due())
    while not running.done():
        clock.set(clock.now() + 1.0)
        await asyncio.sleep(0)
    assert (sent, row(db)["state"], row(db)["attempts"]) == (["a"], "done", 1)
    assert one.results == {"done": 1, "store_errors": 3}


async def test_the_worker_goes_on_when_the_store_comes_back(db: Database, clock: SetClock) -> None:
    flaky = Flaky(db)
    flaky.away = 2
    enqueue(db, "a")
    async with started(worker(flaky, clock, done)) as one:
        while one.results["done"] == 0:
            clock.set(clock.now() + 1.0)
            await asyncio.sleep(0)
    assert one.results["store_errors"] == 2


async def test_a_handler_stops_when_its_lease_runs_out_unrenewed(
    db: Database, clock: SetClock
) -> None:
    """Another server may have the job by then."""
    flaky, stopped = Flaky(db), asyncio.Event()

    async def handler(_job: Job) -> Done:
        flaky.away = 1_000_000
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return Done()

    enqueue(db, "a")
    async with started(worker(flaky, clock, handler)):
        await until(lambda: flaky.away > 0)
        for now in (111.0, 122.0):
            clock.set(now)
            await _settled()
            assert not stopped.is_set()
        clock.set(133.0)
        await stopped.wait()
