"""Burn alerts: what fires, what clears, what freezes; every number worked out by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from slo.alerts import Alerts, Arms, Measured, judge
from slo.ledger import WindowSums
from slo.spec import AlertState, Arm, ArmKind, Policy

OK, FIRING, FROZEN = AlertState.OK, AlertState.FIRING, AlertState.FROZEN
NOW = 1_790_000_000.0
# 99.9 %, 14.4x: fires at 1.44 % errors in both windows.
ARMS = Arms.of([(0, 0.999, Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600, 300), Policy("p"))])


@dataclass(frozen=True)
class Window:
    bad: int
    total: int
    coverage: float = 1.0
    unmeasured: float = 0.0


def decided(long: Window, short: Window, before: AlertState = OK) -> AlertState:
    windows = {3600.0: _measured(long), 300.0: _measured(short)}
    alerts = judge(
        ARMS, Alerts(np.array([before], dtype=np.int8), np.array([NOW - 9])), windows, NOW
    )
    return AlertState(int(alerts.state[0]))


def _measured(window: Window) -> Measured:
    good, total = np.array([window.total - window.bad]), np.array([window.total])
    sums = WindowSums(0.0, NOW, good, total, np.array([0]))
    return Measured(sums, np.array([window.coverage]), np.array([window.unmeasured]))


@pytest.mark.parametrize(
    ("long", "short", "before", "after"),
    [
        pytest.param(Window(144, 10_000), Window(144, 10_000), OK, FIRING, id="at the threshold"),
        pytest.param(Window(143, 10_000), Window(144, 10_000), OK, OK, id="long just under it"),
        pytest.param(Window(144, 10_000), Window(14, 1000), OK, OK, id="short just under it"),
        pytest.param(Window(2, 2), Window(2, 2), OK, OK, id="two failures page nobody"),
        pytest.param(Window(3, 3), Window(3, 3), OK, FIRING, id="the third failure of three pages"),
        pytest.param(Window(0, 0), Window(0, 0), OK, OK, id="no traffic is ok"),
        pytest.param(Window(0, 0), Window(0, 0), FIRING, OK, id="no traffic in the long clears"),
        pytest.param(
            Window(900, 1000), Window(0, 0), FIRING, FIRING, id="traffic that stops clears nothing"
        ),
        pytest.param(
            Window(900, 1000), Window(0, 500), FIRING, OK, id="a good short window clears"
        ),
    ],
)
def test_covered_windows_decide(
    long: Window, short: Window, before: AlertState, after: AlertState
) -> None:
    assert decided(long, short, before) == after


@pytest.mark.parametrize(
    ("long", "short", "before", "after"),
    [
        # 72 bad of 1000 measured and 4000 not: 72 / 5000 = 1.44 % even if all those were good.
        pytest.param(
            Window(72, 1000, 0.2, 4000.0),
            Window(72, 1000, 0.2, 4000.0),
            OK,
            FIRING,
            id="fires when every unmeasured event could not help",
        ),
        pytest.param(
            Window(71, 1000, 0.2, 4000.0),
            Window(71, 1000, 0.2, 4000.0),
            OK,
            FROZEN,
            id="freezes when they could",
        ),
        pytest.param(
            Window(71, 1000, 0.2, 4000.0),
            Window(71, 1000, 0.2, 4000.0),
            FIRING,
            FIRING,
            id="a firing arm never clears while frozen",
        ),
        # 0 bad of 9990 and 100 unmeasured: at most 100 / 10,090 = 0.99 %.
        pytest.param(
            Window(0, 9990, 0.85, 100.0),
            Window(0, 9990, 0.85, 100.0),
            FIRING,
            OK,
            id="clears when every unmeasured event could not hurt",
        ),
        pytest.param(
            Window(0, 0, 0.0, 0.0),
            Window(0, 0, 0.0, 0.0),
            OK,
            FROZEN,
            id="nothing measured at all is undecided, not ok",
        ),
        pytest.param(
            Window(500, 1000, 1.0), Window(0, 0, 0.0, 900.0), FIRING, FIRING, id="targets died"
        ),
        # One of three replicas died (coverage 2/3), the others burn: 500 unmeasured per 1000 seen.
        pytest.param(
            Window(100, 1000, 0.66, 500.0),
            Window(100, 1000, 0.66, 500.0),
            OK,
            FIRING,
            id="one dead replica hides no burn of the others",
        ),
    ],
)
def test_below_the_coverage_floor_only_what_is_sure_decides(
    long: Window, short: Window, before: AlertState, after: AlertState
) -> None:
    assert decided(long, short, before) == after


def test_an_arm_keeps_the_time_of_its_last_change() -> None:
    quiet = {3600.0: _measured(Window(0, 10)), 300.0: _measured(Window(0, 10))}
    before = Alerts(np.array([OK], dtype=np.int8), np.array([NOW - 9]))
    assert judge(ARMS, before, quiet, NOW).since[0] == NOW - 9
    firing = Alerts(np.array([FIRING], dtype=np.int8), np.array([NOW - 9]))
    assert judge(ARMS, firing, quiet, NOW).since[0] == NOW


def test_no_arms_are_no_alerts() -> None:
    none = Alerts(np.zeros(0, dtype=np.int8), np.zeros(0))
    assert len(judge(Arms.of([]), none, {}, NOW).state) == 0
