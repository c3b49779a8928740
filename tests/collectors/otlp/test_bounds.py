"""How many messages a body may hold: what is counted before it is read is what is there then."""

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.otlp import bounds, wire
from collectors.otlp.bounds import (
    MAX_ITEMS,
    MAX_JSON_OBJECTS,
    MAX_JSON_VALUES,
    MAX_MESSAGES,
    Malformed,
    TooMany,
    check_json,
    check_protobuf,
)
from writing import nested, number

REQUESTS: list[Any] = [ExportTraceServiceRequest, ExportMetricsServiceRequest]
ITEM_NAMES = ("Spans", "Span", "Metrics", "Metric", "DataPoint")


def spans(content: bytes) -> bytes:
    return nested(1, nested(2, content))


def span(content: bytes) -> bytes:
    return spans(nested(2, content))


def metric(content: bytes) -> bytes:
    return spans(nested(2, content))


def filled(message: Any, rng: random.Random, depth: int = 0) -> Any:
    """A message with some of all the fields that it may have, by its descriptor."""
    for one in message.DESCRIPTOR.fields:
        for _ in range(rng.choice((0, 1, 2)) if one.is_repeated else rng.choice((0, 1))):
            if one.type == FieldDescriptor.TYPE_MESSAGE:
                if depth < 9:
                    into = getattr(message, one.name)
                    inner = into.add() if one.is_repeated else into
                    inner.SetInParent()
                    filled(inner, rng, depth + 1)
            elif one.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}:
                text = rng.choice((b"", b"J*z\x12"))
                value: Any = text.decode() if one.type == FieldDescriptor.TYPE_STRING else text
                getattr(message, one.name).append(value) if one.is_repeated else setattr(
                    message, one.name, value
                )
    return message


def counted(message: Any) -> tuple[int, int]:
    """Items and messages (texts that may be many too) within a message, as protobuf has them."""
    items = messages = 0
    for one, value in message.ListFields():
        for inner in value if one.is_repeated else [value]:
            if one.type == FieldDescriptor.TYPE_MESSAGE:
                below = counted(inner)
                items += below[0] + one.message_type.name.endswith(ITEM_NAMES)
                messages += below[1] + 1
            elif one.is_repeated:
                messages += 1
    return items, messages


def passes(body: bytes, descriptor: Any, items: int, messages: int) -> bool:
    """Whether a body passes these limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "MAX_ITEMS", items)
        patch.setattr(bounds, "MAX_MESSAGES", messages)
        try:
            check_protobuf(body, descriptor)
        except TooMany:
            return False
    return True


@given(st.integers(0, 2**32), st.sampled_from(REQUESTS))
def test_as_many_are_counted_as_are_there(seed: int, kind: Callable[[], Any]) -> None:
    request = filled(kind(), random.Random(seed))
    body, (items, messages) = request.SerializeToString(), counted(request)
    assert passes(body, request.DESCRIPTOR, items, messages)
    assert items == 0 or not passes(body, request.DESCRIPTOR, items - 1, messages)
    assert messages == 0 or not passes(body, request.DESCRIPTOR, items, messages - 1)


@given(st.binary(max_size=60), st.sampled_from(REQUESTS))
def test_what_is_called_malformed_is_none_to_protobuf_either(body: bytes, kind: Any) -> None:
    for content in (body, span(body), metric(nested(5, body))):
        try:
            passes(content, kind.DESCRIPTOR, 0, 0)
        except Malformed:
            with pytest.raises(DecodeError):
                kind.FromString(content)


ITEMS, MESSAGES = 400, 2000  # limits that are as good as the real ones
LONG_TAG = b"\xca\x00"  # field 9 of a span in two bytes
FLOODS: dict[str, tuple[Any, bytes]] = {
    "resources": (ExportTraceServiceRequest, nested(1, b"") * (ITEMS + 1)),
    "scopes": (ExportTraceServiceRequest, nested(1, nested(2, b"") * ITEMS)),
    "spans": (ExportTraceServiceRequest, spans(nested(2, b"") * ITEMS)),
    "attributes": (ExportTraceServiceRequest, span(nested(9, b"") * MESSAGES)),
    "long tags": (ExportTraceServiceRequest, span((LONG_TAG + b"\x00") * MESSAGES)),
    "events": (ExportTraceServiceRequest, span(nested(11, b"") * MESSAGES)),
    "links": (ExportTraceServiceRequest, span(nested(13, b"") * MESSAGES)),
    "statuses": (ExportTraceServiceRequest, span(nested(15, b"") * MESSAGES)),
    "an array": (
        ExportTraceServiceRequest,
        span(nested(9, nested(2, nested(5, nested(1, b"") * MESSAGES)))),
    ),
    "a map": (
        ExportTraceServiceRequest,
        span(nested(9, nested(2, nested(6, nested(1, b"") * MESSAGES)))),
    ),
    "keys": (
        ExportTraceServiceRequest,
        nested(1, nested(1, nested(3, b"\x1a\x00" * MESSAGES))),
    ),
    "metrics": (ExportMetricsServiceRequest, spans(nested(2, b"") * ITEMS)),
    "points": (ExportMetricsServiceRequest, metric(nested(5, nested(1, b"") * ITEMS))),
    "exemplars": (
        ExportMetricsServiceRequest,
        metric(nested(7, nested(1, nested(5, b"") * MESSAGES))),
    ),
    "buckets": (
        ExportMetricsServiceRequest,
        metric(nested(10, nested(1, nested(8, nested(2, b"\x01" * (8 * MESSAGES + 8)))))),
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_each_kind_of_message_counts(name: str) -> None:
    kind, body = FLOODS[name]
    assert not passes(body, kind.DESCRIPTOR, ITEMS, MESSAGES)
    assert passes(body, kind.DESCRIPTOR, ITEMS + 5, MESSAGES + 10)


@pytest.mark.parametrize(
    ("read", "body", "of"),
    [
        (wire.read_traces, spans(nested(2, b"") * MAX_ITEMS), "400000 spans or points"),
        (wire.read_metrics, spans(nested(2, b"") * MAX_ITEMS), "400000 spans or points"),
        (wire.read_traces, span(nested(9, b"") * MAX_MESSAGES), "2000000 messages"),
    ],
)
def test_a_small_body_cannot_stand_for_any_number_of_messages(
    read: Callable[[bytes, str], Any], body: bytes, of: str
) -> None:
    assert len(body) < wire.MAX_BODY_BYTES // 4
    with pytest.raises(wire.Refused, match=f"over {of}: send smaller batches") as refused:
        read(body, wire.PROTOBUF)
    assert refused.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_body_full_of_spans_that_say_little_passes() -> None:
    ids = nested(1, bytes(range(16))) + nested(2, bytes(range(8)))
    times = b"\x39" + (1 << 60).to_bytes(8, "little") + b"\x41" + (1 << 60).to_bytes(8, "little")
    one = nested(2, ids + nested(5, b"GET /a") + b"\x30\x02" + times + nested(15, b"\x18\x01"))
    body = spans(one * ((wire.MAX_BODY_BYTES - 100) // len(one)))
    read = wire.read_traces(body, wire.PROTOBUF)
    assert len(read.resource_spans[0].scope_spans[0].spans) > 300_000


def test_values_nested_without_end_are_no_message() -> None:
    body = b""
    for _ in range(2000):
        body = nested(5, nested(1, body))
    with pytest.raises(Malformed, match="nested"):
        passes(span(nested(9, nested(2, body))), ExportTraceServiceRequest.DESCRIPTOR, 99, 1500)


@pytest.mark.parametrize(
    ("body", "of"),
    [
        (b'{"resourceSpans":[' + b"{}," * MAX_JSON_OBJECTS + b"{}]}", "objects and arrays"),
        (b"[" * (MAX_JSON_OBJECTS + 1), "objects and arrays"),
        (b"[" + b"1," * (MAX_JSON_VALUES + 1) + b"1]", "values"),
        (b'{"x":"' + b":" * MAX_JSON_VALUES + b'"}', "values"),  # too strict, never too lax
    ],
)
def test_a_small_body_of_json_cannot_stand_for_any_number_of_values(body: bytes, of: str) -> None:
    with pytest.raises(TooMany, match=of):
        check_json(body)
    with pytest.raises(wire.Refused, match=of):
        wire.read_metrics(body, wire.JSON)


def test_a_number_may_take_many_bytes() -> None:
    body = spans(nested(2, b"\x30" + number(1 << 63)))
    assert passes(body, ExportTraceServiceRequest.DESCRIPTOR, 3, 3)
    assert not passes(body, ExportTraceServiceRequest.DESCRIPTOR, 2, 3)
