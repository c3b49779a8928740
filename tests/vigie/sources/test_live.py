"""A whole Vigie beside a whole server, both scraping one exporter: what it asks for and what it
scrapes itself agree, and a kill in the middle of a backfill costs nothing.
"""

import html
import signal
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from components import eventually
from conftest import StartProcess
from plugins.recorded import Recording
from plugins.remembering import Server
from serving import Served, listening
from vigie.store import ledger, tables
from vigie.store.db import Database, open_database

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

RATE, BAD_RATE = 40, 4  # events a second
INDICATOR = """
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: WINDOW, isRolling: true}]
  indicator:
    metadata: {name: NAME}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {REFtype: Prometheus, spec: {query: 'PART'}}}
        total: {metricSource: {REFtype: Prometheus, spec: {query: 'sum(requests_total)'}}}
  objectives: [{target: 0.5}]
"""
COUNTED = 'sum(requests_total{code="500"})'
COMPUTED = 'max(sum(rate(requests_total{code="500"}[{{.window}}])))'


def page(now: float) -> str:
    """What the exporter shows: counters that grow with time."""
    good, bad = int(now * RATE) % 10_000_000, int(now * BAD_RATE) % 10_000_000
    return f'requests_total{{code="200"}} {good}\nrequests_total{{code="500"}} {bad}\n'


def past(address: str, begin: int, end: int) -> Recording:
    """What a server that scraped it every 15 seconds would remember."""
    made = Recording()
    labels = f'job="shop",instance="{address}"'
    for at in range(begin, end, 15):
        made.series[f"up{{{labels}}}"].append((at, 1.0))
        for line in page(at).splitlines():
            key, value = line.split()
            made.series[f"{key[:-1]},{labels}}}"].append((at, float(value)))
    return made


class Gatekeeper:
    """Stands before a server and holds back the questions about what was before some time."""

    def __init__(self) -> None:
        self.server = ""
        self.since = 0.0
        self.opened = threading.Event()

    def __call__(self, path: str, _body: bytes) -> tuple[int, bytes]:
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        if float(asked.get("time", ["inf"])[0]) < self.since:
            self.opened.wait(60)
        try:
            with urllib.request.urlopen(self.server + path, timeout=20) as answer:
                return 200, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@pytest.fixture(params=["prometheus", "victoria-metrics"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def exporter() -> Iterator[str]:
    with listening(lambda _path, _body: (200, page(time.time()).encode())) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def gate() -> Iterator[Gatekeeper]:
    keeper = Gatekeeper()
    yield keeper
    keeper.opened.set()


def test_asking_and_scraping_agree_and_a_kill_in_the_backfill_costs_nothing(
    kind: str, tmp_path: Path, start_process: StartProcess, exporter: str, gate: Gatekeeper
) -> None:
    begin = int(time.time()) - 7200
    every_second = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [exporter]}]}],
    }
    recording = past(exporter, begin, int(time.time()) - 45)
    server = Server(kind, tmp_path / "server", start_process, recording, every_second)
    gate.server, gate.since = server.url, begin - 3600.0  # some whole hours pass, of more
    with listening(gate) as port:
        served = _vigie(tmp_path, exporter, f"http://127.0.0.1:{port}")
        try:
            served.start()
            left = eventually(lambda: _progress(served)[0] and _progress(served), 100)
            assert 0 < left[0] < left[1]
            assert served.get("/api/v1/slos/shop/asked")["backfill"]["done_seconds"] == left[0]
            assert served.process is not None
            served.process.popen.send_signal(signal.SIGKILL)
            assert served.process.wait(20) == -signal.SIGKILL
            gate.opened.set()
            served.start()
            again = time.time()
            eventually(lambda: served.get("/api/v1/sources")["items"][0]["backfill"] is None, 120)
            assert served.get("/api/v1/slos/shop/asked")["backfill"] is None
            _estimated(served)
            eventually(lambda: time.time() > again + 45, 60)
        finally:
            served.stop()
        _equal(served, server, begin)
        _agree(served, int(again) + 15, int(time.time()) - 8)


def _vigie(folder: Path, exporter: str, url: str) -> Served:
    served = Served(folder)
    served.write("slos/availability.yaml", _slos())
    served.write(
        "slos/source.yaml",
        "apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: main}\n"
        "spec: {type: Prometheus, connectionDetails: "
        f"{{url: '{url}', interval: 1s, max_samples: 2000}}}}\n",
    )
    served.watch([exporter], interval="1s")
    return served


def _slos() -> str:
    """The same objective scraped and asked, and one that only the server can evaluate."""
    made = []
    for name, ref, part in (
        ("scraped", "", COUNTED),
        ("asked", "metricSourceRef: main, ", COUNTED),
        ("computed", "metricSourceRef: main, ", COMPUTED),
    ):
        text = INDICATOR.replace("NAME", name).replace("REF", ref).replace("PART", part)
        head = f"apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}}}\nspec:"
        made.append(head + text.replace("WINDOW", "6h"))
    return "---\n".join(made)


def _progress(served: Served) -> tuple[float, float]:
    (source,) = served.get("/api/v1/sources")["items"]
    assert source["health"] == "up"
    return source["backfill"]["done_seconds"], source["backfill"]["total_seconds"]


def _estimated(served: Served) -> None:
    """The API and the page say which figures are estimates."""
    said = {slo["slo"]: slo["estimated"] for slo in served.get("/api/v1/slos")["items"]}
    assert said["asked"] == said["scraped"] == ""
    assert said["computed"]
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/slos/shop/computed") as answer:
        assert f"Estimated: {said['computed']}" in html.unescape(answer.read().decode())


def _equal(served: Served, server: Server, begin: int) -> None:
    """Every whole minute of `asked` holds what the server's own samples say."""
    truth: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    for series in server.asked('requests_total{job="shop"}[3h]'):
        samples = [(float(at), float(value)) for at, value in series["values"]]
        for (_, before), (at, value) in pairwise(samples):
            grown = int(value - before) if value >= before else int(value)
            truth[int(at) // 60] += grown
            if series["metric"]["code"] == "500":
                bad[int(at) // 60] += grown
    with closing(_database(served)) as db:
        first, last = begin // 60 + 1, _last_minute(db)
        good, total = _stored(db, "asked", 60, first * 60, last * 60)
    minutes = range(first, last)
    assert total.tolist() == [truth[minute] for minute in minutes]
    assert (total - good).tolist() == [bad[minute] for minute in minutes]


def _agree(served: Served, start: int, end: int) -> None:
    """Over the same slices both counted the same, but for the events of one scrape interval."""
    with closing(_database(served)) as db:
        (good, total), (own_good, own_total) = (
            _stored(db, name, 1, start, end) for name in ("asked", "scraped")
        )
    assert total.sum() > (end - start) * RATE / 2
    assert abs(int(total.sum() - own_total.sum())) <= RATE + BAD_RATE + 1
    assert abs(int(good.sum() - own_good.sum())) <= RATE + 1


def _database(served: Served) -> Database:
    return open_database(f"sqlite:///{served.folder}/data/vigie.db", read_only=True)


def _last_minute(db: Database) -> int:
    row = tables.ledger.c.slice_start
    newest = select(row).where(tables.ledger.c.width_s == 60).order_by(row.desc()).limit(1)
    return int(db.read(lambda c: c.execute(newest).scalar_one())) // 60


def _stored(
    db: Database, name: str, width: int, start: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Good and total of every slice of an SLO, in order; zero where there is no row."""
    number = {"scraped": 1, "asked": 2}[name]
    read = db.read(lambda c: ledger.read_slices(c, width, start, end, np.array([number])))
    sums = np.zeros((2, (end - start) // width), dtype=np.int64)
    sums[:, (read[0] - start) // width] = np.stack(read[1:3])[:, :, 0]
    return sums[0], sums[1]
