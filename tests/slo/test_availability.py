"""Availability: up, degraded, down, unknown; and what counts as downtime."""

import numpy as np
import pytest

from slo.availability import Availability, Look, Recent, judged, state_of, step, worse
from slo.spec import ServiceState
from slo.status import Outage

UP, DEGRADED = ServiceState.UP, ServiceState.DEGRADED
DOWN, UNKNOWN = ServiceState.DOWN, ServiceState.UNKNOWN


def verdict(*slos: tuple[int, int, float, bool]) -> ServiceState:
    """Of one service with SLOs of (good, total, coverage, an arm pages), down below a half."""
    good, total, coverage, pages = (np.array(column) for column in zip(*slos, strict=True))
    recent = Recent(good, total, coverage, pages)
    size = len(slos)
    return state_of(int(judged(recent, np.full(size, 0.5), np.zeros(size, dtype=int), 1)[0]))


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
    assert state_of(int(judged(recent, np.empty(0), none, 1)[0])) is UNKNOWN


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


def test_an_outage_is_downtime_from_the_first_look_to_the_first_that_finds_it_over() -> None:
    service = Availability(UP, "")
    service, began = step("shop", service, Look(DOWN, "failing", 100.0), 100.0)
    assert began == Outage("shop", 100.0, None)
    service, nothing = step("shop", service, Look(DOWN, "failing", 130.0), 130.0)
    assert nothing is None
    assert service.downtime_s(130.0) == 30.0
    service, ended = step("shop", service, Look(UP, "fine", 160.0), 160.0)
    assert ended == Outage("shop", 100.0, 160.0)
    assert service.downtime_s(500.0) == 60.0


def test_an_outage_begins_when_what_makes_it_began() -> None:
    """A probe says so only after some failures in a row, and since when."""
    service, began = step("shop", Availability(UP, ""), Look(DOWN, "failing", 70.0), 100.0)
    assert began == Outage("shop", 70.0, None)
    assert service.downtime_s(100.0) == 30.0
    service, ended = step("shop", service, Look(UP, "fine", 120.0), 130.0)
    assert ended == Outage("shop", 70.0, 130.0)
    assert service.downtime_s(900.0) == 60.0


def test_unknown_time_is_never_downtime() -> None:
    service, _ = step("shop", Availability(UP, ""), Look(DOWN, "failing", 100.0), 100.0)
    service, ended = step("shop", service, Look(UNKNOWN, "silent", 110.0), 110.0)
    assert ended == Outage("shop", 100.0, 110.0)
    assert service.downtime_s(900.0) == 10.0
