"""Reading pages in protobuf: what is wanted of them, which is what the page in text would say."""

import math

import pytest

from collectors.exposition import Counts, ExpositionError, Reader
from collectors.relabel import Action, Rule
from collectors.scraping import AS_USUAL, Scraping
from exposition_pages import TEXT
from proto_pages import (
    COUNTER,
    EVERY_KIND,
    GAUGE,
    HISTOGRAM,
    NATIVE,
    PROTO,
    SUMMARY,
    Histogram,
    Plain,
    Summary,
    family,
    metric,
    raw_family,
)
from slo.series import RULES, Page, count, unseen
from slo.spec import Births, Matcher, MatchOp, Selector
from writing import nested

REQUESTS = Selector("requests_total")


def where(metric: str, op: MatchOp = MatchOp.EQUAL, **labels: str) -> Selector:
    return Selector(metric, tuple(Matcher(name, op, value) for name, value in labels.items()))


def bucket(le: str, name: str = "latency_seconds_bucket") -> Selector:
    return where(name, le=le)


def reader(*selectors: Selector, scraping: Scraping = AS_USUAL, **labels: str) -> Reader:
    return Reader(labels, frozenset(selectors or {REQUESTS}), scraping=scraping)


def values(page: Page) -> dict[str, float]:
    keys = [key.decode() for key in page.layout.keys]
    return dict(zip(keys, page.values.tolist(), strict=True))


def both(body: bytes, *selectors: Selector, scraping: Scraping = AS_USUAL) -> dict[str, float]:
    """What the page says, read strictly, then fast, after an empty page, and at first sight."""
    tested = reader(*selectors, scraping=scraping)
    first, scraped = tested.read(body, PROTO, 1.0)
    again, _ = tested.read(body, PROTO, 2.0)
    assert again.layout is first.layout
    tested.read(b"", PROTO, 3.0)
    later, _ = tested.read(body, PROTO, 4.0)
    assert values(first) == values(again) == values(later)
    fresh = reader(*selectors, scraping=scraping)
    fresh.read(b"", PROTO, 0.0)
    alone, counted = fresh.read(body, PROTO, 1.0)
    assert (values(alone), counted) == (values(first), scraped)
    return values(first)


def refusal(body: bytes, *selectors: Selector, scraping: Scraping = AS_USUAL) -> str:
    """Why the page is refused, strictly and in fast reading."""
    tested = reader(*selectors, scraping=scraping)
    with pytest.raises(ExpositionError) as strictly:
        tested.read(body, PROTO, 1.0)
    tested.read(b"", PROTO, 0.0)
    with pytest.raises(ExpositionError) as refused:
        tested.read(body, PROTO, 1.0)
    assert refused.value.reason == strictly.value.reason
    return refused.value.reason


def test_every_kind_of_family_is_read_as_its_page_in_text() -> None:
    metrics = ("requests_total", "loose_total", "rpc_seconds", "rpc_seconds_count")
    parts = ("rpc_seconds_sum", *(f"latency_seconds_{part}" for part in ("bucket", "sum", "count")))
    assert both(EVERY_KIND, *map(Selector, (*metrics, *parts))) == {
        'requests_total{code="200"}': 7,
        'requests_total{code="500"}': 1,
        "loose_total": 4,
        'rpc_seconds{quantile="0.5"}': 0.1,
        'rpc_seconds{quantile="1.0"}': 0.4,
        "rpc_seconds_sum": 2.5,
        "rpc_seconds_count": 9,
        'latency_seconds_bucket{le="0.5",p="/"}': 1,
        'latency_seconds_bucket{le="1.0",p="/"}': 3,
        'latency_seconds_bucket{le="+Inf",p="/"}': 4,
        'latency_seconds_sum{p="/"}': 2.5,
        'latency_seconds_count{p="/"}': 4,
    }


def test_samples_are_counted_as_lines_of_a_page_in_text() -> None:
    for selector in (REQUESTS, Selector("latency_seconds_count"), Selector("other")):
        tested = reader(selector)
        assert tested.read(EVERY_KIND, PROTO, 1.0)[1] == 13
        assert tested.read(EVERY_KIND, PROTO, 2.0)[1] == 13
    tested = Reader({}, frozenset({REQUESTS}), frozenset({Selector("temperature")}))
    page, _ = tested.read(EVERY_KIND, PROTO, 1.0)
    assert page.gauges.tolist() == [-5]
    assert tested.counts == Counts(scraped=13, kept=13, added=3)
    tested.read(EVERY_KIND, PROTO, 2.0)
    assert tested.counts.added == 0


def test_only_the_value_may_change_for_a_series_to_be_recognised() -> None:
    def page(a: float, b: float, at: float, *, exemplar: bool = False) -> bytes:
        one = ({"code": "200"}, Plain(a, created=at, exemplar=exemplar))
        return family("requests_total", COUNTER, one, ({"code": "500"}, Plain(b)))

    tested = reader()
    first, _ = tested.read(page(1, 2, 100.5), PROTO, 1000.0)
    assert first.created.tolist()[0] == 100.5
    assert math.isnan(first.created.tolist()[1])
    second, _ = tested.read(page(10, 20, 100.5), PROTO, 1001.0)
    assert (second.layout is first.layout, second.values.tolist()) == (True, [10, 20])
    third, _ = tested.read(page(3, 30, 990.25), PROTO, 1002.0)
    assert (third.layout is first.layout, third.values.tolist()) == (True, [3, 30])
    assert third.created.tolist()[0] == 990.25
    with_exemplar, _ = tested.read(page(4, 31, 990.25, exemplar=True), PROTO, 1003.0)
    assert (with_exemplar.values.tolist(), with_exemplar.created[0]) == ([4, 31], 990.25)


def test_creation_is_told_of_every_part_and_is_no_series_itself() -> None:
    latency = Histogram(4, buckets={0.5: 1}, created=50.0)
    body = family("requests_total", COUNTER, ({"a": "b"}, Plain(7, created=60.0)))
    body += family("latency_seconds", HISTOGRAM, ({"p": "/"}, latency))
    body += family("rpc_seconds", SUMMARY, ({}, Summary(9, 2.5, created=70.0)))
    wanted = ("requests_total", "latency_seconds_bucket", "latency_seconds_count")
    gauges = frozenset({Selector("requests_created"), Selector("latency_seconds_created")})
    tested = Reader({}, frozenset(map(Selector, (*wanted, "rpc_seconds_count"))), gauges)
    page, scraped = tested.read(body, PROTO, 100.0)
    assert page.created.tolist() == [60, 50, 50, 50, 70]
    assert page.gauge_layout.keys == ()
    assert scraped == 1 + 4 + 2


def test_the_start_of_the_process_is_read() -> None:
    start = family("process_start_time_seconds", GAUGE, ({}, Plain(1.7e9)))
    assert reader().read(start, PROTO, 1.0)[0].process_start == 1.7e9


# -- native histograms ----------------------------------------------------------------------------


def test_a_native_histogram_tells_the_buckets_that_are_asked_for() -> None:
    body = family("latency_seconds", HISTOGRAM, ({"p": "/"}, NATIVE))
    asked = bucket("0.5"), bucket("2"), bucket("8"), bucket("+Inf"), Selector("latency_seconds_sum")
    assert both(body, *asked, Selector("latency_seconds_count")) == {
        'latency_seconds_bucket{le="0.5",p="/"}': 3,
        'latency_seconds_bucket{le="2.0",p="/"}': 15,
        'latency_seconds_bucket{le="8.0",p="/"}': 15,  # not filled yet, and told all the same
        'latency_seconds_bucket{le="+Inf",p="/"}': 20,
        'latency_seconds_sum{p="/"}': 5,
        'latency_seconds_count{p="/"}': 20,
    }
    assert reader(*asked).read(body, PROTO, 1.0)[1] == 3  # +Inf, sum and count, as in text


def test_a_bucket_that_fills_for_the_first_time_is_no_new_series() -> None:
    tested, births = reader(bucket("4"), bucket("0.5")), Births.ZERO
    memory, _ = count(unseen(None), tested.read(page_of(NATIVE), PROTO, 1.0)[0], births)
    more = Histogram(23, schema=0, zero_count=1, positive=[(-1, 4)], counts=[2, 4, 8, 3])
    memory, grown = count(memory, tested.read(page_of(more), PROTO, 2.0)[0], births)
    assert grown.counts.tolist() == [3]
    assert grown.layout.named_by[grown.rows[0]] == (str(bucket("4")),)
    reset = Histogram(2, schema=0, positive=[(-1, 1)], counts=[2])
    _, grown = count(memory, tested.read(page_of(reset), PROTO, 3.0)[0], births)
    assert grown.counts.tolist() == [2, 2]


def page_of(*histograms: Histogram) -> bytes:
    each = [({"n": str(i)}, one) for i, one in enumerate(histograms)]
    return family("latency_seconds", HISTOGRAM, *each)


def test_classic_buckets_come_before_native_ones() -> None:
    one = Histogram(
        20, buckets={0.3: 2, 1.0: 6}, schema=0, zero_count=1, positive=[(0, 1)], counts=[7]
    )
    asked = bucket("0.3"), bucket("1"), bucket("2")
    assert both(page_of(one), *asked) == {
        'latency_seconds_bucket{le="0.3",n="0"}': 2,
        'latency_seconds_bucket{le="1.0",n="0"}': 6,
        'latency_seconds_bucket{le="2.0",n="0"}': 8,
    }
    assert reader(*asked).read(page_of(one), PROTO, 1.0)[1] == 5
    assert refusal(page_of(one), bucket("0.7")).startswith("native histogram latency_seconds has")


def test_a_threshold_that_no_native_bucket_ends_at_refuses_the_page_that_it_is_asked_of() -> None:
    reason = 'native histogram latency_seconds has no bucket that ends at le="0.3"'
    assert refusal(page_of(NATIVE), bucket("0.3")) == f"{reason}: ask for 0.25 or 0.5"
    assert both(page_of(NATIVE), bucket("0.3", "others_bucket"), bucket("1")) == {
        'latency_seconds_bucket{le="1.0",n="0"}': 7
    }
    elsewhere = where("latency_seconds_bucket", le="0.3", n="1")
    assert both(page_of(NATIVE), elsewhere) == {}


@pytest.mark.parametrize(
    "vague",
    [
        Selector("latency_seconds_bucket"),
        where("latency_seconds_bucket", MatchOp.MATCH, le="0.5|1"),
        where("latency_seconds_bucket", MatchOp.NOT_EQUAL, le="0.5"),
    ],
)
def test_native_buckets_are_asked_for_by_their_bound_alone(vague: Selector) -> None:
    said = 'native histogram latency_seconds: ask for its buckets by le="..."'
    assert refusal(page_of(NATIVE), vague) == said
    whole = {"schema": 0, "positive": [(0, 1)], "counts": [4]}
    assert refusal(page_of(Histogram(4, buckets={math.inf: 4}, **whole)), vague) == said  # type: ignore[arg-type]  # its fields
    classic = Histogram(4, buckets={0.5: 1, 1.0: 3})
    assert both(page_of(classic), vague)


def test_a_histogram_that_is_cut_to_half_its_buckets_goes_on() -> None:
    """A client at its limit joins buckets by twos: ends of the coarser ones are among the finer."""
    fine = Histogram(10, schema=1, positive=[(0, 2)], counts=[4, 6])  # ends at 1 and at 1.41
    coarse = Histogram(10, schema=0, positive=[(0, 2)], counts=[4, 6])  # at 1 and 2
    tested = reader(bucket("1"), bucket("2"))
    assert list(values(tested.read(page_of(fine), PROTO, 1.0)[0]).values()) == [4, 10]
    assert list(values(tested.read(page_of(coarse), PROTO, 2.0)[0]).values()) == [4, 10]


# -- as a scrape config says ----------------------------------------------------------------------


def test_nothing_is_born_by_a_page_in_another_format() -> None:
    """Bounds are spelt le="1" in text and le="1.0" in protobuf."""
    asked = bucket("1")
    text = b'latency_seconds_bucket{le="1"} 1000\nlatency_seconds_bucket{le="+Inf"} 1000\n'
    tested = reader(asked)
    memory, _ = count(unseen(None), tested.read(text, TEXT, 1.0)[0], Births.ZERO)
    page, _ = tested.read(page_of(Histogram(1003, buckets={1.0: 1001})), PROTO, 2.0)
    assert any(text.startswith(RULES) for text in page.read_for)
    assert str(asked) in page.read_for
    memory, grown = count(memory, page, Births.ZERO)
    assert grown.counts.tolist() == []
    page, _ = tested.read(page_of(Histogram(1005, buckets={1.0: 1002})), PROTO, 3.0)
    assert count(memory, page, Births.ZERO)[1].counts.tolist() == [1]


def test_metric_relabelling_sees_every_series() -> None:
    rename = Rule(
        source_labels=("__name__",), regex="old_(.*)", target_label="__name__", replacement="$1"
    )
    rules = Scraping(
        metric_relabel=(
            rename,
            Rule(Action.DROP, ("code",), regex="5.."),
            Rule(Action.LABELDROP, regex="x"),
        )
    )
    body = family(
        "old_requests_total",
        COUNTER,
        ({"code": "200", "x": "1"}, Plain(7)),
        ({"code": "500"}, Plain(1)),
    ) + family("old_latency_seconds", HISTOGRAM, ({}, NATIVE))
    tested = reader(REQUESTS, bucket("1"), scraping=rules)
    for at in (1.0, 2.0):
        page, _ = tested.read(body, PROTO, at)
        assert values(page) == {
            'old_requests_total{code="200",x="1"}': 7,
            'old_latency_seconds_bucket{le="1.0"}': 7,
        }
        assert (tested.counts.scraped, tested.counts.kept) == (5, 4)
    assert 'le="..."' in refusal(body, Selector("latency_seconds_bucket"), scraping=rules)
    limited = Scraping(metric_relabel=rules.metric_relabel, sample_limit=4)
    assert both(body, REQUESTS, scraping=limited)


def test_limits_hold() -> None:
    assert refusal(EVERY_KIND, scraping=Scraping(sample_limit=12)) == "over sample_limit: 13 of 12"
    assert both(EVERY_KIND, scraping=Scraping(sample_limit=13))
    assert refusal(EVERY_KIND, scraping=Scraping(label_limit=1)).startswith("over label_limit: 2")
    unwanted = reader(Selector("loose_total"), scraping=Scraping(label_limit=2))
    with pytest.raises(ExpositionError, match=r"over label_limit: 3 of 2 \(latency_"):
        unwanted.read(EVERY_KIND, PROTO, 1.0)  # strictly, all of them are looked at


def test_honored_labels_win() -> None:
    body = family("requests_total", COUNTER, ({"job": "pushed", "a": ""}, Plain(1)))
    honor = Scraping(honor_labels=True)
    page, _ = reader(where("requests_total", job="pushed"), scraping=honor, job="b").read(
        body, PROTO, 1.0
    )
    assert values(page) == {'requests_total{job="pushed"}': 1}
    page, _ = reader(where("requests_total", exported_job="pushed"), job="b").read(body, PROTO, 1.0)
    assert values(page) == {'requests_total{job="pushed"}': 1}


# -- what is refused ------------------------------------------------------------------------------

TWICE = ({"a": "b"}, Plain(1))
REFUSED = {
    "counter requests_total is NaN": family("requests_total", COUNTER, ({}, Plain(math.nan))),
    "counter requests_total is negative": family("requests_total", COUNTER, ({}, Plain(-1))),
    'duplicate series requests_total{a="b"}': family("requests_total", COUNTER, TWICE, TWICE),
    "malformed page: requests_total has a label twice": raw_family(
        b"requests_total",
        COUNTER,
        nested(1, nested(1, b"a") + nested(2, b"1")) + metric(COUNTER, {"a": "2"}, Plain(1)),
    ),
    "malformed page: requests_total has the label `__x`, which is no name": family(
        "requests_total", COUNTER, ({"__x": "1"}, Plain(1))
    ),
    "malformed page: requests_total has the label ``, which is no name": family(
        "requests_total", COUNTER, ({"": "1"}, Plain(1))
    ),
    "malformed page: requests_total without its counter": raw_family(
        b"requests_total", COUNTER, metric(GAUGE, {}, Plain(1))
    ),
    "malformed page: requests_total is no protobuf message": raw_family(
        b"requests_total", COUNTER, b"\xff"
    ),
    "truncated page: its last family is cut short": EVERY_KIND[:-3],
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_page_is_refused_as_a_whole_with_its_reason(reason: str) -> None:
    assert refusal(REFUSED[reason]) == reason


def test_a_histogram_has_no_bound_of_its_own() -> None:
    body = family("latency_seconds", HISTOGRAM, ({"le": "1"}, Histogram(1)))
    said = "malformed page: latency_seconds has a label le of its own"
    assert refusal(body, Selector("latency_seconds_bucket")) == said


def test_all_of_a_page_is_decoded_when_it_is_read_strictly() -> None:
    broken = EVERY_KIND + raw_family(b"other", GAUGE, b"\xff")
    with pytest.raises(ExpositionError, match="other is no protobuf message"):
        reader().read(broken, PROTO, 1.0)
    fast = reader()
    fast.read(b"", PROTO, 0.0)
    assert values(fast.read(broken, PROTO, 1.0)[0])


def test_a_refused_page_is_forgotten_and_what_was_learnt_is_not() -> None:
    tested = reader()
    tested.read(EVERY_KIND, PROTO, 1.0)
    with pytest.raises(ExpositionError):
        tested.read(EVERY_KIND[:-1], PROTO, 2.0)
    assert tested.reads_strictly(PROTO)
    assert len(values(tested.read(EVERY_KIND, PROTO, 3.0)[0])) == 2
