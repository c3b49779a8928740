"""A server that remembers what two instances showed, and a Vigie that asks it as time passes.

Time is set, so that hours pass in seconds; what lies in the future of the clock is not asked for.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

from blank import blank_database
from collectors.scrape import next_turn
from slo.promql import compile_events
from slo.spec import CountingSli, DataSource, Policy, RatioKind, Service, Slo
from vigie.clock import SetClock
from vigie.config import Config, Watch
from vigie.live import Board, Feed, Live
from vigie.pipeline.restore import restore
from vigie.pipeline.tick import Pipeline
from vigie.sources import Sources
from vigie.store import ledger
from vigie.store.db import Database, open_database
from vigie.telemetry import Meters, Telemetry

DAY_S = 86_400
HOUR_S = 3600
SLICE_S = 10
T0 = 1_790_000_000 // HOUR_S * HOUR_S  # where recordings begin
ERRORS = 'sum(requests_total{job="api",code=~"5.."})'
TOTAL = 'sum(requests_total{job="api"})'
SLI = CountingSli(RatioKind.BAD, compile_events(ERRORS), compile_events(TOTAL), "main")
POLICY = Policy("test", no_data_after_s=300.0)
_SELECTOR = re.compile(r"(\w+)\{(.*)\}\[(\d+)ms\]", re.DOTALL)
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
QUIET_TURNS = 20  # of the loop without a question: between two there are fewer
Series = dict[str, list[tuple[float, float]]]


@dataclass
class Recording:
    """Series by text, and what happened: by time, good or bad events of both instances."""

    series: Series = field(default_factory=lambda: defaultdict(list))
    happened: list[tuple[float, int, int]] = field(default_factory=list)

    def counted(self, start: float, end: float) -> tuple[int, int]:
        """Bad and total of [start, end)."""
        inside = [(bad, total) for at, bad, total in self.happened if start <= at < end]
        return sum(bad for bad, _ in inside), sum(total for _, total in inside)

    def openmetrics(self) -> str:
        lines = []
        for name, family in (("requests_total", "requests counter"), ("up", "up gauge")):
            lines.append(f"# TYPE {family}")
            for key, samples in self.series.items():
                if key.startswith(name):
                    lines += [f"{key} {value} {at}" for at, value in samples]
        return "\n".join([*lines, "# EOF", ""])

    def imported(self) -> str:
        """As VictoriaMetrics imports it: times in milliseconds."""
        return "".join(
            f"{key} {value} {round(at * 1000)}\n"
            for key, samples in self.series.items()
            for at, value in samples
        )


def record(
    hours: float,
    begin: float = T0,
    step: int = 15,
    silent: Callable[[str, int], bool] = lambda instance, turn: False,
) -> Recording:
    """Two instances that serve, fail from their 20th scrape on, restart every 100th, and answer
    nothing while they are silent. Each scrape at its own phase.
    """
    made = Recording()
    for phase, instance, served in ((3.25, "a:1", 7), (11.5, "b:1", 4)):
        labels = f'job="api",instance="{instance}"'
        counts = {"200": 0, "500": 0}
        quiet = {"200": 0, "500": 0}  # counted since the last page, and not shown
        fresh = True
        for turn in range(int(hours * HOUR_S) // step):
            at = begin + turn * step + phase
            if turn % 100 == 99:
                counts, quiet = dict.fromkeys(counts, 0), {"200": 0, "500": 0}
            grown = {"200": served + turn % 3, "500": turn % 2 if turn >= 20 else 0}
            for code, more in grown.items():
                counts[code] += more
                quiet[code] += more
            if silent(instance, turn):
                continue
            made.series[f"up{{{labels}}}"].append((at, 1.0))
            for code, count in counts.items():
                if count or code == "200":
                    made.series[f'requests_total{{code="{code}",{labels}}}'].append((at, count))
            if not fresh:  # what the first page shows nobody watched happen
                made.happened.append((at, quiet["500"], quiet["200"] + quiet["500"]))
            fresh, quiet = False, {"200": 0, "500": 0}
    return made


class Remembers:
    """Answers selectors over a recording, as a Prometheus would. `trouble` may answer instead."""

    def __init__(self, recording: Recording) -> None:
        self.series = [
            (labels_of(key), np.array(samples, dtype=np.float64).reshape(-1, 2))
            for key, samples in recording.series.items()
        ]
        self.trouble: Callable[[web.Request], web.StreamResponse | None] = lambda request: None
        self.asked: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        query, at = request.query["query"], float(request.query["time"])
        self.asked.append(query)
        refusal = self.trouble(request)
        if refusal is not None:
            return refusal
        if query.startswith("sum(count_over_time("):
            return _answered("vector", [{"metric": {}, "value": [at, str(300.0 * 4 / 15)]}])
        selector = _SELECTOR.fullmatch(query)
        assert selector is not None, query
        name, matchers, span_ms = selector.groups()
        wanted = _MATCHER.findall(matchers)
        found = []
        for labels, samples in self.series:
            if labels["__name__"] == name and all(_matches(labels, *one) for one in wanted):
                begin, end = np.searchsorted(
                    samples[:, 0], [at - int(span_ms) / 1000, at], side="right"
                )
                values = [[when, f"{value:g}"] for when, value in samples[begin:end].tolist()]
                if values:
                    found.append({"metric": labels, "values": values})
        return _answered("matrix", found)


async def moment(seconds: float = 0.002) -> None:
    """Let the server and the loop do what they have begun; time itself is set by hand."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


def labels_of(key: str) -> dict[str, str]:
    name, _, rest = key.partition("{")
    return {"__name__": name, **{label: value for label, _, value in _MATCHER.findall(rest)}}


def _matches(labels: dict[str, str], label: str, op: str, value: str) -> bool:
    have = labels.get(label, "")
    same = re.fullmatch(value, have) is not None if "~" in op else have == value
    return same != op.startswith("!")


def _answered(kind: str, result: list[object]) -> web.Response:
    data = {"resultType": kind, "result": result}
    return web.json_response({"status": "success", "data": data})


def slo(name: str = "availability", window_s: float = DAY_S, **more: Any) -> Slo:
    made = Slo("shop", name, 0.99, window_s, SLI)
    return replace(made, **more)


def config(sources: Iterable[DataSource], *slos: Slo, policy: Policy = POLICY) -> Config:
    return Config(
        services={"shop": Service("shop")},
        watches={one.id: Watch(one, policy, ()) for one in slos},
        targets={},
        channels={},
        runbooks=(),
        sources={source.name: source for source in sources},
    )


class Asking:
    """A Vigie that asks DataSources, its ticks taken by hand at the times of polls."""

    def __init__(self, config: Config, folder: Path, clock: SetClock) -> None:
        self.config, self.clock = config, clock
        self.url = blank_database(folder)

    async def start(self) -> None:
        self.db: Database = open_database(self.url)
        now = self.clock.now()
        restored = await self.db.awrite(lambda c: restore(c, self.config, SLICE_S, now))
        self.board = Board(Live(self.config, now))
        self.pipeline = Pipeline(
            db=self.db,
            clock=self.clock,
            board=self.board,
            feed=Feed(),
            meters=Meters(),
            telemetry=Telemetry(),
            restored=restored,
            wake_worker=lambda: None,
            outcry=self._cry,
        )
        self.busy = 0  # questions to servers and to the database
        for name in ("aread", "awrite"):
            setattr(self.db, name, self._counted(getattr(self.db, name)))
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._began)
        trace.on_request_end.append(self._ended)
        trace.on_request_exception.append(self._ended)
        self.session = aiohttp.ClientSession(trace_configs=[trace])
        self.sources = Sources(self.session, self.clock, self.pipeline, self.db, self.board)
        await self.sources.watch(restored.state.plan)
        await asyncio.sleep(0)  # the polls wait for their first turn

    async def kill(self) -> None:
        """End without a last tick: what was read and not committed is gone."""
        await self.sources.stop()
        await self.session.close()
        self.db.close()

    async def reload(self, config: Config) -> None:
        self.config = config
        await self.sources.watch(await self.pipeline.swap(config))

    async def poll(self, name: str = "main") -> None:
        """Go on to the next poll of a source, wait for it, and tick."""
        source = self.config.sources[name]
        turn = next_turn(name, source.interval_s, self.clock.now())
        await self.at(turn, name)

    async def at(self, now: float, name: str = "main") -> None:
        self.clock.set(now)
        async with asyncio.timeout(30.0):
            while self.polled_at(name) < now:  # noqa: ASYNC110 - the loop is to work
                await asyncio.sleep(0)
        assert await self.pipeline.tick()

    async def quiet(self) -> None:
        """Let everything be done that is to be done now."""
        turns = 0
        async with asyncio.timeout(30.0):
            while turns < QUIET_TURNS:
                turns = 0 if self.busy else turns + 1
                await asyncio.sleep(0)

    async def _began(self, *_: object) -> None:
        self.busy += 1

    async def _ended(self, *_: object) -> None:
        self.busy -= 1

    def _counted(self, really: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(work: Callable[..., Any]) -> Any:
            await self._began()
            try:
                return await really(work)
            finally:
                await self._ended()

        return counted

    def polled_at(self, name: str) -> float:
        status = self.board.now.sources[name]
        return status.last_ok_at or 0.0

    async def backfilled(self, polls: int = 40) -> None:
        """Poll until nothing of the past is left to read."""
        for _ in range(polls):
            await self.poll()
            for wait in range(5000):
                if not self.board.now.backfills:
                    assert await self.pipeline.tick()
                    return
                left = self.board.now.source_backfills
                if wait > 10 and not any(one.done_s for one in left.values()):
                    break  # live measuring has not taken over yet
                await moment()
        raise AssertionError(f"still backfilling: {self.board.now.source_backfills}")

    def counted(self, start: float, end: float, col: int = 0) -> tuple[int, int]:
        """Bad and total of [start, end), from the ledger in memory."""
        good, total, _ = self.pipeline.state.ledger.between(int(start), int(end))[:, col]
        return int(total - good), int(total)

    def stored(self, width: int, start: float, end: float, col: int = 0) -> tuple[int, int]:
        """Bad and total of rows of one width, from the database."""
        ids = self.db.write(lambda c: ledger.sli_ids(c, self.pipeline.state.plan.ids))
        read = self.db.read(lambda c: ledger.read_slices(c, width, int(start), int(end), ids))
        good, total = (int(sums[:, col].sum()) for sums in read[1:3])
        return total - good, total

    async def _cry(self, text: str, firing: object) -> None:
        raise AssertionError(text)


@asynccontextmanager
async def asking(config: Config, folder: Path, now: float) -> AsyncIterator[Asking]:
    """A Vigie that asks, started."""
    vigie = Asking(config, folder, SetClock(now))
    await vigie.start()
    try:
        yield vigie
    finally:
        await vigie.kill()
