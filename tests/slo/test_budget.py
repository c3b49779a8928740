"""Budget and burn, by hand: 99.9 % over any window leaves one event in a thousand."""

import pytest

from slo import budget


@pytest.mark.parametrize(
    ("good", "total", "burn", "left"),
    [
        (1000, 1000, 0.0, 1.0),
        (999, 1000, 1.0, 0.0),
        (9856, 10_000, 14.4, -13.4),
        (0, 10, 1000.0, -999.0),
        (0, 0, None, None),
    ],
)
def test_burn_and_what_is_left(
    good: int, total: int, burn: float | None, left: float | None
) -> None:
    assert budget.burn(good, total, 0.999) == (burn if burn is None else pytest.approx(burn))
    assert budget.remaining(good, total, 0.999) == (left if left is None else pytest.approx(left))
