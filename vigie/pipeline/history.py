"""The ledger of a server that starts, from what is stored."""

import math
from collections.abc import Collection, Sequence

import numpy as np
from sqlalchemy import Connection

from slo.ledger import (
    DAY_S,
    HOUR_S,
    KEPT_WIDTHS_S,
    MINUTE_S,
    Addition,
    Ledger,
    Row,
    told_by,
    widened,
)
from slo.series import Ints
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
    history = _history(c, plan, wanted, open_from, ids)
    if history and (going_on := begun(plan, _judged_to(history, plan.slice_s))):
        wanted |= going_on
        history = _history(c, plan, wanted, open_from, ids)
    judged_to = _judged_to(history, plan.slice_s) if history else open_from
    told = [row for row in history if row.start < judged_to]
    wanted |= begun(plan, open_from)
    ledger = told_by(told, plan.empty_ledger, judged_to, wanted)
    for row in history[len(told) :]:
        ledger = ledger.reopened(row)
    if history:
        old = np.array([one in numbered for one in plan.ids], dtype=np.bool_)
        ledger = settled(plan, ledger, open_from, old)
    judged = ledger.changed_rows()
    ledger, closed = ledger.seal(open_from, alone=True)
    rows.write_slices(c, (*_missing(c, told, judged_to), *judged, *closed), ids)
    for row in _stored(c, plan.slice_s, open_from, int(now) + DAY_S, ids):
        ledger = ledger.reopened(row)
    since = min([now - plan.looks_back_s, *wanted])
    return ledger.add(Addition({}, rows.read_spans(c, since, ids)))


def _missing(c: Connection, told: Sequence[Row], upto: int) -> list[Row]:
    """The rows of minutes and hours that these slices and minutes make and storage lacks."""
    found: list[Row] = []
    for width in KEPT_WIDTHS_S:
        narrower = [row for row in told if row.width_s < width]
        if narrower:
            known = rows.revisions(c, width, narrower[0].start // width * width, upto)
            found += (row for row in widened(narrower, width, upto) if row.start not in known)
    return found


def _judged_to(history: Sequence[Row], slice_s: int) -> int:
    """Up to when slices of time were surely judged: a wide row is written once all it holds is
    sealed, the row of a slice with the first thing that it holds.
    """
    last = history[-1]
    return last.start if last.width_s == slice_s else last.start + last.width_s


def _history(c: Connection, plan: Plan, wanted: frozenset[int], upto: int, ids: Ints) -> list[Row]:
    """Every sealed moment once, in order: whole hours far back, minutes, slices at the end. An
    hour within which sums have to begin is told by its minutes.
    """
    slice_s = plan.slice_s
    began = int(min([upto - plan.looks_back_s, *wanted]) // HOUR_S) * HOUR_S
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
    cells = {at for one in narrower for at in rows.cells(c, one, start, end, width)}
    for cell in sorted(cells - {row.start for row in found}):
        found += _rows(c, narrower, (cell, min(cell + width, end)), ids)
    return sorted(found, key=lambda row: row.start)


def _stored(c: Connection, width: int, start: int, end: int, ids: Ints) -> list[Row]:
    revisions = rows.revisions(c, width, start, end)
    columns = zip(*rows.read_slices(c, width, start, end, ids), strict=True)
    return [Row(width, int(at), revisions[int(at)], *sums) for at, *sums in columns]
