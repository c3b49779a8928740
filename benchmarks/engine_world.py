"""A pipeline over a fleet, a real database and a clock that the benchmark sets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slo_fleet import Fleet, write_specs, write_targets
from slo_history import DAY_S, SLICE_S, fill_ledger

from collectors.exposition import Reader
from collectors.scrape import Scrape
from vigie import config as files
from vigie.clock import SetClock
from vigie.config import Config
from vigie.live import Board, Feed, Live
from vigie.pipeline.restore import Restored, restore
from vigie.pipeline.tick import Pipeline
from vigie.store.db import Database, open_database
from vigie.telemetry import Meters, Telemetry

NOW = 1_790_000_000.0
DAYS = 35
INTERVAL_S = 15
TEXT = "text/plain; version=0.0.4"


def prepare(folder: Path, fleet: Fleet, minutes_s: float = DAYS * DAY_S) -> int:
    """Files, and a database as a server leaves it that ran for 35 days and stops at NOW; how many
    rows its ledger has.
    """
    folder.mkdir(parents=True)
    write_specs(folder / "slos", fleet)
    write_targets(folder / "targets", fleet, 80, INTERVAL_S)
    return fill_ledger(folder / "vigie.db", read_config(folder), fleet, NOW, DAYS, minutes_s)


def read_config(folder: Path) -> Config:
    """What the files of a prepared folder say."""
    return files.load([folder / "slos", folder / "targets"])


@dataclass
class World:
    """A server without its HTTP side, started from a prepared folder."""

    fleet: Fleet
    config: Config
    database: Database
    clock: SetClock
    pipeline: Pipeline
    restored: Restored
    readers: dict[str, Reader]

    def read(self, services: Iterable[int]) -> list[Scrape]:
        """Scrapes of some targets now."""
        at = self.clock.now()
        targets = list(self.config.targets.values())
        found = []
        for number in services:
            body = self.fleet.page(number, at)
            page, samples = self.readers[targets[number].id].read(body, TEXT, at)
            found.append(Scrape(targets[number].id, at, 0.01, page, samples, len(body)))
        return found

    async def warm_up(self) -> None:
        """Read every target three times, so that everything is measured that can be."""
        for _ in range(3):
            self.clock.set(self.clock.now() + INTERVAL_S)
            for scrape in self.read(range(self.fleet.services)):
                self.pipeline.deliver(scrape)
            await self.tick()

    async def tick(self) -> None:
        committed = await self.pipeline.tick()
        assert committed, "a tick of a benchmark is committed"

    async def stop(self) -> None:
        await self.pipeline.stop()
        self.database.close()


def open_world(folder: Path, fleet: Fleet, now: float = NOW) -> World:
    """Load the files and restore, as a server does that starts."""
    config = read_config(folder)
    database = open_database(f"sqlite:///{folder / 'vigie.db'}")
    clock = SetClock(now)
    restored = database.write(lambda c: restore(c, config, SLICE_S, now))
    plan = restored.state.plan
    return World(
        fleet=fleet,
        config=config,
        database=database,
        clock=clock,
        pipeline=Pipeline(
            db=database,
            clock=clock,
            board=Board(Live(config, now)),
            feed=Feed(),
            meters=Meters(),
            telemetry=Telemetry(),
            restored=restored,
            wake_worker=lambda: None,
            outcry=_outcry,
        ),
        restored=restored,
        readers={
            target.id: Reader(target.labels, plan.selectors[target.id], plan.gauges[target.id])
            for target in config.targets.values()
        },
    )


async def _outcry(text: str, firing: Sequence[str]) -> None:  # noqa: ARG001 - its form is given
    raise AssertionError(text)
