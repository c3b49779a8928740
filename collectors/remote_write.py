"""Bodies of Prometheus' remote write 1.0, a WriteRequest in snappy's block format, as samples.

The wire is read by hand, within limits: of the message only names, values and times are wanted.
Fields that are not known are passed over, as protobuf has it.
"""

import math
import struct
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import cramjam
import numpy as np

from collectors.promapi import Samples

MAX_BODY_BYTES: Final = 20 * 1024 * 1024  # as it came, and unpacked
# Of one request. Prometheus sends 2,000 samples in each, of as many series; those who raise that go
# to 10,000 or 20,000.
MAX_SERIES: Final = 50_000
MAX_SAMPLES: Final = 200_000
# Of all messages together, those that are passed over among them: a series with 10 labels and a
# sample has 34, one with 30 has 94.
MAX_FIELDS: Final = 1_000_000
CONTENT_TYPE: Final = "application/x-protobuf"
MESSAGE: Final = "prometheus.WriteRequest"
NAME: Final = "__name__"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10  # bytes of 64 bits
_DOUBLE: Final = struct.Struct("<d")
# Fields by message: WriteRequest, TimeSeries, Label, Sample.
_TIMESERIES, _LABELS, _SAMPLES, _EXEMPLARS, _HISTOGRAMS = 1, 1, 2, 3, 4
_LABEL_NAME, _LABEL_VALUE, _SAMPLE_VALUE, _SAMPLE_TIME = 1, 2, 1, 2


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """What a request is answered with instead: an HTTP status and the reason for people."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Request:
    """The series of a request that hold samples, and how many others it has, by what they are:
    `stale` (no number), `unwanted`, `exemplars`, `histograms` (native ones).
    """

    series: list[Samples] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)


def check_headers(content_type: str, encoding: str) -> None:
    """Refused (415) unless a body is what `decode` reads, by its headers."""
    name, _, rest = content_type.partition(";")
    params = dict(part.strip().lower().partition("=")[::2] for part in rest.split(";"))
    message = params.get("proto", MESSAGE.lower()).strip('"')
    if name.strip().lower() != CONTENT_TYPE or message != MESSAGE.lower():
        raise _unsupported(
            f"the Content-Type is `{content_type[:80]}`: send remote write 1.0, "
            f"{CONTENT_TYPE} of {MESSAGE}"
        )
    if encoding.strip().lower() != "snappy":
        raise _unsupported(f"the Content-Encoding is `{encoding[:60]}`: send snappy")


def decode(
    body: bytes, limit: int = MAX_BODY_BYTES, wanted: Container[str] | None = None
) -> list[Samples]:
    """The samples of a body: labels with `__name__`, times in seconds. As `read` says."""
    return read(body, limit, wanted).series


def read(body: bytes, limit: int = MAX_BODY_BYTES, wanted: Container[str] | None = None) -> Request:
    """What a body holds; series whose name is not `wanted` are passed over (None: all are).

    Samples that are NaN, Prometheus' staleness markers among them, are left out. Refused: 413 over
    `limit` bytes unpacked, MAX_SERIES, MAX_SAMPLES or MAX_FIELDS, 400 for what is no WriteRequest.
    """
    message = _Message(_unpacked(body, limit))
    found = Request()
    series = samples = 0
    for number, wire, start, end in message.fields(0, len(message.content)):
        if (number, wire) != (_TIMESERIES, _BYTES):
            continue
        series += 1
        if series > MAX_SERIES:
            raise too_large(f"{MAX_SERIES} series")
        labels, places = _parts(message, start, end, found.passed_over)
        samples += len(places)
        if samples > MAX_SAMPLES:
            raise too_large(f"{MAX_SAMPLES} samples")
        if wanted is None or labels.get(NAME, "") in wanted:
            _add(found, labels, [_sample(message, begin, stop) for begin, stop in places])
        else:
            found.passed_over["unwanted"] += len(places)
    return found


def too_large(limit: str) -> Refused:
    """The refusal of what is over a limit."""
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the request is over {limit}: lower max_samples_per_send of the queue_config",
    )


def _unpacked(body: bytes, limit: int) -> bytes:
    """The message; how long it is stands in front, and is believed only as far as the limit."""
    try:
        size, _ = _varint(body, 0, len(body))
    except _Cut:
        raise _bad("the body is no snappy block") from None
    if size > limit:
        raise too_large(f"{limit} bytes unpacked")
    try:
        message = bytes(cramjam.snappy.decompress_raw(body))
    except (cramjam.DecompressionError, ValueError, OverflowError):
        raise _bad("the body is no snappy block") from None
    return message


def _parts(
    message: "_Message", start: int, end: int, passed_over: Counter[str]
) -> tuple[dict[str, str], list[tuple[int, int]]]:
    """The labels of one TimeSeries, and where its samples are."""
    labels: dict[str, str] = {}
    places: list[tuple[int, int]] = []
    for number, wire, begin, stop in message.fields(start, end):
        if wire != _BYTES:
            continue
        if number == _LABELS:
            name, value = _label(message, begin, stop)
            if name in labels:
                raise _bad(f"a series has the label `{name[:60]}` twice")
            labels[name] = value
        elif number == _SAMPLES:
            places.append((begin, stop))
            if len(places) > MAX_SAMPLES:
                raise too_large(f"{MAX_SAMPLES} samples")
        elif number == _EXEMPLARS:
            passed_over["exemplars"] += 1
        elif number == _HISTOGRAMS:
            passed_over["histograms"] += 1
    return labels, places


def _add(found: Request, labels: dict[str, str], pairs: list[tuple[int, float]]) -> None:
    """Add a series, in time order and without what is no number."""
    numbers = [(at, value) for at, value in pairs if not math.isnan(value)]
    found.passed_over["stale"] += len(pairs) - len(numbers)
    if numbers:
        numbers.sort(key=_time_of)  # stable: of two at one time the first one sent stays first
        at, values = np.array(numbers, dtype=np.float64).T.copy()
        found.series.append(Samples(labels, at / 1000.0, values))


def _time_of(sample: tuple[int, float]) -> int:
    return sample[0]


def _label(message: "_Message", start: int, end: int) -> tuple[str, str]:
    name = value = ""
    for number, wire, begin, stop in message.fields(start, end):
        if wire == _BYTES and number == _LABEL_NAME:
            name = _text(message, begin, stop)
        elif wire == _BYTES and number == _LABEL_VALUE:
            value = _text(message, begin, stop)
    return name, value


def _sample(message: "_Message", start: int, end: int) -> tuple[int, float]:
    """Milliseconds and value; a field that isn't there is zero."""
    at, value = 0, 0.0
    for number, wire, begin, stop in message.fields(start, end):
        if number == _SAMPLE_VALUE and wire == _FIXED64:
            value = _DOUBLE.unpack_from(message.content, begin)[0]
        elif number == _SAMPLE_TIME and wire == _VARINT:
            at = _signed(_varint(message.content, begin, stop)[0])
    return at, value


def _text(message: "_Message", start: int, end: int) -> str:
    try:
        return message.content[start:end].decode()
    except UnicodeDecodeError:
        raise _bad("a label is not UTF-8") from None


# -- the wire -------------------------------------------------------------------------------------


class _Cut(Exception):  # noqa: N818 - turned into a refusal
    """A number ends too late, or not at all."""


class _Message:
    """A message whose fields are gone through, MAX_FIELDS of them at most."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._left = MAX_FIELDS

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """The fields of content[start:end]: number, wire type, and where the value begins and
        ends.
        """
        content, at = self.content, start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise too_large(f"{MAX_FIELDS} fields")
            number, wire, begin, at = _field(content, at, end)
            yield number, wire, begin, at


def _field(content: bytes, at: int, end: int) -> tuple[int, int, int, int]:
    try:
        tag, at = _varint(content, at, end)
        number, wire = tag >> 3, tag & 7
        begin = at
        if wire == _VARINT:
            _, at = _varint(content, at, end)
        elif wire == _FIXED64:
            at += 8
        elif wire == _BYTES:
            length, begin = _varint(content, at, end)
            at = begin + length
        elif wire == _FIXED32:
            at += 4
        else:
            raise _bad(f"malformed protobuf: wire type {wire}")
    except _Cut:
        raise _bad("malformed protobuf: a number without an end") from None
    if at > end:
        raise _bad("malformed protobuf: a field is longer than its message")
    if number == 0:
        raise _bad("malformed protobuf: a field without a number")
    return number, wire, begin, at


def _varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of base 128, and where it ends."""
    number = shift = 0
    for place in range(at, min(end, at + _LONGEST_VARINT)):
        byte = message[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
    raise _Cut


def _signed(number: int) -> int:
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def _bad(reason: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, reason)


def _unsupported(reason: str) -> Refused:
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
