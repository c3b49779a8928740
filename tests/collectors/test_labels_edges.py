"""The edges of buckets, which clients spell in different ways, are matched by number."""

import pytest

from collectors.labels import Choice, compatible
from slo.spec import Matcher, MatchOp, Selector

EQUAL, NOT_EQUAL, MATCH, NOT_MATCH = MatchOp


@pytest.mark.parametrize(
    ("op", "wanted", "edge", "named"),
    [
        (EQUAL, "5", "5.0", True),
        (EQUAL, "5.0", "5", True),
        (EQUAL, "5", "5e0", True),
        (EQUAL, "0.1", "1e-1", True),
        (EQUAL, "+Inf", "Inf", True),
        (EQUAL, "inf", "+Inf", True),
        (EQUAL, "5", "50", False),
        (EQUAL, "5", "+Inf", False),
        (EQUAL, "10", "1_0", False),
        (EQUAL, "5", "", False),
        (EQUAL, "", "", True),
        (EQUAL, "", "5", False),
        (EQUAL, "NaN", "NaN", True),
        (EQUAL, "none", "none", True),
        (NOT_EQUAL, "5", "5.0", False),
        (NOT_EQUAL, "5", "6", True),
        (NOT_EQUAL, "5", "", True),
        (MATCH, "5", "5.0", False),
        (MATCH, "5(\\.0)?", "5.0", True),
        (NOT_MATCH, "5", "5.0", True),
    ],
)
def test_an_edge_is_a_number_and_a_pattern_a_text(
    op: MatchOp, wanted: str, edge: str, named: bool
) -> None:
    selector = Selector("lat_bucket", (Matcher("le", op, wanted),))
    assert bool(Choice({}, [selector]).named_by("lat_bucket", {"le": edge})) is named
    if edge:
        assert compatible(selector, {"le": edge}) is named


def test_no_other_label_is_a_number() -> None:
    selector = Selector("m", (Matcher("code", EQUAL, "5"),))
    assert not Choice({}, [selector]).named_by("m", {"code": "5.0"})
