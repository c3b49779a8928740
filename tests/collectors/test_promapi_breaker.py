"""Waiting longer after each failure, and probing with one request."""

import pytest

from collectors.errors import SourceResting
from collectors.promapi_breaker import Breaker


def test_the_wait_doubles_up_to_a_minute_and_a_good_answer_ends_it() -> None:
    breaker, now, waits = Breaker(), 0.0, []
    for _ in range(2000):  # so often that 2 ** n would overflow
        breaker.failed(breaker.ticket(now), now)
        assert breaker.retry_at is not None
        waits.append(breaker.retry_at - now)
        now = breaker.retry_at
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert waits[-1] == 60
    breaker.answered(breaker.ticket(now))
    assert breaker.retry_at is None
    breaker.failed(breaker.ticket(now), now)
    assert breaker.retry_at == now + 1


def test_what_was_asked_before_the_failure_says_nothing_after_it() -> None:
    breaker = Breaker()
    slow_good, slow_bad, first = (breaker.ticket(0.0) for _ in range(3))
    breaker.failed(first, 0.0)
    breaker.failed(slow_bad, 0.5)
    breaker.answered(slow_good)
    assert breaker.retry_at == 1.0


def test_one_request_probes_at_a_time() -> None:
    breaker = Breaker()
    breaker.failed(breaker.ticket(0.0), 0.0)
    with pytest.raises(SourceResting) as resting:
        breaker.ticket(0.9)
    assert resting.value.retry_at == 1.0
    probe = breaker.ticket(1.0)
    with pytest.raises(SourceResting):
        breaker.ticket(1.0)
    breaker.abandoned(probe)
    breaker.answered(breaker.ticket(1.0))
    breaker.ticket(1.0)
    breaker.ticket(1.0)


@pytest.mark.parametrize(("asked", "wait"), [(None, 1), (0.5, 1), (30, 30), (1e9, 600)])
def test_a_server_may_ask_for_a_longer_wait(asked: float | None, wait: float) -> None:
    breaker = Breaker()
    breaker.failed(breaker.ticket(0.0), 0.0, asked)
    assert breaker.retry_at == wait
