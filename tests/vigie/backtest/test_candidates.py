"""Objectives tried on a history, all of them in one replay."""

from dataclasses import replace

import pytest

from histories import (
    AVAILABILITY,
    DAY_S,
    POLICY,
    T0,
    Record,
    config_of,
    grouped,
    recording_of,
    watch,
)
from slo.spec import Arm, ArmKind
from slo.suggest import CANDIDATES
from vigie.backtest.candidates import Tried, candidates_of, tried
from vigie.backtest.history import renamed, survey
from vigie.backtest.replay import replay
from vigie.backtest.watched import watched
from vigie.config import Config

pytestmark = pytest.mark.simulation

HOURS = 20


def suggested(record: Record, config: Config) -> list[Tried]:
    history = recording_of(record, config)
    found = survey(history, {})
    assert found is not None
    one_place = watched(config)
    replayed = replay(
        candidates_of(one_place, found.slowest_s),
        renamed(history.scrapes(), found.targets),
        found.targets.values(),
        slice_s=60,
        start=found.first,
        end=found.last,
    )
    return list(tried(one_place, replayed, found.slowest_s))


def story() -> Record:
    """Twenty hours of 100 requests a minute. In the eighth one, a quarter fails for ten minutes."""
    record = Record()
    for turn in range(HOURS * 60 + 1):
        bad = 25 if 480 <= turn < 490 else 0
        record.scrape(T0 - 20.0 + 60.0 * turn, good=100 - bad, bad=bad)
    return record


def test_every_candidate_is_watched_by_its_own_page_arms() -> None:
    (found,) = suggested(story(), config_of(watch(replace(AVAILABILITY, window_s=10 * 3600.0))))
    # 250 of the 60 000 of ten hours fail: 0.42 %. Of 0.99 that leaves 58 % of the budget.
    assert found.suggestion.objective == 0.99
    assert found.suggestion.worst_sli == 1.0 - 250 / 60_000
    assert found.suggestion.windows > 5
    pages = {one.objective: one.pages for one in found.suggestion.candidates}
    assert pages[0.9] == 0  # a burn rate of 2.5
    assert pages[0.999] == pages[0.9999] == 1
    assert set(pages) == set(CANDIDATES)


def test_written_arms_stay_and_groups_are_left_out() -> None:
    arm = Arm("page-1h-10m", ArmKind.PAGE, 500.0, 3600.0, 600.0)
    policy = replace(POLICY, arms=(arm,))
    slo = replace(grouped("code"), window_s=DAY_S)
    (found,) = suggested(story(), config_of(watch(slo, policy, arm)))
    assert [one.pages for one in found.suggestion.candidates] == [0] * len(CANDIDATES)
    assert found.suggestion.windows == 1  # the day is longer than the history
    assert found.suggestion.worst_sli == 1.0 - 250 / (HOURS * 6000)


def test_a_quiet_service_gets_a_hint() -> None:
    record = Record()
    for turn in range(HOURS * 60 + 1):
        record.scrape(T0 - 20.0 + 60.0 * turn, good=turn % 2)
    (found,) = suggested(record, config_of(watch()))
    assert found.suggestion.objective == 0.9999
    assert found.traffic is not None
    assert found.traffic.min_total is None
    assert "there are 30 as a rule" in found.traffic.reason
