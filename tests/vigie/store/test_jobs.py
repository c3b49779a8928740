"""The rules of durable jobs, each on both databases."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, select

from vigie.store import jobs
from vigie.store.db import Database
from vigie.store.jobs import Job, JobState, NewJob
from vigie.store.tables import job as table


def new(dedup: str = "a", **more: Any) -> NewJob:
    return NewJob(**{"kind": "notify", "dedup": dedup, "payload": {"n": 1}, "run_at": 0.0} | more)


def claim(db: Database, worker: str = "w", now: float = 0.0, **more: Any) -> list[Job]:
    asked = {"kinds": ["notify"], "now": now, "lease_s": 30.0, "limit": 10} | more
    return db.write(lambda c: jobs.claim(c, worker, **asked))


def enqueue(db: Database, *given: NewJob) -> list[bool]:
    return [db.write(lambda c, one=one: jobs.enqueue(c, one, 0.0)) for one in given]


def states(db: Database) -> list[str]:
    return list(db.read(lambda c: c.execute(select(table.c.state).order_by(table.c.id)).scalars()))


def test_a_job_is_written_once_whatever_became_of_it(db: Database) -> None:
    assert enqueue(db, new(), new()) == [True, False]
    (job,) = claim(db)
    assert db.write(lambda c: jobs.finish(c, job, 1.0))
    assert enqueue(db, new()) == [False]


def test_a_job_is_written_with_the_fact_that_causes_it_or_not_at_all(db: Database) -> None:
    def fail(c: Connection) -> None:
        jobs.enqueue(c, new(), 0.0)
        raise KeyError("the fact was refused")

    with pytest.raises(KeyError):
        db.write(fail)
    assert claim(db) == []


def test_a_claimed_job_says_all_about_itself(db: Database) -> None:
    enqueue(db, new(payload={"to": "ada"}, incident=7, run_at=5.0, max_attempts=3))
    (job,) = claim(db, now=5.0)
    assert (job.kind, job.dedup, job.payload, job.incident) == ("notify", "a", {"to": "ada"}, 7)
    assert (job.attempts, job.max_attempts, job.fence, job.run_at) == (1, 3, 1, 5.0)


def test_what_is_due_first_is_claimed_first(db: Database) -> None:
    enqueue(db, new("late", run_at=3.0), new("early", run_at=1.0), new("not yet", run_at=9.0))
    assert [job.dedup for job in claim(db, now=5.0, limit=1)] == ["early"]
    assert [job.dedup for job in claim(db, now=5.0)] == ["late"]
    assert claim(db, now=5.0) == []


def test_only_known_kinds_are_claimed(db: Database) -> None:
    enqueue(db, new(kind="of a later version"))
    assert claim(db) == []
    assert db.read(lambda c: jobs.next_run_at(c, ["notify"])) is None
    assert db.read(jobs.next_run_at) == 0.0


def test_a_job_under_lease_is_nobody_elses_until_the_lease_ends(db: Database) -> None:
    enqueue(db, new())
    (first,) = claim(db, "w1", now=0.0)
    assert claim(db, "w2", now=29.9) == []
    (second,) = claim(db, "w2", now=30.0)
    assert (second.attempts, second.fence) == (2, first.fence + 1)


def test_a_zombie_can_neither_finish_nor_delay_nor_kill_what_another_has(db: Database) -> None:
    enqueue(db, new())
    (zombie,) = claim(db, "w1", now=0.0)
    (owner,) = claim(db, "w2", now=31.0)
    assert not db.write(lambda c: jobs.finish(c, zombie, 32.0))
    assert not db.write(lambda c: jobs.retry_later(c, zombie, 99.0, "late"))
    assert not db.write(lambda c: jobs.kill(c, zombie, 32.0, "late"))
    assert db.write(lambda c: jobs.renew(c, [(zombie.id, zombie.fence)], 32.0, 30.0)) == set()
    assert states(db) == ["running"]
    assert db.write(lambda c: jobs.finish(c, owner, 33.0))
    assert not db.write(lambda c: jobs.finish(c, owner, 34.0))
    assert states(db) == ["done"]


def test_a_renewed_lease_holds_longer(db: Database) -> None:
    enqueue(db, new("a"), new("b"))
    a, b = claim(db, now=0.0)
    assert db.write(lambda c: jobs.renew(c, [(a.id, a.fence)], 20.0, 30.0)) == {a.id}
    assert [job.dedup for job in claim(db, now=40.0)] == ["b"]
    assert b.id != a.id
    assert [job.dedup for job in claim(db, now=50.0)] == ["a"]


def test_a_job_given_back_waits_until_its_time(db: Database) -> None:
    enqueue(db, new())
    (job,) = claim(db)
    assert db.write(lambda c: jobs.retry_later(c, job, 60.0, "503"))
    assert claim(db, now=59.0) == []
    (again,) = claim(db, now=60.0)
    assert again.attempts == 2


def test_a_poison_job_that_kills_its_workers_ends_dead_and_is_told(db: Database) -> None:
    told: list[tuple[str, str]] = []
    tell = lambda _c, job, why: told.append((job.dedup, why))  # noqa: E731 - a list with a signature
    enqueue(db, new(max_attempts=2), new("healthy"))
    for now in (0.0, 31.0):
        assert "a" in [job.dedup for job in claim(db, now=now, tell=tell)]
    assert [job.dedup for job in claim(db, now=62.0, tell=tell)] == ["healthy"]
    assert told == [("a", "gave up after 2 attempts: its worker died each time")]
    assert states(db) == ["dead", "running"]


def test_an_interrupted_job_that_must_not_run_twice_waits_for_a_person(db: Database) -> None:
    told: list[str] = []
    enqueue(db, new(idempotent=False))
    assert len(claim(db)) == 1
    assert claim(db, now=31.0, tell=lambda _c, _job, why: told.append(why)) == []
    assert states(db) == ["needs_attention"]
    assert len(told) == 1
    assert claim(db, now=99.0) == []


def test_a_job_that_must_not_run_twice_may_be_retried_by_its_own_handler(db: Database) -> None:
    """It says itself that nothing was done."""
    enqueue(db, new(idempotent=False))
    (job,) = claim(db)
    db.write(lambda c: jobs.retry_later(c, job, 1.0, "connection refused"))
    assert len(claim(db, now=1.0)) == 1


def test_a_worker_that_stops_gives_its_jobs_back_uncounted(db: Database) -> None:
    enqueue(db, new("a", max_attempts=1), new("b", idempotent=False))
    claim(db, "w1")
    enqueue(db, new("c"))
    claim(db, "w2")
    assert db.write(lambda c: jobs.release(c, "w1")) == 2
    assert states(db) == ["ready", "needs_attention", "running"]
    (again,) = claim(db, "w3")
    assert (again.dedup, again.attempts, again.fence) == ("a", 1, 2)


def test_a_new_server_ends_the_leases_of_the_dead_one(db: Database) -> None:
    enqueue(db, new())
    claim(db, "dead")
    assert db.read(jobs.next_run_at) == 30.0
    assert db.write(jobs.end_all_leases) == 1
    assert [job.attempts for job in claim(db, now=1.0)] == [2]


def test_the_next_due_time_looks_at_waiting_jobs_and_at_leases(db: Database) -> None:
    assert db.read(jobs.next_run_at) is None
    enqueue(db, new("a"), new("b", run_at=50.0))
    claim(db)
    assert db.read(jobs.next_run_at) == 30.0
    assert db.read(lambda c: jobs.next_run_at(c, ["notify"])) == 30.0


def test_counts_name_every_state(db: Database) -> None:
    enqueue(db, new())
    assert db.read(jobs.counts) == {s: int(s is JobState.READY) for s in JobState}


def test_many_workers_at_once_claim_each_job_once(db: Database) -> None:
    enqueue(db, *(new(str(n)) for n in range(40)))
    with ThreadPoolExecutor(6) as threads:
        claims = [threads.submit(claim, db, f"w{n}", limit=5) for n in range(12)]
    claimed = [job.dedup for one in claims for job in one.result()]
    assert sorted(claimed) == sorted(str(n) for n in range(40))
