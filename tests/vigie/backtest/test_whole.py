"""The figures of a whole replay: every event of it but what is excluded, however long it is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from histories import AVAILABILITY, DAY_S, POLICY, T0, Record, backtested, config_of, watch
from slo.exclusions import MaintenanceWindow
from slo.promql import compile_events
from slo.spec import Arm, ArmKind, Component, CompositeSli, CountingSli, RatioKind
from vigie.pipeline import plan

pytestmark = pytest.mark.simulation

ARM = Arm("page", ArmKind.PAGE, 1.9, DAY_S / 2, DAY_S / 2)


def maintenance(start: float, length_s: float, rule: str = "") -> MaintenanceWindow:
    begins = datetime.fromtimestamp(start, UTC).replace(tzinfo=None)
    return MaintenanceWindow(
        "work", ("shop",), (), {}, begins, length_s, "UTC", rule, "ann", "disk"
    )


def test_what_is_excluded_is_in_no_figure_of_a_long_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four days, a scrape every ten minutes; at 03:20 of each all fails for an hour, in which there
    is maintenance. The edges of the first days are forgotten meanwhile, as live after 35 days.
    """
    monkeypatch.setattr(plan, "REACH_S", DAY_S)
    record = Record()
    start = T0 - T0 % DAY_S
    for turn in range(4 * 144 + 1):
        in_work = 20 <= turn % 144 < 26
        record.scrape(start + 600.0 * turn, good=0 if in_work else 10, bad=10 if in_work else 0)
    slo = replace(AVAILABILITY, window_s=DAY_S, objective=0.5)
    work = maintenance(start + 12_000.0, 3600.0, "FREQ=DAILY")
    config = replace(config_of(watch(slo, POLICY, ARM)), maintenance=(work,))
    excluded = backtested(record, config, slice_s=60)
    (whole,) = excluded.wholes.values()
    assert (whole.good, whole.total, whole.sli) == (4 * 138 * 10, 4 * 138 * 10, 1.0)
    assert whole.excluded_s == 4 * 3600.0
    assert whole.coverage == pytest.approx(1.0)


def test_maintenance_under_way_at_the_end_is_left_out_so_far() -> None:
    record = Record()
    for turn in range(61):
        record.scrape(T0 - 20.0 + 60.0 * turn, good=10)
    work = maintenance(T0 - 20.0 + 1800.0, 7200.0)
    replayed = backtested(record, replace(config_of(watch()), maintenance=(work,)))
    (whole,) = replayed.wholes.values()
    # Scrapes at 60 s .. 1740 s: 29 of them.
    assert (whole.good, whole.excluded_s) == (290, 1800.0)


def test_a_composite_is_the_mean_of_its_parts_over_all_of_it() -> None:
    errors = AVAILABILITY.sli
    assert isinstance(errors, CountingSli)
    slow = CountingSli(
        RatioKind.GOOD, compile_events("sum(fast_total)"), compile_events("sum(all_total)")
    )
    mean = CompositeSli((Component("a", errors, 0.99, 1.0), Component("b", slow, 0.99, 3.0)))
    record = Record()
    for turn in range(101):
        at = T0 + 10.0 * turn
        record.scrape(at, good=9, bad=1)
        record.add('fast_total{job="shop",instance="a:1"}', at, 5 * turn)
        record.add('all_total{job="shop",instance="a:1"}', at, 10 * turn)
    replayed = backtested(record, config_of(watch(replace(AVAILABILITY, sli=mean))))
    (whole,) = replayed.wholes.values()
    assert whole.sli == pytest.approx((0.9 * 1 + 0.5 * 3) / 4)
    assert whole.total == 2000.0
    assert whole.coverage == pytest.approx(1.0)
