"""Where the series of a page go: which column each row counts for, as what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from collectors.labels import as_seen
from collectors.lines import Format, parse_series
from collectors.targets import Target
from slo.columns import Group
from slo.series import Ints, Layout
from slo.spec import CountingSli, SampledSli, SloId
from vigie.config import Watch
from vigie.pipeline.columns import Columns

PART, TOTAL = 0, 1


@dataclass(frozen=True, eq=False, slots=True)
class Feed:
    """Row `rows[i]` of a layout counts `signs[i]` times for column `cols[i]`: as total events
    where `planes[i]` is TOTAL, as the SLI's part where it is PART.
    """

    rows: Ints
    cols: Ints
    planes: Ints
    signs: Ints


@dataclass(slots=True)
class Use:
    """What one selector is used for."""

    plain: list[tuple[int, int, int]] = field(default_factory=list)  # column, plane, sign
    grouped: dict[SloId, "_Groups"] = field(default_factory=dict)


@dataclass(slots=True)
class _Groups:
    """The columns of the groups of one SLO, by the values of its labels."""

    labels: tuple[str, ...]
    of: dict[tuple[str, ...], list[tuple[int, int, int]]] = field(default_factory=dict)


Uses = Mapping[tuple[str, str], Use]  # by source and selector text


def uses_of(
    columns: Columns, watches: Sequence[Watch], form: type[CountingSli | SampledSli]
) -> Uses:
    """By source and selector: the columns of one form of SLI that look at it.

    A group's rows are those of its parent whose labels fit, so that it counts from the very page
    that shows it first.
    """
    uses: dict[tuple[str, str], Use] = {}
    for col, (sli, group) in enumerate(zip(columns.slis, columns.groups, strict=True)):
        if isinstance(sli, form) and not group:
            for text, plane, sign in _terms(sli):
                uses.setdefault((sli.source, text), Use()).plain.append((col, plane, sign))
    for watch, col in zip(watches, columns.of_watch.tolist(), strict=True):
        slo = watch.slo
        if not slo.group_by or not isinstance(slo.sli, form):
            continue
        for text, plane, sign in _terms(slo.sli):
            use = uses.setdefault((slo.sli.source, text), Use())
            groups = use.grouped.setdefault(slo.parent or slo.id, _Groups(slo.group_by))
            if slo.parent is not None:
                values = tuple(value for _, value in slo.group)
                groups.of.setdefault(values, []).append((_base(columns, col), plane, sign))
    return uses


def feed_of(uses: Uses, target: Target, layout: Layout) -> Feed:
    """The feed of a target's layout."""
    found = [
        (row, *entry)
        for row, (key, named) in enumerate(zip(layout.keys, layout.named_by, strict=True))
        for entry in _entries(uses, target, key, named)
    ]
    rows, cols, planes, signs = np.array(found, dtype=np.int64).reshape(-1, 4).T
    return Feed(rows, cols, planes, signs)


def columns_shown(uses: Uses, target: Target, layout: Layout) -> frozenset[int]:
    """The columns that a layout has series for."""
    return frozenset(feed_of(uses, target, layout).cols.tolist())


def groups_shown(uses: Uses, target: Target, layout: Layout) -> list[tuple[SloId, Group]]:
    """The groups that a layout has series for and no column, in page order."""
    found: dict[tuple[SloId, Group], None] = {}
    for key, named in zip(layout.keys, layout.named_by, strict=True):
        for text in named:
            use = uses.get((target.source, text))
            for slo, groups in (use.grouped if use else {}).items():
                values = _values(groups, target, key)
                if values not in groups.of:
                    found[slo, tuple(zip(groups.labels, values, strict=True))] = None
    return list(found)


def labels_of(target: Target, key: bytes) -> dict[str, str]:
    """The labels of a series as Prometheus would see them."""
    seen = as_seen(target.labels, target.scraping, *parse_series(key.decode(), Format.TEXT))
    return seen[1] if seen else {}


def _base(columns: Columns, col: int) -> int:
    """The measured column of an SLO, which may be judged from it."""
    for judged in columns.judged:
        found = np.flatnonzero(judged.cols == col)
        if len(found):
            return int(judged.bases[found[0]])
    return col


def _entries(
    uses: Uses, target: Target, key: bytes, named: Iterable[str]
) -> Iterable[tuple[int, int, int]]:
    for text in named:
        use = uses.get((target.source, text))
        if use is None:
            continue
        yield from use.plain
        for groups in use.grouped.values():
            yield from groups.of.get(_values(groups, target, key), ())


def _values(groups: _Groups, target: Target, key: bytes) -> tuple[str, ...]:
    labels = labels_of(target, key)
    return tuple(labels.get(name, "") for name in groups.labels)


def _terms(sli: CountingSli | SampledSli) -> Iterable[tuple[str, int, int]]:
    """Selector text, plane and sign of everything that an SLI sums, or looks at."""
    if isinstance(sli, SampledSli):
        yield from ((str(selector), PART, 1) for selector in dict.fromkeys(sli.selectors))
        return
    for plane, events in ((PART, sli.part), (TOTAL, sli.total)):
        yield from ((str(selector), plane, 1) for selector in events.selectors)
        yield from ((str(selector), plane, -1) for selector in events.minus)
