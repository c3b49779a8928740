"""Each scrape once, whole, and in order, whenever its samples appear."""

import math

import numpy as np

from collectors.promapi import Samples
from collectors.scrape import Scrape
from collectors.source_pages import DOWN
from collectors.source_reader import LEFT_AFTER_S, SourceReader
from slo.spec import Matcher, MatchOp, Selector

T = 1_000_000.0
ALL = Selector("requests_total")
FAILED = Selector("requests_total", (Matcher("code", MatchOp.MATCH, "5.."),))
UP = Selector("up")
LABELS = {"job": "api", "instance": "a:1"}


def series(name: str, *samples: tuple[float, float], **labels: str) -> Samples:
    named = {"__name__": name, **LABELS, **labels}
    at, values = zip(*samples, strict=True)
    return Samples({k: v for k, v in named.items() if v}, np.array(at), np.array(values))


def up(*samples: tuple[float, float], **labels: str) -> Samples:
    return series("up", *samples, **labels)


def told(scrapes: list[Scrape]) -> list[tuple[str, float, object]]:
    return [(s.target_id, s.at, s.error or values(s)) for s in scrapes]


def values(scrape: Scrape) -> dict[str, float]:
    assert scrape.page is not None
    keys = [key.decode() for key in scrape.page.layout.keys]
    return dict(zip(keys, scrape.page.values.tolist(), strict=True))


def reader(*selectors: Selector, **options: object) -> SourceReader:
    return SourceReader("main", frozenset(selectors or (ALL, FAILED)), **options)


def test_samples_of_one_target_and_time_are_one_scrape() -> None:
    good = series("requests_total", (T, 5.0), (T + 15, 7.0), code="200")
    bad = series("requests_total", (T + 15, 1.0), code="500")
    other = series("requests_total", (T + 7, 2.0), instance="", job="")
    scrapes = reader().read([good, bad, other], [], T + 15)
    assert told(scrapes) == [
        ("main:api/a:1", T, {'requests_total{code="200"}': 5.0}),
        ("main:/", T + 7, {"requests_total": 2.0}),
        (
            "main:api/a:1",
            T + 15,
            {'requests_total{code="200"}': 7.0, 'requests_total{code="500"}': 1.0},
        ),
    ]
    page = scrapes[2].page
    assert page is not None
    assert page.layout.named_by == ((str(ALL),), (str(ALL), str(FAILED)))
    assert page.read_for == {str(ALL), str(FAILED)}
    assert page.process_start is None
    assert all(math.isnan(created) for created in page.created)


def test_a_layout_is_the_same_object_while_the_series_are_the_same() -> None:
    one = reader(ALL, gauges=frozenset({Selector("depth")}))
    first = one.read([series("requests_total", (T, 5.0))], [], T)
    depth = series("depth", (T + 15, -1.0))
    again = series("requests_total", (T + 15, 6.0))
    respelt = Samples(dict(reversed(again.labels.items())), again.at, again.values)
    second = one.read([respelt, depth], [], T + 15)
    assert first[0].page is not None
    assert second[0].page is not None
    assert first[0].page.layout is second[0].page.layout
    assert second[0].page.gauges.tolist() == [-1.0]
    assert second[0].page.gauge_layout.keys == (b"depth",)


def test_a_scrape_that_failed_is_told_and_one_that_found_nothing_is_good() -> None:
    scrapes = reader().read([], [up((T, 0.0), (T + 15, 1.0))], T + 15)
    assert told(scrapes) == [("main:api/a:1", T, DOWN), ("main:api/a:1", T + 15, {})]


def test_where_up_is_measured_a_failed_scrape_is_read_for_up_alone() -> None:
    one = SourceReader("main", frozenset({ALL}), frozenset({UP}))
    failed, good = one.read(
        [series("requests_total", (T + 15, 3.0))], [up((T, 0.0), (T + 15, 1.0))], T + 15
    )
    assert failed.page is not None
    assert good.page is not None
    assert (failed.page.gauges.tolist(), failed.page.read_for) == ([0.0], {str(UP)})
    assert (good.page.gauges.tolist(), good.page.read_for) == ([1.0], {str(UP), str(ALL)})


def test_a_counter_that_cannot_be_counted_fails_its_scrape_only() -> None:
    scrapes = reader().read([series("requests_total", (T, -1.0), (T + 15, 1.0))], [], T + 15)
    assert [scrape.error for scrape in scrapes] == ["counter requests_total is negative", None]


def test_ranges_that_overlap_tell_nothing_twice_and_a_restart_neither() -> None:
    samples = [series("requests_total", (T, 1.0), (T + 15, 2.0))]
    one = reader()
    assert len(one.read(samples, [], T + 15)) == 2
    assert one.read(samples, [], T + 15) == []
    later = [series("requests_total", (T, 1.0), (T + 15, 2.0), (T + 30, 3.0))]
    assert [scrape.at for scrape in one.read(later, [], T + 30)] == [T + 30]
    restarted = reader(seen={"main:api/a:1": T + 15})
    assert [scrape.at for scrape in restarted.read(later, [], T + 30)] == [T + 30]
    assert one.late == restarted.late == 0


def test_a_sample_that_comes_after_its_scrape_was_told_is_late_and_counted_once() -> None:
    one = reader()
    one.read([series("requests_total", (T, 1.0), code="200")], [], T)
    samples = [
        series("requests_total", (T, 1.0), (T + 15, 2.0), code="200"),
        series("requests_total", (T, 1.0), (T + 15, 2.0), code="500"),
    ]
    assert [len(values(s)) for s in one.read(samples, [], T + 15)] == [2]
    assert one.read(samples, [], T + 15) == []
    assert one.late == 1


def test_a_scrape_without_up_waits_until_it_is_settled_and_so_do_later_ones() -> None:
    one = reader()
    first = [series("requests_total", (T, 1.0), (T + 15, 2.0))]
    assert one.read(first, [up((T + 15, 1.0))], T + 15, settled=T - 1) == []
    assert one.held_since == T
    scrapes = one.read(first, [up((T + 15, 1.0))], T + 20, settled=T + 1)
    assert [scrape.at for scrape in scrapes] == [T, T + 15]
    assert one.held_since is None


def test_a_selector_that_another_one_holds_is_not_asked_for() -> None:
    api = Matcher("job", MatchOp.EQUAL, "api")
    of_api = Selector("requests_total", (api,))
    failed_of_api = Selector("requests_total", (*FAILED.matchers, api))
    assert reader(of_api, failed_of_api, FAILED).asked == (FAILED, of_api)


def test_up_is_asked_of_the_jobs_that_are_named_or_were_met() -> None:
    one = reader(Selector("requests_total", (Matcher("job", MatchOp.EQUAL, "a.b"),)), ALL)
    assert str(one.up) == 'up{job="a.b"}'
    one.read([series("requests_total", (T, 1.0))], [], T)
    assert str(one.up) == 'up{job=~"a\\\\.b|api"}'
    assert reader().up is None


def test_a_target_leaves_when_nothing_was_heard_of_it_for_long() -> None:
    one = reader()
    one.read([series("requests_total", (T, 1.0))], [up((T + 15, 0.0))], T + 15)
    one.read([], [], T + 15 + LEFT_AFTER_S)
    assert {i: t.labels for i, t in one.targets.items()} == {"main:api/a:1": LABELS}
    one.read([], [], T + 16 + LEFT_AFTER_S)
    assert one.targets == {}


def test_series_that_came_and_went_are_forgotten() -> None:
    one = reader()
    for turn in range(5):
        at = T + turn * 15
        crowd = [series("requests_total", (at, 1.0), n=str(500 * turn + n)) for n in range(500)]
        assert len(one.read(crowd, [], at)) == 1
    assert one._catalogue.spellings <= 2 * 500 + 1000
