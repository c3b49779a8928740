"""Who resolves what recovered: the machine or a person."""

import pytest

from slo.recovery import OnRecovery, asks, together

RESOLVE, ASK = OnRecovery.RESOLVE, OnRecovery.ASK


@pytest.mark.parametrize(
    ("written", "acknowledged", "asked"),
    [
        (None, False, False),
        (None, True, True),
        (RESOLVE, False, False),
        (RESOLVE, True, False),
        (ASK, False, True),
        (ASK, True, True),
    ],
)
def test_what_is_written_stands_over_who_is_at_work(
    written: OnRecovery | None, acknowledged: bool, asked: bool
) -> None:
    assert asks(written, acknowledged=acknowledged) is asked


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], None),
        ([None], None),
        ([RESOLVE, RESOLVE], RESOLVE),
        ([RESOLVE, None], None),
        ([RESOLVE, ASK], ASK),
        ([None, ASK], ASK),
    ],
)
def test_one_policy_that_asks_is_enough_and_all_must_resolve(
    written: list[OnRecovery | None], said: OnRecovery | None
) -> None:
    assert together(written) is said
