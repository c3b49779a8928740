"""What analytics derive of every incident: durations, promises kept, whether it came again."""

import math
from collections.abc import Mapping
from typing import Final

import polars as pl

from incidents.model import IncidentState

DAY_S: Final = 86_400.0
AGAIN_S: Final = {"again_30d": 30 * DAY_S, "again_90d": 90 * DAY_S}
LOOK_BACK_S: Final = max(AGAIN_S.values())

# Phases of an incident's life, each from one time to another; docs/reference/metrics.md.
PHASES: Final[Mapping[str, tuple[str, str]]] = {
    "detect": ("started_at", "detected_at"),
    "acknowledge": ("opened_at", "answered_at"),
    "mitigate": ("started_at", "mitigated_at"),
    "recover": ("started_at", "recovered_at"),
    "resolve": ("started_at", "resolved_at"),
}
PROMISES: Final[Mapping[str, pl.Expr]] = {
    # Answered is acknowledged, or resolved without: incidents.targets.
    "response": pl.coalesce("acknowledged_at", "resolved_at"),
    "resolution": pl.col("resolved_at"),
}
GONE: Final = (IncidentState.CANCELLED.value, IncidentState.MERGED.value)


def derived(incidents: pl.DataFrame, now: float) -> pl.DataFrame:
    """A frame of vigie.store.incident_stats with more columns: `gone` (cancelled or merged); of
    each phase its length in seconds, null unless both ends are known; of each promise `..._met` and
    `..._missed`, null without one; `again_30d` and `again_90d`.
    """
    gone = pl.col("state").is_in(GONE)
    lengths = [(pl.col(to) - pl.col(at)).alias(name) for name, (at, to) in PHASES.items()]
    promises = [one for name, at in PROMISES.items() for one in _promise(name, at, now)]
    found = incidents.with_columns(gone.alias("gone"), *lengths, *promises)
    return _with_recurrence(found)


def with_gaps(incidents: pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """With `between`: seconds without an impact before this one began, after the last one of the
    same service (and the same `by`) had ended; null for the first, while another lasts, and after
    one of which nobody knows when it ended.
    """
    of = ["service"] if by is None or by == "service" else [by, "service"]
    ended = pl.coalesce("recovered_at", "resolved_at").fill_null(math.inf)
    free_from = ended.cum_max().shift(1).over(of)
    began = pl.col("started_at")
    known = free_from.is_finite() & (began > free_from)
    return incidents.sort("started_at", "number").with_columns(
        pl.when(known).then(began - free_from).alias("between")
    )


def worked(people: pl.DataFrame, incidents: pl.DataFrame, now: float) -> pl.DataFrame:
    """Seconds that people worked on each incident, `number` and `worked_s`: from its opening until
    it was resolved (now, while it is not). Whoever has two roles at once works once.
    """
    life = incidents.select(
        "number", "opened_at", pl.col("resolved_at").fill_null(now).alias("over_at")
    )
    since = pl.max_horizontal("since", "opened_at")
    until = pl.min_horizontal(pl.col("until").fill_null(now), "over_at")
    spans = (
        people.join(life, on="number")
        .with_columns(since.alias("since"), until.alias("until"))
        .filter(pl.col("until") > pl.col("since"))
    )
    # Few have two roles in one incident, and only theirs have to be laid side by side.
    twice = pl.struct(_ONE).is_duplicated()
    once = spans.filter(~twice).select("number", (pl.col("until") - pl.col("since")).alias("s"))
    parts = pl.concat([once, _side_by_side(spans.filter(twice))])
    return parts.group_by("number").agg(pl.col("s").sum().alias("worked_s"))


_ONE: Final = ["number", "name"]


def _side_by_side(spans: pl.DataFrame) -> pl.DataFrame:
    """Seconds `s` of every span in which no earlier one of the same person ran."""
    before = pl.col("until").cum_max().shift(1).over(_ONE).fill_null(-math.inf)
    fresh = (pl.col("until") - pl.max_horizontal("since", before)).clip(lower_bound=0.0)
    return spans.sort(*_ONE, "since").select("number", fresh.alias("s"))


def _promise(name: str, at: pl.Expr, now: float) -> tuple[pl.Expr, pl.Expr]:
    """Kept: fulfilled in time. Missed: fulfilled late, or not yet and past due."""
    due = pl.col(f"{name}_due_at")
    met = (at <= due).fill_null(False)
    missed = pl.when(at.is_null()).then(due < now).otherwise(at > due)
    promised = due.is_not_null()
    return (
        pl.when(promised).then(met).alias(f"{name}_met"),
        pl.when(promised).then(missed).alias(f"{name}_missed"),
    )


def _with_recurrence(frame: pl.DataFrame) -> pl.DataFrame:
    """Whether one of the same service and cause (of the same key, where no cause is set) was opened
    within so long before. What was cancelled or merged neither recurs nor is recurred to.
    """
    by_cause = pl.concat_str(pl.lit("cause"), "service", "cause", separator="\0")
    by_key = pl.concat_str(pl.lit("key"), "key", separator="\0")
    fingerprint = pl.when(pl.col("cause").is_null()).then(by_key).otherwise(by_cause)
    real = frame.filter(~pl.col("gone")).sort("opened_at", "number")
    since = pl.col("opened_at") - pl.col("opened_at").shift(1).over(fingerprint)
    again = [(since <= span).fill_null(False).alias(name) for name, span in AGAIN_S.items()]
    found = real.select("number", *again)
    return frame.join(found, on="number", how="left", maintain_order="left")
