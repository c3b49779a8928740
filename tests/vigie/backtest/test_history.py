"""Histories: their targets, intervals and moments."""

import pytest

from collectors.scrape import Scrape
from histories import T0, Record, config_of, recording_of, watch
from slo.spec import Births
from vigie.backtest.history import between, left_after_s, moments, renamed, survey
from vigie.backtest.times import instant


def scrape(at: float) -> Scrape:
    return Scrape("file:shop/a:1", at, 0.0, None)


def test_a_target_has_the_median_distance_of_its_scrapes() -> None:
    record = Record()
    for at in (0.0, 15.0, 30.0, 90.0, 105.0):
        record.scrape(T0 + at, "a:1", good=1)
    record.fail(T0 + 40.0, "b:1")
    record.fail(T0 + 47.0, "b:1")
    record.scrape(T0 + 50.0, "c:1", good=1)
    history = recording_of(record, config_of(watch()))
    found = survey(history, {"shop/b:1": Births.BASELINE})
    assert found is not None
    assert {one.id: (one.interval_s, one.births) for one in found.targets.values()} == {
        "shop/a:1": (15.0, Births.ZERO),
        "shop/b:1": (7.0, Births.BASELINE),
        "shop/c:1": (60.0, Births.ZERO),
    }
    assert (found.first, found.last, found.slowest_s) == (T0, T0 + 105.0, 60.0)
    assert {one.target_id for one in renamed(history.scrapes(), found.targets)} == {
        "shop/a:1",
        "shop/b:1",
        "shop/c:1",
    }
    assert [left_after_s(one) for one in found.targets.values()] == [300.0, 300.0, 300.0]


def test_a_history_without_scrapes_has_nothing_to_look_at() -> None:
    assert survey(recording_of(Record(), config_of(watch())), {}) is None


def test_scrapes_of_one_moment_make_one_tick() -> None:
    times = [0.0, 0.01, 0.03, 0.04, 10.0]
    assert [[s.at for s in one] for one in moments(map(scrape, times))] == [
        [0.0, 0.01, 0.03],
        [0.04],
        [10.0],
    ]


def test_a_part_of_a_history_has_both_its_ends() -> None:
    assert [s.at for s in between(map(scrape, [1.0, 2.0, 3.0, 4.0]), 2.0, 3.0)] == [2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "at"),
    [("2026-09-21T14:13:20Z", T0), (" 2026-09-21T16:13:20+02:00", T0), ("1790000000.5", T0 + 0.5)],
)
def test_instants_have_a_zone_or_are_unix_seconds(text: str, at: float) -> None:
    assert instant(text) == at


@pytest.mark.parametrize("text", ["", "2026-09-21T14:13:20", "yesterday", "nan", "inf"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no instant"):
        instant(text)
