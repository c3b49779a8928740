"""Families on the wire: what is read of them, and which pages are refused for what reason."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import proto
from collectors.errors import ExpositionError
from collectors.proto import Kind, families, metric_of, place_of
from proto_pages import (
    COUNTER,
    EXEMPLAR,
    GAUGE,
    Plain,
    delimited,
    double,
    family,
    metric,
    raw_family,
    stamp,
    whole,
)
from writing import nested, number

ONE = family("a_total", COUNTER, ({"code": "200"}, Plain(3)), about="How many.")


def test_a_page_is_families_one_after_another() -> None:
    page = ONE + family("b", GAUGE) + ONE
    found = [(f.name, f.help, Kind(f.type), len(f.metric)) for f in families(page)]
    first = ("a_total", "How many.", Kind.COUNTER, 1)
    assert found == [first, ("b", "", Kind.GAUGE, 0), first]
    assert list(families(b"")) == []


REFUSED = {
    "truncated page: its last family is cut short": ONE[:-1],
    "truncated page": b"\xff\xff",
    "malformed page: no length of a family": b"\xff\xff\xff\xff\xff\x01",
    f"a family is over {proto.MAX_FAMILY_BYTES} bytes": number(proto.MAX_FAMILY_BYTES + 1) + ONE,
    "malformed page: a family without a name": b"\x00",
    "malformed page: a family is no protobuf message": delimited(b"\x0a\xff"),
    "malformed page: a is of the type 6, which is none": delimited(nested(1, b"a") + whole(3, 6)),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_page_is_refused_with_its_reason(reason: str) -> None:
    with pytest.raises(ExpositionError) as refused:
        list(families(REFUSED[reason]))
    assert refused.value.reason == reason


def test_texts_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(ExpositionError, match="a family is no protobuf message"):
        list(families(raw_family(b"\xff", COUNTER)))
    with pytest.raises(ExpositionError, match="a_total is no protobuf message"):
        metric_of(nested(1, nested(1, b"code") + nested(2, b"\xc3")), "a_total")


def test_families_metrics_and_their_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proto, "MAX_FAMILIES", 2)
    assert len(list(families(ONE * 2))) == 2
    with pytest.raises(ExpositionError, match="over 2 families"):
        list(families(ONE * 3))
    monkeypatch.setattr(proto, "MAX_METRICS", 1)
    with pytest.raises(ExpositionError, match="over 1 metrics"):
        list(families(ONE * 2))
    with pytest.raises(ExpositionError, match="a series of a_total is over 1048576 bytes"):
        metric_of(bytes(proto.MAX_METRIC_BYTES + 1), "a_total")


def test_the_place_of_a_value_is_found_where_it_has_one() -> None:
    raw = metric(COUNTER, {"a": "b"}, Plain(2.5, created=1700000000.5, exemplar=True))
    at = place_of(raw, 3, 1)
    assert at is not None
    assert raw[at : at + 8] == double(1, 2.5)[1:]
    assert place_of(raw, 2, 1) is None
    assert place_of(raw + raw, 3, 1) is None  # two of them: the last one holds
    assert place_of(nested(3, whole(1, 5)), 3, 1) is None
    assert place_of(nested(3, stamp(3, 5.0)), 3, 1) is None
    others = whole(9, 300) + number(9 << 3 | 5) + b"1234" + double(8, 1)
    assert place_of(others + nested(3, double(1, 2.5) + nested(2, EXEMPLAR)), 3, 1) is not None
    assert place_of(number(9 << 3 | 3) + number(9 << 3 | 4) + raw, 3, 1) is None  # a group


@given(st.binary(max_size=60) | st.binary(max_size=60).map(delimited))
def test_any_bytes_are_families_or_refused(body: bytes) -> None:
    with contextlib.suppress(ExpositionError):
        for found in families(body):
            assert found.name
            for raw in found.metric:
                metric_of(raw, found.name)
                place_of(raw, 3, 1)
