"""What a metric in protobuf says: samples as of a page in text, and native histograms exactly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import ExpositionError
from collectors.proto import Kind, Message, metric_of
from collectors.proto_samples import (
    Native,
    counted,
    created,
    is_native,
    names,
    samples,
    spelt,
    value_of,
)
from proto_pages import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY,
    Histogram,
    Plain,
    Summary,
    Value,
    metric,
)
from writing import nested


def read(kind: int, value: Value) -> Message:
    return value_of(metric_of(metric(kind, {}, value), "x"), Kind(kind), "x")


def histogram(value: Histogram) -> Message:
    return read(HISTOGRAM, value)


SAMPLES = [
    (COUNTER, Plain(2.5), [(("", None), 2.5)]),
    (GAUGE, Plain(-math.inf), [(("", None), -math.inf)]),
    (
        SUMMARY,
        Summary(7, 1.5, {0.5: 0.1, 0.99: math.inf}),
        [(("", 0.5), 0.1), (("", 0.99), math.inf), (("_sum", None), 1.5), (("_count", None), 7)],
    ),
    (
        HISTOGRAM,
        Histogram(9, 4.5, {0.1: 3, 1.0: 8}),
        [
            (("_bucket", 0.1), 3),
            (("_bucket", 1.0), 8),
            (("_bucket", math.inf), 9),
            (("_sum", None), 4.5),
            (("_count", None), 9),
        ],
    ),
    (
        HISTOGRAM,
        Histogram(2.5, 1.0, {0.1: 0.5, math.inf: 2.5}, floats=True),
        [
            (("_bucket", 0.1), 0.5),
            (("_bucket", math.inf), 2.5),
            (("_sum", None), 1.0),
            (("_count", None), 2.5),
        ],
    ),
]


@pytest.mark.parametrize(("kind", "value", "expected"), SAMPLES)
def test_a_metric_has_the_samples_of_its_page_in_text(
    kind: int, value: Value, expected: list[object]
) -> None:
    assert samples(read(kind, value), Kind(kind)) == expected
    assert counted([metric(kind, {"a": "b"}, value)], Kind(kind), "x") == len(expected)
    told = {f"x{suffix}" for (suffix, _), _ in samples(read(kind, value), Kind(kind))}
    assert told == set(names(Kind(kind), "x"))


def test_what_was_created_says_when() -> None:
    at = 1700000000.25
    assert created(read(COUNTER, Plain(1, created=at)), Kind.COUNTER) == at
    assert created(read(SUMMARY, Summary(1, 1, created=at)), Kind.SUMMARY) == at
    assert created(histogram(Histogram(1, created=at)), Kind.HISTOGRAM) == at
    assert math.isnan(created(read(COUNTER, Plain(1)), Kind.COUNTER))
    assert math.isnan(created(read(GAUGE, Plain(1)), Kind.GAUGE))


def test_a_metric_without_the_value_of_its_type_is_refused() -> None:
    with pytest.raises(ExpositionError, match="x without its histogram"):
        value_of(metric_of(metric(GAUGE, {}, Plain(1)), "x"), Kind.HISTOGRAM, "x")
    assert value_of(metric_of(nested(3, b""), "x"), Kind.COUNTER, "x").value == 0  # left out: 0


SPELT = {
    0.0: "0.0", 1.0: "1.0", -1.0: "-1.0", 0.005: "0.005", 2.5: "2.5", 10.0: "10.0",
    0.0001: "0.0001", 0.00001: "1e-05", 0.000012: "1.2e-05", 100000.0: "100000.0",
    1e6: "1e+06", 1234567.0: "1.234567e+06", 1.5e300: "1.5e+300", 5e-324: "5e-324",
    0.7071067811865475: "0.7071067811865475", -2.5e-7: "-2.5e-07",
    math.inf: "+Inf", -math.inf: "-Inf", math.nan: "NaN",
}  # fmt: skip


@pytest.mark.parametrize(("number", "text"), SPELT.items())
def test_bounds_are_spelt_as_prometheus_does(number: float, text: str) -> None:
    assert spelt(number) == text


@given(st.floats())
def test_a_bound_is_read_as_it_was_spelt(number: float) -> None:
    assert repr(float(spelt(number))) == repr(number)


# -- native histograms ----------------------------------------------------------------------------


def test_a_histogram_is_native_when_it_has_buckets_or_could_have() -> None:
    assert not is_native(histogram(Histogram(3, buckets={1.0: 3})))
    assert is_native(histogram(Histogram(0, schema=0, positive=[(0, 0)])))
    assert is_native(histogram(Histogram(0, schema=0, negative=[(0, 0)])))
    assert is_native(histogram(Histogram(0, schema=0, zero_threshold=1e-9)))
    assert is_native(histogram(Histogram(2, schema=0, zero_count=2)))
    assert is_native(histogram(Histogram(2, schema=0, zero_count=2, floats=True)))


# Schema 1: bucket i ends at 2**(i/2). Buckets -2 (0.35..0.5], -1 and 3 (2..2.83], with a gap.
WORKED: dict[str, object] = {
    "schema": 1,
    "zero_threshold": 0.125,
    "zero_count": 10,
    "positive": [(-2, 2), (3, 1)],
    "counts": [1, 2, 4],
    "negative": [(0, 1)],
    "negative_counts": [100],
    "count": 120,
}
UPTO = {0.125: 110, 0.25: 110, 2**-1.5: 110, 0.5: 111, 2**-0.5: 113, 1.0: 113, 2.0: 113,
        2**1.5: 117, 4.0: 117, 2.0**40: 117}  # fmt: skip


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_native_histogram_tells_what_is_not_above_the_end_of_a_bucket(
    floats: bool, packed: bool
) -> None:
    value = histogram(Histogram(**WORKED, floats=floats, packed=packed))  # type: ignore[arg-type]  # its fields
    assert {le: Native(value, "x").upto(le) for le in UPTO} == UPTO


def test_ends_of_buckets_may_be_rounded_as_each_client_does() -> None:
    """Go's tables have 0.7071067811865475 for the root of a half, Python 0.7071067811865476."""
    value = histogram(Histogram(**WORKED))  # type: ignore[arg-type]  # its fields
    assert Native(value, "x").upto(0.7071067811865475) == Native(value, "x").upto(math.sqrt(0.5))


NOT_TOLD = {
    0.3: 'x has no bucket that ends at le="0.3": ask for 0.25 or 0.3535533905932738',
    3.0: 'x has no bucket that ends at le="3.0": ask for 2.8284271247461903 or 4.0',
    0.5000001: 'ends at le="0.5000001": ask for 0.5 or 0.7071067811865476',
    0.1: 'x has no bucket that ends at le="0.1": its zero bucket reaches up to 0.125',
    -1.0: 'x has no bucket that ends at le="-1.0": its zero bucket reaches up to 0.125',
    1.7976931348623157e308: "or +Inf",
}


@pytest.mark.parametrize("le", NOT_TOLD)
def test_a_bound_within_a_bucket_is_refused_and_not_guessed(le: float) -> None:
    with pytest.raises(ExpositionError) as refused:
        Native(histogram(Histogram(**WORKED)), "x").upto(le)  # type: ignore[arg-type]  # its fields
    assert NOT_TOLD[le] in refused.value.reason


def test_what_is_zero_is_told_where_the_zero_bucket_holds_nothing_else() -> None:
    value = Histogram(9, schema=3, zero_count=4, negative=[(0, 1)], negative_counts=[5])
    assert Native(histogram(value), "x").upto(0.0) == 9


CONTRADICTIONS: dict[str, dict[str, object]] = {
    "is of schema 9": {"schema": 9},
    "is of schema -53": {"schema": -53},
    "no zero_threshold that can be": {"zero_threshold": math.inf},
    "not as many buckets as its spans say": {"positive": [(0, 4_000_000_000)]},
    "a bucket of less than nothing": {"counts": [1, -2, 4]},
    "spans that overlap": {"positive": [(0, 2), (-1, 1)]},
    "more in its buckets than in all": {"count": 116},
}


@pytest.mark.parametrize("reason", CONTRADICTIONS)
def test_a_native_histogram_that_contradicts_itself_is_refused(reason: str) -> None:
    value = Histogram(**{**WORKED, **CONTRADICTIONS[reason]})  # type: ignore[arg-type]  # its fields
    with pytest.raises(ExpositionError, match=reason):
        Native(histogram(value), "x")


def test_a_bucket_that_is_no_number_is_refused() -> None:
    value = Histogram(**{**WORKED, "counts": [1, math.nan, 4], "floats": True})  # type: ignore[arg-type]  # its fields
    with pytest.raises(ExpositionError, match="more in its buckets than in all"):
        Native(histogram(value), "x")


def test_observations_that_are_no_number_are_in_no_bucket() -> None:
    value = histogram(Histogram(**{**WORKED, "count": 125}))  # type: ignore[arg-type]  # its fields
    assert Native(value, "x").upto(4.0) == 117


@given(
    st.integers(-4, 8),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=4),
    st.integers(-20, 20),
    st.data(),
)
def test_counts_up_to_any_end_equal_a_plain_sum(
    schema: int, gaps: list[tuple[int, int]], first: int, data: st.DataObject
) -> None:
    spans = [(first + gap if not i else gap, size) for i, (gap, size) in enumerate(gaps)]
    model: dict[int, int] = {}
    index = 0
    for offset, size in spans:
        index += offset
        for _ in range(size):
            model[index] = data.draw(st.integers(0, 9))
            index += 1
    value = Histogram(sum(model.values()), schema=schema, positive=spans, counts=[*model.values()])
    if not is_native(histogram(value)):
        return
    last = data.draw(st.integers(first - 2, index + 2))
    upto = Native(histogram(value), "x").upto(2.0 ** (last / 2.0**schema))
    assert upto == sum(count for i, count in model.items() if i <= last)
