"""The figures of many incidents at once, and of each group of them: one Polars expression each.

Percentiles are interpolated linearly between the two values next to them, as SQL's percentile_cont
does. What is unknown is left out and never taken for zero; `n` says how many are known.
"""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from vigie.views.shape import Object
from vigie.views.stats.frame import AGAIN_S, PHASES, PROMISES, with_gaps

_TIMES: Final = (*PHASES, "between")
_SUMS: Final = ("budget_burned", "bad_events", "downtime_s", "planned_downtime_s", "worked_s")
_TASKS: Final = ("tasks_left", "tasks_overdue")
HOUR_S: Final = 3600.0


def whole(incidents: pl.DataFrame, hourly: float | None = None) -> Object:
    """Of all incidents of a derived frame. `hourly` is what an hour of a person costs."""
    frame = with_gaps(incidents.filter(~pl.col("gone")))
    return _shaped(frame.select(_EXPRESSIONS).row(0, named=True), hourly) | _gone(incidents)


def grouped(incidents: pl.DataFrame, hourly: float | None = None, *, by: str) -> list[Object]:
    """Of each value of the column `by`, as `key` (None: it has none), in no order that counts."""
    frame = with_gaps(incidents.filter(~pl.col("gone")), by)
    rows = frame.group_by(by, maintain_order=True).agg(_EXPRESSIONS).iter_rows(named=True)
    gone = {key: _gone(part) for (key,), part in incidents.filter("gone").group_by(by)}
    shown = {row[by]: _shaped(row, hourly) for row in rows}
    nothing = frame.clear().select(_EXPRESSIONS).row(0, named=True)
    for key in gone:
        shown.setdefault(key, _shaped(nothing, hourly))
    return [{"key": key, **one, **gone.get(key, _NONE_GONE)} for key, one in shown.items()]


def spread(values: pl.DataFrame) -> dict[str, tuple[float | None, float | None]]:
    """Median and 90th percentile of every column."""
    return {
        name: (values[name].quantile(0.5, "linear"), values[name].quantile(0.9, "linear"))
        for name in values.columns
    }


def _expressions() -> list[pl.Expr]:
    found = [
        pl.len().alias("count"),
        pl.col("resolved_at").is_null().sum().alias("open"),
        (pl.col("detected_by") == "machine").sum().alias("machine"),
        (pl.col("reopened") > 0).sum().alias("reopened_count"),
        (pl.col("resolved_at").is_not_null() | (pl.col("reopened") > 0)).sum().alias("ended"),
        *(pl.col(name).sum().alias(name) for name in (*AGAIN_S, *_TASKS)),
    ]
    for name in _TIMES:
        one = pl.col(name)
        found += [
            one.count().alias(f"{name}_n"),
            one.quantile(0.5, "linear").alias(f"{name}_median"),
            one.quantile(0.9, "linear").alias(f"{name}_p90"),
            one.mean().alias(f"{name}_mean"),
        ]
    for name in _SUMS:
        found += [pl.col(name).sum().alias(name), pl.col(name).count().alias(f"{name}_n")]
    for name in PROMISES:
        kept, missed = pl.col(f"{name}_met"), pl.col(f"{name}_missed")
        found += [
            kept.sum().alias(f"{name}_kept"),
            missed.sum().alias(f"{name}_late"),
            (~kept & ~missed).sum().alias(f"{name}_pending"),
        ]
    return found


_EXPRESSIONS: Final = _expressions()
_NONE_GONE: Final[Object] = {"cancelled": 0, "merged": 0}


def _gone(incidents: pl.DataFrame) -> Object:
    counted = dict(incidents.filter("gone").get_column("state").value_counts().iter_rows())
    return {state: counted.get(state, 0) for state in _NONE_GONE}


def _shaped(row: Mapping[str, Any], hourly: float | None) -> Object:
    count, ended = row["count"], row["ended"]
    worked_s = _sum(row, "worked_s")
    hours = None if worked_s is None else round(worked_s / HOUR_S, 4)
    return {
        "count": count,
        "open": row["open"],
        "times": {name: _time(row, name) for name in _TIMES},
        "recurrence": {
            "within_30d": row["again_30d"],
            "share_30d": _share(row["again_30d"], count),
            "within_90d": row["again_90d"],
            "share_90d": _share(row["again_90d"], count),
        },
        "targets": {name: _target(row, name) for name in PROMISES},
        "reopened": {
            "count": row["reopened_count"],
            "n": ended,
            "share": _share(row["reopened_count"], ended),
        },
        "detection": {
            "machine": row["machine"],
            "person": count - row["machine"],
            "machine_share": _share(row["machine"], count),
        },
        "budget_burned": _known(row, "budget_burned"),
        "bad_events": _known(row, "bad_events"),
        "downtime_seconds": _known(row, "downtime_s"),
        "planned_downtime_seconds": _known(row, "planned_downtime_s"),
        "tasks": {"left": row["tasks_left"], "overdue": row["tasks_overdue"]},
        "response": {
            "person_hours": hours,
            "n": row["worked_s_n"],
            "cost": None if hours is None or hourly is None else round(hours * hourly, 2),
        },
    }


def _time(row: Mapping[str, Any], name: str) -> Object:
    seconds = {f"{of}_seconds": _rounded(row[f"{name}_{of}"]) for of in ("median", "p90", "mean")}
    return {"n": row[f"{name}_n"], **seconds}


def _target(row: Mapping[str, Any], name: str) -> Object:
    kept, late = row[f"{name}_kept"], row[f"{name}_late"]
    share = _share(kept, kept + late)
    pending = row[f"{name}_pending"]
    return {"met": kept, "missed": late, "pending": pending, "n": kept + late, "share": share}


def _known(row: Mapping[str, Any], name: str) -> Object:
    return {"sum": _sum(row, name), "n": row[f"{name}_n"]}


def _sum(row: Mapping[str, Any], name: str) -> Any:
    return _rounded(row[name], 9) if row[f"{name}_n"] else None


def _share(part: int, of: int) -> float | None:
    return round(part / of, 6) if of else None


def _rounded(value: float | None, digits: int = 3) -> float | None:
    """Without the last bits of a sum, which depend on its order."""
    return value if value is None or isinstance(value, int) else round(value, digits)
