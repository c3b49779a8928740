"""The stream of changes."""

import asyncio
from typing import Any

import orjson

from fleet import T0, Fleet, Site, live
from vigie.api.events import stream
from vigie.live import Change
from vigie.store.visibility import EVERYTHING


class Reader:
    """Reads Server-Sent Events one by one."""

    def __init__(self, content: Any) -> None:
        self._content = content

    async def event(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while line := (await self._content.readline()).decode().strip():
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields


async def test_a_stream_begins_with_where_the_server_stands_and_tells_changes(site: Site) -> None:
    async with site.client.get(f"{site.url}/api/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        reader = Reader(answer.content)
        first = await reader.event()
        assert (first["event"], orjson.loads(first["data"])["tick"]) == ("tick", 7)
        assert first["id"] == f"{round((T0 - 3600) * 1000)}-7"
        site.fleet.feed.publish(Change("incident", 3))
        second = await reader.event()
        assert second["event"] == "incident"
        assert orjson.loads(second["data"]) == {"number": 3, "url": "/incidents/3"}
        site.fleet.board.now = live(reload_error="a.yaml:1:1: error: no")
        site.fleet.feed.publish(Change("reload"))
        third = await reader.event()
        assert orjson.loads(third["data"]) == {"generation": 1, "error": "a.yaml:1:1: error: no"}


async def test_a_stream_of_one_incident_leaves_the_others_out(site: Site) -> None:
    async with site.client.get(f"{site.url}/api/v1/events?incident=3") as answer:
        reader = Reader(answer.content)
        await reader.event()
        for number in (2, 3):
            site.fleet.feed.publish(Change("incident", number))
        assert orjson.loads((await reader.event())["data"])["number"] == 3


async def test_an_open_stream_does_not_hold_up_the_shutdown(site: Site) -> None:
    async with site.client.get(f"{site.url}/api/v1/events") as answer:
        await Reader(answer.content).event()
        site.fleet.feed.publish(Change("stop"))
        assert await asyncio.wait_for(answer.content.read(), 5) == b""


async def test_a_client_that_leaves_is_forgotten(fleet: Fleet) -> None:
    events = stream(fleet.board, fleet.feed, fleet.clock, db=fleet.db, viewer=EVERYTHING)
    await anext(events)
    assert len(fleet.feed._listeners) == 1
    await events.aclose()
    assert not fleet.feed._listeners


async def test_ticks_are_told_once_a_second(fleet: Fleet) -> None:
    events = stream(fleet.board, fleet.feed, fleet.clock, db=fleet.db, viewer=EVERYTHING)
    await anext(events)
    for at in (T0 + 0.2, T0 + 0.9, T0 + 1.0, T0 + 1.5):
        waiting = asyncio.ensure_future(anext(events))
        fleet.clock.set(at)
        fleet.feed.publish(Change("tick"))
        fleet.feed.publish(Change("incident", 1))
        told = [(await waiting).event]
        if told == ["tick"]:
            told.append((await anext(events)).event)
        assert told == (["tick", "incident"] if at == T0 + 1.0 else ["incident"])
    await events.aclose()
