"""Availability: up, degraded, down, unknown, in maintenance; and what counts as downtime."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from slo.availability import (
    Availability,
    Look,
    Recent,
    Slices,
    Spell,
    booked,
    failing,
    judged,
    maintained,
    slices_of,
    spell_of,
    state_of,
    step,
    worse,
)
from slo.outages import Outage, joined
from slo.spec import Excluded, ServiceState

UP, DEGRADED = ServiceState.UP, ServiceState.DEGRADED
DOWN, UNKNOWN = ServiceState.DOWN, ServiceState.UNKNOWN
NOTHING_BAD = Spell(500.0, None, 0.0)  # no slice of the recent window is


def verdict(*slos: tuple[int, int, float, bool]) -> ServiceState:
    """Of one service with SLOs of (good, total, coverage, an arm pages), down below a half with at
    least three bad events.
    """
    good, total, coverage, pages = (np.array(column) for column in zip(*slos, strict=True))
    recent, size = Recent(good, total, coverage, pages), len(slos)
    down = failing(recent, np.full(size, 0.5), np.full(size, 3.0))
    return state_of(int(judged(recent, down, np.zeros(size, dtype=int), 1)[0]))


@pytest.mark.parametrize(
    ("slos", "state"),
    [
        ([(10, 10, 1.0, False)], UP),
        ([(0, 0, 1.0, False)], UP),
        ([(0, 0, 0.0, False)], UNKNOWN),
        ([(0, 0, 0.0, True)], UNKNOWN),
        ([(9, 10, 1.0, True)], DEGRADED),
        ([(4, 10, 1.0, True)], DOWN),
        ([(5, 10, 1.0, False)], UP),
        ([(0, 2, 1.0, False)], UP),
        ([(1, 3, 1.0, False)], UP),  # two bad events of three: too few to tell
        ([(2, 5, 1.0, False)], DOWN),
        ([(10, 10, 1.0, False), (0, 3, 1.0, False)], DOWN),
        ([(10, 10, 1.0, False), (0, 0, 0.0, False)], UP),
    ],
)
def test_the_worst_measured_objective_decides(
    slos: list[tuple[int, int, float, bool]], state: ServiceState
) -> None:
    assert verdict(*slos) is state


def test_a_service_without_objectives_is_unknown() -> None:
    none = np.empty(0, dtype=int)
    recent = Recent(none, none, np.empty(0), np.empty(0, dtype=bool))
    assert state_of(int(judged(recent, np.empty(0, dtype=bool), none, 1)[0])) is UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (UNKNOWN, UNKNOWN, UNKNOWN),
        (UNKNOWN, UP, UP),
        (UP, DEGRADED, DEGRADED),
        (DEGRADED, DOWN, DOWN),
        (UNKNOWN, DOWN, DOWN),
        (UP, UP, UP),
    ],
)
def test_of_two_states_the_more_telling_one_is_worse(
    one: ServiceState, other: ServiceState, found: ServiceState
) -> None:
    assert worse(one, other) is worse(other, one) is found


def of(story: str) -> Slices:
    """Slices of ten seconds since 100: `x` bad, `o` good, `.` neither."""
    kinds = np.array(list(story))
    return Slices(100 + 10 * np.arange(len(story)), kinds == "x", kinds == "o", 10)


@pytest.mark.parametrize(
    ("story", "spell"),
    [
        ("ooxxx", Spell(120.0, 150.0, None)),
        ("oxoxx", Spell(130.0, 150.0, None)),
        (".x.xx", Spell(110.0, 150.0, None)),  # a slice without events is no break
        ("xxx", Spell(100.0, 130.0, None)),
        ("xxoo", Spell(100.0, 120.0, None)),
        ("xxooo", Spell(100.0, 120.0, 120.0)),
        ("xx.o.oo", Spell(100.0, 120.0, 130.0)),
        ("xxooxooo", Spell(140.0, 150.0, 150.0)),
        ("..oo", Spell(500.0, None, 120.0)),
        ("....", Spell(500.0, None, 0.0)),
    ],
)
def test_a_spell_begins_with_the_first_bad_slice_and_is_over_with_the_first_of_three_good_ones(
    story: str, spell: Spell
) -> None:
    assert spell_of(of(story), 500.0) == spell


def test_a_slice_is_bad_by_any_objective_and_good_only_when_it_is_over() -> None:
    #          both good    one bad      no events    one has none  goes on, good  goes on, bad
    good = [[5, 5], [5, 1], [0, 0], [3, 0], [5, 5], [0, 0]]
    total = [[5, 5], [5, 3], [0, 0], [3, 0], [5, 5], [1, 0]]
    sums = np.stack([np.array(good), np.array(total)], axis=1)
    starts = np.array([0, 10, 20, 30, 40, 40])
    slices = slices_of(starts, sums, np.full(2, 0.5), 10, 45.0)
    assert slices.bad.tolist() == [False, True, False, False, False, True]
    assert slices.good.tolist() == [True, False, False, True, False, False]


def look(state: ServiceState, since: float = 500.0) -> Look:
    return Look(state, state.name, since)


def test_an_outage_lasts_from_the_first_bad_slice_to_the_first_of_three_good_ones() -> None:
    service = Availability(UP, "")
    service, began = step(service, look(DOWN), Spell(120.0, 140.0, None), 142.0, "shop")
    assert began == Outage("shop", 120.0, None, "DOWN")
    assert service.downtime_s() == 20.0
    service, still = step(service, look(UP), Spell(120.0, 160.0, None), 185.0, "shop")
    assert (service.state, still) == (DOWN, began)
    assert service.downtime_s() == 40.0  # what is certain
    service, ended = step(service, look(UP), Spell(120.0, 160.0, 160.0), 192.0, "shop")
    assert (service.state, ended) == (UP, Outage("shop", 120.0, 160.0, "DOWN"))


def test_a_service_stays_down_while_its_recent_events_say_so_though_three_slices_are_good() -> None:
    service, began = step(
        Availability(UP, ""), look(DOWN), Spell(120.0, 140.0, None), 142.0, "shop"
    )
    service, still = step(service, look(DOWN), Spell(120.0, 140.0, 140.0), 172.0, "shop")
    assert (service.state, still, service.downtime_s()) == (DOWN, began, 20.0)


def test_an_outage_begins_when_what_makes_it_began_and_never_in_the_one_before() -> None:
    """A probe says so only after some failures in a row, and since when."""
    probed = Spell(100.0, 100.0, None)
    service, began = step(Availability(UP, ""), look(DOWN, 70.0), probed, 100.0, "shop")
    assert began == Outage("shop", 70.0, None, "DOWN")
    assert service.downtime_s() == 30.0
    service, ended = step(service, look(UP), NOTHING_BAD, 130.0, "shop")
    assert ended == Outage("shop", 70.0, 100.0, "DOWN")
    _, began = step(service, look(DOWN, 90.0), Spell(140.0, 140.0, None), 140.0, "shop")
    assert began == Outage("shop", 100.0, None, "DOWN")


@pytest.mark.parametrize("spell", [Spell(100.0, 130.0, None), Spell(500.0, None, 0.0)])
def test_unknown_time_is_never_downtime(spell: Spell) -> None:
    service, _ = step(Availability(UP, ""), look(DOWN), Spell(100.0, 130.0, None), 130.0, "shop")
    service, ended = step(service, look(UNKNOWN), spell, 190.0, "shop")
    assert (service.state, ended) == (UNKNOWN, Outage("shop", 100.0, 130.0, "DOWN"))


def test_a_mean_that_has_no_slices_is_down_from_look_to_look() -> None:
    service, began = step(Availability(UP, ""), look(DOWN, 100.0), NOTHING_BAD, 100.0, "shop")
    assert began == Outage("shop", 100.0, None, "DOWN")
    service, _ = step(service, look(DOWN), NOTHING_BAD, 110.0, "shop")
    service, ended = step(service, look(UP), NOTHING_BAD, 120.0, "shop")
    assert ended is not None
    assert ended.ended_at == 110.0


A, B = Outage("shop", 100.0, None, "failing"), Outage("shop", 100.0, 180.0, "failing")


@pytest.mark.parametrize(
    ("outage", "windows", "parts", "unplanned_s", "planned_s"),
    [
        (A, [], [A], 80.0, 0.0),
        (B, [], [B], 80.0, 0.0),
        (B, [(50.0, 900.0)], [replace(B, planned=True)], 0.0, 80.0),
        (
            B,
            [(120.0, 150.0)],
            [
                replace(B, ended_at=120.0),
                replace(B, started_at=120.0, ended_at=150.0, planned=True),
                replace(B, started_at=150.0),
            ],
            50.0,
            30.0,
        ),
        (
            A,
            [(120.0, 900.0)],
            [replace(A, ended_at=120.0), replace(A, started_at=120.0, planned=True)],
            20.0,
            60.0,
        ),
        (A, [(180.0, 900.0)], [A], 80.0, 0.0),
        (B, [(0.0, 100.0), (180.0, 200.0)], [B], 80.0, 0.0),
    ],
)
def test_what_lies_in_planned_work_is_an_outage_of_its_own(
    outage: Outage,
    windows: Sequence[tuple[float, float]],
    parts: list[Outage],
    unplanned_s: float,
    planned_s: float,
) -> None:
    before = Availability(UP, "")
    after = Availability(DOWN, "", outage=outage, bad_until=180.0)
    after, written = booked(before, after, outage, windows)
    assert list(written) == parts
    assert (after.downtime_s(), after.downtime_s(planned=True)) == (unplanned_s, planned_s)
    assert after.outage == (None if outage.ended_at else parts[-1])
    if after.outage is not None:  # what goes on as it was is not written again
        assert booked(after, after, after.outage, windows)[1] == ()
    (whole,) = joined(written)
    assert (whole.started_at, whole.ended_at) == (100.0, outage.ended_at)


def test_outages_of_different_services_or_with_time_between_are_not_joined() -> None:
    apart = [Outage("a", 1.0, 5.0), Outage("b", 5.0, 6.0), Outage("a", 6.0, None)]
    assert joined(apart) == apart


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (UP, "planned work: new disks"),
        (UNKNOWN, "planned work: new disks"),
        (DOWN, "planned work: new disks; would be down: all fail"),
    ],
)
def test_planned_work_comes_before_every_other_state(state: ServiceState, reason: str) -> None:
    window = Excluded("shop", "", 0.0, 9.0, "new disks", "ada", planned=True)
    found = maintained(Availability(state, "all fail"), window)
    assert (found.state, found.reason) == (ServiceState.MAINTENANCE, reason)
