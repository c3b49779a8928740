"""A ledger that is told by rows holds what they hold, and no row is made that is told already."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.ledger import DAY_S, HOUR_S, REACH_S, Ledger, Row, empty, told_by, widened

SLICE_S = 10
T0 = 1_790_000_000 // HOUR_S * HOUR_S
LENGTHS = (60, 1800, 7200, DAY_S, 3 * DAY_S, 28 * DAY_S, REACH_S)


@st.composite
def pasts(draw: st.DrawFn) -> list[Row]:
    """Rows of every width, in order and apart; before some there is a gap."""
    rows, at = list[Row](), T0
    for width, most in ((HOUR_S, 30), (60, 80), (HOUR_S, 2), (60, 5), (SLICE_S, 40)):
        at = -(-at // width) * width
        for _ in range(draw(st.integers(0, most))):
            at += width * draw(st.sampled_from([0, 0, 0, 1, 2, 40]))
            bad, good, measured = draw(st.tuples(*[st.integers(0, 9)] * 3))
            columns = (np.array([n, 2 * n]) for n in (good, good + bad, measured))
            rows.append(Row(width, at, 1, *columns))
            at += width
    return rows


def two_columns(since: int) -> Ledger:
    return empty(SLICE_S, 2, since)


def summed(rows: Sequence[Row], start: float) -> list[list[int]]:
    inside = [row for row in rows if row.start >= start]
    each = [[row.good, row.total, row.measured_us] for row in inside]
    found: list[list[int]] = np.sum(each, axis=0, dtype=np.int64, initial=0).tolist()
    return found if inside else [[0, 0]] * 3


@settings(max_examples=settings().max_examples // 4)
@given(pasts(), st.integers(0, 50_000))
def test_every_sum_is_that_of_the_rows(rows: list[Row], quiet_s: int) -> None:
    last = rows[-1].start + rows[-1].width_s if rows else T0
    upto = last + quiet_s // SLICE_S * SLICE_S
    starts = frozenset(row.start for row in rows) | {upto}
    ledger = told_by(rows, two_columns, upto, starts)
    for at in starts:
        assert ledger.between(at, upto).tolist() == summed(rows, at)
    for length in LENGTHS:
        window = ledger.window(upto, length)
        sums = [window.good.tolist(), window.total.tolist(), window.measured_us.tolist()]
        assert sums == summed(rows, window.start)
        assert upto - length - max(length / 30, 60) <= window.start <= upto - length


@settings(max_examples=settings().max_examples // 4)
@given(pasts())
def test_a_ledger_that_was_told_goes_on(rows: list[Row]) -> None:
    upto = (rows[-1].start // HOUR_S + 1) * HOUR_S if rows else T0
    told = told_by(rows, two_columns, upto, frozenset())
    _, closed = told.seal(upto + 2 * HOUR_S)
    assert not closed, "nothing came since: what is complete is told or made by `widened`"


@settings(max_examples=settings().max_examples // 4)
@given(pasts(), st.sampled_from([60, HOUR_S]), st.integers(0, 4))
def test_a_wider_row_is_the_sum_of_the_narrower_ones_in_it(
    rows: list[Row], width: int, lacking: int
) -> None:
    upto = (rows[-1].start if rows else T0) - lacking * width
    made = {row.start: row for row in widened(rows, width, upto)}
    for cell in {row.start // width * width for row in rows}:
        inside = [row for row in rows if row.start // width * width == cell and row.width_s < width]
        sums = summed(inside, T0)
        if cell + width > upto or not any(map(any, sums[1:])):
            assert cell not in made
        else:
            row = made.pop(cell)
            assert row.width_s == width
            assert [row.good.tolist(), row.total.tolist(), row.measured_us.tolist()] == sums
    assert not made
