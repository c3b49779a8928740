"""Redundancy from one look to the next: since when it is at risk, when that is due, who leads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicas import seen
from slo.redundancy import (
    Observed,
    Redundancy,
    RedundancyState,
    Replica,
    Rollout,
    Standing,
    Workload,
    is_out,
    judge,
    next_due,
    overdue,
)
from slo.selector import Selector

SHOP = Redundancy("shop", "shop", expected=3, minimum=2, for_s=600.0)
LED = replace(SHOP, leader=Selector("leads"))
WELL, RISK = seen("+a +b +c"), seen("+a +b -c")
OUT, HIDDEN = seen("-a -b -c"), seen("", error="timeout")


def follow(
    looks: Iterable[tuple[float, Observed]], declared: Redundancy = SHOP, **more: bool
) -> Iterator[tuple[float, Standing]]:
    """(time, standing) after each look."""
    standing = None
    for now, observed in looks:
        standing = judge(declared, observed, standing, now, **more)
        yield now, standing


def last(looks: Iterable[tuple[float, Observed]], declared: Redundancy = SHOP) -> Standing:
    *_, (_, standing) = follow(looks, declared)
    return standing


def opens(looks: Iterable[tuple[float, Observed]], declared: Redundancy = SHOP) -> list[float]:
    """When an incident would be open, be it of high or of low urgency."""
    return [
        now
        for now, standing in follow(looks, declared)
        if overdue(declared, standing, now) or is_out(standing, now)
    ]


def every(step_s: int, until_s: int, observed: Observed) -> list[tuple[float, Observed]]:
    return [(float(at), observed) for at in range(0, until_s + 1, step_s)]


# -- since ------------------------------------------------------------------------------------


def test_since_is_when_the_state_last_changed() -> None:
    looks = [(0.0, WELL), (10.0, RISK), (20.0, seen("+a -b -c")), (30.0, OUT), (40.0, WELL)]
    assert [one.since for _, one in follow(looks)] == [0.0, 10.0, 10.0, 30.0, 40.0]


def test_it_is_at_risk_from_the_first_look_that_says_so() -> None:
    looks = [(0.0, WELL), (10.0, RISK), (20.0, RISK), (30.0, OUT), (40.0, WELL)]
    assert [one.risk_since for _, one in follow(looks)] == [None, 10.0, 10.0, 10.0, None]


def test_while_nobody_can_tell_the_time_goes_on_and_nothing_opens() -> None:
    looks = [(0.0, RISK), *((at, HIDDEN) for at in (100.0, 700.0)), (800.0, RISK)]
    assert last(looks[:2]).risk_since == 0.0
    assert opens(looks) == [800.0]
    assert last([*looks, (900.0, HIDDEN), (910.0, WELL)]).risk_since is None
    assert opens([(0.0, RISK), (700.0, seen("+a +b ?c")), (800.0, RISK)]) == [800.0]


def test_a_first_look_that_sees_nothing_is_no_risk() -> None:
    standing = last([(0.0, HIDDEN)])
    assert (standing.state, standing.risk_since) == (RedundancyState.UNKNOWN, None)


def test_a_restart_goes_on_from_what_was_stored() -> None:
    stored = Standing(RedundancyState.AT_RISK, "", since=5.0, risk_since=7.0, failovers=3)
    standing = judge(SHOP, RISK, stored, 1000.0)
    assert (standing.since, standing.risk_since, standing.failovers) == (5.0, 7.0, 3)


# -- what opens -------------------------------------------------------------------------------


def test_at_risk_for_as_long_as_the_file_says_is_overdue() -> None:
    assert opens(every(100, 500, RISK)) == []
    assert opens([(0.0, RISK), (599.9, RISK), (600.0, RISK)]) == [600.0]


def test_down_for_a_minute_is_out() -> None:
    assert opens([(0.0, OUT), (59.9, OUT), (60.0, OUT)]) == [60.0]


def test_the_minute_begins_with_the_first_look_without_a_replica() -> None:
    """It was at risk for longer: that makes no outage of one look."""
    looks = [(0.0, RISK), (300.0, OUT), (359.9, OUT), (360.0, OUT)]
    assert [is_out(one, now) for now, one in follow(looks)] == [False, False, False, True]
    assert not overdue(SHOP, last(looks), 360.0)


def test_down_after_a_long_risk_is_overdue_before_it_is_out() -> None:
    standing = last([*every(100, 600, RISK), (610.0, OUT)])
    assert overdue(SHOP, standing, 610.0)
    assert not is_out(standing, 610.0)


@pytest.mark.parametrize(
    ("declared", "observed"),
    [
        pytest.param(SHOP, WELL, id="redundant"),
        pytest.param(replace(SHOP, minimum=1), RISK, id="degraded"),
        pytest.param(Redundancy("shop", "shop"), seen("+a"), id="alone as it is meant to be"),
        pytest.param(Redundancy("shop", "shop"), seen("", wanted=0), id="scaled to nothing"),
        pytest.param(SHOP, HIDDEN, id="nobody can tell"),
    ],
)
def test_nothing_else_ever_opens(declared: Redundancy, observed: Observed) -> None:
    looks = every(100, 10_000, observed)
    assert opens(looks, declared) == []
    assert next_due(declared, last(looks, declared), 10_000.0) is None


def test_what_is_not_declared_opens_nothing() -> None:
    for now, standing in follow(every(100, 2000, OUT), is_declared=False):
        assert not overdue(SHOP, standing, now)
        assert not is_out(standing, now)
        assert next_due(SHOP, standing, now) is None


@pytest.mark.parametrize(
    ("looks", "due"),
    [
        ([(0.0, RISK)], 600.0),
        ([(0.0, RISK), (100.0, OUT)], 160.0),
        ([(0.0, OUT), (100.0, OUT)], 600.0),  # it is out since 60 s
        ([(0.0, OUT), (700.0, OUT)], None),
    ],
)
def test_the_next_deadline_is_known(looks: list[tuple[float, Observed]], due: float | None) -> None:
    assert next_due(SHOP, last(looks), looks[-1][0]) == due


# -- rollouts ---------------------------------------------------------------------------------


def rolling(
    steps: Sequence[float], until: float, *, stuck_at: float | None = None
) -> list[tuple[float, Observed]]:
    """A rollout that begins at 0 and gets further at `steps`, seen every 10 s."""
    looks = []
    for tick in range(int(until // 10) + 1):
        now = tick * 10.0
        progressed_at = max((at for at in steps if at <= now), default=0.0)
        rollout = Rollout(0.0, progressed_at, stuck_at is not None and now >= stuck_at)
        looks.append((now, replace(RISK, rollout=rollout)))
    return looks


@given(st.lists(st.floats(1.0, 590.0), min_size=1, max_size=6))
def test_a_rolling_restart_that_goes_on_is_never_overdue(gaps: list[float]) -> None:
    steps = [sum(gaps[: count + 1]) for count in range(len(gaps))]
    assert opens(rolling(steps, steps[-1] + 590.0)) == []


@given(st.lists(st.floats(1.0, 590.0), max_size=4))
def test_one_that_stops_is_overdue_after_that_time(gaps: list[float]) -> None:
    stopped = sum(gaps)
    steps = [sum(gaps[: count + 1]) for count in range(len(gaps))]
    first = opens(rolling(steps, stopped + 700.0))[0]
    assert stopped + 600.0 <= first < stopped + 610.0


def test_one_that_says_it_is_stuck_is_overdue_as_if_there_were_none() -> None:
    assert opens(rolling([200.0], 900.0, stuck_at=200.0))[0] == 600.0
    # What went before was progress, until it was not.
    assert opens(rolling([200.0], 900.0, stuck_at=500.0))[0] == 800.0


def test_a_rollout_without_progress_for_long_excuses_nothing() -> None:
    """One that stopped an hour ago was no excuse for what fails now."""
    old = replace(RISK, rollout=Rollout(-4000.0, -3600.0))
    assert last([(0.0, old)]).risk_since == 0.0
    assert opens([(0.0, old), (600.0, old)]) == [600.0]


def test_a_clock_of_a_cluster_that_is_ahead_is_not_believed() -> None:
    ahead = replace(RISK, rollout=Rollout(0.0, 1e9))
    assert last([(50.0, ahead)]).risk_since == 50.0


def test_restarts_of_targets_one_after_the_other_do_not_add_up() -> None:
    """Nobody told of a rollout: 20 replicas are away for 40 s each, with 20 s between them."""
    declared = Redundancy("shop", "shop", minimum=19)
    looks = []
    for away in range(20):
        for tick in range(6):
            names = " ".join(f"{'-' if n == away and tick < 4 else '+'}r{n}" for n in range(20))
            looks.append((away * 60.0 + tick * 10.0, seen(names)))
    assert len(looks) * 10 > declared.for_s
    assert opens(looks, declared) == []


# -- scaling ----------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=9).map(lambda sizes: sorted(sizes)[::-1]),
    st.none() | st.integers(1, 3),
)
def test_a_workload_that_is_scaled_down_opens_nothing(sizes: list[int], budget: int | None) -> None:
    """Each size lasts for twice as long as is overdue; replicas go after it is wanted."""
    looks = []
    for count, wanted in enumerate(sizes):
        names = [f"+r{n}" for n in range(wanted)]
        for tick in range(12):
            gone = [f"-r{n}" for n in range(wanted, sizes[0])] if tick < 3 else []
            observed = seen(" ".join(names + gone), wanted=wanted, minimum=budget)
            looks.append((count * 1200.0 + tick * 100.0, observed))
    assert opens(looks, Redundancy("shop", "shop")) == []


def test_a_workload_that_is_scaled_under_a_written_minimum_is_overdue() -> None:
    looks = every(100, 700, seen("+a", wanted=1))
    assert opens(looks, Redundancy("shop", "shop", minimum=2)) == [600.0, 700.0]


# -- crash loops ------------------------------------------------------------------------------


def flapping(
    names: Sequence[str], away: int, back: int, count: int
) -> list[tuple[float, Observed]]:
    """Seconds away and back in turn, `count` times, one after the other of the replicas named."""
    looks = []
    for turn in range(count):
        gone = names[turn % len(names)]
        for tick in range(0, away + back, 10):
            text = " ".join(
                f"{'-' if one == gone and tick < away else '+'}{one}" for one in ("a", "b", "c")
            )
            looks.append((float(turn * (away + back) + tick), seen(text)))
    return looks


def test_a_replica_that_crashes_over_and_over_is_overdue() -> None:
    """Each time it is ready for half a minute, so that the state is redundant for a while."""
    times = opens(flapping(["c"], away=60, back=30, count=20))
    assert times[0] == 630.0  # the first look after 600 s at which it is away
    assert all(at % 90 < 60 for at in times)


@pytest.mark.parametrize("back", [0, 30])
def test_replicas_that_fail_in_turn_over_and_over_are_too(back: int) -> None:
    """It counts from the last one that had not failed before."""
    times = opens(flapping(["a", "b", "c"], away=90 - back, back=back, count=20))
    assert times[0] == (780.0 if back == 0 else 810.0)


@pytest.mark.parametrize("back", [0, 30])
def test_each_that_fails_once_for_less_than_that_time_is_a_restart(back: int) -> None:
    assert opens(flapping(["a", "b", "c"], away=500, back=back, count=3)) == []


def test_new_replicas_of_a_workload_that_fail_in_turn_are_no_restart() -> None:
    """It would tell of a rollout. Here nodes evict each pod that comes in another's place."""
    looks = [(at * 10.0, seen(f"+a +b -c{at // 20}", wanted=3)) for at in range(70)]
    assert opens(looks)[0] == 600.0


def test_new_replicas_of_a_workload_that_fail_between_good_times_do_not_add_up() -> None:
    looks = []
    for tick in range(180):
        gone = f"-c{tick // 9}" if tick % 9 < 6 else f"+c{tick // 9}"
        looks.append((tick * 10.0, seen(f"+a +b {gone}", wanted=3)))
    assert opens(looks) == []


def test_a_replica_that_is_back_and_a_leader_that_is_gone_are_one_risk() -> None:
    looks = [(0.0, seen("+a* +b -c")), (300.0, seen("+a +b +c")), (600.0, seen("+a +b +c"))]
    assert opens(looks, LED) == [600.0]


def test_a_replica_that_was_well_for_two_minutes_begins_anew() -> None:
    assert opens(flapping(["c"], away=60, back=120, count=20)) == []


def test_one_replica_alone_that_crashes_over_and_over_is_overdue() -> None:
    """Ready it is at risk by its size alone, which is no risk that counts."""
    declared = Redundancy("shop", "shop", expected=1)
    looks = [(at * 10.0, seen("+a" if at % 6 == 5 else "-a")) for at in range(120)]
    times = [now for now, one in follow(looks, declared) if overdue(declared, one, now)]
    assert times[0] == 600.0


# -- leaders ----------------------------------------------------------------------------------


def leaders(*names: str | None) -> list[tuple[float, Observed]]:
    """Ten seconds apart; None: nobody can tell, empty: nobody leads, `ab`: both lead."""
    looks = []
    for tick, name in enumerate(names):
        replicas = tuple(
            Replica(one, ready=True, leads=None if name is None else one in name) for one in "abc"
        )
        looks.append((tick * 10.0, Observed(tick * 10.0, replicas)))
    return looks


@pytest.mark.parametrize(
    ("names", "led_by", "failovers"),
    [
        (["a"], ("a", 0.0), (0, None)),
        (["a", "a", "b"], ("b", 20.0), (1, 20.0)),
        (["a", "", "b"], ("b", 20.0), (1, 20.0)),
        (["a", None, None, "b"], ("b", 30.0), (1, 30.0)),
        (["a", "", "a"], ("a", 0.0), (0, None)),
        (["a", "ab", "b"], ("b", 20.0), (1, 20.0)),
        (["a", "ab", "a"], ("a", 0.0), (0, None)),
        (["", "a"], ("a", 10.0), (0, None)),
        (["a", "b", "a"], ("a", 20.0), (2, 20.0)),
        (["a", "b", ""], ("b", 10.0), (1, 10.0)),
        ([None], (None, None), (0, None)),
    ],
)
def test_a_failover_is_another_leader_than_the_last_one(
    names: list[str | None], led_by: tuple[str, float], failovers: tuple[int, float | None]
) -> None:
    standing = last(leaders(*names), LED)
    assert (standing.leader, standing.led_since) == led_by
    assert (standing.failovers, standing.failed_over_at) == failovers


@given(st.lists(st.sampled_from(["a", "b", "c", "", "ab", None, "hidden"]), min_size=1))
def test_failovers_are_counted_exactly_over_any_history(names: list[str | None]) -> None:
    looks = leaders(*names)
    looks = [
        (now, HIDDEN if name == "hidden" else observed)
        for (now, observed), name in zip(looks, names, strict=True)
    ]
    alone = [name for name in names if name in ("a", "b", "c")]
    changes = sum(one != other for one, other in pairwise(alone))
    assert last(looks, LED).failovers == changes


def test_the_holder_of_a_lease_leads() -> None:
    workload = Workload("deployment", "shop", "shop", lease="shop")
    declared = Redundancy("shop", "shop", workload=workload)
    holders: list[str | None] = ["a_1", "a_1", "", None, "b_2"]
    looks = [(at * 10.0, seen("+a! +b!", leader=who)) for at, who in enumerate(holders)]
    standing = last(looks, declared)
    assert (standing.leader, standing.led_since, standing.failovers) == ("b_2", 40.0, 1)
