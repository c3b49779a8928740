"""Bodies of OTLP/HTTP."""

import base64
import gzip
import json
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.otlp import wire

# The example of opentelemetry-proto's examples/trace.json, of which these are the parts.
OFFICIAL = """{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
"value":{"stringValue":"my.service"}}]},"scopeSpans":[{"scope":{"name":"my.library"},"spans":[
{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
"parentSpanId":"EEE19B7EC3C1B173","name":"I'm a server span",
"startTimeUnixNano":1544712660000000000,"endTimeUnixNano":"1544712661000000000","kind":2}]}]}]}"""


def span_of(text: str) -> Any:
    request = wire.read_traces(text.encode(), wire.JSON)
    return request.resource_spans[0].scope_spans[0].spans[0]


def one(**span: Any) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def test_the_official_example_is_read_with_its_ids_as_hex() -> None:
    span = span_of(OFFICIAL)
    assert span.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (
        "eee19b7ec3c1b174",
        "eee19b7ec3c1b173",
    )
    assert (span.kind, span.name) == (2, "I'm a server span")
    assert span.end_time_unix_nano - span.start_time_unix_nano == 10**9


@pytest.mark.parametrize(
    ("span", "name", "value"),
    [
        ({"startTimeUnixNano": 5}, "start_time_unix_nano", 5),
        ({"startTimeUnixNano": "5"}, "start_time_unix_nano", 5),
        ({"startTimeUnixNano": 5.0}, "start_time_unix_nano", 5),
        ({"start_time_unix_nano": 5}, "start_time_unix_nano", 0),  # lowerCamelCase only
        ({"name": None}, "name", ""),
        ({"fromTheFuture": {"a": [1]}, "name": "x"}, "name", "x"),
    ],
)
def test_fields_are_read_as_otlp_writes_them(span: Any, name: str, value: object) -> None:
    assert getattr(span_of(one(**span)), name) == value


@pytest.mark.parametrize(
    "span",
    [
        {"kind": "SPAN_KIND_SERVER"},
        {"kind": True},
        {"kind": 2**40},
        {"traceId": "xyz"},
        {"traceId": 5},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": 1.5},
        {"startTimeUnixNano": 2**64},
        {"name": 7},
        {"attributes": {"key": "a"}},
        {"attributes": [{"key": "a", "value": {"bytesValue": "%%"}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": 1}}]},
        {"attributes": [7]},
        {"status": []},
        {"name": "\ud800"},
    ],
)
def test_what_cannot_be_is_refused_with_its_place(span: Any) -> None:
    with pytest.raises(wire.Refused, match="malformed") as refused:
        span_of(one(**span))
    assert refused.value.status is HTTPStatus.BAD_REQUEST


def test_values_nested_without_end_are_refused() -> None:
    value: Any = {"stringValue": "x"}
    for _ in range(300):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(wire.Refused, match="nested"):
        span_of(one(attributes=[{"key": "a", "value": value}]))


VALUES = st.recursive(
    st.one_of(
        st.text(max_size=5).map(lambda v: {"stringValue": v}),
        st.booleans().map(lambda v: {"boolValue": v}),
        st.integers(-(2**63), 2**63 - 1).map(lambda v: {"intValue": str(v)}),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda v: {"doubleValue": v}),
        st.binary(max_size=5).map(lambda v: {"bytesValue": base64.b64encode(v).decode()}),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda v: {"arrayValue": {"values": v}}),
    max_leaves=5,
)


@given(VALUES)
def test_every_kind_of_value_is_read(value: Any) -> None:
    read = span_of(one(attributes=[{"key": "a", "value": value}])).attributes[0].value
    assert _plain(read) == value


def _plain(value: Any) -> Any:
    """A message as JSON again, by hand."""
    kind = value.WhichOneof("value")
    read = getattr(value, kind)
    if kind == "array_value":
        return {"arrayValue": {"values": [_plain(one) for one in read.values]}}
    if kind == "bytes_value":
        return {"bytesValue": base64.b64encode(read).decode()}
    if kind == "double_value":
        return {"doubleValue": read}
    name = {"string_value": "stringValue", "bool_value": "boolValue"}.get(kind, "intValue")
    return {name: str(read) if name == "intValue" else read}


def test_an_infinite_number_is_a_word() -> None:
    value = {"doubleValue": "-Infinity"}
    read = span_of(one(attributes=[{"key": "a", "value": value}])).attributes[0].value
    assert read.double_value == float("-inf")


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    for media in (wire.PROTOBUF, wire.JSON):
        try:
            wire.read_traces(body, media)
            wire.read_metrics(body, media)
        except wire.Refused as refused:
            assert refused.status is HTTPStatus.BAD_REQUEST  # noqa: PT017 - or it is read


def test_a_body_is_unpacked_up_to_the_limit() -> None:
    body = b"x" * 1000
    packed = gzip.compress(body, mtime=0)
    assert wire.unpacked(packed, "gzip", 1000) == body
    assert wire.unpacked(packed + packed, "GZIP", 2000) == body * 2
    assert wire.unpacked(body, "identity", 1000) == wire.unpacked(body, "", 1000) == body


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"x" * 1001, mtime=0), "gzip", 413),
        (gzip.compress(b"x" * 600, mtime=0) * 2, "gzip", 413),
        (b"x" * 1001, "", 413),
        (gzip.compress(b"", mtime=0) * 101, "gzip", 413),  # each member costs a copy of the rest
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "gzip", 400),
        (b"no gzip", "gzip", 400),
        (b"x", "zstd", 415),
    ],
)
def test_other_bodies_are_refused(body: bytes, encoding: str, status: int) -> None:
    with pytest.raises(wire.Refused) as refused:
        wire.unpacked(body, encoding, 1000)
    assert refused.value.status == status


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10**9 // 4), 9, mtime=0)
    with pytest.raises(wire.Refused, match="smaller batches"):
        wire.unpacked(bomb, "gzip")
