"""Few requests: one or two failures page nobody, and an outage pages by the third.

From one request an hour to a thousand a second, over the ledger and the arms that a server runs.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from slo.alerts import Alerts, Arms, Measured, judge
from slo.ledger import DAY_S, MICROSECONDS, Addition, Ledger, WindowSums, empty
from slo.load.marks import Problems
from slo.policies import arms_for
from slo.promql import compile_events
from slo.spans import no_spans
from slo.spec import AlertState, ArmKind, CountingSli, Policy, RatioKind, Slo

T0 = 1_790_000_000 // 3600 * 3600
SLICE_S = 10
POLICY = Policy("default")
TOTAL = compile_events("sum(x)")
SLI = CountingSli(RatioKind.BAD, TOTAL, TOTAL)


class Service:
    """One SLO over a ledger that is fully covered, ticked at the end of slices."""

    def __init__(self, objective: float) -> None:
        slo = Slo("s", "o", objective, 30 * DAY_S, SLI)
        self.arms = arms_for(slo, POLICY, 15.0, Problems())
        self.flat = Arms.of([(0, objective, arm, POLICY) for arm in self.arms], np.array([1]))
        count = len(self.arms)
        self.alerts = Alerts(
            np.zeros(count, dtype=np.int8), np.zeros(count), np.full(count, np.nan)
        )
        self.ledger = new()
        self.now = T0

    def clean(self, per_day: float) -> None:
        """Thirty days without a failure."""
        self.ledger = cleaned(per_day)

    def slice(self, good: int, bad: int) -> None:
        """One more slice goes by."""
        self.ledger = put(self.ledger, self.now, good, good + bad, SLICE_S)
        self.now += SLICE_S

    def pages(self) -> bool:
        """Whether an arm that pages fires now."""
        lengths = {length for arm in self.arms for length in (arm.long_s, arm.short_s)}
        windows = {length: self._measured(length) for length in lengths}
        self.alerts = judge(self.flat, self.alerts, windows, self.now, self._last)
        return bool((self.flat.pages & (self.alerts.state == AlertState.FIRING)).any())

    def _measured(self, length: float) -> Measured:
        sums = self.ledger.window(self.now, length)
        return Measured(sums, np.ones(1), np.zeros(1))

    def _last(self, col: int, least: int, at_most_s: float) -> WindowSums:
        return self.ledger.last_events(col, least, self.now, at_most_s)


def new() -> Ledger:
    return empty(SLICE_S, 1, T0 - 30 * DAY_S)


def put(ledger: Ledger, start: int, good: int, total: int, measured_s: int) -> Ledger:
    sums = np.array([[good], [total], [measured_s * MICROSECONDS]], dtype=np.int64)
    return ledger.add(Addition({start: sums}, no_spans())).seal(start)[0]


@cache
def cleaned(per_day: float) -> Ledger:
    """Thirty days without a failure: hour by hour, the last two by slices."""
    ledger = new()
    for width, first, last in ((3600, 0, 718 * 3600), (SLICE_S, 718 * 3600, 720 * 3600)):
        for at in range(first, last, width):
            total = int((at + width) * per_day / DAY_S) - int(at * per_day / DAY_S)
            ledger = put(ledger, T0 - 30 * DAY_S + at, total, total, width)
    return ledger


RATES_A_DAY = [24, 240, 14_400, 86_400, 8_640_000, 86_400_000]  # 1/h, 10/h, 10/min, 1/s, 100/s


@pytest.mark.parametrize("objective", [0.9, 0.99, 0.999, 0.9999, 0.99999])
@pytest.mark.parametrize("per_day", RATES_A_DAY)
def test_one_or_two_failures_page_nobody(objective: float, per_day: float) -> None:
    for history in (0.0, per_day):
        service = Service(objective)
        if history:
            service.clean(history)
        for bad in (1, 1, 0, 0):
            service.slice(0, bad)
            assert not service.pages()


def test_those_that_trickle_in_page_nobody_either() -> None:
    """One failure in a thousand is what 99.9 % allows: 20 of 20,000 within an hour."""
    service = Service(0.999)
    for step in range(360):
        service.slice(55, 1 if step % 18 == 0 else 0)
        assert not service.pages()


@pytest.mark.parametrize(
    ("every_s", "history", "at_most_s", "failures"),
    [
        pytest.param(360, False, 20 * 60, 3, id="10 an hour, new: the third, within 20 min"),
        pytest.param(360, True, 20 * 60, 3, id="10 an hour: the third, within 20 min"),
        pytest.param(6, False, 60, 3, id="10 a minute, new: the third, within a minute"),
        # An hour held 600 requests, of which 14.4 x 0.1 % are 8.6; that many, and up to 15, may be
        # chance: P(X >= 14 of 600) = 5.6 %. No two windows could tell the third of them from it.
        pytest.param(6, True, 120, 16, id="10 a minute after a clean hour: within two minutes"),
        pytest.param(0.001, True, 60, None, id="1,000 a second: within a minute"),
    ],
)
def test_ninety_percent_failing_pages(
    every_s: float, history: bool, at_most_s: int, failures: int | None
) -> None:
    service = Service(0.999)
    if history:
        service.clean(86_400 / every_s)
    failed, fails = 0, failing(every_s)
    while not service.pages():
        assert service.now - T0 <= at_most_s
        good, bad = fails(service.now)
        failed += bad
        service.slice(good, bad)
    assert failures in (None, failed)


def failing(every_s: float) -> Callable[[int], tuple[int, int]]:
    """By slice: requests at a steady pace of which every tenth is answered, the fifth first."""

    def between(start: int) -> tuple[int, int]:
        first, last = (int((at - T0) / every_s) for at in (start, start + SLICE_S))
        good = sum(1 for number in _answered(first, last))
        return good, last - first - good

    return between


def _answered(first: int, last: int) -> Sequence[int]:
    return range(first + (5 - first) % 10, last, 10)


def test_the_fast_arm_clears_within_its_short_window_of_recovery() -> None:
    service = Service(0.999)
    service.clean(864_000)
    for _ in range(60):  # ten minutes of outage
        service.slice(0, 100)
        service.pages()
    fast = next(i for i, arm in enumerate(service.arms) if arm.kind is ArmKind.PAGE)
    assert service.alerts.state[fast] == AlertState.FIRING
    ended = service.now
    while service.alerts.state[fast] == AlertState.FIRING:
        service.slice(100, 0)
        service.pages()
    assert service.now - ended <= service.arms[fast].short_s + SLICE_S
