"""What is asked of analytics: which incidents, over which time, by what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import polars as pl

from slo.calendar import Calendar, Unit, period

DAY_S: Final = 86_400.0
LONGEST_S: Final = 1_830 * DAY_S  # five years: what is read at once
DEFAULT_S: Final = 90 * DAY_S
_MONTHS_FROM_S: Final = 120 * DAY_S  # weeks are too many bars from here on


class Unanswerable(ValueError):  # noqa: N818 - read as the answer it is
    """A question that has no answer; the message is for whoever asked."""


class By(StrEnum):
    """What incidents are grouped by."""

    SERVICE = "service"
    TEAM = "team"
    CATEGORY = "category"
    SUBCATEGORY = "subcategory"
    PRIORITY = "priority"
    SEVERITY = "severity"
    CAUSE = "cause"
    TYPE = "type"
    WEEK = "week"
    MONTH = "month"


class Every(StrEnum):
    """The steps of the series over time, in UTC; weeks begin on Monday."""

    WEEK = "week"
    MONTH = "month"


FILTERS: Final = (
    By.SERVICE, By.TEAM, By.CATEGORY, By.SUBCATEGORY, By.PRIORITY, By.SEVERITY, By.CAUSE, By.TYPE,
)  # fmt: skip
_ONLY_ASKED: Final = frozenset({By.CATEGORY, By.SUBCATEGORY, By.PRIORITY, By.SEVERITY, By.TYPE})
_PREFIXES: Final = {By.PRIORITY: "P", By.SEVERITY: "SEV"}
_NAMES: Final = {Every.WEEK: "%G-W%V", Every.MONTH: "%Y-%m"}
_CALENDARS: Final = {
    Every.WEEK: Calendar(1, Unit.WEEK, datetime(2024, 1, 1), "UTC"),  # noqa: DTZ001 - wall clock
    Every.MONTH: Calendar(1, Unit.MONTH, datetime(2024, 1, 1), "UTC"),  # noqa: DTZ001 - likewise
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Incidents that were opened in [start, end) and have these values (empty: those that have
    none); Unix seconds.
    """

    start: float
    end: float
    by: By = By.SERVICE
    every: Every = Every.WEEK
    only: Mapping[By, str] = field(default_factory=dict)

    @property
    def before(self) -> float:
        """The start of the period before: as long, up to `start`."""
        return self.start - (self.end - self.start)

    @property
    def unasked(self) -> frozenset[str]:
        """Columns that incidents are only grouped or chosen by, and here are not."""
        return frozenset(name.value for name in _ONLY_ASKED - {self.by, *self.only})

    @property
    def of_teams(self) -> bool:
        """Whether labels have to be read."""
        return self.by is By.TEAM or By.TEAM in self.only


def asked(
    now: float,
    start: float | None = None,
    end: float | None = None,
    *,
    by: By = By.SERVICE,
    every: Every | None = None,
    only: Mapping[str, str | None] | None = None,
) -> Asked:
    """A question with its defaults: the last 90 days. Unanswerable: no time at all, or
    more than five years of it.
    """
    until = now if end is None else end
    since = until - DEFAULT_S if start is None else start
    if not since < until:
        raise Unanswerable("`from` must be before `to`.")
    if until - since > LONGEST_S:
        raise Unanswerable("At most five years are counted at once: give a later `from`.")
    steps = every or (Every.WEEK if until - since < _MONTHS_FROM_S else Every.MONTH)
    given = {By(name): value for name, value in (only or {}).items() if value is not None}
    return Asked(since, until, by, steps, given)


def labelled(frame: pl.DataFrame) -> pl.DataFrame:
    """Severities and priorities as people write them, `week` and `month` of the opening."""
    opened = pl.from_epoch(pl.col("opened_at").floor().cast(pl.Int64), time_unit="s")
    words = [
        pl.concat_str(pl.lit(prefix), pl.col(name.value)).alias(name.value)
        for name, prefix in _PREFIXES.items()
        if name.value in frame.columns
    ]
    steps = [opened.dt.strftime(name).alias(every.value) for every, name in _NAMES.items()]
    return frame.with_columns(*words, *steps)


def within(frame: pl.DataFrame, asked: Asked, start: float, end: float) -> pl.DataFrame:
    """What was opened in [start, end) and is what was asked for."""
    only = [_is(pl.col(name.value), value) for name, value in asked.only.items()]
    opened = pl.col("opened_at")
    return frame.filter(opened >= start, opened < end, *only)


def _is(column: pl.Expr, value: str) -> pl.Expr:
    return column == value if value else column.is_null()


def steps(asked: Asked) -> list[tuple[str, float, float]]:
    """The steps of a series, oldest first: name, start, end. The first and the last are cut to the
    time that was asked for.
    """
    found, at = [], asked.start
    calendar, name = _CALENDARS[asked.every], _NAMES[asked.every]
    while at < asked.end:
        _, end = period(calendar, at)
        found.append((datetime.fromtimestamp(at, UTC).strftime(name), at, min(end, asked.end)))
        at = end
    return found


def order(by: By) -> Any:
    """How groups are sorted: by what has an order of its own, else by how many there are. What
    none is set for comes last.
    """

    def rank(group: Mapping[str, Any]) -> tuple[Any, ...]:
        key, counted = group["key"], 0 if by in _ORDERED else -group["count"]
        return key is None, counted, key or ""

    return rank


_ORDERED: Final = frozenset({By.PRIORITY, By.SEVERITY, By.WEEK, By.MONTH})
