"""Old records go, once an hour."""

from typing import Any

from sqlalchemy import Connection

from vigie.handlers.keep import first_keep, next_keep
from vigie.store import deliveries, jobs

NOW = 1_790_000_000.0
HOUR_S = 3600.0


def test_a_server_that_starts_twice_in_an_hour_keeps_once(world: Any) -> None:
    assert world.enqueue(first_keep(NOW))
    assert not world.enqueue(first_keep(NOW + 60))


async def test_old_attempts_go_and_new_ones_stay(world: Any) -> None:
    def record(c: Connection) -> None:
        for days in range(200):
            at = NOW - days * 86_400.0
            deliveries.record(c, f"d{days}", 7, "oncall", "page", 1, at, "delivered", "")

    world.db.write(record)
    world.enqueue(first_keep(NOW))
    await world.run_due()
    assert len(world.attempts(7)) == 91
    assert world.db.read(deliveries.counts)["delivered"] == 200


async def test_it_comes_again_in_the_next_hour(world: Any) -> None:
    world.enqueue(first_keep(NOW))
    assert await world.run_due() == 1
    assert await world.run_due(after_s=HOUR_S) == 1
    assert world.db.read(jobs.next_run_at) == next_keep(NOW + HOUR_S).run_at
