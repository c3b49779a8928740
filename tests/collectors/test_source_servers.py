"""Real servers answer for what was written into them: sample for sample, across polls, restarts of
the server and backfills.
"""

import itertools
import json
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from collectors.openmetrics import read
from collectors.promapi import PromApi, open_session
from collectors.promapi_retention import retention
from collectors.scrape import Scrape
from collectors.source_backfill import backfill_estimates, backfill_scrapes
from collectors.source_poller import Poller
from collectors.source_reader import SourceReader
from collectors.source_slices import Estimate, estimates
from components import Process, eventually, free_port, need
from conftest import StartProcess
from slo.spec import DataSource, Matcher, MatchOp, Op, RatioKind, Selector, ServerSli
from vigie.clock import SetClock

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

STEP = 15
COUNT = 80  # scrapes of a target: 20 minutes
ALL = Selector("requests_total", (Matcher("job", MatchOp.EQUAL, "api"),))
FAILED = Selector(
    "requests_total", (Matcher("code", MatchOp.MATCH, "5.."), Matcher("job", MatchOp.EQUAL, "api"))
)
DEPTH = Selector("queue_depth", (Matcher("job", MatchOp.EQUAL, "api"),))
Told = dict[tuple[str, float], dict[str, float] | None]  # None: the scrape failed


class World:
    """What two instances showed from `begin` on, each at its own phase: births, a restart, a scrape
    that failed, a sample that went stale. Times end in quarters of a second.
    """

    def __init__(self, begin: int) -> None:
        self.begin, self.end = begin, begin + COUNT * STEP
        self.samples: dict[str, list[tuple[float, float]]] = {}
        self.told: Told = {}
        for phase, instance in ((3.25, "a:1"), (11.5, "b:1")):
            for turn in range(COUNT):
                self._scrape(instance, begin + turn * STEP + phase, turn)

    def _scrape(self, instance: str, at: float, turn: int) -> None:
        labels = f'job="api",instance="{instance}"'
        failed = instance == "a:1" and 30 <= turn < 33
        self._add(f"up{{{labels}}}", at, 0 if failed else 1)
        target = (f"main:api/{instance}", at)
        if failed:
            self.told[target] = None
            return
        shown = {'requests_total{code="200"}': float((turn % 50) * 30), "queue_depth": turn / 4 - 3}
        if turn >= 20:  # the first error is born
            shown['requests_total{code="500"}'] = float(turn - 19)
        self.told[target] = shown
        for key, value in shown.items():
            name, _, own = key.partition("{")
            inner = ",".join([*([own[:-1]] if own else []), labels])
            self._add(f"{name}{{{inner}}}", at, value)

    def _add(self, series: str, at: float, value: float) -> None:
        self.samples.setdefault(series, []).append((at, value))

    def openmetrics(self) -> str:
        """Grouped by series, as such files are."""
        families = {"requests_total": "requests counter", "queue_depth": "queue_depth gauge"}
        lines = []
        for metric in ("requests_total", "queue_depth", "up"):
            lines.append(f"# TYPE {families.get(metric, 'up gauge')}")
            for series, samples in self.samples.items():
                if series.startswith(metric):
                    lines += [f"{series} {value} {at}" for at, value in samples]
        return "\n".join([*lines, "# EOF", ""])

    def text(self) -> str:
        """As VictoriaMetrics imports it: times in milliseconds."""
        return "".join(
            f"{series} {value} {int(at * 1000)}\n"
            for series, samples in self.samples.items()
            for at, value in samples
        )


class Server:
    """A server of either kind that holds a world."""

    def __init__(self, kind: str, folder: Path, start_process: StartProcess, world: World) -> None:
        self.kind, self.folder, self.port = kind, folder, free_port()
        self.start_process, self.world = start_process, world
        self.process: Process | None = None
        if kind == "prometheus":
            recorded = folder / "world.om"
            recorded.write_text(world.openmetrics())
            command = [need("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
            subprocess.run([*command, recorded, folder / "data"], check=True, capture_output=True)
            (folder / "prometheus.yml").write_text("{}")
        self.start()
        if kind == "victoria-metrics":
            self.post("/api/v1/import/prometheus", world.text())
            self.post("/internal/force_flush", "")
            count = "sum(count_over_time(up[1h]))"
            eventually(lambda: self.asked(count) == str(2 * COUNT), 30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if self.kind == "prometheus":
            argv = [
                need("prometheus"),
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ]
        else:
            argv = [
                need("victoria-metrics"),
                f"-storageDataPath={self.folder / 'data'}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=40d",
            ]
        self.process = self.start_process(argv)
        eventually(lambda: self.asked("vector(1)") == "1", 30)

    def stop(self) -> None:
        assert self.process is not None
        self.process.stop()

    def asked(self, expr: str) -> str:
        url = f"{self.url}/api/v1/query?query={urllib.request.quote(expr)}&nocache=1"
        url += f"&time={self.world.end}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(json.load(answer)["data"]["result"][0]["value"][1])

    def post(self, path: str, body: str) -> None:
        request = urllib.request.Request(self.url + path, body.encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def world() -> World:
    # So recent that it is within retention, so old that it lies in the past.
    return World(int(time.time()) // 3600 * 3600 - 3600)


@pytest.fixture(params=["prometheus", "victoria-metrics"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, start_process: StartProcess, world: World
) -> Server:
    return Server(request.param, tmp_path, start_process, world)


@pytest.fixture
async def api(server: Server, world: World) -> AsyncIterator[PromApi]:
    source = DataSource("main", "Prometheus", server.url)
    async with open_session() as session:
        yield PromApi(session, source, SetClock(float(world.begin)))


def told(scrapes: Iterable[Scrape]) -> Told:
    """What scrapes say; none may come twice."""
    found: Told = {}
    for scrape in scrapes:
        assert (scrape.target_id, scrape.at) not in found
        found[scrape.target_id, scrape.at] = shown(scrape)
    return found


def shown(scrape: Scrape) -> dict[str, float] | None:
    if scrape.page is None:
        return None
    page = scrape.page
    counters = zip(page.layout.keys, page.values.tolist(), strict=True)
    gauges = zip(page.gauge_layout.keys, page.gauges.tolist(), strict=True)
    return {key.decode(): value for key, value in (*counters, *gauges)}


def clock_of(api: PromApi) -> SetClock:
    assert isinstance(api.clock, SetClock)
    return api.clock


async def test_polls_across_a_restart_of_the_server_read_every_sample_once(
    server: Server, world: World, api: PromApi
) -> None:
    reader = SourceReader("main", frozenset({ALL, FAILED}), frozenset({DEPTH}))
    scrapes: list[Scrape] = []
    health = []
    poller = Poller(api, reader, scrapes.append, list[Estimate]().append, since=world.begin - 1.0)
    for turn in range(1, COUNT * STEP // 20 + 2):
        clock_of(api).set(world.begin + turn * 20.0)  # not the rhythm of the scrapes
        if turn == 20:
            server.stop()
        elif turn == 35:
            server.start()
        await poller.poll()
        health.append(poller.status.health)
    assert [state for state, _ in itertools.groupby(health)] == ["up", "down", "up"]
    assert told(scrapes) == world.told
    times = [(scrape.target_id, scrape.at) for scrape in scrapes]
    for instance in ("main:api/a:1", "main:api/b:1"):
        own = [at for target, at in times if target == instance]
        assert own == sorted(own)
    assert reader.late == 0


async def test_the_series_that_stay_have_one_layout(world: World, api: PromApi) -> None:
    reader = SourceReader("main", frozenset({ALL}))
    scrapes: list[Scrape] = []
    poller = Poller(api, reader, scrapes.append, list[Estimate]().append, since=world.begin - 1.0)
    for end in (world.begin + 200.0, world.begin + 250.0):
        clock_of(api).set(end)
        await poller.poll()
    pages = [s.page for s in scrapes if s.target_id == "main:api/b:1" and s.page]
    assert len({id(page.layout) for page in pages}) == 1


async def test_a_backfill_reads_every_sample_once_and_the_newest_chunk_first(
    world: World, api: PromApi
) -> None:
    small = DataSource("main", "Prometheus", api.source.url, max_samples=200)
    api = PromApi(api._session, small, api.clock)
    clock_of(api).set(float(world.end))
    wanted = frozenset({ALL, FAILED}), frozenset({DEPTH})
    inside: list[Scrape] = []
    done = []
    async for chunk, scrapes in backfill_scrapes(api, *wanted, world.begin, world.end):
        leads = [scrape for scrape in scrapes if scrape.at <= chunk.start]
        assert len(leads) == (0 if chunk.start == world.begin else 2)
        inside += [scrape for scrape in scrapes if scrape.at > chunk.start]
        done.append(chunk.done_s)
    assert told(inside) == world.told
    assert len(done) > 3
    assert done == sorted(done)
    assert done[-1] == world.end - world.begin


def test_a_recording_says_what_the_servers_say(world: World) -> None:
    lines = world.openmetrics().splitlines()
    recording = read(lines, frozenset({ALL, FAILED}), frozenset({DEPTH}))
    renamed = {
        (target.replace("main:", "file:"), at): shown for (target, at), shown in world.told.items()
    }
    assert told(recording.scrapes()) == renamed


SHARE = ServerSli(
    RatioKind.BAD,
    'sum(rate(requests_total{code=~"5.."}[{{.window}}])) # what failed',
    "sum(rate(requests_total[{{.window}}]))",
    "main",
)


async def test_a_slice_of_an_expression_has_the_events_that_happened(
    world: World, api: PromApi
) -> None:
    start = world.begin + 40 * STEP
    found = await estimates(api, SHARE, start, start + 60)
    # Two instances, one error and 30 requests every 15 s each: 8 of 248, and all errors are 5..
    assert [estimate.reason for estimate in found] == [""]
    assert found[0].part == pytest.approx(8, rel=0.35)
    assert found[0].total is not None
    assert found[0].part / found[0].total == pytest.approx(8 / 248, rel=0.05)


async def test_slices_read_one_by_one_and_at_once_are_the_same(world: World, api: PromApi) -> None:
    clock_of(api).set(float(world.end))
    start, end = world.begin + 24 * STEP, world.begin + 44 * STEP
    single = [(await estimates(api, SHARE, at, at + 60))[0] for at in range(start, end, 60)]
    at_once = [e async for _, es in backfill_estimates(api, SHARE, start, end) for e in es]
    assert at_once == single
    assert len(single) == 5


async def test_a_threshold_is_judged_at_the_end_of_the_slice(world: World, api: PromApi) -> None:
    # At the end of the slice both instances have shown turn 23: 23 / 4 - 3 = 2.75 each.
    end = world.begin + 24 * STEP
    for op, value, good in ((Op.LTE, 5.5, 1.0), (Op.LT, 5.5, 0.0), (Op.GT, 5.4, 1.0)):
        sli = ServerSli(RatioKind.GOOD, "sum(queue_depth)", "", "main", op, value)
        assert (await estimates(api, sli, end - 60, end))[0].part == good
    many = ServerSli(RatioKind.GOOD, "queue_depth", "", "main", Op.LT, 1.0)
    assert (await estimates(api, many, end - 60, end))[0].reason == (
        "the query gives 2 series: aggregate it to one"
    )


async def test_time_before_the_data_is_unknown(world: World, api: PromApi) -> None:
    before = world.begin - 600
    assert (await estimates(api, SHARE, before, before + 60))[0].part is None
    assert await api.samples(str(ALL), before, before + 60) == []


async def test_the_server_says_how_long_it_remembers(server: Server, api: PromApi) -> None:
    days = 15 if server.kind == "prometheus" else 40
    assert await retention(api) == days * 86_400
