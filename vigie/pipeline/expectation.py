"""Who is expected to tell of what: targets by column, as arrays."""

from dataclasses import dataclass

from slo.series import Floats, Ints


@dataclass(frozen=True, eq=False, slots=True)
class Expectation:
    """Who is expected by which column, flat: entry i says that column `cols[i]` expects target
    `targets[i]` (an index into `order`) for the share `share[i]` of its time; the shares of a
    column add up to one. Sorted by target; those of target t are `starts[t]:starts[t + 1]`.
    """

    order: tuple[str, ...]
    targets: Ints
    cols: Ints
    share: Floats
    starts: Ints
    patience_s: Floats  # by target: how old its last page may be while all is well
