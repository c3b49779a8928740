"""How many spans a sampled one stands for."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.otlp.sampling import MAX_WEIGHT, ONE, weight


@pytest.mark.parametrize(
    ("tracestate", "spans"),
    [
        ("", 1),
        ("vendor=x", 1),
        ("ot=th:0", 1),
        ("ot=th:8", 2),  # half of all are rejected
        ("ot=th:c", 4),
        ("vendor=th:8, ot=rv:abc;th:c", 4),
        ("ot=p:0", 1),
        ("ot=p:3;r:62", 8),
        ("ot=p:63", 0),
        ("ot=th:8;p:3", 2),  # the newer one counts
    ],
)
def test_the_weight_is_the_inverse_of_the_probability(tracestate: str, spans: int) -> None:
    assert weight(tracestate) == spans * ONE


@pytest.mark.parametrize(
    "tracestate",
    [
        *("ot=th:", "ot=th:xyz", "ot=th:000000000000000", "ot=p:64", "ot=p:-1", "ot=p:x"),
        *("ot=p:\u0663", "ot=th:ffffffffffffff", "ot=p:30", "ot=th:F"),
    ],
)
def test_what_cannot_be_or_is_too_rare_has_no_weight(tracestate: str) -> None:
    assert weight(tracestate) is None


@given(st.integers(0, 2**56 - 1))
def test_weights_are_exact_to_a_part_of_2_to_the_64th(threshold: int) -> None:
    exact = Fraction(2**56, 2**56 - threshold)
    found = weight(f"ot=th:{threshold:014x}")
    if exact > MAX_WEIGHT:
        assert found is None
    else:
        assert found is not None
        assert 0 <= Fraction(found, ONE) - exact < Fraction(1, ONE)
