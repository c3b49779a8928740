"""How long a failed job waits."""

import pytest

from vigie.jobs.handler import backoff_s


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (30, 300), (5000, 300)]
)
def test_the_wait_doubles_up_to_five_minutes_and_is_a_random_part_of_it(
    attempt: int, longest: float
) -> None:
    assert backoff_s(attempt, 1.0) == longest
    assert backoff_s(attempt, 0.25) == longest / 4
    assert backoff_s(attempt, 0.0) == 0.0
