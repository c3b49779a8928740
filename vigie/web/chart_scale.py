"""Where things lie in the chart of an SLO: scales, ticks, and what would stand upon each other.

Places across are shares of the width, places down are pixels: a chart is as wide as its page, its
words stay as large as the page's, and its lines as thin.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vigie.views.history import Bucket, Spell, Story
from vigie.web.render import percent

PLOT_H: Final = 180  # pixels, the axis of ratios
# A chart on a phone has 300 px for its plot, on a desk at least 600: words that never stand upon
# each other there never do.
PHONE_PX: Final = 300
DESK_PX: Final = 600
LETTER_PX: Final = 7.5
MARK_PX: Final = 10  # of a mark besides its letters
_EDGE: Final = 2  # so much of the plot is left free for the thickness of its lines
_MOST_TICKS: Final = 8
_TICKS_S: Final = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
_DAYS: Final = (1, 2, 5, 7, 14, 30, 90, 365)
_DAY_S: Final = 86_400
# How many budgets the axis holds: five show what 99.9 % is about (99.5 to 100), more are taken
# where too much of the chart would lie below.
_BUDGETS: Final = (5, 20, 100, 500, 2500, 10_000)
_CUT: Final = 0.25  # at most this share of the buckets lies below the axis
_INTERVALS: Final = 5  # of the axis


@dataclass(frozen=True, slots=True)
class Scale:
    """Where times and ratios lie: `x` in percent of the width, `y` in pixels from the plot's top.
    What lies outside is put on the edge.
    """

    start: float
    end: float
    floor: float  # the ratio at the foot of the axis; at its head is 1

    def x(self, at: float) -> float:
        return min(max((at - self.start) / (self.end - self.start), 0.0), 1.0) * 100.0

    def y(self, ratio: float) -> float:
        share = (1.0 - max(ratio, self.floor)) / (1.0 - self.floor)
        return _EDGE + min(max(share, 0.0), 1.0) * (PLOT_H - 2 * _EDGE)


def scale_of(story: Story) -> Scale:
    """The scale that shows what matters of a story."""
    return Scale(story.start, max(story.end, story.start + 1.0), _floor(story))


def ticks(start: float, end: float, most: int = _MOST_TICKS) -> list[tuple[int, str, bool]]:
    """Round times (UTC) in [start, end], at most so many: the time, its words, and whether it is
    one of those that are left where there is room for half.
    """
    steps = (*_TICKS_S, *(days * _DAY_S for days in _DAYS))
    step = next((one for one in steps if (end - start) / one <= most), steps[-1])
    first = math.ceil(start / step)
    found = range(first, math.floor(end / step) + 1)
    return [(at * step, _tick(at * step), at % 2 == 0) for at in found][:most]


def levels(floor: float) -> list[tuple[float, str]]:
    """The ratios that the axis names, from 1 down to its foot."""
    step = (1.0 - floor) / _INTERVALS
    digits = min(max(1 - math.floor(math.log10(step * 100) + 1e-9), 0), 9)
    ratios = [1.0 - i * step for i in range(_INTERVALS)] + [floor]
    return [(ratio, percent(ratio, digits)) for ratio in ratios]


def clusters(at: Sequence[float], px: float = DESK_PX) -> list[tuple[int, int]]:
    """Marks by their places in percent, ascending, as [first, last] of those that would stand upon
    each other.
    """
    found: list[tuple[int, int]] = []
    for index in range(len(at)):
        found.append((index, index))
        # What joins makes the label of its cluster wider, which may then reach the one before.
        while len(found) > 1 and _apart(at, found[-2], found[-1]) / 100.0 * px < _px(*found[-2:]):
            (first, _), (_, last) = found[-2:]
            found[-2:] = [(first, last)]
    return found


def middle(at: Sequence[float], cluster: tuple[int, int]) -> float:
    """Where the label of a cluster stands."""
    return (at[cluster[0]] + at[cluster[1]]) / 2.0


def _apart(at: Sequence[float], one: tuple[int, int], following: tuple[int, int]) -> float:
    return middle(at, following) - middle(at, one)


def _px(one: tuple[int, int], following: tuple[int, int]) -> float:
    """How far apart the middles of two labels must be."""
    return (len(called(*one)) + len(called(*following))) * LETTER_PX / 2 + MARK_PX


def called(first: int, last: int) -> str:
    """What a cluster is called, counted from one."""
    return f"{first + 1}" if first == last else f"{first + 1}\N{EN DASH}{last + 1}"


def lanes(spells: Sequence[Spell], scale: Scale) -> list[list[Spell]]:
    """Spells in rows in which none touches another; each row in the order of time."""
    rows: list[list[Spell]] = []
    for one in spells:
        row = next((r for r in rows if over(r[-1], scale) + 1.5 < scale.x(one.start)), None)
        if row is None:
            rows.append([one])
        else:
            row.append(one)
    return rows


def over(spell: Spell, scale: Scale) -> float:
    """Where a spell ends."""
    return scale.x(scale.end if spell.end is None else spell.end)


def unknown(buckets: Iterable[Bucket]) -> list[tuple[float, float]]:
    """When nothing was measured, neighbours joined."""
    found: list[tuple[float, float]] = []
    for one in buckets:
        if one.total is None:
            joins = bool(found) and found[-1][1] >= one.start
            found[-1:] = [(found[-1][0], one.end)] if joins else [*found[-1:], (one.start, one.end)]
    return found


def _floor(story: Story) -> float:
    """The ratio at the foot of the axis."""
    budget = max(1.0 - story.objective, 1e-9)
    errors = sorted(1.0 - one.sli for one in story.buckets if one.sli is not None)
    kept = errors[math.ceil(len(errors) * (1 - _CUT)) - 1] if errors else 0.0
    shown = next((n * budget for n in _BUDGETS if n * budget >= kept), 1.0)
    return 1.0 - min(shown, 1.0)


def _tick(at: int) -> str:
    words = "%b %d" if at % _DAY_S == 0 else "%H:%M"
    return datetime.fromtimestamp(at, UTC).strftime(words)
