"""A service whose every event is known, and the pipeline of a Vigie that watches it.

Processes count their own events and know nothing of counting rules; the pipeline runs over a real
database with a clock that the test sets.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collectors.exposition import Reader
from collectors.scrape import Scrape
from collectors.targets import Target
from slo.promql import compile_events
from slo.spec import Arm, ArmKind, Policy, RatioKind, Service, Sli, Slo
from vigie.clock import SetClock
from vigie.config import Channel, Config, Watch
from vigie.live import Board, Feed, Live
from vigie.pipeline.restore import restore
from vigie.pipeline.tick import Pipeline
from vigie.store.db import Database, open_database
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

    @property
    def unserved_codes(self) -> set[str]:
        return {e.code for e in self.events} - {e.code for e in self.events if e.served}

    def page(self, content_type: str) -> bytes:
        counts = Counter(event.code for event in self.events)
        first = {event.code: event.at for event in reversed(self.events)}
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
    sli = Sli(
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
        self.url = f"sqlite:///{folder / 'vigie.db'}"
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.start()

    def start(self) -> None:
        self.db: Database = open_database(self.url)
        restored = self.db.write(lambda c: restore(c, self.config, 10, self.clock.now()))
        self.board = Board(Live(self.config, self.clock.now()))
        self.pipeline = Pipeline(
            db=self.db,
            clock=self.clock,
            board=self.board,
            feed=Feed(),
            meters=Meters(),
            telemetry=Telemetry(),
            restored=restored,
            wake_worker=lambda: None,
            outcry=self.tell,
        )
        self.readers = {
            target.id: Reader(target.labels, restored.state.plan.selectors[target.id])
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
