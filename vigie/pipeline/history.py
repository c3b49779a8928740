"""The ledger of a server that starts, from what is stored."""

import math
from collections.abc import Collection, Sequence

import numpy as np
from sqlalchemy import Connection

from slo.ledger import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    Addition,
    Ledger,
    Row,
    empty,
    no_spans,
)
from slo.series import Ints
from vigie.pipeline.periods import ROLLING_S
from vigie.pipeline.plan import Plan
from vigie.pipeline.settle import begun, settled
from vigie.store import ledger as rows

MINUTES_READ_S = 31 * HOUR_S  # further back, windows start on whole hours
SLICES_READ_S = HOUR_S  # further back, they start on whole minutes


def stored_ledger(
    c: Connection,
    plan: Plan,
    ids: Ints,
    wanted: frozenset[int],
    now: float,
    *,
    numbered: Collection[str],
    open_from: float = math.inf,
) -> Ledger:
    """The ledger from what is stored: hours far back, then minutes, then slices. Slices from
    `open_from` on stay open, and those that may still change anyway.

    An hour or minute whose row was never written, because the server stopped inside it, is made
    from the narrower rows and written now, and so are the slices of time that ended since, of the
    columns that had a number before: of new ones nothing is missing yet.
    """
    open_from = int(min(now - plan.open_for_s, open_from) // plan.slice_s) * plan.slice_s
    history = _history(c, plan.slice_s, wanted, open_from, ids)
    if history and (going_on := begun(plan, _judged_to(history, plan.slice_s))):
        wanted |= going_on
        history = _history(c, plan.slice_s, wanted, open_from, ids)
    ledger = empty(plan.slice_s, plan.columns, history[0].start if history else open_from)
    ledger = ledger.wanting(dict.fromkeys(wanted | begun(plan, open_from)))
    ledger, missed = _built(ledger, history)
    if history:
        old = np.array([one in numbered for one in plan.ids], dtype=np.bool_)
        ledger = settled(plan, ledger, open_from, old)
    judged = ledger.changed_rows()
    ledger, closed = ledger.seal(open_from, alone=True)
    rows.write_slices(c, (*missed, *judged, *closed), ids)
    for row in _stored(c, plan.slice_s, open_from, int(now) + DAY_S, ids):
        ledger = ledger.reopened(row)
    since = min([now - ROLLING_S, *wanted])
    return ledger.add(Addition({}, rows.read_spans(c, since, ids)))


def _built(ledger: Ledger, history: Sequence[Row]) -> tuple[Ledger, list[Row]]:
    """The ledger with these rows, sealed as far as all that was judged then is told by them, and
    the rows of minutes and hours that are missing among them.
    """
    missed: list[Row] = []
    for row in history[:-1]:
        sums = np.stack([row.good, row.total, row.measured_us])
        ledger, closed = ledger.add(Addition({row.start: sums}, no_spans())).seal(
            row.start + ledger.slice_s, alone=True
        )
        missed += [wider for wider in closed if wider.width_s > row.width_s]
    for row in history[-1:]:
        ledger, closed = ledger.reopened(row).seal(_judged_to(history, ledger.slice_s), alone=True)
        missed += [wider for wider in closed if wider.width_s > row.width_s]
    return ledger.unchanged(), missed


def _judged_to(history: Sequence[Row], slice_s: int) -> int:
    """Up to when slices of time were surely judged: a wide row is written once all it holds is
    sealed, the row of a slice with the first thing that it holds.
    """
    last = history[-1]
    return last.start if last.width_s == slice_s else last.start + last.width_s


def _history(
    c: Connection, slice_s: int, wanted: frozenset[int], upto: int, ids: Ints
) -> list[Row]:
    """Every sealed moment once, in order: whole hours far back, minutes, slices at the end. An
    hour within which sums have to begin is told by its minutes.
    """
    began = int(min([upto - ROLLING_S, *wanted]) // HOUR_S) * HOUR_S
    split = frozenset(at // HOUR_S * HOUR_S for at in wanted if at % HOUR_S)
    minutes_from = max(began, (upto - MINUTES_READ_S) // HOUR_S * HOUR_S)
    slices_from = max(minutes_from, (upto - SLICES_READ_S) // MINUTE_S * MINUTE_S)
    widths = sorted({HOUR_S, MINUTE_S, slice_s}, reverse=True)
    return [
        *_rows(c, widths, (began, minutes_from), ids, split),
        *_rows(c, widths[1:], (minutes_from, slices_from), ids),
        *_rows(c, [slice_s], (slices_from, upto), ids),
    ]


def _rows(
    c: Connection,
    widths: Sequence[int],
    span: tuple[int, int],
    ids: Ints,
    split: frozenset[int] = frozenset(),
) -> list[Row]:
    """The rows of the first width in a span; where one is missing, or to be split, the narrower
    ones.
    """
    (width, *narrower), (start, end) = widths, span
    found = [row for row in _stored(c, width, start, end, ids) if row.start not in split]
    cells = {at // width * width for one in narrower for at in rows.revisions(c, one, start, end)}
    for cell in sorted(cells - {row.start for row in found}):
        found += _rows(c, narrower, (cell, min(cell + width, end)), ids)
    return sorted(found, key=lambda row: row.start)


def _stored(c: Connection, width: int, start: int, end: int, ids: Ints) -> list[Row]:
    revisions = rows.revisions(c, width, start, end)
    columns = zip(*rows.read_slices(c, width, start, end, ids), strict=True)
    return [Row(width, int(at), revisions[int(at)], *sums) for at, *sums in columns]
