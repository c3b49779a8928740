"""How fast pages are read, beside prometheus_client and beside gunzipping them, in one process.

    python benchmarks/scrape_parse.py

`ours` and `peer` are milliseconds of CPU a page, medians of rounds in which all take turns. The
page has one counter of which every series is wanted (15 % of its samples), gauges and a large
histogram. Metric relabelling reads the page whole; what that costs is said, and no claim.
"""

import gzip
import sys
import time
import zlib
from collections.abc import Callable
from statistics import median

from measuring import line, load_average, say
from prometheus_client.parser import text_string_to_metric_families

from collectors import fetch
from collectors.exposition import Reader
from collectors.relabel import Action, Rule
from collectors.scraping import AS_USUAL, Scraping
from slo.spec import Matcher, MatchOp, Selector

TEXT = "text/plain; version=0.0.4"
LABELS = {"job": "shop", "instance": "10.0.0.1:8080", "service": "shop"}
WANTED = frozenset(
    {
        Selector("http_requests_total"),
        Selector("http_requests_total", (Matcher("code", MatchOp.MATCH, "5..|429"),)),
    }
)
RULES = (
    Rule(Action.DROP, ("__name__",), regex="go_.*|latency_seconds_sum"),
    Rule(source_labels=("route",), regex="/api/v1/r/(.*)", target_label="number"),
)
ROUNDS, PEER_ROUNDS = 15, 3


def main() -> int:
    say("machine", load_average=load_average())
    small(1_000)
    return 0 if all(large(100_000)) else 1


def small(samples: int) -> None:
    """Say how a small page is read, of which fixed costs are most."""
    body = page(samples, samples * 15 // 100)
    read = reading(body)
    assert read() == by_prometheus_client(body), "both must give the same answer"
    ours = timed([read], ROUNDS)[0]
    peer = timed([lambda: by_prometheus_client(body)], PEER_ROUNDS)[0]
    say(f"page of {samples} samples", ms=round(ours, 3), prometheus_client_ms=round(peer, 1))


def large(samples: int) -> list[bool]:
    body = page(samples, samples * 15 // 100)
    answer = fetch.Answer(TEXT, compressed=True, raw=gzip.compress(body))
    read, read_relabelled = reading(body), reading(body, Scraping(metric_relabel=RULES))
    peer_sum = by_prometheus_client(body)
    assert read() == read_relabelled() == peer_sum, "all must give the same answer"
    ours, gunzip, own_gunzip, relabelled = timed(
        [
            read,
            lambda: len(zlib.decompress(answer.raw, wbits=16 + zlib.MAX_WBITS)),
            lambda: len(fetch.unpacked(answer, len(body)) or b""),
            read_relabelled,
        ],
        ROUNDS,
    )
    say("gunzipping it", zlib_ms=round(gunzip, 2), zlib_ng_ms=round(own_gunzip, 2))
    peer = timed([lambda: by_prometheus_client(body)], PEER_ROUNDS)[0]
    say("metric relabelling", ms=round(relabelled, 2), times_without=round(relabelled / ours, 2))
    first = timed([lambda: at_first_sight(body)], 3)[0]
    say("metric relabelling, every series new", ms=round(first, 1))
    name = f"page of {samples} samples, {samples * 15 // 100} of them wanted"
    return [
        line(f"{name}: reading it beside prometheus_client", ours, peer, 0.01),
        line(f"{name}: reading it beside gunzipping it by zlib", ours, gunzip, 2.5),
    ]


def reading(
    body: bytes, scraping: Scraping = AS_USUAL, *, strictly: bool = True
) -> Callable[[], float]:
    """A reader past its strict first page, which was this one or none."""
    reader = Reader(LABELS, WANTED, scraping=scraping)
    reader.read(body if strictly else b"", TEXT, 0.0)
    return lambda: float(reader.read(body, TEXT, 1.0)[0].values.sum())


def at_first_sight(body: bytes) -> float:
    return reading(body, Scraping(metric_relabel=RULES), strictly=False)()


def page(samples: int, wanted: int) -> bytes:
    """A page of one counter of which every series is wanted, gauges and a large histogram."""
    lines = ["# HELP http_requests_total Requests.", "# TYPE http_requests_total counter"]
    for i in range(wanted):
        labels = (
            f'code="{(200, 201, 404, 429, 500)[i % 5]}",method="GET",route="/api/v1/r/{i // 5}"'
        )
        lines.append(f"http_requests_total{{{labels}}} {i * 977 + 13}")
    gauges = (samples - wanted) // 5
    lines += ["# HELP pool_in_use Pool.", "# TYPE pool_in_use gauge"]
    lines += [f'pool_in_use{{pool="p{i}",zone="zone-{i % 3}"}} {i / 7}' for i in range(gauges)]
    lines += ["# HELP latency_seconds Latency.", "# TYPE latency_seconds histogram"]
    for i in range(samples - wanted - gauges):
        route = f'method="GET",route="/api/v1/r/{i // 12}",le="{2 ** (i % 12) / 100}"'
        lines.append(f"latency_seconds_bucket{{{route}}} {i * 31}")
    return "\n".join([*lines, ""]).encode()


def by_prometheus_client(body: bytes) -> float:
    return float(
        sum(
            sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == "http_requests_total"
        )
    )


def timed(works: list[Callable[[], float]], rounds: int) -> list[float]:
    """The median CPU time of each in milliseconds, over rounds in which they take turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            begun = time.thread_time()
            work()
            taken.append((time.thread_time() - begun) * 1000)
    return [median(taken) for taken in times]


if __name__ == "__main__":
    sys.exit(main())
