"""The replay: recorded scrapes through `decide`, tick by tick, with the clock set by the record.

A tick comes where one would have come live: with what arrived, and at deadlines in between. Nothing
is stored; what the database would keep of incidents and of targets that left is kept here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from collectors.scrape import Scrape
from collectors.targets import Target
from slo.ledger import HOUR_S
from slo.series import Ints, Memory, unseen
from slo.spec import AlertState, ArmKind, SloId
from slo.status import ArmFigures
from vigie.backtest.history import left_after_s, moments
from vigie.backtest.incidents import Incident, Incidents
from vigie.backtest.stride import Strides
from vigie.backtest.whole import LeftOut, Whole
from vigie.config import Config
from vigie.pipeline.decide import decide, next_deadline
from vigie.pipeline.found import Found, with_groups
from vigie.pipeline.fresh import fresh, going_on, moved
from vigie.pipeline.plan import compile_plan
from vigie.pipeline.state import AlertChange, Batch, Effects, State
from vigie.pipeline.take import groups_shown

Moment = tuple[Scrape, ...]  # scrapes that make one tick


@dataclass(frozen=True, slots=True)
class Alert:
    """One time that an arm fired. `resolved_at` is None while it fires at the end; burn rates are
    those of the moment in which it fired.
    """

    slo: SloId
    arm: str
    kind: ArmKind
    fired_at: float
    resolved_at: float | None
    burn_long: float | None
    burn_short: float | None


@dataclass(frozen=True, eq=False, slots=True)
class HourRow:
    """What an hour counted: [good | total, column], the columns by their fingerprints."""

    start: int
    ids: tuple[str, ...]
    sums: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Replayed:
    """What a replay of [start, end] came to. `late` events lay before slices that were sealed."""

    start: float
    end: float
    state: State
    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]
    wholes: Mapping[SloId, Whole]
    hours: tuple[HourRow, ...]  # whole ones that hold anything, in time order
    late: int
    ticks: int


def replay(
    config: Config,
    scrapes: Iterable[Scrape],
    targets: Iterable[Target],
    *,
    slice_s: int,
    start: float,
    end: float,
    every_tick: bool = False,
) -> Replayed:
    """Replay scrapes, which lie in [start, end] in time order, under the ids of `targets`.

    With `every_tick` no stride is taken: the result is the same, and takes many times as long.
    """
    known = {target.id: target for target in targets}
    run = _Run(config, known, slice_s, start, end, every_tick)
    coming = _Coming(moments(scrapes))
    while ahead := coming.next(run.now, run.reach_s()):
        run.go(ahead)
    run.wait(end)
    if run.now < end or run.state.figures is None:
        run.tick(Batch(), end)
    return Replayed(
        start=start,
        end=end,
        state=run.state,
        alerts=tuple(run.alerts),
        incidents=run.incidents.all,
        wholes={
            watch.slo.id: run.left_out.whole(run.state, index)
            for index, watch in enumerate(run.state.plan.watches)
        },
        hours=tuple(run.hours),
        late=run.late,
        ticks=run.state.tick,
    )


class _Coming:
    """Moments that are still to come."""

    def __init__(self, all_of_them: Iterator[Moment]) -> None:
        self._rest = all_of_them
        self._peeked = next(all_of_them, None)

    def next(self, now: float, reach_s: float) -> list[Moment]:
        """The next moment, and those after it that lie within reach; empty at the end."""
        ahead: list[Moment] = []
        while self._peeked is not None:
            if ahead and self._peeked[-1].at > now + reach_s:
                break
            ahead.append(self._peeked)
            self._peeked = next(self._rest, None)
        return ahead


@dataclass
class _Run:
    """A replay under way."""

    config: Config
    targets: Mapping[str, Target]
    slice_s: int
    now: float
    end: float
    every_tick: bool
    state: State = field(init=False)
    left_out: LeftOut = field(init=False)
    alerts: list[Alert] = field(default_factory=list)
    incidents: Incidents = field(default_factory=Incidents)
    hours: list[HourRow] = field(default_factory=list)
    late: int = 0
    _strides: Strides = field(default_factory=Strides)
    _firing: dict[tuple[SloId, str], int] = field(default_factory=dict)  # index in alerts
    _left: dict[str, Memory] = field(default_factory=dict)  # of targets that may come back
    _seen: dict[str, float] = field(default_factory=dict)  # by target: its last scrape
    _leaving_at: float = float("inf")  # no target leaves before; it may be later by now

    def __post_init__(self) -> None:
        self.state = fresh(compile_plan(self.config, self.slice_s), {}, self.now)
        self.left_out = LeftOut(self.now, self.end)

    def reach_s(self) -> float:
        """How far one may go at once, if nothing happens there."""
        return 0.0 if self.every_tick else self._strides.reach_s(self.state)

    def go(self, ahead: Sequence[Moment]) -> None:
        """Take these moments: as one where nothing happens between, else by halves."""
        until = ahead[-1][-1].at
        if len(ahead) == 1 and until <= next_deadline(self.state, self.now):
            self.tick(Batch(ahead[0]), until)
        elif self._may_stride(ahead, until):
            self.tick(Batch(tuple(scrape for together in ahead for scrape in together)), until)
        elif len(ahead) == 1:
            self.wait(until)
            self.tick(Batch(ahead[0]), until)
        else:
            middle = len(ahead) // 2
            self.go(ahead[:middle])
            self.go(ahead[middle:])

    def _may_stride(self, ahead: Sequence[Moment], until: float) -> bool:
        scrapes = [scrape for together in ahead for scrape in together]
        return (
            not self.every_tick
            and self._strides.is_settled(self.state, self.incidents.open)
            and self._nobody_moves(scrapes, until)
            and self._strides.clear(self.state, self.incidents.open, scrapes, until)
        )

    def _nobody_moves(self, scrapes: Iterable[Scrape], until: float) -> bool:
        """Whether no target joins or leaves on the way."""
        known, seen = self.state.plan.config.targets, dict(self._seen)
        for scrape in scrapes:
            name = scrape.target_id
            if name not in known or scrape.at > self._leaves_at(name, seen[name]):
                return False
            seen[name] = scrape.at
        return all(until <= self._leaves_at(name, at) for name, at in seen.items())

    def wait(self, until: float) -> None:
        """The ticks that come before `until` although nothing arrives."""
        while (deadline := next_deadline(self.state, self.now)) < until:
            self.tick(Batch(), deadline)

    def tick(self, batch: Batch, now: float) -> None:
        """One pass over what arrived."""
        self._find(batch, now)
        self.state, effects = decide(self.state, batch, self.incidents.open, now)
        self.now = now
        self.late += effects.late
        self._strides.watch(effects.rows)
        for change in effects.alerts:
            self._note(change)
        self._apply(effects)
        self.left_out.look(self.state)

    # -- what pages show for the first time ---------------------------------------------------

    def _find(self, batch: Batch, now: float) -> None:
        """Make room for the targets and groups that this batch shows, and let go of targets that
        are gone. Targets first: groups are looked for on the pages of targets that are known.
        """
        self._seen.update((scrape.target_id, scrape.at) for scrape in batch.scrapes)
        known = self.state.plan.found
        met = {s.target_id for s in batch.scrapes if s.target_id not in known.targets}
        if met or now > self._leaving_at:
            self._seen = {n: at for n, at in self._seen.items() if now <= self._leaves_at(n, at)}
            self._leaving_at = self._next_leave()
            targets = {name: self.targets[name] for name in self._seen}
            if targets != known.targets:
                self._replan(replace(known, targets=targets), now)
        new = groups_shown(self.state, batch)
        if new:
            plan = self.state.plan
            seen = with_groups(plan.written, plan.found, new)
            if seen.groups != plan.found.groups:
                self._replan(seen, now)
            elif seen != plan.found:  # one more that its policy does not allow
                self.state = replace(self.state, plan=replace(plan, found=seen))

    def _leaves_at(self, name: str, seen_at: float) -> float:
        return seen_at + left_after_s(self.targets[name])

    def _next_leave(self) -> float:
        leaving = (self._leaves_at(name, at) for name, at in self._seen.items())
        return min(leaving, default=float("inf"))

    def _replan(self, found: Found, now: float) -> None:
        before = self.state
        plan = compile_plan(before.plan.written, self.slice_s, found)
        self._left.update(before.memories)
        kept = {name: self._left.get(name) or unseen(now) for name in plan.config.targets}
        new = fresh(plan, kept, now, seen=before.targets, gauges=before.gauges)
        after = going_on(new, before)
        self.state = replace(after, ledger=moved(before, after))

    # -- what follows -------------------------------------------------------------------------

    def _apply(self, effects: Effects) -> None:
        for row in effects.rows:
            if row.width_s == HOUR_S:
                sums = np.stack([row.good, row.total])
                self.hours.append(HourRow(row.start, self.state.plan.ids, sums))
        for event in effects.events:
            self.incidents.apply(event)
        if effects.figures:
            self.incidents.refresh(effects.figures)

    def _note(self, change: AlertChange) -> None:
        key = (change.slo, change.arm)
        if change.state == AlertState.FIRING:
            figures = self._arm(change)
            self._firing[key] = len(self.alerts)
            self.alerts.append(
                Alert(
                    slo=change.slo,
                    arm=change.arm,
                    kind=figures.arm.kind,
                    fired_at=change.since,
                    resolved_at=None,
                    burn_long=figures.long.burn_rate,
                    burn_short=figures.short.burn_rate,
                )
            )
        elif key in self._firing:
            number = self._firing.pop(key)
            self.alerts[number] = replace(self.alerts[number], resolved_at=change.since)

    def _arm(self, change: AlertChange) -> ArmFigures:
        figures = self.state.figures
        assert figures is not None, "a tick leaves figures"
        slo = figures.slo(self.state.plan.index[change.slo])
        return next(arm for arm in slo.arms if arm.arm.name == change.arm)
