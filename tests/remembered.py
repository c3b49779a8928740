"""What the pipeline remembers of an SLO, made by hand: a ledger of one column, minute by minute."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fleet import CHECKOUT, T0, live
from slo.ledger import MICROSECONDS, Ledger, Row, empty, told_by
from slo.series import Ints
from slo.spec import SloId
from slo.status import SloFigures, Status
from vigie.live import Live
from vigie.views.history import Past

SLICE_S = 10
ID = "checkout's SLI"


@dataclass(frozen=True)
class Remembered:
    at: float
    ledger: Ledger
    pending_s: float = 0.0
    ids: tuple[str, ...] = (ID,)

    def told(self, sums: Ints) -> tuple[float, float, float]:
        good, total, measured_us = sums[:, 0].tolist()
        return good, total, measured_us / MICROSECONDS


class Figures(dict[SloId, SloFigures]):
    """Figures by SLO that know their past."""

    def __init__(self, slos: Mapping[SloId, SloFigures], pasts: Mapping[SloId, Past]) -> None:
        super().__init__(slos)
        self._pasts = pasts

    def past(self, slo: SloId) -> Past | None:
        return self._pasts.get(slo)


def row(width_s: int, start: float, good: int, total: int, measured_s: float | None = None) -> Row:
    """A slice of one column, measured all through unless said otherwise."""
    us = round((width_s if measured_s is None else measured_s) * MICROSECONDS)
    return Row(width_s, int(start), 1, *(np.array([v], dtype=np.int64) for v in (good, total, us)))


def past_of(rows: Iterable[Row], at: float = T0, pending_s: float = 0.0) -> Remembered:
    """The past that rows tell of, in order and apart, sealed up to `at`."""
    found = list(rows)
    ledger = told_by(found, partial(empty, SLICE_S, 1), int(at // SLICE_S) * SLICE_S, frozenset())
    return Remembered(at, ledger, pending_s)


def knowing(past: Past, slo: SloId = CHECKOUT.slo.id, status: Status | None = None) -> Live:
    """A server that knows the past of one SLO."""
    shown = live() if status is None else live(status)
    assert shown.status is not None
    return replace(
        shown, status=replace(shown.status, slos=Figures(shown.status.slos, {slo: past}))
    )
