"""Telling people without the database, and not at every failed tick."""

from dataclasses import replace
from typing import Any

import orjson

from vigie.clock import SetClock
from vigie.config import Channel
from vigie.notify.fallback import Fallback, receivers

NOW = 1_790_000_000.0


def channel(name: str, *receives: str) -> Channel:
    return Channel(name, "webhook", frozenset(receives))


def test_the_fallback_channel_is_told_else_those_who_get_pages() -> None:
    last, pager, team = channel("f", "fallback"), channel("p", "page"), channel("t", "notice")
    assert receivers([pager, team, last]) == [last]
    assert receivers([pager, team]) == [pager]
    assert receivers([team]) == []


async def test_it_says_what_is_wrong_and_what_fires(web_session: Any, receiver: Any) -> None:
    fallback = Fallback(web_session, SetClock(NOW), "http://v/")
    assert await fallback.tell([receiver.channel()], "disk full", ["a/x burns"])
    body = orjson.loads(receiver.got[0][1])
    assert (body["event"], body["text"]) == ("cannot_record", "disk full")
    assert body["firing"] == ["a/x burns"]
    assert receiver.got[0][0]["Idempotency-Key"] == f"fallback:{int(NOW)}"


async def test_people_are_told_at_most_every_15_minutes(web_session: Any, receiver: Any) -> None:
    clock = SetClock(NOW)
    fallback = Fallback(web_session, clock, "http://v/")
    told = []
    for at in (0, 1, 899, 900, 901, 1800):
        clock.set(NOW + at)
        told.append(await fallback.tell([receiver.channel()], "disk full", []))
    assert told == [True, False, False, True, False, True]
    assert len(receiver.got) == 3


async def test_who_could_not_be_told_is_tried_again_soon(web_session: Any, receiver: Any) -> None:
    clock = SetClock(NOW)
    fallback = Fallback(web_session, clock, "http://v/")
    receiver.status = 500
    told = []
    for at in (0, 29, 30):
        clock.set(NOW + at)
        told.append(await fallback.tell([receiver.channel()], "disk full", []))
        receiver.status = 200
    assert told == [False, False, True]


async def test_one_channel_that_fails_does_not_keep_the_others_from_hearing(
    web_session: Any, receiver: Any
) -> None:
    dead = replace(receiver.channel("dead"), url="http://127.0.0.1:1/")
    fallback = Fallback(web_session, SetClock(NOW), "http://v/")
    assert await fallback.tell([dead, receiver.channel()], "disk full", [])
    assert len(receiver.got) == 1


async def test_nobody_to_tell_is_not_told(web_session: Any) -> None:
    assert not await Fallback(web_session, SetClock(NOW), "http://v/").tell([], "disk full", [])
