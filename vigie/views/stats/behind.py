"""The incidents behind a figure, the worst first."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

import polars as pl

from slo.spec import Service
from vigie.store import incident_stats as store
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, listing, when
from vigie.views.stats.asked import Asked, within
from vigie.views.stats.counted import read

PAGE: Final = "/incidents/stats/list"


class Which(StrEnum):
    """Which of the incidents that were asked for."""

    ALL = "all"
    MISSED_RESPONSE = "missed_response"
    MISSED_RESOLUTION = "missed_resolution"
    RECURRED_30D = "recurred_30d"
    RECURRED_90D = "recurred_90d"
    REOPENED = "reopened"
    FOUND_BY_PEOPLE = "found_by_people"
    WITHOUT_CAUSE = "without_cause"
    NEVER_MITIGATED = "never_mitigated"
    SLOW_DETECT = "slow_detect"
    SLOW_ACKNOWLEDGE = "slow_acknowledge"
    SLOW_MITIGATE = "slow_mitigate"
    SLOW_RECOVER = "slow_recover"
    SLOW_RESOLVE = "slow_resolve"
    BURNED_BUDGET = "burned_budget"
    CAUSED_DOWNTIME = "caused_downtime"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Which ones, and the value by which they are sorted, the greatest first."""

    only: pl.Expr
    value: pl.Expr
    unit: str  # of the value: seconds, budgets, times; empty: it has none


def _late(name: str, at: str) -> _Kind:
    """How late it was; longer than all who are late where nobody has done it yet."""
    late = (pl.col(at) - pl.col(f"{name}_due_at")).fill_null(float("inf"))
    return _Kind(pl.col(f"{name}_missed"), late, "seconds")


def _slow(phase: str) -> _Kind:
    return _Kind(pl.col(phase).is_not_null(), pl.col(phase), "seconds")


_NO_VALUE: Final = pl.lit(None, pl.Float64)
_OVER: Final = pl.col("resolved_at").is_not_null()
_ANSWERED: Final = "_answered"
KINDS: Final[Mapping[Which, _Kind]] = {
    Which.ALL: _Kind(pl.lit(True), _NO_VALUE, ""),
    Which.MISSED_RESPONSE: _late("response", _ANSWERED),
    Which.MISSED_RESOLUTION: _late("resolution", "resolved_at"),
    Which.RECURRED_30D: _Kind(pl.col("again_30d"), _NO_VALUE, ""),
    Which.RECURRED_90D: _Kind(pl.col("again_90d"), _NO_VALUE, ""),
    Which.REOPENED: _Kind(pl.col("reopened") > 0, pl.col("reopened"), "times"),
    Which.FOUND_BY_PEOPLE: _Kind(pl.col("detected_by") != "machine", _NO_VALUE, ""),
    Which.WITHOUT_CAUSE: _Kind(_OVER & pl.col("cause").is_null(), _NO_VALUE, ""),
    Which.NEVER_MITIGATED: _Kind(_OVER & pl.col("mitigated_at").is_null(), _NO_VALUE, ""),
    Which.SLOW_DETECT: _slow("detect"),
    Which.SLOW_ACKNOWLEDGE: _slow("acknowledge"),
    Which.SLOW_MITIGATE: _slow("mitigate"),
    Which.SLOW_RECOVER: _slow("recover"),
    Which.SLOW_RESOLVE: _slow("resolve"),
    Which.BURNED_BUDGET: _Kind(pl.col("budget_burned") > 0, pl.col("budget_burned"), "budgets"),
    Which.CAUSED_DOWNTIME: _Kind(pl.col("downtime_s") > 0, pl.col("downtime_s"), "seconds"),
}


def behind(
    db: Database,
    asked: Asked,
    now: float,
    which: Which,
    *,
    viewer: Viewer,
    services: Mapping[str, Service],
    limit: int = 50,
    cursor: int = 0,
) -> Object:
    """The incidents behind a figure, without cancelled and merged ones. `value` is what they are
    sorted by, in `unit`, null where it is not over or not known; `cursor` is how many came before.
    """
    frame = read(db, asked, now, viewer=viewer, services=services)
    found = chosen(within(frame, asked, asked.start, asked.end), which)
    shown = found.slice(cursor, limit)
    titles = db.read(lambda c: store.titles(c, viewer, shown.get_column("number").to_list()))
    items = [_item(row, titles, which) for row in shown.iter_rows(named=True)]
    more = found.height > cursor + limit
    return listing(items, str(cursor + limit) if more else None) | {
        "which": which.value,
        "total": found.height,
    }


def chosen(incidents: pl.DataFrame, which: Which) -> pl.DataFrame:
    """Those of a derived frame, the worst first, with their `value`."""
    kind = KINDS[which]
    answered = pl.coalesce("acknowledged_at", "resolved_at").alias(_ANSWERED)
    found = incidents.filter(~pl.col("gone")).with_columns(answered).filter(kind.only)
    valued = found.with_columns(kind.value.cast(pl.Float64).alias("value"))
    order = ["value", "opened_at", "number"]
    return valued.sort(order, descending=[True, True, True], nulls_last=True)


def link(asked: Asked, which: Which, **only: str | None) -> str:
    """The page that lists them. A value of None means those that have none."""
    given = {name.value: value for name, value in asked.only.items()}
    given |= {name: value or "" for name, value in only.items()}
    period = {"from": when(asked.start), "to": when(asked.end)}
    return f"{PAGE}?{urlencode({**period, 'which': which.value, **given})}"


def _item(row: Mapping[str, object], titles: Mapping[int, str], which: Which) -> Object:
    number, value = row["number"], row["value"]
    assert isinstance(number, int), "the key of its table"
    known = isinstance(value, float) and value != float("inf")
    opened_at = row["opened_at"]
    assert isinstance(opened_at, float), "never NULL"
    return {
        **{name: row[name] for name in ("number", "service", "severity", "priority", "state")},
        "title": titles.get(number, ""),
        "opened_at": when(opened_at),
        "value": round(value, 6) if known and isinstance(value, float) else None,
        "unit": KINDS[which].unit,
        "url": f"/incidents/{number}",
    }
