"""A Config compiled for the tick: which column an SLI has, which series feed it, who is expected.

A column is one SLI fingerprint; SLOs with the same SLI share it. Everything a tick looks up by
name is an index here, so that no tick parses, matches or hashes text.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collectors.exposition import compatible
from collectors.targets import Target
from slo.alerts import Arms
from slo.series import Floats, Ints, Layout
from slo.spec import RatioKind, Selector, Sli, SloId
from vigie.config import Config, Watch


@dataclass(frozen=True, eq=False, slots=True)
class Feed:
    """Where the rows of a layout go: row `rows[i]` counts for column `cols[i]`; as total events
    where `is_total[i]`, as the SLI's part where not.
    """

    rows: Ints
    cols: Ints
    is_total: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Plan:
    """One Config as arrays. Columns, SLOs and arms are numbered in the order of the files."""

    config: Config
    slice_s: int
    ids: tuple[str, ...]
    watches: tuple[Watch, ...]
    col_of_slo: Ints
    service_of_slo: Ints
    first_arm: Ints  # by SLO: the number of its first arm; its others follow
    slo_of_arms: Ints
    objectives: Floats
    floors: Floats
    no_data_after: Floats
    down_below: Floats
    part_is_bad: npt.NDArray[np.bool_]
    arms: Arms
    recent_s: float
    lengths: tuple[float, ...]
    selectors: Mapping[str, frozenset[Selector]]  # by target: those its labels can fulfil
    services: tuple[str, ...]
    slos_of_service: Mapping[str, Ints]
    index: Mapping[SloId, int]
    open_for_s: float
    owes: Mapping[str, frozenset[int]]  # by target: the columns that expect it in any case
    _uses: Mapping[str, tuple[tuple[int, bool], ...]]
    _feeds: dict[str, tuple[Layout, Feed]] = field(default_factory=dict)

    @property
    def columns(self) -> int:
        return len(self.ids)

    def feed(self, target: str, layout: Layout) -> Feed:
        """The feed of a target's layout; kept until the target shows another one."""
        kept = self._feeds.get(target)
        if kept is not None and kept[0] is layout:
            return kept[1]
        uses = [
            (row, col, is_total)
            for row, named in enumerate(layout.named_by)
            for text in named
            for col, is_total in self._uses.get(text, ())
        ]
        feed = Feed(
            np.array([use[0] for use in uses], dtype=np.int64),
            np.array([use[1] for use in uses], dtype=np.int64),
            np.array([use[2] for use in uses], dtype=np.bool_),
        )
        self._feeds[target] = (layout, feed)
        return feed

    def yields(self, layout: Layout) -> frozenset[int]:
        """The columns that a layout has series for."""
        return frozenset(
            col
            for named in layout.named_by
            for text in named
            for col, _ in self._uses.get(text, ())
        )

    def expected(self, yields: Mapping[str, frozenset[int]]) -> list[tuple[str, int, float]]:
        """(target, column, share) of everyone who is expected, the shares of a column adding up to
        one: the targets that owe a column, and those that have shown a series for it.
        """
        pairs = [
            (target, col)
            for target, owed in self.owes.items()
            for col in sorted(owed | yields.get(target, frozenset()))
        ]
        sizes = Counter(col for _, col in pairs)
        return [(target, col, 1.0 / sizes[col]) for target, col in pairs]


def compile_plan(config: Config, slice_s: int) -> Plan:
    """The plan of a configuration."""
    watches = tuple(config.watches.values())
    slis: dict[str, Sli] = {}
    for watch in watches:
        slis.setdefault(watch.slo.sli.fingerprint(slice_s), watch.slo.sli)
    ids = tuple(slis)
    col_of = {fingerprint: col for col, fingerprint in enumerate(ids)}
    col_of_slo = [col_of[watch.slo.sli.fingerprint(slice_s)] for watch in watches]
    objectives = np.array([watch.slo.objective for watch in watches], dtype=np.float64)
    arms = Arms.of(
        [
            (col, watch.slo.objective, arm, watch.policy)
            for col, watch in zip(col_of_slo, watches, strict=True)
            for arm in watch.arms
        ]
    )
    wanted = _columns_of(slis.values())
    selectors = {
        target.id: frozenset(s for s in wanted if compatible(s, target.labels))
        for target in config.targets.values()
    }
    of_service: dict[str, set[int]] = {}
    for watch, col in zip(watches, col_of_slo, strict=True):
        of_service.setdefault(watch.slo.service, set()).add(col)
    recent_s = _recent(config.targets.values())
    place = {name: number for number, name in enumerate(config.services)}
    arm_counts = [len(watch.arms) for watch in watches]
    return Plan(
        config=config,
        slice_s=slice_s,
        ids=ids,
        watches=watches,
        col_of_slo=np.array(col_of_slo, dtype=np.int64),
        service_of_slo=np.array([place[watch.slo.service] for watch in watches], dtype=np.int64),
        first_arm=np.cumsum([0, *arm_counts])[:-1],
        slo_of_arms=np.repeat(np.arange(len(watches)), arm_counts),
        objectives=objectives,
        floors=np.array([watch.policy.coverage_floor for watch in watches], dtype=np.float64),
        no_data_after=np.array([w.policy.no_data_after_s for w in watches], dtype=np.float64),
        down_below=np.array([watch.policy.down_below for watch in watches], dtype=np.float64),
        part_is_bad=np.array([sli.kind is RatioKind.BAD for sli in slis.values()], dtype=np.bool_),
        arms=arms,
        recent_s=recent_s,
        lengths=_lengths(watches, recent_s),
        selectors=selectors,
        services=tuple(config.services),
        slos_of_service=_by_service(watches, config),
        index={watch.slo.id: number for number, watch in enumerate(watches)},
        open_for_s=_open_for(config.targets.values(), slice_s),
        owes={
            target.id: _owed(target, selectors[target.id], wanted, of_service)
            for target in config.targets.values()
        },
        _uses=_uses(slis.values()),
    )


def _recent(targets: Iterable[Target]) -> float:
    """How far back the present reaches: a minute, or four intervals of the slowest target."""
    return max(60.0, 4.0 * max((target.interval_s for target in targets), default=0.0))


def _lengths(watches: Iterable[Watch], recent_s: float) -> tuple[float, ...]:
    """Every window length that a tick looks at."""
    lengths = {recent_s}
    for watch in watches:
        lengths.add(watch.slo.window_s)
        for arm in watch.arms:
            lengths.update((arm.long_s, arm.short_s))
    return tuple(sorted(lengths))


def _open_for(targets: Iterable[Target], slice_s: int) -> float:
    """How long a slice stays open: until no scrape can add to it, or to its measured time."""
    slowest = max((2.5 * t.interval_s + t.timeout_s for t in targets), default=0.0)
    return max(slowest, 2.0 * slice_s)


def _columns_of(slis: Iterable[Sli]) -> dict[Selector, frozenset[int]]:
    """By selector: the columns that use it."""
    cols: dict[Selector, set[int]] = {}
    for col, sli in enumerate(slis):
        for selector in (*sli.part.selectors, *sli.total.selectors):
            cols.setdefault(selector, set()).add(col)
    return {selector: frozenset(found) for selector, found in cols.items()}


def _owed(
    target: Target,
    can: frozenset[Selector],
    wanted: Mapping[Selector, frozenset[int]],
    of_service: Mapping[str, set[int]],
) -> frozenset[int]:
    """The columns that expect a target: of SLOs of its service, where its labels fit."""
    fits = frozenset(col for selector in can for col in wanted[selector])
    return fits & frozenset(of_service.get(target.service, ()))


def _uses(slis: Iterable[Sli]) -> dict[str, tuple[tuple[int, bool], ...]]:
    """By selector text: the (column, counts as total) pairs that it feeds."""
    uses: dict[str, list[tuple[int, bool]]] = {}
    for col, sli in enumerate(slis):
        for selector in sli.part.selectors:
            uses.setdefault(str(selector), []).append((col, False))
        for selector in sli.total.selectors:
            uses.setdefault(str(selector), []).append((col, True))
    return {text: tuple(pairs) for text, pairs in uses.items()}


def _by_service(watches: tuple[Watch, ...], config: Config) -> dict[str, Ints]:
    slos: dict[str, list[int]] = {name: [] for name in config.services}
    for index, watch in enumerate(watches):
        slos.setdefault(watch.slo.service, []).append(index)
    return {name: np.array(indexes, dtype=np.int64) for name, indexes in slos.items()}
