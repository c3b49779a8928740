"""Spells: minutes in which too few events were good, one after the other without a break."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from slo.report_sums import Day, Minutes, rows_of

MIN_EVENTS = 3  # a minute with fewer says nothing about failing


@dataclass(frozen=True, slots=True)
class Looked:
    """Look in [first, last) for minutes of an SLI with a good share under `below`, and enough
    events to tell; `unit` counts are one event.
    """

    sli: int
    first: int
    last: int
    below: float
    unit: int = 1


def spells(looked: Sequence[Looked], days: Sequence[Day]) -> list[tuple[Minutes, ...]]:
    """The spells by question, each in order of time."""
    found: list[list[Minutes]] = [[] for _ in looked]
    for first, last in sorted({(one.first, one.last) for one in looked}):
        mine = [n for n, one in enumerate(looked) if (one.first, one.last) == (first, last)]
        rows = rows_of(days, first, last, {looked[n].sli for n in mine})
        if rows is not None:
            for number, begin, end in _runs(rows, looked, mine):
                found[number].append((begin, end))
    return [tuple(some) for some in found]


def _runs(
    rows: pl.LazyFrame, looked: Sequence[Looked], mine: Sequence[int]
) -> list[tuple[int, int, int]]:
    """(question, first, last) of each spell. Few minutes are low, so they are found first, by the
    loosest of the bounds, and then joined with the questions.
    """
    most, least = max(looked[n].below for n in mine), min(looked[n].unit for n in mine)
    share, events = pl.col("good") < most * pl.col("total"), pl.col("total") >= MIN_EVENTS * least
    low = rows.filter(events & share).select("sli", "minute", "good", "total")
    found = low.collect(engine="streaming")
    bounds = pl.DataFrame(
        {
            "number": mine,
            "sli": [looked[n].sli for n in mine],
            "below": [looked[n].below for n in mine],
            "enough": [MIN_EVENTS * looked[n].unit for n in mine],
        },
        schema={"number": pl.Int64, "sli": pl.UInt32, "below": pl.Float64, "enough": pl.Int64},
    )
    minute, good, total = pl.col("minute").cast(pl.Int64), pl.col("good"), pl.col("total")
    apart = minute - pl.int_range(pl.len()).over("number")  # the same for minutes in one run
    runs = (
        found.join(bounds, on="sli")
        .filter((total >= pl.col("enough")) & (good < pl.col("below") * total))
        .sort("number", "minute")
        .group_by("number", apart.alias("run"))
        .agg(minute.min().alias("first"), (minute.max() + 1).alias("last"))
        .sort("number", "first")
    )
    return list(runs.select("number", "first", "last").iter_rows())
