"""How fast pages in protobuf are read, beside prometheus_client and our own reading of the same
page in text, in one process.

    python benchmarks/scrape_proto.py

`ours` and `peer` are milliseconds of CPU a page, medians of rounds in which all take turns. The
page is that of scrape_parse.py. What native histograms cost is said, and no claim: nobody else
reads them in Python.
"""

import sys

from measuring import line, load_average, say
from prometheus_client.parser import text_string_to_metric_families
from scrape_parse import (
    LABELS,
    PEER_ROUNDS,
    ROUNDS,
    TEXT,
    WANTED,
    by_prometheus_client,
    page,
    timed,
)

from collectors.exposition import Reader
from collectors.proto import FAMILY, METRIC, Kind, Message
from slo.spec import Matcher, MatchOp, Selector

PROTO = "application/vnd.google.protobuf"
CREATED_S = 1_700_000_000
NATIVE = frozenset(
    {
        Selector("latency_seconds_count"),
        Selector("latency_seconds_bucket", (Matcher("le", MatchOp.EQUAL, "0.5"),)),
    }
)


def main() -> int:
    say("machine", load_average=load_average())
    say("page of 1000 samples", **figures(1_000))
    found = figures(100_000)
    native(1_000)
    name = "scrape_parse.proto: page of 100000 samples, 15000 of them wanted"
    peers = (("prometheus_client in text", "prometheus_client_ms", 0.04), ("text", "text_ms", 3.0))
    held = [line(f"{name}, beside {p}", found["ms"], found[key], t) for p, key, t in peers]
    return 0 if all(held) else 1


def figures(samples: int) -> dict[str, float]:
    """Milliseconds a page in protobuf, in text, and by prometheus_client."""
    text = page(samples, samples * 15 // 100)
    body = as_protobuf(text.decode())
    ours, plain = Reader(LABELS, WANTED), Reader(LABELS, WANTED)

    def read() -> float:
        return float(ours.read(body, PROTO, 1.0)[0].values.sum())

    def read_text() -> float:
        return float(plain.read(text, TEXT, 1.0)[0].values.sum())

    assert read() == read_text() == by_prometheus_client(text), "all must give the same answer"
    by_peer = timed([lambda: by_prometheus_client(text)], PEER_ROUNDS)[0]
    milliseconds, in_text = timed([read, read_text], ROUNDS)
    return {"ms": milliseconds, "text_ms": in_text, "prometheus_client_ms": by_peer}


def native(series: int) -> None:
    """Say what native histograms of 100 buckets cost, of which an SLI wants two numbers each."""
    family = FAMILY(name="latency_seconds", type=Kind.HISTOGRAM)
    for number in range(series):
        one = METRIC(label=[{"name": "route", "value": f"/api/{number}"}])
        one.histogram.sample_count, one.histogram.schema = 300, 3
        one.histogram.positive_span.add(offset=-60, length=100)
        one.histogram.positive_delta.extend([3] + [0] * 99)
        family.metric.append(one.SerializeToString())
    body = delimited(family)
    reader = Reader(LABELS, NATIVE)
    assert reader.read(body, PROTO, 0.0)[0].values.sum() == series * (300 + 3 * 53)
    ms = timed([lambda: float(reader.read(body, PROTO, 1.0)[1])], ROUNDS)[0]
    say(f"{series} native histograms of 100 buckets", ms=round(ms, 2))


def as_protobuf(text: str) -> bytes:
    """The page of scrape_parse.py in protobuf, as client_golang writes it: with creation times."""
    return b"".join(map(delimited, map(_family, text_string_to_metric_families(text))))


def _family(read: Message) -> Message:
    kind = Kind[read.type.upper()]
    family = FAMILY(name=read.samples[0].name, help=read.documentation, type=kind)
    if kind is Kind.HISTOGRAM:
        family.name = read.name
        metrics: dict[tuple[str, ...], Message] = {}
        for sample in read.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            one = metrics.setdefault(tuple(labels.values()), _labelled(labels))
            edge = float(sample.labels["le"])
            one.histogram.bucket.add(cumulative_count=int(sample.value), upper_bound=edge)
        family.metric.extend(one.SerializeToString() for one in metrics.values())
        return family
    for sample in read.samples:
        one = _labelled(sample.labels)
        if kind is Kind.COUNTER:
            one.counter.value = sample.value
            one.counter.created_timestamp.seconds = CREATED_S
            one.counter.created_timestamp.nanos = 123_456_789
        else:
            one.gauge.value = sample.value
        family.metric.append(one.SerializeToString())
    return family


def _labelled(labels: dict[str, str]) -> Message:
    return METRIC(label=[{"name": name, "value": value} for name, value in labels.items()])


def delimited(message: Message) -> bytes:
    raw = message.SerializeToString()
    size, length = len(raw), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*length, size]) + raw


if __name__ == "__main__":
    sys.exit(main())
