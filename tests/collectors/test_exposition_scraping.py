"""Reading pages as a scrape config says: whose labels win, rules, limits, and which formats."""

from collections.abc import Mapping

import pytest

from collectors import exposition
from collectors.exposition import Counts, ExpositionError, Reader
from collectors.labels import as_seen
from collectors.lines import Format
from collectors.relabel import Action, Rule
from collectors.scraping import Scraping
from exposition_pages import OPENMETRICS, TEXT
from slo.series import RULES, Page
from slo.spec import Matcher, MatchOp, Selector

NOTHING = {TEXT: b"", OPENMETRICS: b"# EOF\n"}
REQUESTS, OLD = Selector("requests_total"), Selector("old_total")
OWN = {"job": "shop", "instance": "a:1"}
HONOR = Scraping(honor_labels=True)


def where(metric: str, **labels: str) -> Selector:
    return Selector(metric, tuple(Matcher(n, MatchOp.EQUAL, v) for n, v in sorted(labels.items())))


def rules(*some: Rule, **more: object) -> Scraping:
    return Scraping(metric_relabel=some, **more)  # type: ignore[arg-type]  # keys of Scraping


def drop(regex: str, *labels: str) -> Rule:
    return Rule(Action.DROP, labels or ("__name__",), regex=regex)


RENAME = Rule(
    source_labels=("__name__",),
    regex="old_(.*)",
    target_label="__name__",
    replacement="requests_${1}",
)


def reader(scraping: Scraping, *selectors: Selector, labels: Mapping[str, str] = OWN) -> Reader:
    return Reader(labels, frozenset(selectors or {REQUESTS}), scraping=scraping)


def values(page: Page) -> dict[str, float]:
    return dict(zip([key.decode() for key in page.layout.keys], page.values.tolist(), strict=True))


def both(
    tested: Reader, body: bytes, content_type: str = TEXT, nothing: bytes | None = None
) -> dict[str, float]:
    """What the page says, read strictly, and then twice fast: with a page between, and again."""
    first, samples = tested.read(body, content_type, 1.0)
    counts = tested.counts
    again, _ = tested.read(body, content_type, 2.0)
    assert again.layout is first.layout
    tested.read(NOTHING.get(content_type, b"") if nothing is None else nothing, content_type, 3.0)
    later, _ = tested.read(body, content_type, 4.0)
    assert values(first) == values(again) == values(later)
    assert tested.counts == counts
    assert counts.scraped == samples
    return values(first)


def refusal(tested: Reader, body: bytes, content_type: str = TEXT) -> str:
    with pytest.raises(ExpositionError) as refused:
        tested.read(body, content_type, 1.0)
    return refused.value.reason


# -- whose labels win -------------------------------------------------------------------------


def test_the_pages_label_wins_where_it_is_honored_and_gives_way_where_not() -> None:
    body = b'requests_total{job="pushed"} 1\nrequests_total{code="200"} 2\n'
    pushed, own = where("requests_total", job="pushed"), where("requests_total", job="shop")
    exported = where("requests_total", exported_job="pushed")
    page, _ = reader(HONOR, pushed, own, exported).read(body, TEXT, 1.0)
    assert page.layout.named_by == ((str(pushed),), (str(own),))
    page, _ = reader(Scraping(), pushed, own, exported).read(body, TEXT, 1.0)
    assert page.layout.named_by == ((str(exported), str(own)), (str(own),))


def test_an_empty_label_that_is_honored_keeps_the_targets_off_and_makes_another_series() -> None:
    body = b'requests_total{instance=""} 1\nrequests_total 2\n'
    without, own = where("requests_total", instance=""), where("requests_total", instance="a:1")
    tested = reader(HONOR, without, own)
    assert both(tested, body) == {'requests_total{instance=""}': 1, "requests_total": 2}
    page, _ = tested.read(body, TEXT, 1.0)
    assert page.layout.named_by == ((str(without),), (str(own),))


def test_two_series_that_are_one_with_the_targets_labels_are_refused() -> None:
    body = b'requests_total{job="shop"} 1\nrequests_total 2\n'
    reason = 'duplicate series requests_total{instance="a:1",job="shop"}'
    assert refusal(reader(HONOR), body) == reason


# -- rules ------------------------------------------------------------------------------------


def test_a_wanted_metric_may_come_from_another_name_and_keeps_that_as_its_key() -> None:
    body = b'old_total{code="200"} 7\nother 1\n'
    tested = reader(rules(RENAME), where("requests_total", code="200", job="shop"))
    assert both(tested, body) == {'old_total{code="200"}': 7}
    assert both(reader(rules(RENAME), OLD), body) == {}


def test_a_dropped_series_is_not_wanted_and_not_counted_among_the_kept() -> None:
    body = b'requests_total{code="200"} 7\nrequests_total{code="500"} 1\nnoise 2\nnoise2 3\n'
    tested = reader(rules(drop("noise"), drop("200", "code")))
    assert both(tested, body) == {'requests_total{code="500"}': 1}
    assert tested.counts == Counts(scraped=4, kept=2, added=1)


def test_rules_see_the_targets_labels_and_may_change_them() -> None:
    moved = Rule(source_labels=("job", "code"), target_label="job", replacement="$1")
    tested = reader(rules(moved), where("requests_total", job="shop;500"))
    body = b'requests_total{code="200"} 7\nrequests_total{code="500"} 1\n'
    assert both(tested, body) == {'requests_total{code="500"}': 1}


def test_two_series_that_rules_make_one_are_refused_if_they_are_wanted() -> None:
    body = b'requests_total{code="200"} 7\nrequests_total{code="500"} 1\n'
    without = rules(Rule(Action.LABELDROP, regex="code"))
    reason = 'duplicate series requests_total{instance="a:1",job="shop"}'
    assert refusal(reader(without), body) == reason
    assert both(reader(without, OLD), body) == {}


def test_a_series_whose_name_a_rule_takes_away_is_refused() -> None:
    tested = reader(rules(Rule(Action.LABELDROP, regex="__name__")))
    assert refusal(tested, b"requests_total 1\n").startswith("metric relabelling leaves no name")


def test_creation_and_process_start_are_read_whatever_the_rules_drop() -> None:
    body = b"""# TYPE old counter
old_total{code="200"} 7
old_created{code="200"} 1700000000.5
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.6e9
# EOF
"""
    tested = reader(rules(RENAME, drop(".*_created|process_.*")))
    for at in (1.0, 2.0):
        page, samples = tested.read(body, OPENMETRICS, at)
        assert page.created.tolist() == [1700000000.5]
        assert page.process_start == 1.6e9
        assert samples == 3
    assert tested.counts.kept == 1


def test_a_bare_series_is_not_taken_for_one_with_labels_after_a_space() -> None:
    tested = reader(rules(drop("1", "code")))
    assert both(tested, b"requests_total 5\n") == {"requests_total": 5}
    assert values(tested.read(b'requests_total {code="2"} 6\n', TEXT, 1.0)[0]) == {
        'requests_total{code="2"}': 6
    }
    assert values(tested.read(b'requests_total {code="1"}7\n', TEXT, 1.0)[0]) == {}
    assert tested.counts.kept == 0


def test_a_refused_page_leaves_nothing_to_the_next_one() -> None:
    tested = reader(rules(drop("noise")))
    both(tested, b"requests_total 1\nnoise 1\n")
    for bad in (b"requests_total NaN\n", b"noise\n", b"requests_total 1\n" * 2):
        refusal(tested, bad)
        assert values(tested.read(b"", TEXT, 1.0)[0]) == {}
        assert tested.counts == Counts(0, 0, 0)
    assert values(tested.read(b"noise 1\nrequests_total 4\n", TEXT, 2.0)[0]) == {
        "requests_total": 4
    }


def test_rules_are_asked_once_for_a_series_though_pages_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def noted(own: Mapping[str, str], scraping: Scraping, metric: str, page: Mapping[str, str]):  # type: ignore[no-untyped-def]  # that of as_seen
        asked.append(metric)
        return as_seen(own, scraping, metric, page)

    monkeypatch.setattr(exposition, "as_seen", noted)
    tested = reader(rules(drop("requests_total"), sample_limit=1))
    body = b"".join(b"noise%d 1\n" % i for i in range(9))
    for _ in range(3):
        assert refusal(tested, body) == "over sample_limit: 9 of 1"
    assert len(asked) == 9


def test_series_that_come_and_go_for_ever_are_forgotten_again() -> None:
    tested = reader(rules(drop("noise")))
    for number in range(40):
        lines = [f'noise{{id="{number}-{i}"}} 1\n' for i in range(100)]
        tested.read("".join(lines).encode(), TEXT, float(number))
    assert len(tested._sieves[Format.TEXT]._known) <= 1300


def test_a_page_tells_by_which_rules_it_was_read() -> None:
    def told(scraping: Scraping) -> frozenset[str]:
        page, _ = reader(scraping).read(b"", TEXT, 1.0)
        return page.read_for - {str(REQUESTS)}

    ways = [told(one) for one in (HONOR, rules(RENAME), rules(RENAME, drop("x")))]
    assert [len(way) for way in ways] == [1, 1, 1]
    assert all(text.startswith(RULES) for way in ways for text in way)
    assert len({*ways}) == 3
    assert told(rules(RENAME)) == ways[1]
    assert told(Scraping()) == frozenset()


def test_series_are_added_that_the_page_before_did_not_show() -> None:
    tested = reader(Scraping())
    added = []
    for codes in ("1", "12", "21", "3", ""):
        lines = [f'requests_total{{code="{code}"}} 1\n' for code in codes]
        tested.read("".join(lines).encode(), TEXT, 1.0)
        added.append(tested.counts.added)
    assert added == [1, 1, 0, 1, 0]


# -- limits -----------------------------------------------------------------------------------

PAGE = b'requests_total{code="200"} 7\nlong_name_of_a_metric{code="2",more="4 bytes: \xc3\xa9"} 1\n'


@pytest.mark.parametrize(
    ("scraping", "reason"),
    [
        (Scraping(sample_limit=1), "over sample_limit: 2 of 1"),
        (Scraping(sample_limit=2), None),
        (rules(drop("long.*"), sample_limit=1), None),
        (rules(drop("other"), sample_limit=1), "over sample_limit: 2 of 1"),
        (Scraping(label_limit=5), None),
        (Scraping(label_limit=4), "over label_limit: 5 of 4 (long_name_of_a_metric)"),
        (Scraping(label_limit=3), "over label_limit: 4 of 3 (requests_total)"),
        (rules(drop("long.*"), label_limit=4), None),
        (Scraping(label_name_length_limit=8), None),
        (
            Scraping(label_name_length_limit=7),
            "over label_name_length_limit: 8 of 7 (requests_total)",
        ),
        (Scraping(label_value_length_limit=21), None),
        (
            Scraping(label_value_length_limit=20),
            "over label_value_length_limit: 21 of 20 (long_name_of_a_metric)",
        ),
    ],
)
def test_a_page_over_a_limit_is_refused_as_a_whole(scraping: Scraping, reason: str | None) -> None:
    tested = reader(scraping)
    if reason is None:
        assert both(tested, PAGE) == {'requests_total{code="200"}': 7}
    else:
        assert refusal(tested, PAGE) == reason


def test_sample_and_label_limits_hold_on_fast_pages_too() -> None:
    wide = b'requests_total{a="1",b="2",c="3"} 1\n'
    for scraping in (Scraping(label_limit=4), rules(drop("x"), label_limit=4)):
        tested = reader(scraping)
        tested.read(b"requests_total 1\n", TEXT, 0.0)
        assert not tested.reads_strictly(TEXT)
        assert refusal(tested, wide) == "over label_limit: 6 of 4 (requests_total)"
    tested = reader(Scraping(sample_limit=1))
    tested.read(b"requests_total 1\n", TEXT, 0.0)
    assert refusal(tested, b"requests_total 1\nx 1\n") == "over sample_limit: 2 of 1"


def test_without_rules_an_unwanted_series_over_a_limit_is_found_on_strict_pages() -> None:
    wide = b'unwanted{a="1",b="2",c="3"} 1\n'
    reason = "over label_limit: 6 of 4 (unwanted)"
    tested = reader(Scraping(label_limit=4))
    assert refusal(tested, wide) == reason
    tested.read(b"requests_total 1\n", TEXT, 0.0)
    assert tested.read(wide, TEXT, 1.0)[1] == 1
    relabelled = reader(rules(drop("x"), label_limit=4))
    relabelled.read(b"requests_total 1\n", TEXT, 0.0)
    assert refusal(relabelled, wide) == reason


# -- formats ----------------------------------------------------------------------------------

LINE = b"requests_total 1\n"
MORE = b"# TYPE requests counter\nrequests_total 1\n# EOF\n"


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json; charset=utf-8"])
def test_an_unknown_type_is_read_as_the_fallback_says(content_type: str) -> None:
    for text in ("PrometheusText0.0.4", "PrometheusText1.0.0"):
        tested = reader(Scraping(fallback=text))
        assert both(tested, LINE, content_type) == {"requests_total": 1}
    for openmetrics in ("OpenMetricsText0.0.1", "OpenMetricsText1.0.0"):
        tested = reader(Scraping(fallback=openmetrics))
        assert both(tested, MORE, content_type, b"# EOF\n") == {"requests_total": 1}
        assert refusal(tested, LINE, content_type) == "truncated page: no # EOF"


@pytest.mark.parametrize(
    ("content_type", "said"), [("", "(none)"), ("text/html", "text/html"), ("x" * 999, "x" * 60)]
)
def test_without_a_fallback_an_unknown_type_is_refused(content_type: str, said: str) -> None:
    reason = refusal(reader(Scraping()), LINE, content_type)
    assert reason.startswith(f"unsupported Content-Type {said}")
    assert len(reason) < 130


@pytest.mark.parametrize("content_type", ["text/plain", "Text/Plain;version=1.0.0", TEXT])
def test_plain_text_needs_no_version(content_type: str) -> None:
    tested = reader(Scraping(fallback="OpenMetricsText1.0.0"))
    assert both(tested, LINE, content_type) == {"requests_total": 1}
