"""Probes as they are shown."""

from dataclasses import replace

from collected import DOWN, FRONT, GONE
from fleet import live
from vigie.live import Live
from vigie.views import probes


def probing() -> Live:
    now = live()
    return replace(now, config=replace(now.config, probes=(FRONT,)))


def test_a_target_is_shown_with_its_verdict_and_one_that_has_none_is_unknown() -> None:
    gone, shop = probes(probing(), [DOWN])["items"]
    assert shop == {
        "probe": "front", "service": "frontend", "target": "https://shop.example/",
        "state": "down", "since": "2026-09-21T14:08:20.000Z", "reason": "local: status 503",
        "by_location": {"local": "down", "paris": "up"}, "quorum": 1,
        "expires_at": "2026-09-22T14:13:20.000Z",
    }  # fmt: skip
    assert gone == shop | {
        "target": GONE, "state": "unknown", "since": None, "reason": "not probed yet",
        "by_location": {"local": "unknown", "paris": "unknown"}, "expires_at": None,
    }  # fmt: skip


def test_verdicts_on_what_is_no_longer_probed_and_probes_of_others_are_left_out() -> None:
    stale = replace(DOWN, target="https://old.example/")
    assert len(probes(probing(), [stale])["items"]) == 2
    assert probes(probing(), [DOWN], service="checkout")["items"] == []
    assert len(probes(probing(), [DOWN], service="frontend")["items"]) == 2
