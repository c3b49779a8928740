"""Strides: far fewer ticks, and the same result as with every one of them."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from histories import (
    AVAILABILITY,
    BOTH,
    DAY_S,
    POLICY,
    T0,
    Record,
    backtested,
    config_of,
    grouped,
    watch,
)
from incidents.signals import severity_of
from slo.exclusions import MaintenanceWindow
from slo.promql import compile_events, compile_threshold
from slo.spec import (
    Act,
    Arm,
    ArmKind,
    BudgetAction,
    Budgeting,
    Component,
    CompositeSli,
    CountingSli,
    Method,
    Op,
    RatioKind,
    Slo,
)
from vigie.backtest.replay import Replayed
from vigie.config import Config

pytestmark = pytest.mark.simulation

QUICK = (
    Arm("page-10m-1m", ArmKind.PAGE, 14.4, 600.0, 60.0),
    Arm("ticket-1h-5m", ArmKind.TICKET, 3.0, 3600.0, 300.0),
)
GOOD = CountingSli(
    RatioKind.GOOD,
    compile_events('sum(http_requests_total{code="200"})'),
    compile_events("sum(http_requests_total)"),
)


def shown(replayed: Replayed) -> object:
    """All that a backtest tells."""
    figures = replayed.state.figures
    assert figures is not None
    left = [figures.slo(i).budget_remaining for i in range(len(replayed.state.plan.watches))]
    hours = [(row.start, row.sums.tolist()) for row in replayed.hours]
    return replayed.alerts, replayed.incidents, replayed.wholes, left, hours, replayed.late


def story(seed: int, scrapes: int, interval_s: float = 15.0) -> Record:
    """Three instances with moods: fine, failing a little or a lot, silent, gone, restarting."""
    chance, record = random.Random(seed), Record()
    moods = {f"{name}:1": "fine" for name in "abc"}
    phases = {name: chance.uniform(0.0, interval_s / 2) for name in moods}
    traffic = chance.choice([0, 3, 100, 1000])
    for turn in range(scrapes):
        for name, phase in phases.items():
            if chance.random() < 0.03:
                moods[name] = chance.choice(
                    ["fine", "fine", "poor", "bad", "silent", "gone", "restart"]
                )
            at, good = T0 + turn * interval_s + phase, chance.randint(0, traffic)
            match moods[name]:
                case "silent":
                    record.grow(name, good)
                    record.fail(at, name)
                case "gone":
                    pass
                case "restart":
                    record.restart(name)
                    record.scrape(at, name, good)
                    moods[name] = "fine"
                case mood:
                    bad = {"fine": chance.random() < 0.02, "poor": good // 200, "bad": good // 4}
                    record.scrape(at, name, good + 1, int(bad[mood]))
    return record


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["bad", "good", "groups"]))
def test_a_replay_with_strides_tells_what_one_of_every_tick_does(seed: int, kind: str) -> None:
    slo = {
        "bad": AVAILABILITY,
        "good": replace(AVAILABILITY, sli=GOOD),
        "groups": grouped("instance"),
    }[kind]
    config = config_of(
        watch(slo, POLICY, *QUICK), watch(replace(AVAILABILITY, name="loose", objective=0.9))
    )
    record = story(seed, scrapes=120)
    every = backtested(record, config, every_tick=True)
    strides = backtested(record, config)
    assert shown(strides) == shown(every)
    assert strides.ticks <= every.ticks


@pytest.mark.parametrize("bad", [0, 2])
def test_few_ticks_suffice_while_nothing_changes(bad: int) -> None:
    """Hours of scrapes a minute apart; with 2 % bad, an arm fires nearly all the while."""
    record = Record()
    for turn in range(180):
        record.scrape(T0 + 60.0 * turn, good=100 - bad, bad=bad)
    arm = Arm("ticket-1h-30m", ArmKind.TICKET, 3.0, 3600.0, 1800.0)
    config = config_of(watch(replace(AVAILABILITY, objective=0.995), POLICY, arm))
    every = backtested(record, config, every_tick=True)
    strides = backtested(record, config)
    assert shown(strides) == shown(every)
    assert len(every.alerts) == bool(bad)
    assert strides.ticks < every.ticks / 3


DEPTH = compile_threshold("max(queue_depth)", Op.LT, 10.0, "")
MEAN = CompositeSli((Component("a", BOTH, 0.999, 1.0),))
SLICED = Budgeting(Method.TIMESLICES, 0.95, 60.0)
TICKET = BudgetAction("freeze", (Act.TICKET,), remaining_below=0.5)


@pytest.mark.parametrize(
    "config",
    [
        config_of(watch(Slo("shop", "depth", 0.9, DAY_S, DEPTH)), watch()),
        config_of(watch(replace(AVAILABILITY, sli=MEAN))),
        config_of(watch(replace(AVAILABILITY, budgeting=SLICED))),
        config_of(watch(AVAILABILITY, replace(POLICY, actions=(TICKET,)))),
        config_of(
            watch(
                replace(
                    AVAILABILITY,
                    sli=replace(
                        GOOD,
                        part=compile_events(
                            'sum(http_requests_total) - sum(http_requests_total{code="500"})'
                        ),
                    ),
                )
            )
        ),
    ],
    ids=["sampled", "mean", "timeslices", "action", "difference"],
)
def test_no_stride_is_taken_where_windows_may_change_by_themselves(config: Config) -> None:
    record = Record()
    for turn in range(30):
        record.scrape(T0 + 60.0 * turn, good=100)
    assert backtested(record, config).ticks == backtested(record, config, every_tick=True).ticks


def test_no_stride_is_taken_once_good_events_ran_ahead_of_their_total() -> None:
    good = replace(GOOD, part=compile_events("sum(served_total)"))
    record = Record()
    for turn in range(60):
        at = T0 + 60.0 * turn
        record.scrape(at, good=10)
        record.add(
            'served_total{job="shop",instance="a:1"}', at, 10 * turn + (5 if turn == 3 else 0)
        )
    config = config_of(watch(replace(AVAILABILITY, sli=good)))
    every = backtested(record, config, every_tick=True)
    strides = backtested(record, config)
    assert shown(strides) == shown(every)
    assert strides.ticks > every.ticks - 50  # but for the first minutes


def test_maintenance_is_excluded_alike() -> None:
    begins = datetime.fromtimestamp(T0 + 1200.0, UTC).replace(tzinfo=None)
    window = MaintenanceWindow(
        "work", ("shop",), (), {}, begins, 900.0, "UTC", "", "ann", "a new disk"
    )
    record = Record()
    for turn in range(60):
        record.scrape(T0 + 60.0 * turn, good=100, bad=50 if 20 <= turn < 35 else 0)
    config = replace(config_of(watch()), maintenance=(window,))
    every = backtested(record, config, every_tick=True)
    strides = backtested(record, config)
    assert shown(strides) == shown(every)
    assert strides.ticks < every.ticks


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01, 0.05, 0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("kind", list(ArmKind))
def test_the_worst_severity_is_the_one_that_the_engine_would_give(
    share: float, kind: ArmKind
) -> None:
    """`incidents.signals` decides it; strides only have to know what it may come to."""
    record = Record()
    for turn in range(60):
        record.scrape(T0 + 10.0 * turn, good=1000 - int(share * 1000), bad=int(share * 1000))
    arm = Arm("arm", kind, 1.0, 600.0, 60.0)
    replayed = backtested(record, config_of(watch(AVAILABILITY, POLICY, arm)))
    worst = severity_of(share, pages=kind is ArmKind.PAGE)
    assert [one.severity for one in replayed.incidents] == [worst] * bool(share)


def test_a_ticket_that_goes_on_when_its_page_is_over_opens_with_the_very_next_tick() -> None:
    """No arm changes then: the incident was resolved, and one still fires."""
    arms = (QUICK[0], Arm("ticket-1h-30m", ArmKind.TICKET, 3.0, 3600.0, 1800.0))
    record = Record()
    for turn in range(60):
        bad = 500 if 20 <= turn < 25 else 0
        record.scrape(T0 + 60.0 * turn, good=1000 - bad, bad=bad)
    config = config_of(watch(AVAILABILITY, POLICY, *arms))
    every = backtested(record, config, every_tick=True)
    strides = backtested(record, config)
    assert shown(strides) == shown(every)
    page, ticket = strides.incidents
    assert page.resolved_at is not None
    assert ticket.opened_at == page.resolved_at + 10.0
