"""Pages that are made here are read like those of others."""

from collectors.made import Made
from collectors.targets import By, Target
from slo.spec import Matcher, MatchOp, Selector

ATTEMPTS = Selector("probe_attempts_total", (Matcher("job", MatchOp.EQUAL, "front"),))
SUCCESS = Selector("probe_success")
FRONT = Target("front", "a", "", "shop", {"job": "front", "instance": "a"}, by=By.PROBE)


def made(*selectors: Selector) -> Made:
    one = Made()
    one.watch({FRONT.id: FRONT}, {FRONT.id: frozenset(selectors)}, {FRONT.id: frozenset({SUCCESS})})
    return one


def test_a_page_is_read_for_what_is_watched() -> None:
    body = b"probe_attempts_total 7\nprobe_success 0\nother 1\n"
    scrape = made(ATTEMPTS).scrape(FRONT.id, 100.0, body, 0.5)
    assert scrape is not None
    assert scrape.page is not None
    assert (scrape.at, scrape.duration_s, scrape.samples, scrape.body_bytes) == (100.0, 0.5, 3, 47)
    assert dict(zip(scrape.page.layout.keys, scrape.page.values, strict=True)) == {
        b"probe_attempts_total": 7.0
    }
    assert scrape.page.gauges.tolist() == [0.0]


def test_a_page_that_cannot_be_read_is_a_failed_scrape_with_its_reason() -> None:
    scrape = made(ATTEMPTS).scrape(FRONT.id, 100.0, b"probe_attempts_total NaN\n")
    assert scrape is not None
    assert (scrape.page, scrape.error) == (None, "counter probe_attempts_total is NaN")


def test_nobody_else_is_read_for() -> None:
    assert made(ATTEMPTS).scrape("front/b", 100.0, b"") is None


def test_other_selectors_begin_a_reading_of_their_own() -> None:
    one = made()
    body = b"probe_attempts_total 7\nprobe_success 1\n"
    first = one.scrape(FRONT.id, 100.0, body)
    one.watch({FRONT.id: FRONT}, {FRONT.id: frozenset({ATTEMPTS})})
    second = one.scrape(FRONT.id, 110.0, body)
    assert first is not None
    assert first.page is not None
    assert not first.page.layout.keys
    assert second is not None
    assert second.page is not None
    assert second.page.layout.keys == (b"probe_attempts_total",)
