"""A backtest is what the live pipeline would have done: the same pages through a real database."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collectors.openmetrics import read
from slo.spec import AlertState
from vigie.backtest.history import renamed, survey
from vigie.backtest.recorded import Wanted
from vigie.backtest.replay import Replayed, replay
from vigie.backtest.watched import watched
from vigie.clock import SetClock
from vigie.pipeline.decide import next_deadline
from vigie.store import incidents
from vigie.store.visibility import EVERYTHING
from world import INTERVAL_S, OPENMETRICS, T0, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation


@dataclass
class Both:
    """A live Vigie, and the record of what it was shown."""

    vigie: Vigie
    lines: list[str] = field(default_factory=list)
    alerts: list[tuple[float, AlertState]] = field(default_factory=list)

    async def run(self, seed: int, scrapes: int) -> None:
        chance, config = random.Random(seed), self.vigie.config
        processes = {name: Process(T0 - 50.0) for name in config.targets}
        failing = 0.0
        for process in processes.values():
            process.events += [Event(T0 - 20.0, "200"), Event(T0 - 10.0, "500")]
        for turn in range(1, scrapes + 1):
            now = T0 + turn * INTERVAL_S
            await self.wait(now)
            if chance.random() < 0.05:
                failing = chance.choice([0.0, 0.0, 0.01, 0.3])
            if chance.random() < 0.01:
                name = chance.choice(list(processes))
                processes[name] = Process(now - 3.0)
            mute = turn % 60 in range(40, 43 + seed)
            for name, process in processes.items():
                codes = ["500" if chance.random() < failing else "200" for _ in range(40)]
                process.events += [Event(now - 1.0, code) for code in codes]
                silent = mute and name == next(iter(processes))
                self.show(name, None if silent else process.page(OPENMETRICS), now)
            await self.tick()

    def show(self, name: str, body: bytes | None, now: float) -> None:
        target = self.vigie.config.targets[name]
        labels = ",".join(f'{n}="{v}"' for n, v in target.labels.items())
        self.vigie.pipeline.deliver(self.vigie.scrape(target, body, OPENMETRICS))
        self.lines.append(f"up{{{labels}}} {0 if body is None else 1} {now!r}")
        for line in (body or b"").decode().splitlines():
            if not line.startswith("#"):
                series, value = line.split(" ")
                metric, _, own = series.partition("{")
                inner = f"{own[:-1]},{labels}" if own else labels
                self.lines.append(f"{metric}{{{inner}}} {value} {now!r}")

    async def wait(self, until: float) -> None:
        """The ticks of a server to which nothing arrives."""
        clock, pipeline = self.vigie.clock, self.vigie.pipeline
        while (deadline := next_deadline(pipeline.state, clock.now())) < until:
            clock.set(deadline)
            await self.tick()
        clock.set(until)

    async def tick(self) -> None:
        assert await self.vigie.pipeline.tick()
        state = self.vigie.pipeline.state.alerts
        now = AlertState(int(state.state[0]))
        if not self.alerts or self.alerts[-1][1] is not now:
            self.alerts.append((float(state.since[0]), now))

    def replayed(self) -> Replayed:
        config = watched(self.vigie.config)
        wanted = Wanted.by(config, 10)
        recording = read([*self.lines, "# EOF"], wanted.counters, wanted.gauges)
        found = survey(recording, {})
        assert found is not None
        return replay(
            config,
            renamed(recording.scrapes(), found.targets),
            found.targets.values(),
            slice_s=10,
            start=found.first,
            end=found.last,
        )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_backtest_comes_to_what_the_server_did(seed: int, tmp_path: Path) -> None:
    both = Both(Vigie(config_for(3), tmp_path, SetClock(T0)))
    asyncio.run(both.run(seed, scrapes=160))
    replayed = both.replayed()
    (whole,) = replayed.wholes.values()
    assert (whole.good, whole.total) == both.vigie.counted()
    fired = [(a.fired_at, AlertState.FIRING) for a in replayed.alerts]
    over = [(a.resolved_at, AlertState.OK) for a in replayed.alerts if a.resolved_at]
    assert fired, "the story has nothing to tell"
    live = [one for one in both.alerts if one[1] is AlertState.FIRING]
    ends = [b for a, b in zip(both.alerts, both.alerts[1:], strict=False) if a in live]
    assert (fired, over) == (live, ends)
    stored = both.vigie.db.read(lambda c: incidents.page(c, limit=99, viewer=EVERYTHING))
    told = ("opened_at", "resolved_at", "title", "urgency", "type")
    assert [tuple(getattr(one, name) for name in told) for one in replayed.incidents] == [
        tuple(row[name] for name in told) for row in reversed(stored)
    ]
    assert [one.severity for one in replayed.incidents] == [r["severity"] for r in reversed(stored)]
    live_slo = both.vigie.board.now.status
    figures = replayed.state.figures
    assert live_slo is not None
    assert figures is not None
    (then,) = live_slo.slos.values()
    assert figures.slo(0).budget_remaining == then.budget_remaining
    assert figures.slo(0).window == then.window
    both.vigie.db.close()
