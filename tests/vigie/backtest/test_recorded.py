"""A server's history is that of a file that holds the same samples."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from collectors.errors import QueryRefused, SourceFailed
from collectors.openmetrics import read
from collectors.promapi import PromApi, open_session
from collectors.scrape import Scrape
from histories import config_of, watch
from plugins.recorded import HOUR_S, SLI, T0, Recording, Remembers, record, slo
from plugins.source import serving
from slo.spec import DataSource
from vigie.backtest import recorded
from vigie.backtest.history import History, survey
from vigie.backtest.recorded import Gathered, Wanted, from_server, source_at
from vigie.backtest.watched import watched
from vigie.clock import SetClock
from vigie.config import Config

CONFIG = config_of(watch(slo()))
WANTED = Wanted.by(watched(CONFIG), 10)


class Hasty(SetClock):
    """A clock whose waits are over at once."""

    async def sleep_until(self, at: float) -> None:
        self.set(max(at, self.now()))


async def gathered(server: Remembers, start: float, end: float) -> Gathered:
    async with serving(server) as url, open_session() as session:
        api = PromApi(session, DataSource("main", "Prometheus", url), Hasty(end))
        return await from_server(api, WANTED, start, end)


def told(history: History) -> list[tuple[str, float, bool, dict[bytes, float]]]:
    def shown(one: Scrape) -> dict[bytes, float]:
        if one.page is None:
            return {}
        return dict(zip(one.page.layout.keys, one.page.values.tolist(), strict=True))

    return [
        (one.target_id.partition(":")[2], one.at, one.page is None, shown(one))
        for one in history.scrapes()
    ]


def of_file(recording: Recording) -> History:
    return read(recording.openmetrics().splitlines(), WANTED.counters, WANTED.gauges)


def test_what_is_asked_piece_by_piece_is_what_a_file_says() -> None:
    recording = record(7.0, silent=lambda instance, turn: instance == "b:1" and turn in (50, 51))
    found = asyncio.run(gathered(Remembers(recording), T0, T0 + 7 * HOUR_S))
    assert told(found) == told(of_file(recording)) != []
    first, second = survey(found, {}), survey(of_file(recording), {})
    assert first is not None
    assert second is not None
    assert [one.id for one in first.targets.values()] == [one.id for one in second.targets.values()]


def test_a_piece_that_is_too_much_is_halved_and_a_busy_server_is_asked_again() -> None:
    recording = record(2.0)
    server, count = Remembers(recording), 0

    def trouble(request: web.Request) -> web.Response | None:
        nonlocal count
        count += 1
        if count in (2, 3):
            return web.Response(status=503)
        long = int(request.query["query"].rpartition("[")[2][:-3]) > HOUR_S * 1000
        return web.Response(status=422, text="too many samples") if long else None

    server.trouble = trouble
    found = asyncio.run(gathered(server, T0, T0 + 2 * HOUR_S))
    assert told(found) == told(of_file(recording))


@pytest.mark.parametrize(
    ("status", "error"), [(400, QueryRefused), (500, SourceFailed)], ids=["refused", "failed"]
)
def test_a_server_that_never_answers_is_given_up(status: int, error: type[Exception]) -> None:
    server = Remembers(record(0.1))
    server.trouble = lambda request: web.Response(status=status)
    with pytest.raises(error):
        asyncio.run(gathered(server, T0, T0 + 600.0))
    assert len(server.asked) >= recorded.TRIES


def test_selectors_of_what_nobody_scraped_are_not_lost() -> None:
    assert WANTED.counters == frozenset(SLI.selectors)
    assert WANTED.gauges == frozenset()


def test_a_datasource_is_known_by_its_name_or_its_address() -> None:
    main = DataSource("main", "Prometheus", "https://a.example/prom", tenant="t")
    config: Config = replace(CONFIG, sources={"main": main})
    for given in ("main", "https://a.example/prom", "https://a.example/prom/"):
        assert source_at(config, given) is main
    assert source_at(config, "http://b.example").url == "http://b.example"
