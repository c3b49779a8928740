"""A Config compiled for the tick: which column an SLI has, which series feed it, who is expected.

Everything a tick looks up by name is an index here, so that no tick parses, matches or hashes
text.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from collectors.labels import compatible
from collectors.targets import Target
from incidents.budget import Limits
from slo.alerts import Arms
from slo.calendar import Calendar
from slo.ledger import REACH_S, Ledger, empty
from slo.redundancy import Redundancy
from slo.rings import EDGE
from slo.series import Floats, Ints, Layout
from slo.spec import (
    CountingSli,
    DataSource,
    ForeignSli,
    Matcher,
    Rule,
    SampledSli,
    Selector,
    ServerSli,
    SloId,
)
from vigie.config import Config, Watch
from vigie.pipeline import feeds, replicas
from vigie.pipeline.columns import Columns, columns_of, part_is_bad
from vigie.pipeline.feeds import Feed, Uses
from vigie.pipeline.found import NOTHING, Found, expanded

MINUTE_S = 60.0


@dataclass(frozen=True, eq=False)
class Plan:
    """One Config as arrays. Columns, SLOs and arms are numbered in the order of the files; the
    groups of an SLO come after all SLOs that stand in a file.

    `written` is the configuration as the files have it, `config` the same with what was found:
    groups as SLOs of their own, and the targets that DataSources know.
    """

    written: Config
    config: Config
    found: Found
    slice_s: int
    columns_: Columns
    watches: tuple[Watch, ...]
    service_of_slo: Ints
    first_arm: Ints  # by SLO: the number of its first arm; its others follow
    slo_of_arms: Ints
    objectives: Floats
    floors: Floats
    no_data_after: Floats
    tells_no_data: npt.NDArray[np.bool_]
    down_below: Floats
    min_bad: Floats
    part_is_bad: npt.NDArray[np.bool_]
    late_counts: npt.NDArray[np.bool_]  # by column: late events are counted all the same,
    late_is_part: npt.NDArray[np.bool_]  # as the part or not
    arms: Arms
    limits: Limits  # of budget actions
    acting_over: Mapping[float, Ints]  # by rolling window: the SLOs with actions on what is left
    recent_s: float
    lengths: tuple[float, ...]
    calendars: tuple[Calendar, ...]
    selectors: Mapping[str, frozenset[Selector]]  # by target: those its labels can fulfil
    gauges: Mapping[str, frozenset[Selector]]  # the same for what is sampled
    texts: Mapping[str, frozenset[str]]  # by target: all its selectors, as text
    services: tuple[str, ...]
    slos_of_service: Mapping[str, Ints]
    index: Mapping[SloId, int]
    groups_of: Mapping[SloId, tuple[int, ...]]
    open_for_s: float
    owes: Mapping[str, frozenset[int]]  # by target: the columns that expect it in any case
    uses: Uses
    gauge_uses: Uses
    counted: frozenset[tuple[str, Selector]]  # every selector, with its source
    sampled_from: frozenset[tuple[str, Selector]]
    asked: frozenset[str]  # the DataSources that are asked for raw samples
    sampled: tuple[int, ...]  # the columns that are judged once a slice
    samples: frozenset[str]  # their sources; embedded ones are ""
    evaluated: tuple[int, ...]  # the columns that only a server can evaluate
    place: Mapping[str, int]  # by fingerprint: the column
    asked_of: Mapping[str, Ints]  # by DataSource: the columns that are asked of it
    reach_s: float  # how far back a sampled column looks
    replicas: Mapping[str, replicas.Group]  # by service that has some
    replica_of: Mapping[str, Redundancy]  # by target whose pages say more of it than that it is up
    _feeds: dict[str, tuple[Layout, Feed]] = field(default_factory=dict)
    _read_by: dict[frozenset[str], frozenset[int]] = field(default_factory=dict)

    @property
    def probed(self) -> frozenset[str]:
        """The services that are probed."""
        return frozenset(probe.service for probe in self.config.probes)

    @property
    def ids(self) -> tuple[str, ...]:
        return self.columns_.ids

    @property
    def columns(self) -> int:
        """How many the ledger keeps."""
        return len(self.ids)

    @property
    def col_of_slo(self) -> Ints:
        return self.columns_.of_watch

    @property
    def looks_back_s(self) -> float:
        """How far back a rolling window may begin: its start is rounded down."""
        longest_s = max(float(REACH_S), *self.lengths)
        return longest_s + longest_s / EDGE

    def empty_ledger(self, since: float) -> Ledger:
        """One for all columns and windows that knows nothing before a time."""
        return empty(self.slice_s, self.columns, since, max(self.lengths))

    def feed(self, target: Target, layout: Layout) -> Feed:
        """The feed of a target's layout; kept until the target shows another one."""
        kept = self._feeds.get(target.id)
        if kept is not None and kept[0] is layout:
            return kept[1]
        feed = feeds.feed_of(self.uses, target, layout)
        self._feeds[target.id] = (layout, feed)
        return feed

    def read_by(self, read_for: frozenset[str]) -> frozenset[int]:
        """The columns of which all selectors were read. Pages are read for few sets of them, and
        one that failed comes as often as one that did not: the answers are kept.
        """
        found = self._read_by.get(read_for)
        if found is None:
            found = self._read_by[read_for] = frozenset(
                col
                for col, sli in enumerate(self.columns_.slis)
                if sli is not None and all(str(s) in read_for for s in sli.selectors)
            )
        return found

    def yields(self, target: Target, layout: Layout, gauges: Layout) -> frozenset[int]:
        """The columns that a page has series for."""
        counted = feeds.columns_shown(self.uses, target, layout)
        return counted | feeds.columns_shown(self.gauge_uses, target, gauges)

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


def compile_plan(written: Config, slice_s: int, found: Found = NOTHING) -> Plan:
    """The plan of a configuration, with the groups and targets that were found for it."""
    config = expanded(written, found)
    watches = tuple(config.watches.values())
    columns = columns_of(watches, slice_s)
    of_watch = columns.of_watch.tolist()
    targets = config.targets.values()
    counted, gauges = _wanted(columns, CountingSli), _wanted(columns, SampledSli)
    groups = replicas.groups_of(config.redundancy, config.services, targets)
    replica_of = replicas.read_for(groups.values())
    place = {name: number for number, name in enumerate(config.services)}
    arm_counts = [len(watch.arms) for watch in watches]
    recent_s = _recent(targets)
    return Plan(
        written=written,
        config=config,
        found=found,
        slice_s=slice_s,
        columns_=columns,
        watches=watches,
        first_arm=np.cumsum([0, *arm_counts])[:-1],
        slo_of_arms=np.repeat(np.arange(len(watches)), arm_counts),
        recent_s=recent_s,
        lengths=_lengths(watches, recent_s),
        calendars=tuple(dict.fromkeys(w.slo.calendar for w in watches if w.slo.calendar)),
        selectors=(fit_counted := _fitting(targets, counted)),
        gauges=(fit_gauges := _with_replicas(_fitting(targets, gauges), replica_of)),
        replicas=groups,
        replica_of=replica_of,
        texts={t.id: frozenset(map(str, fit_counted[t.id] | fit_gauges[t.id])) for t in targets},
        services=tuple(config.services),
        slos_of_service=_by_service(watches, config),
        open_for_s=_open_for(config, slice_s),
        owes=_owed(watches, of_watch, columns, targets),
        counted=counted,
        sampled_from=gauges,
        asked=frozenset(source for source, _ in counted | gauges if source),
        samples=frozenset(source for source, _ in gauges),
        **_of_slos(watches, place),
        **_of_columns(watches, columns),
        evaluated=tuple(i for i, sli in enumerate(columns.slis) if isinstance(sli, ServerSli)),
        asked_of={name: _asked_of(columns, name) for name in config.sources},
    )


def _of_slos(watches: Sequence[Watch], place: Mapping[str, int]) -> dict[str, Any]:
    """What a plan knows by SLO."""
    return {
        "service_of_slo": np.array([place[watch.slo.service] for watch in watches], dtype=np.int64),
        "objectives": _floats(watch.slo.objective for watch in watches),
        "floors": _floats(watch.policy.coverage_floor for watch in watches),
        "no_data_after": _floats(watch.policy.no_data_after_s for watch in watches),
        "tells_no_data": np.array(
            [w.policy.alert_no_data and not isinstance(w.slo.sli, ForeignSli) for w in watches],
            dtype=np.bool_,
        ),
        "down_below": _floats(watch.policy.down_below for watch in watches),
        "min_bad": _floats(watch.policy.min_bad for watch in watches),
        "limits": Limits.of([watch.policy for watch in watches]),
        "acting_over": _acting_over(watches),
        "index": {watch.slo.id: number for number, watch in enumerate(watches)},
        "groups_of": _groups_of(watches),
    }


def _of_columns(watches: Sequence[Watch], columns: Columns) -> dict[str, Any]:
    """What a plan knows by column, and from which series."""
    return {
        "part_is_bad": np.array([part_is_bad(sli) for sli in columns.slis], dtype=np.bool_),
        "late_counts": np.array([rule is not Rule.IGNORE for rule in columns.late], dtype=np.bool_),
        "late_is_part": np.array(
            [
                (rule is Rule.BAD) == part_is_bad(sli)
                for rule, sli in zip(columns.late, columns.slis, strict=True)
            ],
            dtype=np.bool_,
        ),
        "arms": _arms(watches, columns),
        "uses": feeds.uses_of(columns, watches, CountingSli),
        "gauge_uses": feeds.uses_of(columns, watches, SampledSli),
        "sampled": tuple(i for i, sli in enumerate(columns.slis) if isinstance(sli, SampledSli)),
        "reach_s": max(
            (_reach(sli) for sli in columns.slis if isinstance(sli, SampledSli)), default=0.0
        ),
        "place": {fingerprint: col for col, fingerprint in enumerate(columns.ids)},
    }


def _asked_of(columns: Columns, source: str) -> Ints:
    cols = [
        col
        for col, sli in enumerate(columns.slis)
        if sli is not None and not isinstance(sli, ForeignSli) and sli.source == source
    ]
    return np.array(cols, dtype=np.int64)


def _floats(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _arms(watches: Sequence[Watch], columns: Columns) -> Arms:
    return Arms.of(
        [
            (col, watch.slo.objective, arm, watch.policy)
            for col, watch in zip(columns.of_watch.tolist(), watches, strict=True)
            for arm in watch.arms
        ],
        columns.units,
    )


def _recent(targets: Iterable[Target]) -> float:
    """How far back the present reaches: a minute, or four intervals of the slowest target."""
    return max(MINUTE_S, 4.0 * max((target.interval_s for target in targets), default=0.0))


def _lengths(watches: Iterable[Watch], recent_s: float) -> tuple[float, ...]:
    """Every window length that a tick looks at."""
    lengths = {recent_s}
    for watch in watches:
        if watch.slo.calendar is None:
            lengths.add(watch.slo.window_s)
        for arm in watch.arms:
            lengths.update((arm.long_s, arm.short_s))
        lengths.update(a.over_s for a in watch.policy.actions if a.burning_above is not None)
    return tuple(sorted(lengths))


def _open_for(config: Config, slice_s: int) -> float:
    """How long a slice stays open: until nothing can add to it, or to its measured time."""
    asked = [2.5 * t.interval_s + t.timeout_s for t in config.targets.values()]
    asked += [_polled(source) for source in config.sources.values()]
    return max([2.0 * slice_s, *asked])


def _polled(source: DataSource) -> float:
    """How late the last sample of a slice may come from a server that answers: servers judge
    expressions once a minute.
    """
    return MINUTE_S + source.lag_s + 2.5 * source.interval_s + source.timeout_s


def _wanted(
    columns: Columns, form: type[CountingSli | SampledSli]
) -> frozenset[tuple[str, Selector]]:
    """The selectors of one form of SLI, each with its source."""
    return frozenset(
        (sli.source, selector)
        for sli in columns.slis
        if isinstance(sli, form)
        for selector in sli.selectors
    )


def _fitting(
    targets: Collection[Target], wanted: Iterable[tuple[str, Selector]]
) -> dict[str, frozenset[Selector]]:
    """By target: the selectors that its labels can fulfil. Selectors that ask the same of labels
    that targets have are looked at together: there are as many of them as services, not as SLOs.
    """
    set_by_targets = {label for target in targets for label in target.labels}
    alike: dict[tuple[str, tuple[Matcher, ...]], set[Selector]] = {}
    for source, selector in wanted:
        asked = tuple(m for m in selector.matchers if m.label in set_by_targets)
        alike.setdefault((source, asked), set()).add(selector)
    return {
        target.id: frozenset().union(
            *(
                some
                for (source, asked), some in alike.items()
                if source == target.source
                and compatible(Selector("", asked), target.labels, target.scraping)
            )
        )
        for target in targets
    }


def _with_replicas(
    wanted: dict[str, frozenset[Selector]], replica_of: Mapping[str, Redundancy]
) -> dict[str, frozenset[Selector]]:
    """The gauges with those that say how a replica does."""
    read = {name: replicas.selectors_of(one) for name, one in replica_of.items()}
    return {**wanted, **{name: wanted[name] | selectors for name, selectors in read.items()}}


def _owed(
    watches: Sequence[Watch],
    of_watch: Sequence[int],
    columns: Columns,
    targets: Iterable[Target],
) -> dict[str, frozenset[int]]:
    """By target: the columns that expect it, which are those of SLOs of its service where its
    labels fit. A group is expected of those only that have shown it.
    """
    of_service: dict[str, set[int]] = {}
    for watch, col in zip(watches, of_watch, strict=True):
        if watch.slo.parent is None:
            of_service.setdefault(watch.slo.service, set()).update(measured_by(columns, col))
    owed = {}
    for target in targets:
        own = () if target.source else of_service.get(target.service, ())
        owed[target.id] = frozenset(col for col in own if _could_feed(target, columns, col))
    return owed


def _could_feed(target: Target, columns: Columns, col: int) -> bool:
    sli = columns.slis[col]
    return (
        isinstance(sli, CountingSli | SampledSli)
        and not sli.source
        and any(
            target.may_show(selector.metric) and compatible(selector, target.labels)
            for selector in sli.selectors
        )
    )


def measured_by(columns: Columns, col: int) -> frozenset[int]:
    """The columns that measure what a column shows: itself, or what it is judged or made from."""
    if col >= len(columns.ids):
        parts = columns.means[col - len(columns.ids)].cols.tolist()
        return frozenset(base for part in parts for base in measured_by(columns, part))
    for judged in columns.judged:
        found = np.flatnonzero(judged.cols == col)
        if len(found):
            return frozenset([int(judged.bases[found[0]])])
    return frozenset([col])


def _reach(sli: SampledSli) -> float:
    return max(sli.part.reach_s, sli.total.reach_s if sli.total else 0.0)


def _acting_over(watches: Sequence[Watch]) -> dict[float, Ints]:
    found: dict[float, list[int]] = {}
    for index, watch in enumerate(watches):
        asks = any(action.remaining_below is not None for action in watch.policy.actions)
        if asks and watch.slo.calendar is None:
            found.setdefault(watch.slo.window_s, []).append(index)
    return {length: np.array(slos, dtype=np.int64) for length, slos in found.items()}


def _groups_of(watches: Sequence[Watch]) -> dict[SloId, tuple[int, ...]]:
    groups: dict[SloId, tuple[int, ...]] = {}
    for index, watch in enumerate(watches):
        if watch.slo.parent is not None:
            groups[watch.slo.parent] = (*groups.get(watch.slo.parent, ()), index)
    return groups


def _by_service(watches: tuple[Watch, ...], config: Config) -> dict[str, Ints]:
    slos: dict[str, list[int]] = {name: [] for name in config.services}
    for index, watch in enumerate(watches):
        slos.setdefault(watch.slo.service, []).append(index)
    return {name: np.array(indexes, dtype=np.int64) for name, indexes in slos.items()}


def is_estimated(plan: Plan, col: int) -> bool:
    """Whether what a column holds is estimated: a server's increase() extrapolates."""
    return any(
        isinstance(plan.columns_.slis[base], ServerSli) for base in measured_by(plan.columns_, col)
    )
