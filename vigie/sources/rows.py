"""What was read of the past, as ledger rows of some columns; other columns keep what they hold."""

from collections.abc import Mapping

import numpy as np
from sqlalchemy import Connection

from slo.ledger import HOUR_S, KEPT_WIDTHS_S, MINUTE_S, Row
from slo.series import Ints
from slo.spans import Spans
from vigie.sources.past import Block
from vigie.store import ledger
from vigie.store.keep import FINE_S

# A restart rebuilds the last hour from slices; they lie no further back than they are kept.
_FINE_S = HOUR_S + FINE_S / 2


def write(
    c: Connection, block: Block, cols: Ints, ids: Ints, *, slice_s: int, seam: int, open_from: int
) -> None:
    """Put the columns `cols` of a block, whose numbers are `ids`, in place of what is stored.

    Nothing may be written meanwhile that begins before `open_from`, up to which slices are sealed,
    and nothing else where the block reaches beyond it: rows of slices that are still open are made
    when they close. `seam` is where live measuring took over.
    """
    place = np.full(int(max(cols, default=-1)) + 1, -1, dtype=np.int64)
    place[cols] = np.arange(len(cols))
    held = {at: sums[:, cols] for at, sums in block.slices.items()}
    for width in sorted({slice_s, *KEPT_WIDTHS_S}):
        wide = _summed(held, width)
        if width == slice_s:
            wide = {at: sums for at, sums in wide.items() if at >= seam - _FINE_S}
        else:
            wide = {at: sums for at, sums in wide.items() if at + width <= open_from}
        if width == HOUR_S:
            _add_what_is_live(c, wide, block, ids, seam)
        _put(c, width, wide, ids)
    for spans in block.spans:
        _put_spans(c, spans, place, ids)


def _summed(held: Mapping[int, Ints], width: int) -> dict[int, Ints]:
    wide: dict[int, Ints] = {}
    for at, sums in held.items():
        start = at // width * width
        wide[start] = wide[start] + sums if start in wide else sums
    return wide


def _add_what_is_live(
    c: Connection, hours: dict[int, Ints], block: Block, ids: Ints, seam: int
) -> None:
    """The hour of the seam ends with what was measured live."""
    hour = seam // HOUR_S * HOUR_S
    if hour not in hours or block.end < seam:
        return
    _, *sums = ledger.read_slices(c, MINUTE_S, seam, hour + HOUR_S, ids)
    hours[hour] = hours[hour] + np.stack([one.sum(axis=0) for one in sums])


def _put(c: Connection, width: int, wide: Mapping[int, Ints], ids: Ints) -> None:
    if not wide:
        return
    stored = ledger.revisions(c, width, min(wide), max(wide) + 1)
    rows = [Row(width, at, stored.get(at, 0) + 1, *sums) for at, sums in wide.items()]
    ledger.write_slices(c, rows, ids)


def _put_spans(c: Connection, spans: Spans, place: Ints, ids: Ints) -> None:
    cols = np.where(spans.cols < len(place), spans.cols, -1)
    here = (cols >= 0) & (place[cols] >= 0)
    kept = Spans(
        place[cols[here]],
        spans.began[here],
        spans.ended[here],
        spans.good[here],
        spans.total[here],
    )
    ledger.write_spans(c, kept, ids)
