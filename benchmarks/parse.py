"""How fast pages are read, beside prometheus_client in the same run: one JSON object a line.

    python benchmarks/parse.py

`ours` and `peer` are milliseconds a page (the best of several), `ratio` is peer / ours.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator

from prometheus_client.parser import text_string_to_metric_families

from collectors.exposition import Reader
from slo.spec import Matcher, MatchOp, Selector

TEXT = "text/plain; version=0.0.4"
LABELS = {"job": "shop", "instance": "10.0.0.1:8080", "service": "shop"}
WANTED = frozenset(
    {
        Selector("http_requests_total"),
        Selector("http_requests_total", (Matcher("code", MatchOp.MATCH, "5..|429"),)),
    }
)


def main() -> int:
    held = True
    for row in measured():
        print(json.dumps(row), flush=True)
        held = held and bool(row["holds"])
    return 0 if held else 1


def measured() -> Iterator[dict[str, object]]:
    for samples, wanted in ((1_000, 10), (1_000, 150), (10_000, 1_500), (100_000, 15_000)):
        body = page(samples, wanted)
        reader = Reader(LABELS, WANTED)
        reader.read(body, TEXT, 0.0)
        reader.read(body, TEXT, 1.0)
        peer_sum, peer_ms = best(lambda body=body: by_prometheus_client(body), runs=2)
        ours_sum, ours_ms = best(
            lambda body=body, reader=reader: float(reader.read(body, TEXT, 2.0)[0].values.sum()),
            runs=50,
        )
        assert ours_sum == peer_sum, "both must give the same answer"
        ratio = peer_ms / ours_ms
        yield {
            "name": f"page of {samples} samples, {wanted} of them wanted",
            "ours": round(ours_ms, 4),
            "peer": round(peer_ms, 2),
            "ratio": round(ratio, 1),
            "target": 100,
            "holds": ratio >= 100,
        }


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


def best(work: Callable[[], float], runs: int) -> tuple[float, float]:
    """The answer, and the shortest of several times in milliseconds."""
    shortest = float("inf")
    answer = 0.0
    for _ in range(runs):
        begun = time.perf_counter()
        answer = work()
        shortest = min(shortest, time.perf_counter() - begun)
    return answer, shortest * 1000


if __name__ == "__main__":
    sys.exit(main())
