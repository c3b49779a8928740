"""The ledger: any window equals the sum of the events that were put into the slices it names."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.ledger import DAY_S, REACH_S, Addition, Ledger, Row, empty
from slo.spans import Spans, no_spans

T0 = 1_790_000_000 // 3600 * 3600
LENGTHS = (5, 60, 300, 1800, 3600, 7200, 21_600, DAY_S, 3 * DAY_S, 30 * DAY_S)


def slice_of(good: int, total: int, measured_us: int = 0, columns: int = 1) -> np.ndarray:
    return np.tile(np.array([[good], [total], [measured_us]], dtype=np.int64), (1, columns))


def put(ledger: Ledger, start: int, good: int, total: int, measured_us: int = 0) -> Ledger:
    return ledger.add(Addition({start: slice_of(good, total, measured_us)}, no_spans()))


def span(began: float, ended: float, good: int, total: int) -> Spans:
    return Spans(
        np.array([0]), np.array([began]), np.array([ended]), np.array([good]), np.array([total])
    )


moves = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 40), st.integers(0, 5000), st.integers(0, 200_000)),  # go on by
        st.integers(0, 60),  # put so far back
        st.integers(0, 50),
        st.integers(0, 50),
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(moves, st.sampled_from([1, 5, 10, 30, 60]), st.sampled_from(LENGTHS))
def test_any_window_equals_brute_force_over_the_slices_it_names(
    steps: list[tuple[int, int, int, int]], slice_s: int, length: int
) -> None:
    ledger, now = empty(slice_s, 2, T0), T0
    truth: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for forward, back, good, bad in steps:
        now += forward
        ledger, _ = ledger.seal(now - 60)
        start = max(ledger.open_from, (now - back) // slice_s * slice_s)
        sums = np.array([[0, good], [0, good + bad], [0, 7]], dtype=np.int64)
        ledger = ledger.add(Addition({start: sums}, no_spans()))
        for plane, value in enumerate((good, good + bad, 7)):
            truth[start][plane] += value
        window = ledger.window(now, length)
        expected = np.sum(
            [sums for at, sums in truth.items() if at >= window.start] or [[0, 0, 0]], axis=0
        )
        found = [window.good[1], window.total[1], window.measured_us[1]]
        assert found == expected.tolist()
        assert window.good[0] == window.total[0] == 0
        assert 0 <= now - length - window.start < max(length / 30, slice_s)


def test_a_version_that_was_never_committed_changes_nothing_for_the_one_before_it() -> None:
    before = put(empty(10, 1, T0), T0, 3, 5)
    dropped, _ = put(before, T0 + 10, 100, 100).seal(T0 + 4000)
    put(dropped, T0 + 4000, 7, 7)
    after, _ = put(before, T0 + 10, 1, 1).seal(T0 + 4000)
    window = after.window(T0 + 4010, 1800)
    assert (window.good[0], window.total[0]) == (0, 0)
    window = after.window(T0 + 4010, 7200)
    assert (window.good[0], window.total[0]) == (4, 6)


def test_a_slice_is_written_whole_with_a_higher_revision_each_time() -> None:
    ledger = put(put(empty(10, 1, T0), T0, 3, 5), T0, 1, 2)
    (row,) = ledger.changed_rows()
    assert (row.width_s, row.start, row.revision) == (10, T0, 2)
    assert (row.good.tolist(), row.total.tolist()) == ([4], [7])


def test_sealing_hands_over_the_minutes_and_hours_that_are_complete() -> None:
    ledger = put(put(empty(10, 1, T0), T0 + 50, 3, 5), T0 + 60, 1, 2)
    ledger, rows = ledger.seal(T0 + 60)
    assert [(row.width_s, row.start, row.total[0]) for row in rows] == [(60, T0, 5)]
    ledger, rows = ledger.seal(T0 + 110)
    assert rows == ()
    ledger, rows = ledger.seal(T0 + 7200)
    assert [(row.width_s, row.start, row.total[0]) for row in rows] == [
        (60, T0 + 60, 2),
        (3600, T0, 7),
    ]


def test_a_window_that_begins_inside_a_span_leaves_it_out() -> None:
    ledger = empty(10, 1, T0).add(
        Addition({T0 + 300: slice_of(20, 30)}, span(T0 + 100, T0 + 305, 20, 30))
    )
    inside = ledger.window(T0 + 310, 60)
    assert (inside.good[0], inside.total[0]) == (0, 0)
    around = ledger.window(T0 + 310, 300)
    assert (around.good[0], around.total[0]) == (20, 30)
    assert ledger.forget_spans(T0 + 400).window(T0 + 310, 60).total[0] == 30


def test_nothing_is_added_to_a_sealed_slice() -> None:
    ledger, _ = put(empty(10, 1, T0), T0, 1, 1).seal(T0 + 60)
    with pytest.raises(ValueError, match="sealed"):
        put(ledger, T0 + 50, 1, 1)


@pytest.mark.parametrize("start", [T0, T0 + 10], ids=["a slice there was", "a new one"])
def test_another_try_replaces_whatever_the_first_may_have_written(start: int) -> None:
    before = put(empty(10, 1, T0), T0, 3, 5)
    (first,) = put(before, start, 1, 1).changed_rows()
    (second,) = put(before.retried(), start, 1, 4).changed_rows()
    assert first.revision < second.revision


def test_a_slice_taken_from_storage_goes_on_at_its_revision() -> None:
    one = np.array([4]), np.array([6]), np.array([9])
    ledger = put(empty(10, 1, T0).reopened(Row(10, T0, 8, *one)), T0, 1, 1)
    (row,) = ledger.changed_rows()
    assert (row.revision, row.good[0], row.total[0], row.measured_us[0]) == (9, 5, 7, 9)


def test_totals_only_grow() -> None:
    ledger = put(empty(10, 1, T0), T0, 3, 5)
    ledger, _ = ledger.seal(T0 + 50 * DAY_S)
    good, total = put(ledger, T0 + 50 * DAY_S, 1, 1).totals()
    assert (good[0], total[0]) == (4, 6)


@pytest.mark.parametrize("slice_s", [0, 7, 120])
def test_a_slice_must_divide_a_minute(slice_s: int) -> None:
    with pytest.raises(ValueError, match="divide"):
        empty(slice_s, 1, T0)


def test_a_live_window_is_at_most_35_days() -> None:
    with pytest.raises(ValueError, match="35 days"):
        empty(10, 1, T0).window(T0, REACH_S + 1)
