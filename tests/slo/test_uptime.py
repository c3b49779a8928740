"""Uptime: hand-worked cases, and any window against a count of seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.outages import Outage
from slo.spec import ServiceState
from slo.uptime import DAY_S, History, Uptime, uptime

UP, UNKNOWN, DOWN = ServiceState.UP, ServiceState.UNKNOWN, ServiceState.DOWN


def down(start: float, end: float | None, *, planned: bool = False) -> Outage:
    return Outage("shop", start, end, "", planned)


def over(history: History, start: float, end: float) -> Uptime:
    return uptime(history, None, 0.0, start, end)


def test_a_day_with_one_outage_of_86_seconds_has_three_nines() -> None:
    history = History(0.0, (down(1_000.0, 1_086.4),))
    day = over(history, 0.0, DAY_S)
    assert day.down_s == pytest.approx(86.4)
    assert day.availability() == 1.0 - day.down_s / DAY_S
    assert day.nines == pytest.approx(3.0)
    assert (day.outages, day.repaired) == (1, 1)
    assert day.mttr_s == day.repair_s == pytest.approx(86.4)
    assert day.mtbf_s == DAY_S - day.down_s


def test_without_an_outage_there_is_no_number_of_nines_and_no_mean_time() -> None:
    day = over(History(0.0), 0.0, DAY_S)
    assert (day.availability(), day.nines, day.mtbf_s, day.mttr_s) == (1.0, None, None, None)


def test_a_service_that_nobody_ever_measured_has_no_availability() -> None:
    day = over(History(None, unknown_since=0.0), 0.0, DAY_S)
    assert (day.known_s, day.availability()) == (0.0, None)


def test_the_time_before_it_was_known_is_no_part_of_the_window() -> None:
    history = History(80_000.0, (down(80_000.0, 80_064.0),))
    day = over(history, 0.0, DAY_S)
    assert (day.start, day.known_s, day.down_s) == (80_000.0, 6_400.0, 64.0)
    assert day.availability() == 0.99


def test_unknown_time_is_neither_up_nor_down() -> None:
    history = History(0.0, (down(100.0, 200.0),), unknown=((500.0, 700.0),), unknown_since=900.0)
    found = over(history, 0.0, 1_000.0)
    assert (found.known_s, found.down_s) == (700.0, 100.0)
    assert found.availability() == 1.0 - 100.0 / 700.0


def test_an_outage_that_goes_into_the_unknown_counts_as_long_as_it_is_known() -> None:
    # It was found to have been bad from 100 on when the service was already held for unknown.
    history = History(0.0, (down(100.0, 200.0),), unknown=((150.0, 300.0),))
    found = over(history, 0.0, 1_000.0)
    assert (found.known_s, found.down_s) == (900.0, 100.0)


def test_planned_downtime_counts_apart() -> None:
    history = History(0.0, (down(0.0, 100.0, planned=True), down(500.0, 509.0)))
    found = over(history, 0.0, 1_000.0)
    assert (found.down_s, found.planned_s, found.outages) == (9.0, 100.0, 1)
    assert found.availability() == 0.99  # 9 of 900 s
    assert found.availability(planned=True) == 1.0 - 109.0 / 1_000.0
    assert found.mtbf_s == 891.0


def test_a_seam_of_planned_work_is_no_second_outage() -> None:
    history = History(0.0, (down(100.0, 200.0), down(200.0, 260.0, planned=True)))
    found = over(history, 0.0, 1_000.0)
    assert (found.outages, found.repaired, found.repair_s) == (1, 1, 160.0)


def test_an_outage_that_goes_on_has_begun_and_is_not_repaired() -> None:
    history = History(0.0)
    found = uptime(history, down(900.0, None), 960.0, 0.0, 1_000.0)
    assert (found.down_s, found.outages, found.repaired) == (60.0, 1, 0)
    assert (found.mtbf_s, found.mttr_s) == (940.0, None)


def test_the_part_before_planned_work_is_not_repaired_while_the_outage_goes_on() -> None:
    history = History(0.0, (down(100.0, 200.0),))
    found = uptime(history, down(200.0, None, planned=True), 300.0, 0.0, 400.0)
    assert (found.outages, found.repaired) == (1, 0)
    assert (found.down_s, found.planned_s) == (100.0, 100.0)


def test_an_outage_from_before_the_window_counts_as_far_as_it_lies_in_it() -> None:
    history = History(0.0, (down(50.0, 150.0),))
    found = over(history, 100.0, 1_100.0)
    assert (found.down_s, found.outages, found.repaired, found.repair_s) == (50.0, 0, 1, 100.0)


def test_a_history_moves_between_known_and_unknown() -> None:
    history = History().moved(UNKNOWN, 10.0)
    assert history == History(unknown_since=10.0)
    history = history.moved(UP, 20.0)  # what came before it was ever measured is no gap
    assert history == History(known_from=20.0)
    history = history.moved(DOWN, 30.0)
    assert history == History(known_from=20.0)
    history = history.moved(UNKNOWN, 40.0).moved(UNKNOWN, 41.0).moved(UP, 50.0)
    assert history == History(known_from=20.0, unknown=((40.0, 50.0),))


def test_a_history_forgets_what_was_over_before_a_time() -> None:
    history = History(0.0, (down(1.0, 5.0), down(6.0, 9.0)), ((2.0, 3.0), (4.0, 8.0)))
    assert history.since(5.0) == History(0.0, (down(6.0, 9.0),), ((4.0, 8.0),))


Seconds = st.lists(st.sampled_from("udpx"), min_size=1, max_size=60)


@given(Seconds, st.data())
def test_any_window_equals_a_count_of_its_seconds(life: list[str], data: st.DataObject) -> None:
    """u: up, d: down, p: down within planned work, x: unknown."""
    start = data.draw(st.integers(0, len(life)))
    end = data.draw(st.integers(start, len(life)))
    runs: list[tuple[str, int, int]] = []
    for second, state in enumerate(life):
        if runs and runs[-1][0] == state:
            runs[-1] = (state, runs[-1][1], second + 1)
        else:
            runs.append((state, second, second + 1))
    outages = tuple(
        down(float(a), float(b), planned=state == "p") for state, a, b in runs if state in "dp"
    )
    unknown = tuple((float(a), float(b)) for state, a, b in runs if state == "x")
    found = over(History(0.0, outages, unknown), float(start), float(end))
    inside = life[start:end]
    assert found.known_s == len(inside) - inside.count("x")
    assert (found.down_s, found.planned_s) == (inside.count("d"), inside.count("p"))
