"""Reading current values: any value of any series, beside the counters and without harm to them."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exposition import ExpositionError, Reader
from slo.series import Page
from slo.spec import Matcher, MatchOp, Selector

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
REQUESTS = Selector("requests_total")
POOL, READY = Selector("pool"), Selector("pool", (Matcher("state", MatchOp.EQUAL, "ready"),))
BODY = b"""requests_total{code="200"} 7
pool{state="ready"} -1.5
pool{state="busy"} NaN
other 3
temperature +Inf
"""


def reader(*gauges: Selector, labels: Mapping[str, str] | None = None) -> Reader:
    return Reader(labels or {}, frozenset({REQUESTS}), frozenset(gauges))


def gauges_of(page: Page) -> dict[str, float]:
    keys = [key.decode() for key in page.gauge_layout.keys]
    return dict(zip(keys, page.gauges.tolist(), strict=True))


def test_a_gauge_may_have_any_value_and_counters_stay_what_they_were() -> None:
    tested = reader(POOL, READY, Selector("temperature"))
    for at in (1.0, 2.0):  # strictly, then fast
        page, samples = tested.read(BODY, TEXT, at)
        assert page.layout.keys == (b'requests_total{code="200"}',)
        assert page.values.tolist() == [7.0]
        assert page.gauge_layout.keys == (
            b'pool{state="ready"}',
            b'pool{state="busy"}',
            b"temperature",
        )
        assert page.gauge_layout.named_by == (
            ("pool{}", 'pool{state="ready"}'),
            ("pool{}",),
            ("temperature{}",),
        )
        assert page.gauges[0] == -1.5
        assert math.isnan(page.gauges[1])
        assert page.gauges[2] == math.inf
        assert page.gauges.dtype == np.float64
        assert samples == 5
        named = (REQUESTS, POOL, READY, Selector("temperature"))
        assert page.read_for == {str(selector) for selector in named}


def test_without_gauges_a_page_has_none() -> None:
    page, _ = Reader({}, frozenset({REQUESTS})).read(BODY, TEXT, 1.0)
    assert page.gauge_layout.keys == ()
    assert len(page.gauges) == 0


def test_a_series_may_be_counted_and_read_as_it_is() -> None:
    page, _ = reader(REQUESTS, POOL).read(BODY, TEXT, 1.0)
    assert page.values.tolist() == [7.0]
    assert gauges_of(page)['requests_total{code="200"}'] == 7.0
    with pytest.raises(ExpositionError, match="counter requests_total is negative"):
        reader(REQUESTS).read(b"requests_total -1\n", TEXT, 1.0)


def test_each_layout_is_kept_while_its_own_series_stay() -> None:
    tested = reader(POOL)
    first, _ = tested.read(b"requests_total 1\npool 1\n", TEXT, 1.0)
    more, _ = tested.read(b'requests_total 1\nrequests_total{code="500"} 1\npool 2\n', TEXT, 2.0)
    assert more.layout is not first.layout
    assert more.gauge_layout is first.gauge_layout
    fewer, _ = tested.read(b"requests_total 1\n", TEXT, 3.0)
    assert fewer.gauge_layout.keys == ()
    assert len(fewer.gauges) == 0
    again, _ = tested.read(
        b"requests_total 1\npool 5\npool{a='b'} 1\n".replace(b"'", b'"'), TEXT, 4.0
    )
    assert gauges_of(again) == {"pool": 5.0, 'pool{a="b"}': 1.0}


def test_a_gauge_that_stands_twice_is_refused() -> None:
    with pytest.raises(ExpositionError, match="duplicate series pool"):
        reader(POOL).read(b'pool{a="1"} 1\npool{ a="1"} 1\n', TEXT, 1.0)


def test_an_unreadable_line_of_a_gauge_refuses_the_page() -> None:
    tested = reader(POOL)
    tested.read(b"requests_total 1\npool 1\n", TEXT, 1.0)
    for bad in (b"pool 1_000\n", b"pool\n", b"pool <x>\n", b'pool{a="1",a="2"} 1\n'):
        with pytest.raises(ExpositionError, match="unreadable line"):
            tested.read(b"requests_total 1\n" + bad, TEXT, 2.0)


def test_the_labels_of_the_target_choose_gauges_too() -> None:
    ours = Selector("pool", (Matcher("job", MatchOp.EQUAL, "shop"),))
    theirs = Selector("pool", (Matcher("job", MatchOp.EQUAL, "bank"),))
    page, _ = reader(ours, theirs, labels={"job": "shop"}).read(b"pool 1\n", TEXT, 1.0)
    assert page.gauge_layout.named_by == ((str(ours),),)


def test_the_process_start_can_be_read_as_a_gauge() -> None:
    start = Selector("process_start_time_seconds")
    body = b"process_start_time_seconds 1.7e+09\nrequests_total 1\n"
    page, _ = reader(start).read(body, TEXT, 1.0)
    assert gauges_of(page) == {"process_start_time_seconds": 1.7e9}
    assert page.process_start == 1.7e9


def test_edges_of_buckets_are_matched_by_number_in_either_format() -> None:
    edge = Selector("lat_bucket", (Matcher("le", MatchOp.EQUAL, "5"),))
    tested = Reader({}, frozenset({edge}))
    body = b"""# TYPE lat histogram
lat_bucket{le="0.5"} 1
lat_bucket{le="5.0"} 2
lat_bucket{le="+Inf"} 3
lat_count 3
lat_sum 4.5
# EOF
"""
    page, _ = tested.read(body, OPENMETRICS, 1.0)
    assert page.values.tolist() == [2.0]
    page, _ = tested.read(b'lat_bucket{le="5"} 4\nlat_bucket{le="50"} 5\n', TEXT, 2.0)
    assert page.values.tolist() == [4.0]


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**70), 2**70)
spellings = st.sampled_from(["{}", "{} 1700000000000", " {}", "{}  "])


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(numbers, spellings)))
def test_strict_fast_and_model_agree_on_any_values(
    shown: dict[str, tuple[float, str]],
) -> None:
    lines = [f'pool{{id="{name}"}} {spelt.format(value)}' for name, (value, spelt) in shown.items()]
    body = "\n".join([*lines, ""]).encode()
    tested = reader(POOL)
    model = {f'pool{{id="{name}"}}': float(value) for name, (value, _) in shown.items()}
    for at in (1.0, 2.0):
        page, _ = tested.read(body, TEXT, at)
        assert repr(gauges_of(page)) == repr(model)
