"""Settle: the columns that are judged from what slices of others hold."""

import numpy as np

from slo.ledger import HOUR_S, Ledger
from slo.series import Ints
from slo.timeslices import Bools, judged
from vigie.pipeline.columns import Judged
from vigie.pipeline.plan import Plan

# The ledger knows what lay before whole minutes of the last two and a half hours, and before every
# fifth minute of a whole day.
_KEPT_S = 2 * HOUR_S
_FIVE_MINUTES_S = 300


def settled(plan: Plan, ledger: Ledger, upto: float, of: Bools | None = None) -> Ledger:
    """The ledger with every judged slice that ends by `upto` and is not sealed; `of` says of which
    columns (None: of all).

    A judged slice is kept in the last ledger slice of its time, so it is final with it.
    """
    for one in plan.columns_.judged:
        asked = (
            one if of is None else Judged(one.how, one.bases[of[one.cols]], one.cols[of[one.cols]])
        )
        units = plan.columns_.units[asked.bases]
        ledger = _settled(plan.slice_s, asked, units, ledger, upto)
    return ledger


def begun(plan: Plan, at: float) -> frozenset[int]:
    """The starts of the slices that go on at a time, from which the ledger would not be exact when
    they end.
    """
    widths = {one.how.slice_s for one in plan.columns_.judged}
    wide = [width for width in widths if width > _KEPT_S and width % _FIVE_MINUTES_S]
    return frozenset(int(at // width) * width for width in wide)


def _settled(slice_s: int, one: Judged, units: Ints, ledger: Ledger, upto: float) -> Ledger:
    width = one.how.slice_s
    first = (ledger.open_from + slice_s + width - 1) // width * width
    nothing = judged(one.how, np.zeros((3, len(one.bases)), dtype=np.int64), units)
    found = {}
    for end in range(first, int(upto) + 1, width):
        if end - width > ledger.newest:  # nobody measured it
            if not nothing.any():
                break
            found[end - slice_s] = nothing
        else:
            held = ledger.between(end - width, end)[:, one.bases]
            found[end - slice_s] = judged(one.how, held, units)
    return ledger.settled(found, one.cols) if found else ledger
