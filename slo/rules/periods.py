"""Sloth's catalog of alert windows: for an SLO period, the windows and burn rates of its alerts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slo.load.codes import Code
from slo.load.yaml import Fields, Node, Problems
from slo.windows import UNITS_S, show

VERSION: Final = "sloth.slok.dev/v1"
KIND: Final = "AlertWindows"
_M, _H, _D = UNITS_S["m"], UNITS_S["h"], UNITS_S["d"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A short and a long window, and how much of the budget is spent in the long one on firing."""

    budget_percent: float
    short_s: float
    long_s: float

    def burn_rate(self, period_s: float) -> float:
        """The threshold: in the order of operations that gives Sloth's very floats."""
        return self.budget_percent * (period_s / _H) / 100 / (self.long_s / _H)


@dataclass(frozen=True, slots=True)
class Period:
    """The four pairs of windows of an SLO period."""

    period_s: float
    page_quick: Pair
    page_slow: Pair
    ticket_quick: Pair
    ticket_slow: Pair

    @property
    def windows_s(self) -> list[float]:
        """Every window once, the shortest first."""
        pairs = (self.page_quick, self.page_slow, self.ticket_quick, self.ticket_slow)
        return sorted({length for pair in pairs for length in (pair.short_s, pair.long_s)})


Catalog = Mapping[float, Period]


def _built_in(days: int) -> Period:
    """The windows and budget shares of the SRE Workbook, "Alerting on SLOs"."""
    return Period(
        days * _D,
        page_quick=Pair(2, 5 * _M, 1 * _H),
        page_slow=Pair(5, 30 * _M, 6 * _H),
        ticket_quick=Pair(10, 2 * _H, 1 * _D),
        ticket_slow=Pair(10, 6 * _H, 3 * _D),
    )


CATALOG: Final[Catalog] = {days * _D: _built_in(days) for days in (28, 30)}


def read(nodes: list[Node], problems: Problems) -> dict[float, Period]:
    """The catalog that documents of kind AlertWindows make; two of one period are an error."""
    catalog: dict[float, Period] = {}
    for node in nodes:
        period = _period(node, problems)
        if period.period_s in catalog:
            message = f"alert windows for {show(period.period_s)} are given twice: remove one"
            problems.error(node.mark, message, Code.DUPLICATE)
        catalog[period.period_s] = period
    return catalog


def _period(node: Node, problems: Problems) -> Period:
    fields = Fields(node, problems)
    fields.choice("apiVersion", (VERSION,))
    fields.choice("kind", (KIND,))
    fields.ignore("metadata")
    with fields.map("spec") as spec:
        period_s = spec.duration("sloPeriod")
        with spec.map("page") as page:
            page_quick, page_slow = _pair(page, "quick"), _pair(page, "slow")
        with spec.map("ticket") as ticket:
            ticket_quick, ticket_slow = _pair(ticket, "quick"), _pair(ticket, "slow")
    fields.close()
    return Period(period_s, page_quick, page_slow, ticket_quick, ticket_slow)


def _pair(fields: Fields, key: str) -> Pair:
    with fields.map(key) as pair:
        return Pair(
            pair.number("errorBudgetPercent", above=0),
            pair.duration("shortWindow"),
            pair.duration("longWindow"),
        )
