"""What a scrape says of its own target: laid over a good page, and `up 0` where it failed."""

import numpy as np

from collectors.exposition import Counts, Reader
from collectors.synthetic import Synthetic
from slo.series import Page
from slo.spec import Matcher, MatchOp, Selector

OWN = {"job": "shop", "instance": "a:1"}
UP = Selector("up")
UP_HERE = Selector("up", (Matcher("job", MatchOp.EQUAL, "shop"),))
UP_THERE = Selector("up", (Matcher("job", MatchOp.EQUAL, "bank"),))
TOOK, SCRAPED = Selector("scrape_duration_seconds"), Selector("scrape_samples_scraped")
KEPT, ADDED = Selector("scrape_samples_post_metric_relabeling"), Selector("scrape_series_added")
POOL = Selector("pool")
COUNTS = Counts(scraped=9, kept=7, added=3)


def page_of(body: bytes, *gauges: Selector) -> Page:
    return Reader(OWN, frozenset(), frozenset(gauges)).read(body, "text/plain", 5.0)[0]


def gauges_of(page: Page) -> dict[str, float]:
    keys = [key.decode() for key in page.gauge_layout.keys]
    assert len(page.gauge_layout.named_by) == len(keys) == len(set(keys))
    return dict(zip(keys, page.gauges.tolist(), strict=True))


def test_a_good_scrape_says_what_is_asked_of_it_beside_the_page() -> None:
    wanted = (POOL, UP, UP_HERE, UP_THERE, TOOK, SCRAPED, KEPT, ADDED)
    page = Synthetic(OWN, frozenset(wanted)).over(page_of(b"pool 4\n", *wanted), 0.25, COUNTS)
    assert gauges_of(page) == {
        "pool": 4.0,
        "up": 1.0,
        "scrape_duration_seconds": 0.25,
        "scrape_samples_scraped": 9.0,
        "scrape_samples_post_metric_relabeling": 7.0,
        "scrape_series_added": 3.0,
    }
    named = dict(zip(page.gauge_layout.keys, page.gauge_layout.named_by, strict=True))
    assert named[b"up"] == (str(UP), str(UP_HERE))
    assert page.layout.keys == ()
    assert page.read_for == {str(selector) for selector in wanted}


def test_a_page_is_left_alone_where_nothing_is_asked_of_the_scrape() -> None:
    page = page_of(b"pool 4\nup 0\n", POOL)
    assert Synthetic(OWN, frozenset({POOL})).over(page, 0.25, COUNTS) is page
    assert Synthetic(OWN, frozenset({UP_THERE})).over(page, 0.25, COUNTS) is page


def test_the_same_series_keep_the_layout() -> None:
    reader = Reader(OWN, frozenset(), frozenset({POOL, UP}))
    synthetic = Synthetic(OWN, frozenset({POOL, UP}))
    layouts = [
        synthetic.over(reader.read(body, "text/plain", 5.0)[0], 0.1, COUNTS).gauge_layout
        for body in (b"pool 4\n", b"pool 5\n", b"", b"")
    ]
    assert layouts[0] is layouts[1]
    assert layouts[1] is not layouts[2]
    assert layouts[2] is layouts[3]


def test_a_series_of_the_page_that_would_be_one_of_them_gives_way() -> None:
    body = b'pool 4\nup 0\nup{job="other"} 0\n'
    page = Synthetic(OWN, frozenset({POOL, UP})).over(page_of(body, POOL, UP), 0.1, COUNTS)
    assert gauges_of(page) == {"pool": 4.0, 'up{job="other"}': 0.0, "up": 1.0}


def test_a_failed_scrape_is_a_page_for_up_alone_where_somebody_measures_it() -> None:
    synthetic = Synthetic(OWN, frozenset({POOL, UP, UP_HERE, TOOK}))
    page = synthetic.down(7.0)
    assert page is not None
    assert gauges_of(page) == {"up": 0.0}
    assert page.read_for == {str(UP), str(UP_HERE)}
    assert (page.at, page.layout.keys, page.process_start) == (7.0, (), None)
    assert page.values.dtype == page.created.dtype == np.float64
    again = synthetic.down(8.0)
    assert again is not None
    assert again.gauge_layout is page.gauge_layout
    for others in ({POOL, TOOK}, {UP_THERE}, set[Selector]()):
        assert Synthetic(OWN, frozenset(others)).down(7.0) is None
