"""The answer to a question about many incidents: figures of all, of each group, and over time."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

import polars as pl

from slo.spec import Service
from vigie.store import incident_stats as store
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, when
from vigie.views.stats import figures
from vigie.views.stats.asked import Asked, labelled, order, steps, within
from vigie.views.stats.frame import LOOK_BACK_S, derived, worked

MOST_GROUPS: Final = 500


def stats(
    db: Database,
    asked: Asked,
    now: float,
    *,
    viewer: Viewer,
    services: Mapping[str, Service],
    hourly: float | None = None,
) -> Object:
    """Figures of the incidents that a viewer may see, beside their count in the period before.
    `services` say whose an incident is that has no label `team`.
    """
    frame = read(db, asked, now, viewer=viewer, services=services, without=asked.unasked)
    current = within(frame, asked, asked.start, asked.end)
    before = within(frame, asked, asked.before, asked.start).filter(~pl.col("gone"))
    groups = figures.grouped(current, hourly, by=asked.by.value)
    were = Counter(before.get_column(asked.by.value).to_list())
    groups = sorted((_beside(one, were[one["key"]]) for one in groups), key=order(asked.by))
    return {
        "from": when(asked.start),
        "to": when(asked.end),
        "before_from": when(asked.before),
        "by": asked.by.value,
        "only": {name.value: value for name, value in asked.only.items()},
        "figures": _beside(figures.whole(current, hourly), before.height),
        "groups": groups[:MOST_GROUPS],
        "groups_left_out": len(groups[MOST_GROUPS:]),
        "every": asked.every.value,
        "series": _series(asked, current),
    }


def read(
    db: Database,
    asked: Asked,
    now: float,
    *,
    viewer: Viewer,
    services: Mapping[str, Service],
    before: float | None = None,
    without: Collection[str] = (),
) -> pl.DataFrame:
    """Incidents, derived and labelled, from as far back as anything is compared with, `without` the
    columns that nobody needs. Those opened since `before`, else in the period itself, have their
    tasks and how long people worked.
    """
    since = min(asked.before, asked.start - LOOK_BACK_S)
    if before is not None:
        since = before - LOOK_BACK_S
    at_work_since = asked.start if before is None else before
    rows, people, tasks = db.read(
        lambda c: (
            store.incidents(c, viewer, since, asked.end, teams=asked.of_teams, without=without),
            store.participants(c, viewer, at_work_since, asked.end),
            store.tasks(c, viewer, at_work_since, asked.end, now),
        )
    )
    for more in (tasks, worked(people, rows, now)):
        rows = rows.join(more, on="number", how="left", maintain_order="left")
    if asked.of_teams:
        rows = _with_teams(rows, services)
    return labelled(derived(rows, now))


def _with_teams(rows: pl.DataFrame, services: Mapping[str, Service]) -> pl.DataFrame:
    teams = {name: one.labels["team"] for name, one in services.items() if "team" in one.labels}
    named = pl.col("service").replace_strict(teams, default=None, return_dtype=pl.String)
    return rows.with_columns(pl.coalesce("team", named).alias("team"))


def _beside(shown: Object, before: int) -> Object:
    change = round(shown["count"] / before - 1, 6) if before else None
    return shown | {"count_before": before, "change": change}


def _series(asked: Asked, current: pl.DataFrame) -> list[Object]:
    """Step by step; nothing opened is zero, nothing resolved is unknown."""
    real = current.filter(~pl.col("gone"))
    resolve = pl.col("resolve")
    rows = real.group_by(asked.every.value).agg(
        pl.len().alias("count"),
        resolve.quantile(0.5, "linear").alias("median"),
        resolve.count().alias("n"),
    )
    found = {row[0]: row[1:] for row in rows.iter_rows()}
    shown = []
    for name, start, end in steps(asked):
        count, median, n = found.get(name, (0, None, 0))
        shown.append(
            {
                "key": name,
                "from": when(start),
                "to": when(end),
                "count": count,
                "resolve_median_seconds": None if median is None else round(median, 3),
                "resolve_n": n,
            }
        )
    return shown
