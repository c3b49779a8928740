"""What a server computed of slices, in the units of the ledger's columns."""

from collections.abc import Iterable, Sequence

from collectors.source_slices import SLICE_S
from collectors.source_slices import Estimate as Told
from slo.spec import MICRO, ServerSli
from vigie.pipeline.plan import Plan
from vigie.pipeline.state import Estimate


def columns_of(plan: Plan, sli: ServerSli) -> tuple[str, ...]:
    """The columns that measure an SLI: one, or several where policies differ on late events."""
    return tuple(
        fingerprint
        for fingerprint, one in zip(plan.ids, plan.columns_.slis, strict=True)
        if one == sli
    )


def in_units(told: Iterable[Told], columns: Sequence[str]) -> list[Estimate]:
    """The estimates of each column; a slice that is unknown is no news."""
    return [
        Estimate(
            fingerprint,
            int(one.slice_start),
            SLICE_S,
            round(one.part * MICRO),
            round(one.total * MICRO),
        )
        for one in told
        if one.part is not None and one.total is not None
        for fingerprint in columns
    ]
