"""What an inbox holds back, what it gives, and what it leaves out."""

import pytest

from collectors import written
from collectors.remote_write import Refused
from collectors.scrape import Scrape
from collectors.written import FORGET_S, HOLD_S, MAX_AGE_S, MAX_AHEAD_S, OUTCOMES, Inbox
from slo.spec import Selector
from writing import Series, body, counters, ms

T0 = 1_790_000_000.0
REQUESTS = frozenset({Selector("http_requests_total")})


@pytest.fixture
def inbox() -> Inbox:
    """One that has read a whole scrape of a target at T0."""
    inbox = Inbox()
    inbox.watch(REQUESTS, frozenset(), {})
    inbox.take(body(*counters(T0, c200=5, c500=1)), T0)
    assert [one.at for one in inbox.scrapes(T0 + HOLD_S)] == [T0]
    return inbox


def told(scrapes: list[Scrape]) -> list[tuple[float, list[float]]]:
    return [(one.at, sorted(one.page.values.tolist())) for one in scrapes if one.page is not None]


def left_out(inbox: Inbox) -> dict[str, int]:
    counts = inbox.counted().samples
    assert counts.keys() <= set(OUTCOMES)
    return {outcome: count for outcome, count in counts.items() if count and outcome != "counted"}


def test_the_first_scrape_waits_for_its_rest() -> None:
    inbox = Inbox()
    inbox.watch(REQUESTS, frozenset(), {})
    up, *rest = counters(T0, c200=5, c500=1)
    inbox.take(body(up), T0)
    inbox.take(body(*rest), T0 + HOLD_S - 1)
    assert inbox.scrapes(T0 + HOLD_S - 0.1) == []
    (scrape,) = inbox.scrapes(T0 + HOLD_S)
    assert (scrape.target_id, scrape.at, scrape.samples) == ("shop/a:80", T0, 3)
    assert inbox.labels["shop/a:80"] == {"job": "shop", "instance": "a:80"}
    assert inbox.scrapes(T0 + 99) == []


def test_a_whole_scrape_is_given_at_once_and_a_part_of_one_waits(inbox: Inbox) -> None:
    now = T0 + 10
    inbox.take(body(*counters(now, c200=7, c500=1)), now)
    assert told(inbox.scrapes(now)) == [(now, [1.0, 7.0])]
    inbox.take(body(*counters(now + 1, c200=8)), now + 1)
    inbox.take(body(*counters(now + 2, c200=9, c500=3)), now + 2)
    assert inbox.scrapes(now + 2) == []  # in time order, whichever is whole
    inbox.take(body(counters(now + 1, c500=2)[-1]), now + 3)
    assert told(inbox.scrapes(now + 3)) == [(now + 1, [2.0, 8.0]), (now + 2, [3.0, 9.0])]
    inbox.take(body(*counters(now + 4, c200=10)), now + 4)
    assert told(inbox.scrapes(now + 4 + HOLD_S)) == [(now + 4, [10.0])]


def test_samples_come_in_any_order_and_twice(inbox: Inbox) -> None:
    sent = [one for at in (3, 1, 2) for one in counters(T0 + at, c200=10 + at, c500=1)]
    for _ in range(2):
        inbox.take(body(*sent), T0 + 4)
    expected = [(T0 + at, [1.0, 10.0 + at]) for at in (1, 2, 3)]
    assert told(inbox.scrapes(T0 + 4)) == expected
    inbox.take(body(*sent), T0 + 5)
    assert told(inbox.scrapes(T0 + 99)) == []
    assert left_out(inbox) == {"late": 9}


def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    inbox = Inbox()
    inbox.watch(REQUESTS, frozenset(), {"shop/a:80": T0})
    for at in (-1, 0, 1):
        inbox.take(body(*counters(T0 + at, c200=5)), T0 + 2)
    assert [one.at for one in inbox.scrapes(T0 + 99)] == [T0 + 1]


def test_other_selectors_begin_anew_and_lose_nothing(inbox: Inbox) -> None:
    inbox.take(body(*counters(T0 + 1, c200=6)), T0 + 1)
    inbox.watch(frozenset({Selector("other_total")}), frozenset(), {})
    assert told(inbox.scrapes(T0 + 1)) == [(T0 + 1, [6.0])]
    labels = {"__name__": "other_total", "job": "shop", "instance": "a:80"}
    inbox.take(body(*counters(T0 + 2, c200=7), Series(labels, [(ms(T0 + 2), 3.0)])), T0 + 2)
    assert told(inbox.scrapes(T0 + 99)) == [(T0 + 2, [3.0])]
    assert left_out(inbox) == {"unwanted": 1}


def test_times_that_cannot_be_are_left_out(inbox: Inbox) -> None:
    now = T0 + 2 * MAX_AGE_S
    inbox.take(body(*counters(now - MAX_AGE_S - 1, c200=5)), now)
    inbox.take(body(*counters(now + MAX_AHEAD_S + 1, c200=5)), now)
    assert inbox.scrapes(now + 99) == []
    assert left_out(inbox) == {"old": 2, "ahead": 2}


def test_a_target_that_could_not_be_scraped_is_down(inbox: Inbox) -> None:
    labels = {"__name__": "up", "job": "shop", "instance": "a:80"}
    inbox.take(body(Series(labels, [(ms(T0 + 1), 0.0)])), T0 + 1)
    (scrape,) = inbox.scrapes(T0 + 99)
    assert scrape.page is None
    assert scrape.error is not None


def test_there_is_a_limit_of_targets_and_silent_ones_are_forgotten(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MAX_TARGETS", 1)
    inbox.take(body(*counters(T0 + 1, "b:80", c200=1)), T0 + 1)
    assert left_out(inbox) == {"too_many_targets": 2}
    inbox.scrapes(T0 + FORGET_S)
    inbox.take(body(*counters(T0 + FORGET_S, "b:80", c200=1)), T0 + FORGET_S)
    assert list(inbox.heard) == ["shop/b:80"]


def test_who_sends_more_than_can_be_held_has_to_wait(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MAX_HELD", 2)
    inbox.take(body(*counters(T0 + 1, c200=6)), T0 + 1)
    with pytest.raises(Refused) as caught:
        inbox.take(body(*counters(T0 + 2, c200=7)), T0 + 1)
    assert caught.value.status == 503
    inbox.scrapes(T0 + 99)
    assert inbox.take(body(*counters(T0 + 2, c200=7)), T0 + 99) == 2
    assert inbox.counted().requests == {"taken": 3, "full": 1}


def test_series_that_come_and_go_are_forgotten(inbox: Inbox) -> None:
    for at in range(1, 6):
        codes = {f"c{at * 10_000 + number}": 1 for number in range(500)}
        inbox.take(body(*counters(T0 + at, **codes)), T0 + at)
        inbox.scrapes(T0 + at + HOLD_S)
    assert inbox._catalogue.spellings < 2000
