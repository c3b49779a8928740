"""The counting rules: from the pages of one target to the increments of its series.

Pure. The rules, with the reasons for each, are in docs/reference/counting.md. A value is counted
in whole units: the increment between two samples is the difference of their floors, so that sums
of increments never drift from the counter, whatever fractions it shows.
"""

from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from slo.spec import Births

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MAX_GAP_INTERVALS = 2.5
# What a page was read for tells by which rules too; the mark of these among selectors.
RULES = "rules "
# Linux tells a process' start from a boot time cut to whole seconds: a start may read up to one
# second early (proc(5), btime).
START_RESOLUTION_S = 1.0
# That boot time moves by a second when the clock is slewed, and some clients read it anew for each
# page: a start that is no more than this later is that of the same process.
START_JITTER_S = 1.5


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """The wanted series of a page, in page order. A reader hands out the same object for pages
    with the same series, so that identity says that nothing moved.

    `keys` are `name{labels}` as bytes in one spelling (a page may change the order of labels, and
    nothing is born by that), unique; `named_by[i]` are the selectors, as text, that name
    `keys[i]`, so that no later stage reads labels again.
    """

    keys: tuple[bytes, ...]
    named_by: tuple[tuple[str, ...], ...]


_EMPTY = Layout((), ())


@dataclass(frozen=True, eq=False, slots=True)
class Page:
    """What one good scrape said about the wanted series.

    `at` is when the scrape began, Unix seconds. `values[i]` and `created[i]` belong to
    `layout.keys[i]`; `created` is Unix seconds, NaN where the page does not say. `read_for` names
    the selectors (as text) that the page was searched for, gauges' too. `gauges[i]` belongs to
    `gauge_layout.keys[i]`: the current values that sampled SLIs name, of any kind and value (NaN
    and infinities too); a series may be a counter and stand here as well.
    """

    at: float
    layout: Layout
    values: Floats
    created: Floats
    process_start: float | None
    read_for: frozenset[str]
    gauge_layout: Layout = _EMPTY
    gauges: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, eq=False, slots=True)
class Memory:
    """What is remembered of one target: enough to count its next page, all that a restart needs.

    Rows are series, those of the last page first in its order, vanished ones after them.
    `page_at`, `process_start` and `read_for` speak of the last good page; `last_ok` of the last
    attempt; `added_at` is when discovery added the target while Vigie ran, None when it stood in
    the configuration at the start.
    """

    layout: Layout
    keys: tuple[bytes, ...]
    values: Floats
    seen_at: Floats
    created: Floats
    page_at: float | None = None
    process_start: float | None = None
    last_ok: bool = False
    read_for: frozenset[str] = frozenset()
    added_at: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Increments:
    """What a page adds. `layout.keys[rows[i]]` grew by `counts[i]` in the time (since[i], at]."""

    at: float
    layout: Layout
    rows: Ints
    counts: Ints
    since: Floats


def unseen(added_at: float | None) -> Memory:
    """The memory of a target that was never read."""
    none = np.empty(0)
    return Memory(_EMPTY, (), none, none, none, added_at=added_at)


def missed(memory: Memory) -> Memory:
    """The memory after a failed scrape: nothing is counted, nothing is forgotten."""
    return replace(memory, last_ok=False)


def count(memory: Memory, page: Page, births: Births) -> tuple[Memory, Increments]:
    """The increments of `page` over what is remembered, and the memory after it.

    A page not later than the last one changes nothing (a duplicate, or out of order).
    """
    if memory.page_at is not None and page.at <= memory.page_at:
        none = np.empty(0, dtype=np.int64)
        return memory, Increments(page.at, page.layout, none, none, np.empty(0))
    before = _aligned(memory, page)
    restarted = births is Births.ZERO and _restarted(memory, page)
    if not restarted and _only_grew(memory, page, before):
        rows = np.flatnonzero(page.values != before.values).astype(np.int64)
        counts = (np.floor(page.values[rows]) - np.floor(before.values[rows])).astype(np.int64)
        grown = Increments(page.at, page.layout, rows, counts, before.seen_at[rows])
        return _remembered(memory, page, forget_gone=False), grown
    known = ~np.isnan(before.values)
    lower = page.values < before.values
    reset = known & (restarted | lower | _made_anew(memory, page, before))
    born = ~known & _born_under_watch(memory, page, births, restarted)
    from_zero = reset | born
    base = np.where(from_zero, 0.0, np.where(known, before.values, page.values))
    counts = (np.floor(page.values) - np.floor(base)).astype(np.int64)
    since = np.where(from_zero, _began(memory, page, restarted), before.seen_at)
    rows = np.flatnonzero(counts).astype(np.int64)
    increments = Increments(page.at, page.layout, rows, counts[rows], since[rows])
    return _remembered(memory, page, forget_gone=restarted), increments


@dataclass(frozen=True, eq=False, slots=True)
class _Before:
    """The remembered values in the order of a page; NaN where the series is new."""

    values: Floats
    seen_at: Floats
    created: Floats


def _aligned(memory: Memory, page: Page) -> _Before:
    size = len(page.layout.keys)
    if memory.layout is page.layout:
        return _Before(memory.values[:size], memory.seen_at[:size], memory.created[:size])
    row_of = {key: row for row, key in enumerate(memory.keys)}
    rows = np.array([row_of.get(key, -1) for key in page.layout.keys], dtype=np.int64)
    known = rows >= 0
    values, seen_at, created = (np.full(size, np.nan) for _ in range(3))
    values[known] = memory.values[rows[known]]
    seen_at[known] = memory.seen_at[rows[known]]
    created[known] = memory.created[rows[known]]
    return _Before(values, seen_at, created)


def _only_grew(memory: Memory, page: Page, before: _Before) -> bool:
    """Whether a page has the series of the last one, none lower, none made anew: nearly all do."""
    return (
        memory.layout is page.layout
        and bool((page.values >= before.values).all())
        and not _made_anew(memory, page, before).any()
    )


def _made_anew(memory: Memory, page: Page, before: _Before) -> npt.NDArray[np.bool_]:
    """Where a series was created after its last known creation, or where none is known, after the
    last page.
    """
    if memory.page_at is None or np.isnan(page.created).all():
        return np.zeros(len(page.created), dtype=np.bool_)
    last = np.where(np.isnan(before.created), memory.page_at, before.created)
    return _later(page.created, last)


def _restarted(memory: Memory, page: Page) -> bool:
    """Whether the page comes from a newer process than the last one."""
    if memory.process_start is None or page.process_start is None:
        return False
    return page.process_start > memory.process_start + START_JITTER_S


def _same_process(memory: Memory, page: Page) -> bool:
    if memory.process_start is None or page.process_start is None:
        return memory.process_start is page.process_start
    return abs(page.process_start - memory.process_start) <= START_JITTER_S


def _later(times: Floats, than: Floats | float) -> npt.NDArray[np.bool_]:
    """Where a time is known and later; False where either page does not say (NaN)."""
    return np.asarray(times > than, dtype=np.bool_)


def _born_under_watch(
    memory: Memory, page: Page, births: Births, restarted: bool
) -> npt.NDArray[np.bool_]:
    """Where a series that is not remembered began at zero after the target was last seen."""
    size = len(page.layout.keys)
    if births is Births.BASELINE:
        return np.zeros(size, dtype=np.bool_)
    start = page.process_start
    if memory.page_at is None:
        started_since = (
            memory.added_at is not None
            and start is not None
            and start >= memory.added_at - START_RESOLUTION_S
        )
        return np.full(size, started_since)
    created_since = _later(page.created, memory.page_at)
    if restarted and start is not None:
        return created_since | (start > memory.page_at - START_RESOLUTION_S)
    if not memory.last_ok or not _same_process(memory, page):
        return created_since
    # Where other rules name the series now, one that is new may have been there before.
    ruled_alike = not any(text.startswith(RULES) for text in memory.read_for ^ page.read_for)
    if page.read_for <= memory.read_for and ruled_alike:
        return np.ones(size, dtype=np.bool_)
    was_read = [
        ruled_alike and any(text in memory.read_for for text in named)
        for named in page.layout.named_by
    ]
    return created_since | np.array(was_read, dtype=np.bool_)


def _began(memory: Memory, page: Page, restarted: bool) -> Floats:
    """The earliest time at which the events of a series counted from zero can lie.

    It was at zero, or not there, when the process or the series began and on the last good page.
    """
    last_page = memory.page_at if memory.page_at is not None else memory.added_at
    earliest = last_page if last_page is not None else page.at
    if page.process_start is not None and (restarted or memory.page_at is None):
        earliest = max(earliest, page.process_start - START_RESOLUTION_S)
    began = np.fmax(page.created, earliest)
    return np.asarray(np.minimum(began, page.at), dtype=np.float64)


def _remembered(memory: Memory, page: Page, *, forget_gone: bool) -> Memory:
    """The memory after a page. Vanished series stay, for one that returns is measured from its
    last value; those of an older process go, for in a new one they begin at zero anyway.
    """
    size = len(page.layout.keys)
    gone = np.empty(0, dtype=np.int64)
    if memory.layout is page.layout:
        gone = np.arange(size, len(memory.keys))
    elif memory.keys:
        present = set(page.layout.keys)
        gone = np.array([r for r, key in enumerate(memory.keys) if key not in present], dtype=int)
    if forget_gone:
        gone = gone[:0]
    keys, seen_at = page.layout.keys, np.full(size, page.at)
    values, created = page.values, page.created
    if len(gone):
        keys = keys + tuple(memory.keys[row] for row in gone)
        values = np.concatenate([values, memory.values[gone]])
        seen_at = np.concatenate([seen_at, memory.seen_at[gone]])
        created = np.concatenate([created, memory.created[gone]])
    return Memory(
        layout=page.layout,
        keys=keys,
        values=values,
        seen_at=seen_at,
        created=created,
        page_at=page.at,
        process_start=page.process_start,
        last_ok=True,
        read_for=page.read_for,
        added_at=memory.added_at,
    )
