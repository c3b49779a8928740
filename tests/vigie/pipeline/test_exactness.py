"""Good and total equal, to the unit, the events that the generator of a trace made and served.

The generator knows nothing of counting rules. It makes events one by one in processes that start,
die and start again, renders their pages, and remembers of each event whether a page that was
committed has shown it.
"""

import asyncio
import random
from pathlib import Path

import pytest

from collectors.scrape import Scrape
from vigie.clock import SetClock
from world import OPENMETRICS, T0, TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation


class Trace:
    """A seeded story of one service and of the Vigie that watches it."""

    def __init__(self, seed: int, content_type: str, folder: Path) -> None:
        self.random = random.Random(seed)
        self.content_type = content_type
        self.clock = SetClock(T0)
        self.config = config_for(self.random.randint(1, 3))
        self.vigie = Vigie(self.config, folder, self.clock)
        self.processes = {name: Process(T0 - 50.0) for name in self.config.targets}
        self.dead: list[Process] = []
        self.lost: set[str] = set()  # targets whose last committed scrape failed
        self.seen: set[str] = set()  # targets that were ever read
        self.waiting: list[tuple[Scrape, Process]] = []  # delivered and not committed

    async def run(self, steps: int) -> None:
        for process in self.processes.values():
            self.work(process, self.random.randint(0, 9))
        for _ in range(steps):
            self.clock.set(self.clock.now() + self.random.choice([1.0, 2.5, 5.0, 5.0, 30.0]))
            await self.random.choice(
                [
                    self.live,
                    self.live,
                    self.die,
                    self.read,
                    self.read,
                    self.read,
                    self.read,
                    self.fail,
                    self.again,
                    self.restart,
                ]
            )()
        for name in self.config.targets:
            await self.read_one(name)
        await self.tick()

    async def live(self) -> None:
        for process in self.processes.values():
            self.work(process, self.random.randint(0, 40))

    async def die(self) -> None:
        """A process is replaced; the new one may count higher than the old before it is read."""
        name = self.random.choice(list(self.processes))
        self.dead.append(self.processes[name])
        self.processes[name] = Process(self.clock.now() - 0.4)
        self.work(self.processes[name], self.random.choice([0, 3, 400]))

    async def read(self) -> None:
        for name in self.processes:
            await self.read_one(name)
        if self.random.random() < 0.8:
            await self.tick()

    async def read_one(self, name: str) -> None:
        process, target = self.processes[name], self.config.targets[name]
        page, process.read = process.page(self.content_type), True
        self.deliver(self.vigie.scrape(target, page, self.content_type), process)

    async def fail(self) -> None:
        """A plain text page can't say when a series was born, so there no series may be born
        around a failed scrape; see `work`.
        """
        name, process = self.random.choice(list(self.processes.items()))
        if self.content_type == OPENMETRICS or not process.unserved_codes:
            target = self.config.targets[name]
            self.deliver(self.vigie.scrape(target, None, self.content_type), process)

    async def again(self) -> None:
        """The last scrape arrives once more."""
        if self.waiting and self.waiting[-1][0].page is not None:
            self.deliver(*self.waiting[-1])

    async def restart(self) -> None:
        """Vigie is killed; scrapes that were not committed were never seen."""
        self.vigie.kill()
        self.waiting.clear()
        self.vigie.start()

    def deliver(self, scrape: Scrape, process: Process) -> None:
        self.vigie.pipeline.deliver(scrape)
        self.waiting.append((scrape, process))

    async def tick(self) -> None:
        assert await self.vigie.pipeline.tick()
        for scrape, process in self.waiting:
            if scrape.page is None:
                self.lost.add(scrape.target_id)
                continue
            self.lost.discard(scrape.target_id)
            for event in process.events:
                if event.at <= scrape.at and not event.served:
                    event.served, event.counts = True, scrape.target_id in self.seen
            self.seen.add(scrape.target_id)
        self.waiting.clear()

    def work(self, process: Process, number: int) -> None:
        """Make events now."""
        codes = ["200", "200", "404", "500", "503"]
        failing = self.lost | {s.target_id for s, _ in self.waiting if s.page is None}
        served = {event.code for event in process.events if event.served}
        if self.content_type == TEXT and process.read and failing:
            codes = sorted(served)
        for _ in range(number if codes else 0):
            process.events.append(Event(self.clock.now() - 0.2, self.random.choice(codes)))

    def truth(self) -> tuple[int, int]:
        events = [
            event
            for process in (*self.dead, *self.processes.values())
            for event in process.events
            if event.counts
        ]
        bad = sum(event.code.startswith("5") for event in events)
        return len(events) - bad, len(events)


@pytest.mark.parametrize("content_type", [TEXT, OPENMETRICS], ids=["text", "openmetrics"])
@pytest.mark.parametrize("seed", range(8))
def test_good_and_total_are_the_events_that_were_made_and_served(
    seed: int, content_type: str, tmp_path: Path
) -> None:
    trace = Trace(seed, content_type, tmp_path)
    asyncio.run(trace.run(120))
    assert trace.vigie.counted() == trace.truth()
    trace.vigie.kill()
    trace.vigie.start()
    assert trace.vigie.counted() == trace.truth()
    trace.vigie.kill()
