"""Which columns a set of SLOs needs: measured ones, ones judged from their slices, and means.

A column is one fingerprint; SLOs that measure the same share it. The means of composites stand
past the columns that the ledger keeps, for they are computed for each window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slo.columns import Group, key_of, late_of, unit_of
from slo.series import Floats, Ints
from slo.spec import (
    MICRO,
    BasicSli,
    Budgeting,
    CompositeSli,
    ForeignSli,
    Policy,
    RatioKind,
    Rule,
)
from slo.timeslices import Slicing, slicing
from vigie.config import Watch


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """Columns whose slices are judged alike: column `cols[i]` from column `bases[i]`."""

    how: Slicing
    bases: Ints
    cols: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Mean:
    """A composite: the mean of `cols` by `weights`."""

    cols: Ints
    weights: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """All columns. `ids[i]` is the fingerprint of ledger column i, `slis[i]` what it measures
    (None: it is judged from another), `groups[i]` the labels that its series must have; `means[j]`
    is column `len(ids) + j`; `of_watch` is that of each SLO; `units[i]` counts make one event.
    """

    ids: tuple[str, ...]
    slis: tuple[BasicSli | None, ...]
    groups: tuple[Group, ...]
    late: tuple[Rule, ...]  # what events count as whose slice is sealed already
    judged: tuple[Judged, ...]
    means: tuple[Mean, ...]
    of_watch: Ints
    units: Ints


def columns_of(watches: Sequence[Watch], slice_s: int) -> Columns:
    """The columns that these SLOs need."""
    found = _Found(slice_s)
    slots = [found.slot(watch) for watch in watches]
    kept = len(found.ids)
    of_watch = [slot if slot >= 0 else kept - slot - 1 for slot in slots]
    return Columns(
        ids=tuple(found.ids),
        slis=tuple(found.slis),
        groups=tuple(found.groups),
        late=tuple(found.late),
        judged=found.judged(),
        means=tuple(found.means),
        of_watch=np.array(of_watch, dtype=np.int64),
        units=np.array([*found.units, *(MICRO for _ in found.means)], dtype=np.int64),
    )


@dataclass
class _Found:
    """Columns as they are come upon. A mean's slot is negative: -1 is the first of them."""

    slice_s: int
    ids: dict[str, int] = field(default_factory=dict)
    slis: list[BasicSli | None] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    late: list[Rule] = field(default_factory=list)
    units: list[int] = field(default_factory=list)
    means: list[Mean] = field(default_factory=list)
    _slicings: dict[Slicing, list[tuple[int, int]]] = field(default_factory=dict)

    def slot(self, watch: Watch) -> int:
        slo = watch.slo
        if isinstance(slo.sli, CompositeSli):
            parts = slo.sli.components
            cols = [self._of(part.sli, (), part.budgeting, watch.policy) for part in parts]
            weights = np.array([part.weight for part in parts], dtype=np.float64)
            self.means.append(Mean(np.array(cols, dtype=np.int64), weights))
            return -len(self.means)
        return self._of(slo.sli, slo.group, slo.budgeting, watch.policy)

    def judged(self) -> tuple[Judged, ...]:
        return tuple(
            Judged(
                how,
                np.array([base for base, _ in pairs], dtype=np.int64),
                np.array([col for _, col in pairs], dtype=np.int64),
            )
            for how, pairs in self._slicings.items()
        )

    def _of(self, sli: BasicSli, group: Group, budgeting: Budgeting, policy: Policy) -> int:
        measured = key_of(sli, group, policy, self.slice_s)
        base = self._column(measured, sli, group, unit_of(sli), late_of(policy))
        how = slicing(budgeting, policy)
        if how is None:
            return base
        unit = how.unit(self.units[base])
        fingerprint = f"{measured}|{how!r}"
        if fingerprint not in self.ids:
            col = self._column(fingerprint, None, (), unit)
            self._slicings.setdefault(how, []).append((base, col))
        return self.ids[fingerprint]

    def _column(
        self,
        fingerprint: str,
        sli: BasicSli | None,
        group: Group,
        unit: int,
        late: Rule = Rule.IGNORE,
    ) -> int:
        if fingerprint not in self.ids:
            self.ids[fingerprint] = len(self.ids)
            self.slis.append(sli)
            self.groups.append(group)
            self.late.append(late)
            self.units.append(unit)
        return self.ids[fingerprint]


def mean_of(good: Ints, total: Ints, units: Ints, weights: Floats) -> tuple[int, int]:
    """Good and total, in millionths of an event, of the weighted mean of some ratios; those
    without events have no say.
    """
    told = total > 0
    if not told.any():
        return 0, 0
    share = np.average(good[told] / total[told], weights=weights[told])
    events = MICRO * float((total[told] / units[told]).sum())
    return round(events * share), round(events)


def part_is_bad(sli: BasicSli | None) -> bool:
    """Whether an SLI's part is its bad events."""
    if sli is None or isinstance(sli, ForeignSli):
        return False
    return sli.kind is RatioKind.BAD
