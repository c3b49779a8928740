"""The wire of remote write: what an encoder writes is read, and nothing else passes."""

import math
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import remote_write
from collectors.remote_write import (
    MAX_BODY_BYTES,
    MAX_FIELDS,
    MAX_SAMPLES,
    MAX_SERIES,
    Refused,
    check_headers,
    decode,
    read,
)
from writing import STALE, Series, body, message, nested, number, packed

FLOATS = st.floats(allow_nan=False)
TIMES = st.integers(-(1 << 52), 1 << 52)
LABELS = st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=6)
SERIES = st.builds(
    Series,
    LABELS,
    st.lists(st.tuples(TIMES, FLOATS), min_size=1, max_size=5, unique_by=lambda s: s[0]),
)


def refusal(sent: bytes, limit: int) -> Refused | None:
    """How a body is refused; None: it is read."""
    try:
        decode(sent, limit)
    except Refused as error:
        return error
    return None


@given(st.lists(SERIES, max_size=5))
def test_what_was_encoded_is_read(sent: list[Series]) -> None:
    found = decode(body(*sent), MAX_BODY_BYTES)
    assert [dict(one.labels) for one in found] == [dict(one.labels) for one in sent]
    for got, one in zip(found, sent, strict=True):
        at, values = zip(*sorted(one.samples), strict=True)
        assert got.at.tolist() == [time / 1000 for time in at]
        assert got.values.tolist() == list(values)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_name(content: bytes) -> None:
    for sent in (content, packed(content)):
        refused = refusal(sent, 10_000)
        assert refused is None or (refused.status in {400, 413} and 0 < len(refused.reason) < 200)


@given(st.lists(SERIES, min_size=1, max_size=3), st.data())
def test_a_message_that_is_spoilt_is_read_or_refused_by_name(
    sent: list[Series], data: st.DataObject
) -> None:
    content = bytearray(message(sent))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    refused = refusal(packed(cut), MAX_BODY_BYTES)
    assert refused is None or refused.status == HTTPStatus.BAD_REQUEST


def test_samples_come_in_time_order_without_what_is_no_number() -> None:
    sent = Series({"__name__": "a"}, [(2000, 5.0), (1000, 3.0), (3000, STALE), (4000, math.nan)])
    found = read(body(sent, Series({"__name__": "b"}, [(1, STALE)])))
    assert [(one.labels, one.at.tolist(), one.values.tolist()) for one in found.series] == [
        ({"__name__": "a"}, [1.0, 2.0], [3.0, 5.0])
    ]
    assert found.passed_over == {"stale": 3}


def test_what_is_no_sample_is_passed_over_and_counted() -> None:
    others = nested(3, b"\x00what") + nested(4, b"") + nested(4, b"") + nested(9, b"new")
    wanted, unwanted = (Series({"__name__": name}, [(1, 1.0), (2, 2.0)], others) for name in "ab")
    metadata = nested(3, b"of the request")
    found = read(packed(message([wanted, unwanted]) + metadata), wanted={"a"})
    assert [one.labels["__name__"] for one in found.series] == ["a"]
    assert found.passed_over == {"exemplars": 2, "histograms": 4, "unwanted": 2, "stale": 0}


def test_a_field_that_is_not_there_is_zero() -> None:
    found = decode(packed(nested(1, nested(1, nested(1, b"a")) + nested(2, b""))))
    assert (found[0].labels, found[0].at.tolist(), found[0].values.tolist()) == (
        {"a": ""},
        [0.0],
        [0.0],
    )


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"", 400, "no snappy block"),
        (b"\xff" * 20, 400, "no snappy block"),
        (b"\x05\x10ab", 400, "no snappy block"),
        (number(101) + b"\x00", 413, "over 100 bytes unpacked"),
        (number(1 << 60), 413, "over 100 bytes unpacked"),
        (packed(b"\x0a\x05abc"), 400, "longer than its message"),
        (packed(b"\x0b"), 400, "wire type 3"),
        (packed(b"\x02\x00"), 400, "without a number"),
        (packed(b"\xff" * 11), 400, "without an end"),
        (packed(nested(1, nested(1, nested(1, b"\xff")))), 400, "not UTF-8"),
        (packed(nested(1, nested(1, nested(1, b"a")) * 2)), 400, "label `a` twice"),
    ],
)
def test_refusals_name_what_is_wrong(sent: bytes, status: int, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as caught:
        decode(sent, 100)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        (nested(1, b"") * (MAX_SERIES + 1), "series"),
        (nested(1, nested(2, b"") * (MAX_SAMPLES + 1)), "samples"),
        (nested(15, b"") * (MAX_FIELDS + 1), "fields"),
    ],
)
def test_a_small_body_cannot_stand_for_any_number_of_series(content: bytes, limit: str) -> None:
    with pytest.raises(Refused, match=limit) as caught:
        decode(packed(content))
    assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "content",
    [
        nested(1, nested(3, b"") * 1000),
        nested(1, nested(1, nested(9, b"") * 1000)),
        nested(1, nested(2, b"\x10\x01" * 1000)),
        nested(1, nested(1, b"")) * 500 + nested(3, b""),
    ],
    ids=["exemplars", "unknown of a label", "times of a sample", "of all series together"],
)
def test_fields_of_every_message_count(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_write, "MAX_FIELDS", 1000)
    with pytest.raises(Refused, match="over 1000 fields") as caught:
        decode(packed(content))
    assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert decode(packed(content[:0])) == []


@pytest.mark.parametrize(
    ("content_type", "encoding", "taken"),
    [
        ("application/x-protobuf", "snappy", True),
        ("application/x-protobuf;proto=prometheus.WriteRequest", "Snappy", True),
        ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", False),
        ("application/json", "snappy", False),
        ("", "snappy", False),
        ("application/x-protobuf", "gzip", False),
        ("application/x-protobuf", "", False),
    ],
)
def test_the_headers_say_what_a_body_is(content_type: str, encoding: str, taken: bool) -> None:
    if taken:
        check_headers(content_type, encoding)
        return
    with pytest.raises(Refused) as caught:
        check_headers(content_type, encoding)
    assert caught.value.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
