"""Pages in Prometheus' protobuf format, by an encoder that shares nothing with the reader."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from writing import nested, number

PROTO = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGEHISTOGRAM = range(6)
_VALUE_FIELD = {COUNTER: 3, GAUGE: 2, SUMMARY: 4, UNTYPED: 5, HISTOGRAM: 7, GAUGEHISTOGRAM: 7}


def double(field_number: int, value: float) -> bytes:
    return number(field_number << 3 | 1) + struct.pack("<d", value)


def whole(field_number: int, value: int) -> bytes:
    return number(field_number << 3) + number(value)


def zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def stamp(field_number: int, at: float | None) -> bytes:
    """A Timestamp; None: none."""
    if at is None:
        return b""
    seconds = int(at)
    return nested(field_number, whole(1, seconds) + whole(2, round((at - seconds) * 1e9)))


EXEMPLAR = nested(1, nested(1, b"trace_id") + nested(2, b"abc")) + double(2, 0.25) + stamp(3, 5.5)


@dataclass(frozen=True)
class Plain:
    """The value of a counter, a gauge or an untyped metric."""

    value: float
    created: float | None = None
    exemplar: bool = False

    def encoded(self) -> bytes:
        exemplar = nested(2, EXEMPLAR) if self.exemplar else b""
        return double(1, self.value) + exemplar + stamp(3, self.created)


@dataclass(frozen=True)
class Summary:
    count: int
    sum: float
    quantiles: Mapping[float, float] = field(default_factory=dict)
    created: float | None = None

    def encoded(self) -> bytes:
        each = (double(1, q) + double(2, value) for q, value in self.quantiles.items())
        body = whole(1, self.count) + double(2, self.sum)
        return body + b"".join(nested(3, one) for one in each) + stamp(4, self.created)


@dataclass(frozen=True)
class Histogram:
    """Classic `buckets` are cumulative, by bound. Spans are (offset, length), counts plain ones;
    `floats` are told as such, `packed` as proto3 has it.
    """

    count: float
    sum: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)
    created: float | None = None
    schema: int | None = None
    zero_threshold: float = 0.0
    zero_count: float = 0
    positive: Sequence[tuple[int, int]] = ()
    counts: Sequence[float] = ()
    negative: Sequence[tuple[int, int]] = ()
    negative_counts: Sequence[float] = ()
    floats: bool = False
    packed: bool = False

    def encoded(self) -> bytes:
        count = double(4, self.count) if self.floats else whole(1, int(self.count))
        parts = [count, double(2, self.sum)]
        for bound, upto in self.buckets.items():
            told = double(4, upto) if self.floats else whole(1, int(upto))
            parts.append(nested(3, told + double(2, bound) + nested(3, EXEMPLAR)))
        if self.schema is not None:
            zero = double(8, self.zero_count) if self.floats else whole(7, int(self.zero_count))
            parts += [whole(5, zigzag(self.schema)), double(6, self.zero_threshold), zero]
            parts += self._side(9, self.negative, self.negative_counts)
            parts += self._side(12, self.positive, self.counts)
            parts.append(nested(16, EXEMPLAR))
        return b"".join([*parts, stamp(15, self.created)])

    def _side(
        self, first: int, spans: Sequence[tuple[int, int]], counts: Sequence[float]
    ) -> Iterable[bytes]:
        for offset, length in spans:
            yield nested(first, whole(1, zigzag(offset)) + whole(2, length))
        if self.floats:
            each, tag = [struct.pack("<d", count) for count in counts], (first + 2) << 3 | 1
        else:
            deltas = [int(b - a) for a, b in zip((0, *counts), counts, strict=False)]
            each, tag = [number(zigzag(delta)) for delta in deltas], (first + 1) << 3
        if self.packed and each:
            yield nested(tag >> 3, b"".join(each))
        else:
            yield from (number(tag) + one for one in each)


Value = Plain | Summary | Histogram


def metric(kind: int, labels: Mapping[str, str], value: Value, others: bytes = b"") -> bytes:
    pairs = b"".join(
        nested(1, nested(1, name.encode()) + nested(2, text.encode()))
        for name, text in labels.items()
    )
    return pairs + nested(_VALUE_FIELD[kind], value.encoded()) + others


def delimited(message: bytes) -> bytes:
    return number(len(message)) + message


def raw_family(name: bytes, kind: int, *metrics: bytes, about: str = "") -> bytes:
    """A family, delimited; its type is left out where it is the default one, as encoders may."""
    help_text = nested(2, about.encode()) if about else b""
    type_ = whole(3, kind) if kind else b""
    body = b"".join(nested(4, one) for one in metrics)
    return delimited(nested(1, name) + help_text + type_ + body)


def family(
    name: str, kind: int, *metrics: tuple[Mapping[str, str], Value], about: str = ""
) -> bytes:
    """A family of metrics, each its labels and its value."""
    each = [metric(kind, labels, value) for labels, value in metrics]
    return raw_family(name.encode(), kind, *each, about=about)


# 13 samples, as in text.
EVERY_KIND = b"".join(
    (
        family("requests_total", COUNTER, ({"code": "200"}, Plain(7)), ({"code": "500"}, Plain(1))),
        family("loose_total", UNTYPED, ({}, Plain(4))),
        family("rpc_seconds", SUMMARY, ({}, Summary(9, 2.5, {0.5: 0.1, 1.0: 0.4}))),
        family("latency_seconds", HISTOGRAM, ({"p": "/"}, Histogram(4, 2.5, {0.5: 1, 1.0: 3}))),
        family("temperature", GAUGE, ({}, Plain(-5))),
        family("empty", GAUGE),
    )
)
NATIVE = Histogram(20, 5.0, schema=0, zero_count=1, positive=[(-1, 3)], counts=[2, 4, 8])
