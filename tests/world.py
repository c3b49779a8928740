"""A service whose every event is known, and the pipeline of a Vigie that watches it.

Processes count their own events and know nothing of counting rules; the pipeline runs over a real
database with a clock that the test sets.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from blank import blank_database
from collectors.exposition import Reader
from collectors.scrape import Scrape
from collectors.targets import Target
from slo.promql import compile_events
from slo.series import MAX_GAP_INTERVALS
from slo.spec import Arm, ArmKind, CountingSli, Policy, RatioKind, Service, Slo
from slo.status import SloFigures
from vigie.clock import SetClock
from vigie.config import Channel, Config, Watch
from vigie.live import Board, Feed, Live
from vigie.pipeline.commit import commit
from vigie.pipeline.decide import decide
from vigie.pipeline.found import with_groups
from vigie.pipeline.restore import Restored, replan, restore
from vigie.pipeline.state import Batch
from vigie.pipeline.take import groups_shown
from vigie.pipeline.tick import Pipeline
from vigie.store import exclusions, incidents
from vigie.store.db import Database, open_database
from vigie.store.tables import metadata
from vigie.telemetry import Meters, Telemetry

T0 = 1_790_000_000.0
INTERVAL_S = 5.0
TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass
class Event:
    at: float
    code: str
    served: bool = False  # on a page that was committed
    counts: bool = False  # and not on the first page ever: what that shows nobody watched happen


@dataclass
class Process:
    """A program that counts its own events."""

    started: float
    events: list[Event] = field(default_factory=list)
    read: bool = False  # a page of it was asked for
    _told: int = 0  # so many of its events are in these
    _counts: Counter[str] = field(default_factory=Counter)
    _first: dict[str, float] = field(default_factory=dict)

    @property
    def unserved_codes(self) -> set[str]:
        return {e.code for e in self.events} - {e.code for e in self.events if e.served}

    def page(self, content_type: str) -> bytes:
        new, self._told = self.events[self._told :], len(self.events)
        self._counts.update(event.code for event in new)
        for event in new:
            self._first.setdefault(event.code, event.at)
        counts, first = self._counts, self._first
        started = f"process_start_time_seconds {self.started!r}"
        lines = []
        for code in sorted(counts):
            lines.append(f'http_requests_total{{code="{code}"}} {counts[code]}')
            if content_type == OPENMETRICS:
                lines.append(f'http_requests_created{{code="{code}"}} {first[code]!r}')
        if content_type == TEXT:
            return "\n".join([started, *lines, ""]).encode()
        types = ("# TYPE process_start_time_seconds gauge", "# TYPE http_requests counter")
        return "\n".join([types[0], started, types[1], *lines, "# EOF", ""]).encode()


POLICY = Policy("test", no_data_after_s=60.0, recover_after_s=30.0)
ARM = Arm("page-5m-1m", ArmKind.PAGE, 14.4, 300.0, 60.0)
ONCALL = Channel("oncall", "webhook", frozenset({"page", "notice"}), url="http://127.0.0.1:1/")


def config_for(instances: int, policy: Policy = POLICY, name: str = "availability") -> Config:
    """One service, one SLO of 99.9 % over 30 days, one arm, so many instances."""
    sli = CountingSli(
        RatioKind.BAD,
        compile_events('sum(http_requests_total{code=~"5.."})'),
        compile_events("sum(http_requests_total)"),
    )
    slo = Slo("shop", name, 0.999, 30 * 86400.0, sli)
    targets = [target(f"10.0.0.{number}:80") for number in range(instances)]
    return Config(
        services={"shop": Service("shop")},
        watches={slo.id: Watch(slo, policy, (ARM,))},
        targets={one.id: one for one in targets},
        channels={ONCALL.name: ONCALL},
        runbooks=(),
    )


def target(instance: str) -> Target:
    """An instance of the shop."""
    labels = {"job": "shop", "instance": instance}
    url = f"http://{instance}/metrics"
    return Target("shop", instance, url, "shop", labels=labels, interval_s=INTERVAL_S)


class Vigie:
    """The pipeline over a real database, started and killed at will."""

    def __init__(self, config: Config, folder: Path, clock: SetClock) -> None:
        self.config, self.clock = config, clock
        self.url = blank_database(folder)
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.start()

    def start(self) -> None:
        self.meters = Meters()
        self.db: Database = open_database(self.url)
        restored = self.db.write(lambda c: restore(c, self.config, 10, self.clock.now()))
        plan = restored.state.plan
        self.board = Board(Live(self.config, self.clock.now()))
        self.pipeline = Pipeline(
            db=self.db,
            clock=self.clock,
            board=self.board,
            feed=Feed(),
            meters=self.meters,
            telemetry=Telemetry(),
            restored=restored,
            wake_worker=lambda: None,
            outcry=self.tell,
        )
        self.readers = {
            target.id: Reader(target.labels, plan.selectors[target.id], plan.gauges[target.id])
            for target in self.config.targets.values()
        }

    def kill(self) -> None:
        """End without a last tick: what was scraped and not committed is gone."""
        self.db.close()

    def scrape(self, target: Target, body: bytes | None, content_type: str) -> Scrape:
        at = self.clock.now()
        if body is None:
            return Scrape(target.id, at, 0.1, None, error="timeout")
        page, samples = self.readers[target.id].read(body, content_type, at)
        return Scrape(target.id, at, 0.1, page, samples, len(body))

    def counted(self) -> tuple[int, int]:
        good, total = self.pipeline.state.ledger.totals()
        return int(good[0]), int(total[0])

    async def tell(self, text: str, firing: Sequence[str]) -> None:
        self.told.append((text, tuple(firing)))


class Core:
    """What the pipeline decides and commits, tick by tick, over an SQLite database in memory: many
    stories a second.
    """

    def __init__(self, config: Config, clock: SetClock, slice_s: int = 10) -> None:
        self.config, self.clock, self.slice_s = config, clock, slice_s
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        with self.engine.begin() as c:
            metadata.create_all(c)
        self.start()
        self.born = self.restored.state.ledger.born

    def start(self) -> None:
        self.waiting: list[Scrape] = []
        with self.engine.begin() as c:
            self.restored: Restored = restore(c, self.config, self.slice_s, self.clock.now())
        plan = self.restored.state.plan
        self.readers = {
            target.id: Reader(target.labels, plan.selectors[target.id], plan.gauges[target.id])
            for target in self.config.targets.values()
        }

    def deliver(self, target: Target, body: bytes | None, content_type: str) -> Scrape:
        at = self.clock.now()
        scrape = Scrape(target.id, at, 0.1, None, error="timeout")
        if body is not None:
            page, samples = self.readers[target.id].read(body, content_type, at)
            scrape = Scrape(target.id, at, 0.1, page, samples, len(body))
        self.waiting.append(scrape)
        return scrape

    def tick(self) -> None:
        now, batch = self.clock.now(), Batch(tuple(self.waiting))
        with self.engine.begin() as c:
            self._find(c, batch, now)
            state = self.restored.state
            after, effects = decide(state, batch, incidents.open_incidents(c), now)
            commit(
                c,
                effects,
                config=state.plan.config,
                ids=self.restored.ids,
                since=self.restored.at,
                known=state.memories,
                now=now,
            )
        self.restored = replace(self.restored, state=after)
        self.waiting.clear()

    def _find(self, c: Connection, batch: Batch, now: float) -> None:
        state, known = self.restored.state, self.restored.state.plan.found
        seen = with_groups(state.plan.written, known, groups_shown(state, batch))
        if seen != known or exclusions.in_force(c) != state.corrections:
            self.restored = replan(c, state.plan.written, state, now, seen)

    def of(self, name: str) -> SloFigures:
        figures = self.restored.state.figures
        assert figures is not None, "no tick yet"
        slos = figures.plan.index
        return figures.slo(next(i for slo, i in slos.items() if slo.partition("/")[2] == name))

    def close(self) -> None:
        self.engine.dispose()


@dataclass(frozen=True, slots=True)
class Shown:
    """An event that was made under watch, and the page that told of it first."""

    at: float  # of the page
    began: float  # it happened after this
    code: str
    target: str


class Told:
    """A story of a shop over a `Core`, and all that it made and that a committed page has shown."""

    def __init__(self, core: Core, content_type: str = OPENMETRICS) -> None:
        self.core, self.clock, self.content_type = core, core.clock, content_type
        now = self.clock.now()
        self.processes = {name: Process(now - 50.6) for name in core.config.targets}
        self.shown: list[Shown] = []
        self.measured: list[tuple[str, float, float]] = []  # target, between two good pages
        self.last_page: dict[str, float] = {}
        self._served_by: dict[str, Process] = {}
        self._waiting: list[tuple[Scrape, Process]] = []

    def work(self, name: str, codes: Sequence[str]) -> None:
        at = self.clock.now() - 0.2
        self.processes[name].events += [Event(at, code) for code in codes]

    def die(self, name: str) -> None:
        """The process is replaced."""
        self.processes[name] = Process(self.clock.now() - 0.4)

    def read(self, name: str, *, fail: bool = False, twice: bool = False) -> None:
        target, process = self.core.config.targets[name], self.processes[name]
        for _ in range(2 if twice else 1):
            body = None if fail else process.page(self.content_type)
            self._waiting.append((self.core.deliver(target, body, self.content_type), process))

    def restart(self) -> None:
        """Vigie is killed: what was read and not committed was never seen."""
        self._waiting.clear()
        self.core.start()

    def tick(self) -> None:
        self.core.tick()
        for scrape, process in self._waiting:
            if scrape.page is not None:
                self._told(scrape, process)
        self._waiting.clear()

    def _told(self, scrape: Scrape, process: Process) -> None:
        name, at = scrape.target_id, scrape.at
        last = self.last_page.get(name)
        new = [event for event in process.events if event.at <= at and not event.served]
        for event in new:
            event.served = True
        if last is None:
            self._served_by[name], self.last_page[name] = process, at
            return
        first = {event.code: event.at for event in reversed(process.events)}
        same = self._served_by[name] is process
        since = last if same else max(last, process.started - 1.0)
        # A series was at zero when it was created, and on the last good page.
        self.shown += [Shown(at, max(since, first[e.code]), e.code, name) for e in new]
        if 0 < at - last <= MAX_GAP_INTERVALS * INTERVAL_S:
            self.measured.append((name, last, at))
        self._served_by[name], self.last_page[name] = process, at

    def held(self, start: float, end: float, *codes: str) -> tuple[int, int]:
        """Good and total of the slices of [start, end); of all codes, or of these."""
        found = [one for one in self.shown if start <= self.slice(one) < end]
        return _counted(one for one in found if not codes or one.code in codes)

    def window(self, start: float, *codes: str) -> tuple[int, int]:
        """Good and total of a window from `start` on; one that begins inside the time in which
        events may have happened leaves them out.
        """
        return _counted(self.inside(start, *codes))

    def inside(self, start: float, *codes: str) -> list[Shown]:
        """The events that such a window holds."""
        reach_s = MAX_GAP_INTERVALS * INTERVAL_S
        return [
            one
            for one in self.shown
            if start <= self.slice(one)
            and (not codes or one.code in codes)
            and (one.began >= start or one.at - one.began <= reach_s)
        ]

    def slices(self, width: int) -> dict[int, tuple[int, int]]:
        """Good and total by slice of a width, those in which something happened."""
        starts = {int(one.at // width) * width for one in self.shown}
        return {start: self.held(start, start + width) for start in starts}

    def measured_s(self, start: float, end: float) -> float:
        """The measured time of [start, end): the mean over the targets."""
        pieces = [min(b, end) - max(a, start) for _, a, b in self.measured]
        return sum(piece for piece in pieces if piece > 0) / len(self.core.config.targets)

    def slice(self, one: Shown) -> float:
        """The slice that an event counts in: that of the page that told of it."""
        return one.at // self.core.slice_s * self.core.slice_s


def _counted(shown: Iterable[Shown]) -> tuple[int, int]:
    codes = Counter(one.code for one in shown)
    bad = sum(number for code, number in codes.items() if code.startswith("5"))
    return codes.total() - bad, codes.total()
