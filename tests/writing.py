"""Bodies of remote write, made by an encoder that shares nothing with the reader."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import cramjam

HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


@dataclass(frozen=True)
class Series:
    labels: Mapping[str, str]
    samples: Iterable[tuple[int, float]]  # milliseconds and value
    others: bytes = field(default=b"")  # fields of TimeSeries beside these


def number(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def nested(field_number: int, content: bytes) -> bytes:
    return number(field_number << 3 | 2) + number(len(content)) + content


def message(series: Iterable[Series]) -> bytes:
    parts = []
    for one in series:
        labels = b"".join(
            nested(1, nested(1, name.encode()) + nested(2, value.encode()))
            for name, value in one.labels.items()
        )
        samples = b"".join(
            nested(2, b"\x09" + struct.pack("<d", value) + b"\x10" + number(at))
            for at, value in one.samples
        )
        parts.append(nested(1, labels + samples + one.others))
    return b"".join(parts)


def packed(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def body(*series: Series) -> bytes:
    return packed(message(series))


def counters(at: float, instance: str = "a:80", /, **by_code: float) -> list[Series]:
    """`http_requests_total` of one target at one time, by code (`c200=5`), with `up`."""
    target = {"job": "shop", "instance": instance}
    each = [
        Series({"__name__": "http_requests_total", "code": code[1:], **target}, [(ms(at), value)])
        for code, value in by_code.items()
    ]
    return [Series({"__name__": "up", **target}, [(ms(at), 1.0)]), *each]


def ms(at: float) -> int:
    return round(at * 1000)
