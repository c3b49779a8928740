"""The counting rules, one by one; every number worked out by hand."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.series import Increments, Layout, Memory, Page, count, missed, unseen
from slo.spec import Births

QUERY = frozenset({"requests_total{}"})
T = 1_790_000_000.0
NAN = float("nan")


def page(
    at: float,
    values: dict[str, float],
    *,
    start: float | None = T - 500,
    created: dict[str, float] | None = None,
    read_for: frozenset[str] = QUERY,
    layout: Layout | None = None,
) -> Page:
    keys = tuple(name.encode() for name in values)
    given = created or {}
    return Page(
        at,
        layout or Layout(keys, (("requests_total{}",),) * len(keys)),
        np.array(list(values.values()), dtype=float),
        np.array([given.get(name, NAN) for name in values]),
        start,
        read_for,
    )


def grown(increments: Increments) -> dict[str, int]:
    keys = increments.layout.keys
    pairs = zip(increments.rows.tolist(), increments.counts.tolist(), strict=True)
    return {keys[row].decode(): number for row, number in pairs}


def counted(memory: Memory, one: Page, births: Births = Births.ZERO) -> dict[str, int]:
    return grown(count(memory, one, births)[1])


@pytest.fixture
def seen() -> Memory:
    """After one page: a at 5, b at 3."""
    return count(unseen(None), page(T, {"a": 5, "b": 3}), Births.ZERO)[0]


@dataclass(frozen=True)
class Case:
    says: str
    after: Page
    adds: dict[str, int]


CASES = [
    Case("a counter that rose adds the difference", page(T + 5, {"a": 9, "b": 3}), {"a": 4}),
    Case(
        "a lower value is a reset: it counts whole", page(T + 5, {"a": 2, "b": 4}), {"a": 2, "b": 1}
    ),
    Case(
        "a newer process counts whole, also where it passed the old value",
        page(T + 5, {"a": 400, "b": 3}, start=T + 1),
        {"a": 400, "b": 3},
    ),
    Case(
        "a start that jitters by a second is the same process",
        page(T + 5, {"a": 6, "b": 3}, start=T - 499),
        {"a": 1},
    ),
    Case(
        "a creation later than the last page is a reset of that series",
        page(T + 5, {"a": 7, "b": 3}, created={"a": T + 2, "b": T - 50}),
        {"a": 7},
    ),
    Case(
        "an error series that first appears at 7 counts 7",
        page(T + 5, {"a": 5, "b": 3, "c": 7}),
        {"c": 7},
    ),
    Case(
        "fractions are counted by whole units",
        page(T + 5, {"a": 7.9, "b": 3}),
        {"a": 2},
    ),
    Case("a page that is not later changes nothing", page(T, {"a": 99, "b": 3}), {}),
    Case(
        "a series of a selector that was never read is a base line",
        replace(
            page(T + 5, {"a": 5, "b": 3, "c": 7}, read_for=QUERY | {"other{}"}),
            layout=Layout(
                (b"a", b"b", b"c"), (("requests_total{}",), ("requests_total{}",), ("other{}",))
            ),
        ),
        {},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_what_the_next_page_adds(seen: Memory, case: Case) -> None:
    assert counted(seen, case.after) == case.adds


def test_the_first_page_ever_is_a_base_line() -> None:
    assert counted(unseen(None), page(T, {"a": 5})) == {}


def test_the_first_page_of_a_target_added_while_watching_counts_if_its_process_is_new() -> None:
    assert counted(unseen(T - 10), page(T, {"a": 5}, start=T - 8)) == {"a": 5}
    assert counted(unseen(T - 10), page(T, {"a": 5}, start=T - 10.9)) == {"a": 5}
    assert counted(unseen(T - 10), page(T, {"a": 5}, start=T - 60)) == {}
    assert counted(unseen(T - 10), page(T, {"a": 5}, start=None)) == {}


def test_a_creation_newer_than_the_last_one_is_a_reset() -> None:
    first = page(T, {"a": 5}, created={"a": T - 100})
    memory, _ = count(unseen(None), first, Births.ZERO)
    assert counted(memory, page(T + 5, {"a": 9}, created={"a": T + 1})) == {"a": 9}


def test_after_a_failed_scrape_a_new_series_counts_only_if_it_says_when_it_began(
    seen: Memory,
) -> None:
    after = page(T + 10, {"a": 5, "b": 3, "c": 7})
    assert counted(missed(seen), after) == {}
    told = replace(after, created=np.array([NAN, NAN, T + 6]))
    assert counted(missed(seen), told) == {"c": 7}


def test_a_failed_scrape_forgets_nothing(seen: Memory) -> None:
    assert counted(missed(seen), page(T + 10, {"a": 8, "b": 3})) == {"a": 3}


def test_a_series_that_returns_is_measured_from_its_last_value(seen: Memory) -> None:
    memory, gone = count(seen, page(T + 5, {"a": 5}), Births.ZERO)
    assert grown(gone) == {}
    memory, back = count(memory, page(T + 10, {"a": 5, "b": 8}), Births.ZERO)
    assert grown(back) == {"b": 5}
    assert back.since.tolist() == [T]


def test_what_an_older_process_showed_is_forgotten_with_it(seen: Memory) -> None:
    memory, _ = count(seen, page(T + 5, {"a": 1}, start=T + 1), Births.ZERO)
    assert counted(memory, page(T + 10, {"a": 1, "b": 2}, start=T + 1)) == {"b": 2}


def test_behind_a_relay_nothing_is_born_and_its_own_restarts_mean_nothing(seen: Memory) -> None:
    after = page(T + 5, {"a": 6, "b": 3, "c": 7}, start=T + 1)
    assert counted(seen, after, Births.BASELINE) == {"a": 1}


def test_an_increment_carries_since_when_it_can_have_happened(seen: Memory) -> None:
    _, plain = count(seen, page(T + 5, {"a": 6, "b": 3}), Births.ZERO)
    assert plain.since.tolist() == [T]
    restarted = page(T + 5, {"a": 6, "b": 3}, start=T + 3)
    _, anew = count(seen, restarted, Births.ZERO)
    assert anew.since.tolist() == [T + 2, T + 2]  # a start may read a second early


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=2, max_size=12))
def test_the_same_layout_counts_as_any_other(steps: list[list[int]]) -> None:
    """The short way for pages with the same series gives what the long way gives."""
    one = Layout((b"a", b"b", b"c"), (("requests_total{}",),) * 3)
    short, long = unseen(None), unseen(None)
    for number, values in enumerate(steps):
        named = dict(zip("abc", values, strict=True))
        short, first = count(short, page(T + number, named, layout=one), Births.ZERO)
        long, second = count(long, page(T + number, named), Births.ZERO)
        assert grown(first) == grown(second)
        assert first.since.tolist() == second.since.tolist()
        assert short.values.tolist() == long.values.tolist()
