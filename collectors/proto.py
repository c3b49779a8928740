"""Prometheus' protobuf exposition format on the wire: families one after another, each with its
length before it.

The messages are described here, so that no generated code stands in the tree. Fields that nothing
is made of (exemplars, timestamps of samples) are not described, and so are passed over. Source of
names and numbers: prometheus/client_model, io/prometheus/client/metrics.proto.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, Final, TypeAlias

from google.protobuf import (  # type: ignore[import-untyped]  # theirs
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # theirs

from collectors.errors import ExpositionError
from collectors.lines import shortened

# Real families are thousands of series of 100 bytes. What a message of a few bytes unpacks to may
# be 20 times as large, so these bound memory, and together with the page's limit time.
MAX_FAMILY_BYTES: Final = 16 * 1024 * 1024
MAX_METRIC_BYTES: Final = 1024 * 1024
MAX_FAMILIES: Final = 50_000
MAX_METRICS: Final = 1_000_000  # of one page
_LONGEST_LENGTH: Final = 5  # bytes of 32 bits
_DOUBLE_BYTES: Final = 8
Message: TypeAlias = Any  # made at run time: mypy knows nothing of them


class Kind(IntEnum):
    """The types of a family, by their numbers."""

    COUNTER = 0
    GAUGE = 1
    SUMMARY = 2
    UNTYPED = 3
    HISTOGRAM = 4
    GAUGEHISTOGRAM = 5


_REPEATED: Final = "*"
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "LabelPair": {"name": (1, "string"), "value": (2, "string")},
    "Number": {"value": (1, "double")},
    "Counter": {"value": (1, "double"), "created_timestamp": (3, "Timestamp")},
    "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    "Summary": {
        "sample_count": (1, "uint64"),
        "sample_sum": (2, "double"),
        "quantile": (3, "Quantile*"),
        "created_timestamp": (4, "Timestamp"),
    },
    "Bucket": {
        "cumulative_count": (1, "uint64"),
        "upper_bound": (2, "double"),
        "cumulative_count_float": (4, "double"),
    },
    "BucketSpan": {"offset": (1, "sint32"), "length": (2, "uint32")},
    "Histogram": {
        "sample_count": (1, "uint64"),
        "sample_sum": (2, "double"),
        "bucket": (3, "Bucket*"),
        "sample_count_float": (4, "double"),
        "schema": (5, "sint32"),
        "zero_threshold": (6, "double"),
        "zero_count": (7, "uint64"),
        "zero_count_float": (8, "double"),
        "negative_span": (9, "BucketSpan*"),
        "negative_delta": (10, "sint64*"),
        "negative_count": (11, "double*"),
        "positive_span": (12, "BucketSpan*"),
        "positive_delta": (13, "sint64*"),
        "positive_count": (14, "double*"),
        "created_timestamp": (15, "Timestamp"),
    },
    "Metric": {
        "label": (1, "LabelPair*"),
        "gauge": (2, "Number"),
        "counter": (3, "Counter"),
        "summary": (4, "Summary"),
        "untyped": (5, "Number"),
        "histogram": (7, "Histogram"),
    },
    # Its metrics stay bytes until somebody wants them.
    "MetricFamily": {
        "name": (1, "string"),
        "help": (2, "string"),
        "type": (3, "int32"),
        "metric": (4, "bytes*"),
    },
}


def families(body: bytes) -> Iterator[Message]:
    """The families of a page in its order: `name`, `help`, `type` (a Kind) and `metric`, the bytes
    of each. ExpositionError at the first that can't be read.
    """
    at = number = metrics = 0
    while at < len(body):
        at, end = _bounds(body, at)
        number += 1
        if number > MAX_FAMILIES:
            raise ExpositionError(f"over {MAX_FAMILIES} families")
        family = _parsed(FAMILY, body[at:end], "")
        if not family.name:
            raise ExpositionError("malformed page: a family without a name")
        if family.type not in _KINDS:
            said = f"{shortened(family.name, 60)} is of the type {family.type}"
            raise ExpositionError(f"malformed page: {said}, which is none")
        metrics += len(family.metric)
        if metrics > MAX_METRICS:
            raise ExpositionError(f"over {MAX_METRICS} metrics")
        yield family
        at = end


def metric_of(raw: bytes, name: str) -> Message:
    """One Metric of the family of this name. ExpositionError when it can't be read."""
    if len(raw) > MAX_METRIC_BYTES:
        raise ExpositionError(f"a series of {shortened(name, 60)} is over {MAX_METRIC_BYTES} bytes")
    return _parsed(METRIC, raw, name)


def place_of(raw: bytes, *path: int) -> int | None:
    """Where the eight bytes of a double stand in a message that was read well, by the numbers of
    the fields that lead there; None: nowhere, or in no one place.
    """
    begin, end = 0, len(raw)
    for number in path:
        places = [where for found, where in _fields(raw, begin, end) if found == number]
        if len(places) != 1:
            return None
        begin, end = places[0]
    return begin if end - begin == _DOUBLE_BYTES else None


def _fields(raw: bytes, at: int, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """The fields of raw[at:end], and where the value of each begins and ends; up to a group, which
    nobody writes any more.
    """
    while at < end:
        tag, at = _varint(raw, at)
        begin = at
        match tag & 7:
            case 0:  # a varint
                at = _varint(raw, at)[1]
            case 1:  # eight bytes
                at += 8
            case 2:  # its length, and so many bytes
                size, begin = _varint(raw, at)
                at = begin + size
            case 5:  # four bytes
                at += 4
            case _:
                return
        yield tag >> 3, (begin, at)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number of base 128, and where it ends. IndexError when it doesn't."""
    number = shift = 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # the last one
            return number, at
        shift += 7


def _bounds(body: bytes, at: int) -> tuple[int, int]:
    """Where the message begins whose length stands at `at`, and where it ends."""
    try:
        size, begin = _varint(body[at : at + _LONGEST_LENGTH], 0)
    except IndexError:
        cut = len(body) - at < _LONGEST_LENGTH
        reason = "truncated page" if cut else "malformed page: no length of a family"
        raise ExpositionError(reason) from None
    begin += at
    if size > MAX_FAMILY_BYTES:
        raise ExpositionError(f"a family is over {MAX_FAMILY_BYTES} bytes")
    if begin + size > len(body):
        raise ExpositionError("truncated page: its last family is cut short")
    return begin, begin + size


def _parsed(kind: Message, raw: bytes, name: str) -> Message:
    try:
        return kind.FromString(raw)
    except DecodeError as error:  # texts that are not UTF-8, too
        what = shortened(name, 60) or "a family"
        raise ExpositionError(f"malformed page: {what} is no protobuf message") from error


def _made() -> Mapping[str, Message]:
    """The classes of the messages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="vigie/metrics.proto", package="io.prometheus.client", syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text, (number, kind) in fields.items():
            plain = kind.removesuffix(_REPEATED)
            label = field.LABEL_OPTIONAL if plain == kind else field.LABEL_REPEATED
            added = message.field.add(name=text, number=number, label=label)
            if plain in _MESSAGES:
                added.type, added.type_name = field.TYPE_MESSAGE, f".{file.package}.{plain}"
            else:
                added.type = field.Type.Value(f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()  # of our own: others may describe the same names
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return {
        name: message_factory.GetMessageClass(find(f"{file.package}.{name}")) for name in _MESSAGES
    }


_KINDS: Final = frozenset(Kind)
_CLASSES: Final = _made()
FAMILY: Final = _CLASSES["MetricFamily"]
METRIC: Final = _CLASSES["Metric"]
HISTOGRAM: Final = _CLASSES["Histogram"]
