"""Reading pages: what is wanted, what is odd, what is refused, and that both readings agree."""

import contextlib
import math
import re
from collections.abc import Mapping

import numpy as np
import pytest

from collectors.exposition import STRICT_EVERY, ExpositionError, Reader
from exposition_pages import OPENMETRICS, TEXT
from slo.series import Page
from slo.spec import Matcher, MatchOp, Selector

ALL = Selector("requests_total")
FAILED = Selector("requests_total", (Matcher("code", MatchOp.MATCH, "5.."),))
NOTHING = {TEXT: b"", OPENMETRICS: b"# EOF\n"}


def reader(*selectors: Selector, labels: Mapping[str, str] | None = None) -> Reader:
    return Reader(labels or {}, frozenset(selectors or {ALL}))


def fast_reader(content_type: str, *selectors: Selector) -> Reader:
    """A reader past its strict first page, with nothing learnt."""
    fast = reader(*selectors)
    fast.read(NOTHING[content_type], content_type, 0.0)
    assert not fast.reads_strictly(content_type)
    return fast


def values(page: Page) -> dict[str, float]:
    return dict(zip([key.decode() for key in page.layout.keys], page.values.tolist(), strict=True))


def both(body: bytes, content_type: str = TEXT, *selectors: Selector) -> dict[str, float]:
    """What the page says, read strictly and then fast."""
    tested = reader(*selectors)
    first, first_samples = tested.read(body, content_type, 1.0)
    again, samples = tested.read(body, content_type, 2.0)
    assert again.layout is first.layout
    alone, _ = fast_reader(content_type, *selectors).read(body, content_type, 1.0)
    assert values(first) == values(again) == values(alone)
    assert first_samples == samples
    return values(first)


def refusal(body: bytes, content_type: str = TEXT, *selectors: Selector) -> str:
    """The reason why the page is refused in fast reading; strictly it is refused as well."""
    with pytest.raises(ExpositionError):
        reader(*selectors).read(body, content_type, 1.0)
    with pytest.raises(ExpositionError) as refused:
        fast_reader(content_type, *selectors).read(body, content_type, 1.0)
    return refused.value.reason


# -- what is wanted ---------------------------------------------------------------------------


def test_only_series_that_a_selector_names_are_on_the_page_each_with_the_selectors() -> None:
    body = b'requests_total{code="200"} 7\nrequests_total{code="503"} 2\nother_total 1\n'
    page, samples = reader(ALL, FAILED).read(body, TEXT, 12.5)
    assert page.layout.keys == (b'requests_total{code="200"}', b'requests_total{code="503"}')
    assert page.layout.named_by == (
        ("requests_total{}",),
        ("requests_total{}", 'requests_total{code=~"5.."}'),
    )
    assert page.values.tolist() == [7.0, 2.0]
    assert page.values.dtype == np.float64
    assert page.at == 12.5
    assert page.read_for == {str(ALL), str(FAILED)}
    assert samples == 3


def test_a_page_without_a_wanted_series_is_a_good_page_with_none() -> None:
    page, samples = reader().read(b"other_total 1\n", TEXT, 1.0)
    assert page.layout.keys == ()
    assert len(page.values) == len(page.created) == 0
    assert samples == 1


def test_an_empty_text_page_is_read() -> None:
    assert reader().read(b"", TEXT, 1.0)[1] == 0


def test_a_selector_that_the_targets_labels_rule_out_is_still_read_for() -> None:
    elsewhere = Selector("requests_total", (Matcher("region", MatchOp.EQUAL, "us"),))
    page, _ = reader(elsewhere, labels={"region": "eu"}).read(b"requests_total 1\n", TEXT, 1.0)
    assert page.layout.keys == ()
    assert page.read_for == {str(elsewhere)}


def test_matchers_see_the_targets_labels_over_those_of_the_page() -> None:
    of_job = Selector("requests_total", (Matcher("job", MatchOp.EQUAL, "shop"),))
    exported = Selector("requests_total", (Matcher("exported_job", MatchOp.EQUAL, "own"),))
    tested = reader(of_job, exported, labels={"job": "shop"})
    page, _ = tested.read(b'requests_total{job="own"} 1\n', TEXT, 1.0)
    assert page.layout.named_by == ((str(exported), str(of_job)),)
    assert page.layout.keys == (b'requests_total{job="own"}',)


def test_the_same_series_in_the_same_order_keep_the_layout_though_all_else_moves() -> None:
    tested = reader(FAILED)
    first, _ = tested.read(b'requests_total{code="500"} 1\n', TEXT, 1.0)
    more = b'# a comment\nother 3\nrequests_total{code="200"} 9\nrequests_total{ code="500", } 2\n'
    second, _ = tested.read(more, TEXT, 2.0)
    assert second.layout is first.layout
    assert second.values.tolist() == [2.0]


def test_a_new_series_or_another_order_is_a_new_layout() -> None:
    tested = reader()
    first, _ = tested.read(b'requests_total{code="1"} 1\nrequests_total{code="2"} 2\n', TEXT, 1.0)
    turned, _ = tested.read(b'requests_total{code="2"} 2\nrequests_total{code="1"} 1\n', TEXT, 2.0)
    grown, _ = tested.read(b'requests_total{code="3"} 3\n', TEXT, 3.0)
    assert turned.layout is not first.layout
    assert turned.values.tolist() == [2.0, 1.0]
    assert grown.layout.keys == (b'requests_total{code="3"}',)


def test_a_series_spelt_otherwise_is_the_same_series() -> None:
    tested = reader()
    first, _ = tested.read(b'requests_total{b="2",a="1"} 1\n', TEXT, 1.0)
    again, _ = tested.read(b'requests_total { a = "1" , b="2", c="" } 2\n', TEXT, 2.0)
    assert again.layout is first.layout
    assert first.layout.keys == (b'requests_total{a="1",b="2"}',)


def test_the_start_of_the_process_is_read_when_it_stands_without_labels() -> None:
    body = b"requests_total 1\nprocess_start_time_seconds 1.7e+09\n"
    assert reader().read(body, TEXT, 1.0)[0].process_start == 1.7e9
    of_another = b'requests_total 1\nprocess_start_time_seconds{pod="a"} 1.7e+09\n'
    assert reader().read(of_another, TEXT, 1.0)[0].process_start is None
    unknown = b"process_start_time_seconds NaN\n"
    assert reader().read(unknown, TEXT, 1.0)[0].process_start is None


def test_openmetrics_creation_belongs_to_its_series_and_is_nan_where_not_said() -> None:
    body = b"""# TYPE requests counter
requests_total{code="200"} 7
requests_created{code="200"} 1700000000.5
requests_total{code="500"} 1
# TYPE latency histogram
latency_bucket{path="/",le="0.5"} 3
latency_bucket{path="/",le="+Inf"} 4
latency_count{path="/"} 4
latency_sum{path="/"} 4.5
latency_created{path="/"} 1700000001
# EOF
"""
    wanted = (ALL, Selector("latency_bucket"), Selector("latency_count"))
    tested = reader(*wanted)
    for at in (1.0, 2.0):
        page, samples = tested.read(body, OPENMETRICS, at)
        created = dict(zip(page.layout.keys, page.created.tolist(), strict=True))
        assert math.isnan(created.pop(b'requests_total{code="500"}'))
        assert created == {
            b'requests_total{code="200"}': 1700000000.5,
            b'latency_bucket{le="0.5",path="/"}': 1700000001.0,
            b'latency_bucket{le="+Inf",path="/"}': 1700000001.0,
            b'latency_count{path="/"}': 1700000001.0,
        }
        assert samples == 8


def test_in_the_text_format_a_gauge_named_created_says_nothing_about_a_counter() -> None:
    page, _ = reader().read(b"requests_total 1\nrequests_created 5\n", TEXT, 1.0)
    assert np.isnan(page.created).all()


# -- what is odd ------------------------------------------------------------------------------

ODD = {
    "no TYPE": (b"requests_total 1\n", {"requests_total": 1}),
    "first byte": (b'requests_total{a="b"} 1', {'requests_total{a="b"}': 1}),
    "no trailing newline": (b"x 1\nrequests_total 4", {"requests_total": 4}),
    "untyped between": (
        b"requests_total 1\nrequests_total_seconds 2\nmy_requests_total 3\n",
        {"requests_total": 1},
    ),
    "counter without _total": (
        b"# TYPE requests_total gauge\nrequests_total 1\n",
        {"requests_total": 1},
    ),
    "split family": (
        b'requests_total{a="1"} 1\nx 2\nrequests_total{a="2"} 2\n# HELP x y\n'
        b'requests_total{a="3"} 3\n',
        {'requests_total{a="1"}': 1, 'requests_total{a="2"}': 2, 'requests_total{a="3"}': 3},
    ),
    "timestamp": (b"requests_total 5 1700000000000\n", {"requests_total": 5}),
    "timestamp and labels": (b'requests_total{a="b"}\t5\t-12\n', {'requests_total{a="b"}': 5}),
    "spaces": (
        b' \t requests_total \t{ a = "b" \t, c= "d"}   5.5  \n',
        {'requests_total{a="b",c="d"}': 5.5},
    ),
    "no space before the value": (b'requests_total{a="b"}5\n', {'requests_total{a="b"}': 5}),
    "trailing comma": (b'requests_total{a="b",} 5\n', {'requests_total{a="b"}': 5}),
    "empty braces": (b"requests_total{} 5\n", {"requests_total": 5}),
    "empty value": (b'requests_total{a=""} 5\n', {"requests_total": 5}),
    "CRLF": (b'requests_total{a="b"} 5\r\n\r\nx 1\r\n', {'requests_total{a="b"}': 5}),
    "braces in a value": (
        b'requests_total{a="}",b="{x=\\"1\\"} 7"} 5\n',
        {'requests_total{a="}",b="{x=\\"1\\"} 7"}': 5},
    ),
    "escapes": (
        b'requests_total{a="\\\\",b="\\n",c="\\"",d="\\\\n",e="\\x"} 5\n',
        {'requests_total{a="\\\\",b="\\n",c="\\"",d="\\\\n",e="\\\\x"}': 5},
    ),
    "not ASCII": (
        'requests_total{a="é\u2028漢"} 5\n'.encode(),
        {'requests_total{a="é\u2028漢"}': 5},
    ),
    "hash in a value": (b'requests_total{a=" # {"} 5\n', {'requests_total{a=" # {"}': 5}),
    "numbers": (
        b'requests_total{a="1"} 1e3\nrequests_total{a="2"} +4\nrequests_total{a="3"} .5\n'
        b'requests_total{a="4"} 007\nrequests_total{a="5"} 9007199254740993\n',
        {
            'requests_total{a="1"}': 1000,
            'requests_total{a="2"}': 4,
            'requests_total{a="3"}': 0.5,
            'requests_total{a="4"}': 7,
            'requests_total{a="5"}': 9007199254740992,
        },
    ),
    "quoted name": (b'{"requests_total",a="b"} 5\n', {'requests_total{a="b"}': 5}),
    "quoted label": (b'requests_total{"a.b"="c"} 5\n', {'requests_total{"a.b"="c"}': 5}),
    "a comment that looks like a sample": (
        b"#requests_total 1\n # requests_total 2\nrequests_total 3\n",
        {"requests_total": 3},
    ),
    "an exemplar where none belongs": (
        b'requests_total 5 # {trace="x"} 1 1.5\n',
        {"requests_total": 5},
    ),
    "NaN elsewhere": (b"x NaN\ny +Inf\nrequests_total 5\n", {"requests_total": 5}),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_text_page_says_what_prometheus_client_reads_in_it(name: str) -> None:
    body, wanted = ODD[name]
    assert both(body) == wanted


def test_names_of_every_length_are_found_wherever_the_page_ends() -> None:
    for size in range(1, 40):
        metric = ("abcdefghij" * 4)[:size]
        body = f"{metric}x 1\n{metric} 2\nx{metric} 3\n{metric[:-1]}_ 4\n".encode()
        for page in (body, body * 2, b"# a comment that is long enough\n" * 3 + body):
            tested = fast_reader(TEXT, Selector(metric))
            if page is not body and page.count(b" 2\n") > 1:
                with pytest.raises(ExpositionError, match="duplicate series"):
                    tested.read(page, TEXT, 1.0)
            else:
                assert values(tested.read(page, TEXT, 1.0)[0]) == {metric: 2.0}


def test_an_exemplar_or_a_timestamp_in_openmetrics_is_passed_over() -> None:
    body = b"""# TYPE requests counter
requests_total{code="200"} 7.0 1700000000.5 # {trace_id="a } b"} 0.5 1700000000.1
requests_total{code="500"} 2 1700000000
# TYPE latency histogram
latency_bucket{le="0.5"} 3 # {} 0.2
latency_bucket{le="+Inf"} 3
# EOF"""
    assert both(body, OPENMETRICS, ALL, Selector("latency_bucket")) == {
        'requests_total{code="200"}': 7.0,
        'requests_total{code="500"}': 2.0,
        'latency_bucket{le="0.5"}': 3.0,
        'latency_bucket{le="+Inf"}': 3.0,
    }


def test_sample_lines_are_counted_without_comments_and_blank_lines() -> None:
    body = b'# HELP a b\n#\n\n  \n\ta 1\n # c\nb{x="y"} 2\r\n\r\n{"c d"} 3\nd 4'
    assert reader().read(body, TEXT, 1.0)[1] == 4
    assert fast_reader(TEXT).read(body, TEXT, 1.0)[1] == 4
    assert fast_reader(TEXT).read(b"# only\n\n", TEXT, 1.0)[1] == 0


def test_series_that_come_and_go_for_ever_are_forgotten_again() -> None:
    tested = fast_reader(TEXT)
    for number in range(40):
        lines = [f'requests_total{{id="{number}-{i}"}} 1' for i in range(100)]
        tested.read("\n".join(lines).encode(), TEXT, float(number))
    assert len(tested._known) <= 1300


# -- what is refused --------------------------------------------------------------------------

REFUSED = {
    "truncated page: no # EOF": (b"requests_total 1\n", OPENMETRICS),
    "protobuf of the encoding text: not delimited": (
        b"",
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text",
    ),
    "a wanted line is not UTF-8": (b'requests_total{a="\xff"} 1\n', TEXT),
    "counter requests_total is NaN": (b"requests_total NaN\n", TEXT),
    "counter requests_total is infinite": (b"requests_total +Inf\n", TEXT),
    'counter requests_total{a="b"} is negative': (b'requests_total{a="b"} -1\n', TEXT),
    "counter requests_total is too large to count": (b"requests_total 1e19\n", TEXT),
    "unreadable line `requests_total`": (b"requests_total\n", TEXT),
    'unreadable line `requests_total{a="b"}`': (b'x 1\nrequests_total{a="b"}\nx 1\n', TEXT),
    'unreadable line `requests_total{a="b`': (b'requests_total{a="b', TEXT),
    "unreadable line `requests_to`": (b"requests_total 1\nrequests_to", TEXT),
    "unreadable line `requests_total 1_000`": (b"requests_total 1_000\n", TEXT),
    "unreadable line `requests_total 0x10`": (b"requests_total 0x10\n", TEXT),
    "unreadable line `requests_total 1 2 x`": (b"requests_total 1 2 x\n", TEXT),
    "unreadable line `requests_total <html>`": (b"requests_total <html>\n", TEXT),
    'unreadable line `requests_total{a="1",a="2"} 1`': (b'requests_total{a="1",a="2"} 1\n', TEXT),
    'unreadable line `requests_total{__x="1"} 1`': (b'requests_total{__x="1"} 1\n', TEXT),
    "unreadable line `requests_total{a=b} 1`": (b"requests_total{a=b} 1\n", TEXT),
    'unreadable line `requests_total{a="b" c="d"} 1`': (
        b'requests_total{a="b" c="d"} 1\n',
        TEXT,
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_page_is_refused_as_a_whole_with_its_reason(reason: str) -> None:
    body, content_type = REFUSED[reason]
    with pytest.raises(ExpositionError):
        reader().read(body, content_type, 1.0)
    warm = fast_reader(OPENMETRICS if content_type == OPENMETRICS else TEXT)
    with pytest.raises(ExpositionError) as refused:
        warm.read(body, content_type, 1.0)
    assert re.sub(r" 0`$", "`", refused.value.reason) == reason.replace("} 1`", "}`")


@pytest.mark.parametrize("value", [b"1", b"2"])
@pytest.mark.parametrize("content_type", [TEXT, OPENMETRICS])
def test_a_wanted_series_that_stands_twice_is_refused(value: bytes, content_type: str) -> None:
    body = b'requests_total{a="1",b="2"} 1\nx 1\nrequests_total{ b="2",a="1"} ' + value
    body += b"\n# EOF\n" if content_type == OPENMETRICS else b"\n"
    tested = fast_reader(content_type)
    for _ in range(2):
        with pytest.raises(ExpositionError) as refused:
            tested.read(body, content_type, 1.0)
        assert refused.value.reason == 'duplicate series requests_total{a="1",b="2"}'


def test_an_unwanted_series_that_stands_twice_harms_nobody() -> None:
    body = b'requests_total{code="200"} 1\nrequests_total{code="200"} 1\nx 1\nx 2\n'
    assert both(body, TEXT, FAILED) == {}


def test_an_odd_family_that_nobody_wants_is_seen_on_the_first_page_and_every_so_often() -> None:
    good, bad = b"requests_total 1\n", b"requests_total 1\nx\n"
    with pytest.raises(ExpositionError, match="malformed page"):
        reader().read(bad, TEXT, 0.0)
    tested = reader()
    for page in range(STRICT_EVERY):
        tested.read(good if page == 0 else bad, TEXT, float(page))
    for _ in range(2):  # and then until it is mended, so that a target does not flap
        with pytest.raises(ExpositionError, match="malformed page"):
            tested.read(bad, TEXT, 1000.0)
    tested.read(good, TEXT, 1001.0)


def test_the_strict_pages_of_many_targets_do_not_fall_into_one_round() -> None:
    rounds = set()
    for number in range(20):
        tested = reader(labels={"instance": f"10.0.0.{number}:80"})
        tested.read(b"requests_total 1\n", TEXT, 0.0)
        pages = 0
        while not tested.reads_strictly(TEXT):
            tested.read(b"requests_total 1\n", TEXT, 1.0)
            pages += 1
        assert pages < STRICT_EVERY
        rounds.add(pages)
    assert len(rounds) > 10


def test_a_page_is_read_strictly_after_its_content_type_changed() -> None:
    tested = reader()
    tested.read(b"requests_total 1\n", TEXT, 0.0)
    assert not tested.reads_strictly(TEXT)
    assert tested.reads_strictly(OPENMETRICS)
    with pytest.raises(ExpositionError, match="malformed page"):
        tested.read(b"requests_total 1\nx\n# EOF\n", OPENMETRICS, 1.0)


def test_a_page_without_a_wanted_series_is_good_after_a_refused_one_too() -> None:
    tested = reader()
    for body in (b"requests_total 1\n", b"requests_total NaN\n"):
        with contextlib.suppress(ExpositionError):
            tested.read(body, TEXT, 0.0)
    assert values(tested.read(b"", TEXT, 1.0)[0]) == {}


def test_a_refused_page_leaves_no_trace_in_the_next() -> None:
    tested = reader()
    good, _ = tested.read(b'requests_total{a="1"} 1\n', TEXT, 0.0)
    for bad in (b'requests_total{a="1"} NaN\n', b'requests_total{a="2"} 1\n' * 2, b"\xff"):
        with pytest.raises(ExpositionError):
            tested.read(bad, TEXT, 1.0)
    again, _ = tested.read(b'requests_total{a="1"} 3\n', TEXT, 2.0)
    assert again.layout is good.layout
    assert again.values.tolist() == [3.0]
