"""What a process owner reads each month: what got better and worse, and what to improve.

Every sentence is a rule over counted incidents, with its figure and those incidents behind it; the
same incidents give the same words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from slo.calendar import named
from slo.spec import Service
from vigie.store import incident_stats as store
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, when
from vigie.views.stats import figures
from vigie.views.stats.advice import Advice, advices
from vigie.views.stats.asked import Asked, By, Unanswerable, within
from vigie.views.stats.behind import Which, chosen, link
from vigie.views.stats.counted import read

WORST: Final = 3
SHOWN: Final = 5  # incidents that stand behind a figure; its link has all


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure that two months are compared by. `path` leads to it; `known` to how many it is
    over, empty where it always is known. `worse` is 1 where more is worse, -1 where less is.
    """

    title: str
    path: tuple[str, ...]
    known: tuple[str, ...]
    unit: str
    worse: int
    which: Which


def _time(phase: str, title: str, which: Which) -> Measure:
    of = ("times", phase)
    return Measure(title, (*of, "median_seconds"), (*of, "n"), "seconds", 1, which)


def _promise(name: str, which: Which) -> Measure:
    of = ("targets", name)
    return Measure(f"{name} targets met", (*of, "share"), (*of, "n"), "ratio", -1, which)


MEASURES: Final = (
    Measure("incidents", ("count",), (), "incidents", 1, Which.ALL),
    _time("detect", "median time to detect", Which.SLOW_DETECT),
    _time("acknowledge", "median time to acknowledge", Which.SLOW_ACKNOWLEDGE),
    _time("mitigate", "median time to mitigate", Which.SLOW_MITIGATE),
    _time("recover", "median time to recover", Which.SLOW_RECOVER),
    _time("resolve", "median time to resolve", Which.SLOW_RESOLVE),
    _promise("response", Which.MISSED_RESPONSE),
    _promise("resolution", Which.MISSED_RESOLUTION),
    Measure(
        "came again within 30 days",
        ("recurrence", "share_30d"),
        ("count",),
        "ratio",
        1,
        Which.RECURRED_30D,
    ),
    Measure(
        "reopened", ("reopened", "share"), ("reopened", "n"), "ratio", 1, Which.REOPENED
    ),
    Measure(
        "found by monitoring",
        ("detection", "machine_share"),
        ("count",),
        "ratio",
        -1,
        Which.FOUND_BY_PEOPLE,
    ),
    Measure(
        "error budgets burned",
        ("budget_burned", "sum"),
        ("budget_burned", "n"),
        "budgets",
        1,
        Which.BURNED_BUDGET,
    ),
    Measure(
        "downtime",
        ("downtime_seconds", "sum"),
        ("downtime_seconds", "n"),
        "seconds",
        1,
        Which.CAUSED_DOWNTIME,
    ),
)  # fmt: skip


def summary(
    db: Database,
    month: str,
    now: float,
    *,
    viewer: Viewer,
    services: Mapping[str, Service],
    hourly: float | None = None,
) -> Object:
    """One month beside the one before, in UTC; `2026-11`. Unanswerable: no month, or none that has
    begun.
    """
    asked, before = _months(month, now)
    frame = read(db, asked, now, viewer=viewer, services=services, before=before.start)
    current = within(frame, asked, asked.start, asked.end)
    earlier = within(frame, before, before.start, before.end)
    shown = figures.whole(current, hourly)
    compared = list(_compared(shown, figures.whole(earlier, hourly)))
    worst = _worst(compared)
    advice = list(advices(current.filter(~pl.col("gone"))))
    behind = {which: chosen(current, which).head(SHOWN) for which in _whiches(worst)}
    numbers = {n for part in behind.values() for n in part.get_column("number").to_list()}
    titles = db.read(lambda c: store.titles(c, viewer, sorted(numbers)))
    return {
        "month": month,
        "from": when(asked.start),
        "to": when(asked.end),
        "complete": asked.end <= now,
        "figures": shown,
        "compared": [_told(one) for one in compared],
        "worst": [_told(one) | _behind(one, asked, behind, titles) for one in worst],
        "improve": [_said(one, asked) for one in advice],
    }


def _months(month: str, now: float) -> tuple[Asked, Asked]:
    try:
        datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - only its form is looked at
        start, end = named(month)
    except ValueError as error:
        raise Unanswerable(f"`{month}` is no month: write e.g. 2026-11.") from error
    if start > now:
        raise Unanswerable(f"{month} has not begun.")
    first = datetime.fromisoformat(f"{month}-01")
    last, _ = named((first - timedelta(days=1)).strftime("%Y-%m"))
    return Asked(start, end, By.SERVICE), Asked(last, start, By.SERVICE)


def _compared(now: Object, before: Object) -> Iterator[tuple[Measure, Object]]:
    for one in MEASURES:
        value, was = _at(now, one.path), _at(before, one.path)
        change = _change(value, was)
        verdict = "unknown"
        if change is not None:
            verdict = "same" if change == 0 else "worse" if change * one.worse > 0 else "better"
        yield (
            one,
            {
                "value": value,
                "n": _at(now, one.known or ("count",)),
                "before": was,
                "before_n": _at(before, one.known or ("count",)),
                "change": change,
                "verdict": verdict,
            },
        )


def _change(value: float | None, was: float | None) -> float | None:
    """Between -1 and 1, so that what was nothing before can be ranked too: the difference as a
    share of the greater. None where one of them is unknown.
    """
    if value is None or was is None:
        return None
    return round((value - was) / max(value, was), 6) if value != was else 0.0


def _worst(compared: list[tuple[Measure, Object]]) -> list[tuple[Measure, Object]]:
    """Those that got worse most; of equal ones those that stand first in MEASURES."""
    worse = [pair for pair in compared if pair[1]["verdict"] == "worse"]
    return sorted(worse, key=lambda pair: -abs(pair[1]["change"]))[:WORST]


def _whiches(pairs: list[tuple[Measure, Object]]) -> set[Which]:
    return {one.which for one, _ in pairs}


def _told(pair: tuple[Measure, Object]) -> Object:
    one, facts = pair
    return {"title": one.title, "unit": one.unit, **facts}


def _behind(
    pair: tuple[Measure, Object],
    asked: Asked,
    behind: Mapping[Which, pl.DataFrame],
    titles: Mapping[int, str],
) -> Object:
    which = pair[0].which
    numbers = behind[which].get_column("number").to_list()
    found = [{"number": n, "title": titles.get(n, ""), "url": f"/incidents/{n}"} for n in numbers]
    return {"incidents": found, "url": link(asked, which)}


def _said(one: Advice, asked: Asked) -> Object:
    return {
        "rule": one.which.value,
        "text": one.text(str),
        "template": one.template,
        "names": dict(one.names),
        "part": one.part,
        "of": one.of,
        "incidents": list(one.numbers[:SHOWN]),
        "url": link(asked, one.which, **one.only),
    }


def _at(facts: Object, path: tuple[str, ...]) -> Any:
    found: Any = facts
    for name in path:
        found = found[name]
    return found
