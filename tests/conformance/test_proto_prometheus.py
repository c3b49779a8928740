"""Protobuf beside Debian's Prometheus: its own page in both formats, and native histograms that it
reads from the same bytes.
"""

import json
import math
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from collectors.exposition import Reader
from collectors.lines import Format, families
from collectors.scrape import accept
from components import eventually, free_port, need
from conftest import StartProcess
from proto_pages import HISTOGRAM, PROTO, Histogram, family
from slo.series import Page
from slo.spec import Matcher, MatchOp, Selector

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
TEXT = "text/plain; version=0.0.4"
TRIES = 4  # of comparing pages that the peer changes by itself

# Buckets on both sides of one, gaps between them, a zero bucket, none below zero: there Prometheus
# estimates.
NATIVE = {
    "fine": Histogram(70, 9.5, schema=3, positive=[(-9, 3), (5, 2)], counts=[4, 9, 2, 50, 5]),
    "coarse": Histogram(31, 5.0, schema=-1, positive=[(-1, 1), (0, 2)], counts=[1, 10, 20]),
    "zero": Histogram(
        12, 1.0, schema=0, zero_threshold=0.25, zero_count=3, positive=[(-1, 2)], counts=[4, 5]
    ),
    "floats": Histogram(6.5, 1.0, schema=1, positive=[(0, 2)], counts=[2.25, 4.25], floats=True),
}
EDGES = {
    "fine": [2**-1.25, 2**-1.125, 0.5, 1.0, 2.0, 4.0],
    "coarse": [0.0625, 0.25, 1.0, 4.0, 16.0],
    "zero": [0.25, 0.5, 1.0, 2.0],
    "floats": [0.5, 1.0, math.sqrt(2), 2.0],
}


@pytest.fixture
def target() -> Iterator[str]:
    """The address of a target that serves these histograms in protobuf."""
    body = family("latency_seconds", HISTOGRAM, *(({"n": n}, one) for n, one in NATIVE.items()))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", PROTO)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fetched(address: str, *protocols: str) -> tuple[bytes, str]:
    """A page, and its Content-Type."""
    asked = {"Accept": accept(protocols)}
    request = urllib.request.Request(f"http://{address}/metrics", headers=asked)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read(), str(answer.headers["Content-Type"])


def values(page: Page) -> dict[str, float]:
    keys = [key.decode() for key in page.gauge_layout.keys]
    return dict(zip(keys, page.gauges.tolist(), strict=True))


def test_prometheus_own_page_says_the_same_in_both_formats(
    tmp_path: Path, start_process: StartProcess
) -> None:
    peer = prometheus(tmp_path, start_process)
    eventually(lambda: asked(peer, "vector(1)"))
    differing = [differences(*eventually(lambda: three_pages(peer))) for _ in range(TRIES)]
    assert set.intersection(*differing) == set()


def differences(
    text: dict[str, float], proto: dict[str, float], later: dict[str, float]
) -> set[str]:
    """What is told otherwise in protobuf, of all that stood still around it. A gauge of the
    peer's may move there and back in between, but not each time.
    """
    assert proto.keys() == text.keys()
    still = {key for key, value in text.items() if repr(later[key]) == repr(value)}
    assert len(still) > 200
    return {key for key in still if repr(proto[key]) != repr(text[key])}


def three_pages(peer: str) -> tuple[dict[str, float], ...]:
    """What a page in protobuf says between two in text; nothing where a series came up in them."""
    before, kind = fetched(peer, "PrometheusText0.0.4")
    body, proto_kind = fetched(peer, "PrometheusProto")
    after, _ = fetched(peer, "PrometheusText0.0.4")
    assert proto_kind == PROTO
    names = {s.name for f in families(before.decode(), Format.TEXT) for s in f.samples}
    every = frozenset(map(Selector, names))
    pages = ((before, kind), (body, proto_kind), (after, kind))
    read = [Reader({}, frozenset(), every).read(*page, 1.0) for page in pages]
    if read[0][1] != read[2][1]:
        return ()
    assert read[0][1] == read[1][1]
    return tuple({respelt(key): v for key, v in values(page).items()} for page, _ in read)


def respelt(key: str) -> str:
    """A series with its bound spelt in one way: 1.0 in protobuf is 1 in text."""
    for label in ("le", "quantile"):
        head, found, rest = key.partition(f'{label}="')
        if found:
            bound, quote, tail = rest.partition('"')
            return f"{head}{found}{float(bound)!r}{quote}{tail}"
    return key


def test_prometheus_reads_native_histograms_alike(
    target: str, tmp_path: Path, start_process: StartProcess
) -> None:
    job = {"job_name": "a", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
    peer = prometheus(tmp_path, start_process, {**job, "scrape_timeout": "1s"})
    eventually(lambda: asked(peer, "histogram_count(latency_seconds)"))
    body, kind = fetched(target, "PrometheusProto")
    for name, edges in EDGES.items():
        series = f'latency_seconds{{n="{name}"}}'
        for edge in edges:
            wanted = Selector(
                "latency_seconds_bucket",
                (Matcher("n", MatchOp.EQUAL, name), Matcher("le", MatchOp.EQUAL, repr(edge))),
            )
            page, _ = Reader({}, frozenset({wanted})).read(body, kind, 1.0)
            upto = f"histogram_fraction(-Inf, {edge!r}, {series}) * histogram_count({series})"
            assert page.values.tolist() == pytest.approx(asked(peer, upto)), (name, edge)
        count = Selector("latency_seconds_count", (Matcher("n", MatchOp.EQUAL, name),))
        page, _ = Reader({}, frozenset({count})).read(body, kind, 1.0)
        assert page.values.tolist() == asked(peer, f"histogram_count({series})")


def prometheus(folder: Path, start_process: StartProcess, *jobs: Mapping[str, object]) -> str:
    """A Prometheus that reads native histograms; its address."""
    address = f"127.0.0.1:{free_port()}"
    path = folder / "prometheus.yml"
    path.write_text(json.dumps({"scrape_configs": jobs}))  # YAML reads JSON
    start_process(
        [
            need("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            "--enable-feature=native-histograms",
        ]
    )
    return address


def asked(address: str, query: str) -> list[float]:
    """What Prometheus answers now."""
    url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return [float(one["value"][1]) for one in json.load(answer)["data"]["result"]]
