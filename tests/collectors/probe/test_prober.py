"""The loops of probes: their turns, their pages, their verdicts, and what a reload changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from collectors.probe import prober as prober_module
from collectors.probe.attempt import attempt
from collectors.probe.model import HttpOptions, Ip, Location, Probe, ProbeTarget, targets_of
from collectors.probe.prober import Prober
from collectors.probe.readings import ATTEMPTS, FAILURES, SUCCESS
from collectors.probe.verdict import State, Verdict
from collectors.scrape import Scrape
from slo.series import count, unseen
from slo.spec import Births, Selector
from vigie.clock import SetClock

START = 1_000_000.0
INTERVAL = 10.0
COUNTERS = frozenset({Selector(ATTEMPTS), Selector(FAILURES)})
GAUGES = frozenset({Selector(SUCCESS)})
OPTIONS = HttpOptions(ip=Ip("ip4"))


class Shop:
    """A server whose answers are set by tests."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Shop"]:
        async def answer(request: web.BaseRequest) -> web.Response:
            self.asked += 1
            return web.Response(status=self.status)

        runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield self
        await runner.cleanup()

    def probe(self, **fields: Any) -> Probe:
        made = Probe("front", "shop", (ProbeTarget(self.url),), OPTIONS, interval_s=INTERVAL)
        return replace(made, timeout_s=5.0, failures=2, successes=1, **fields)


class Rig:
    """A prober, its clock, and what it delivered and told."""

    def __init__(self) -> None:
        self.clock = SetClock(START)
        self.delivered: asyncio.Queue[Scrape] = asyncio.Queue()
        self.told: list[Verdict] = []
        self.prober = Prober(self.clock, self.delivered.put_nowait, self.told.append)
        self.watching = 0

    async def watch(self, *probes: Probe) -> None:
        ids = [target.id for probe in probes for target in targets_of(probe)]
        self.watching = len(ids)
        self.prober.watch(probes, dict.fromkeys(ids, COUNTERS), dict.fromkeys(ids, GAUGES))
        await asyncio.sleep(0)  # so that new loops reach their turn

    async def turn(self) -> dict[str, Scrape]:
        """What the next turn of every target delivers."""
        self.clock.set(self.clock.now() + INTERVAL)
        scrapes = [await self.delivered.get() for _ in range(self.watching)]
        return {one.target_id: one for one in scrapes}

    async def one(self) -> Scrape:
        (only,) = (await self.turn()).values()
        return only


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.prober.start()
    yield made
    await made.prober.stop()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with Shop().serving() as made:
        yield made


def counted(scrape: Scrape) -> tuple[float, float]:
    """The attempts and the failures on a page."""
    assert scrape.page is not None
    page = dict(zip(scrape.page.layout.keys, scrape.page.values.tolist(), strict=True))
    return page[ATTEMPTS.encode()], page[FAILURES.encode()]


async def test_every_turn_delivers_a_page_with_its_counters(rig: Rig, shop: Shop) -> None:
    await rig.watch(shop.probe())
    pages = []
    for status in (200, 500, 200):
        shop.status = status
        pages.append(await rig.one())
    assert [counted(page) for page in pages] == [(1, 0), (2, 1), (3, 1)]
    assert [page.page.gauges.tolist() for page in pages if page.page] == [[1], [0], [1]]
    assert [page.at for page in pages] == [START + INTERVAL * turn for turn in (1, 2, 3)]
    assert all(page.error is None and page.duration_s > 0 for page in pages)


async def test_a_verdict_is_told_when_it_changes_and_only_then(rig: Rig, shop: Shop) -> None:
    await rig.watch(shop.probe())
    for status in (200, 200, 500, 500, 500, 200):
        shop.status = status
        await rig.one()
    told = [(verdict.state, verdict.since - START, verdict.reason) for verdict in rig.told]
    assert told == [(State.UP, 10, ""), (State.DOWN, 30, "local: status 500"), (State.UP, 60, "")]
    assert {verdict.target for verdict in rig.told} == {shop.url}


async def test_locations_are_judged_together(rig: Rig, shop: Shop) -> None:
    async def blackbox(request: web.BaseRequest) -> web.Response:
        place = request.path.split("/")[1]
        assert request.query["target"] == shop.url
        return web.Response(text=f"probe_success {int(place != 'lima')}\n")

    runner = web.ServerRunner(web.Server(blackbox), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    places = [Location(name, f"{base}/{name}", "http_2xx") for name in ("lima", "oslo")]
    probe = shop.probe(locations=(Location(), *places), quorum=2)
    await rig.watch(probe)
    for _ in range(2):
        last = await rig.turn()
    assert rig.told[-1].state is State.UP
    assert rig.told[-1].by_location == {"local": "up", "lima": "down", "oslo": "up"}
    shop.status = 500
    for _ in range(2):
        last = await rig.turn()
    assert (rig.told[-1].state, rig.told[-1].reason) == (
        State.DOWN,
        f"local: status 500; lima: {base}/lima says so",
    )
    ids = [f"front/{shop.url}{at}" for at in ("", "@lima", "@oslo")]
    assert {name: counted(last[name]) for name in ids} == dict(
        zip(ids, [(4, 2), (4, 4), (4, 0)], strict=True)
    )
    await runner.cleanup()


async def test_a_location_that_can_not_be_asked_is_unknown_and_counts_nothing(
    rig: Rig, shop: Shop
) -> None:
    nowhere = Location("lima", "http://127.0.0.1:9", "http_2xx")
    await rig.watch(shop.probe(locations=(nowhere,)))
    got = await rig.one()
    assert (got.page, got.error) == (None, "http://127.0.0.1:9: connection refused")
    assert [verdict.state for verdict in rig.told] == [State.UNKNOWN]
    assert rig.told[0].reason == "lima: http://127.0.0.1:9: connection refused"


async def test_a_defect_at_one_probe_ends_no_loop(
    rig: Rig, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    async def faulty(*arguments: Any) -> Any:
        if broken:
            raise RuntimeError("a bug")
        return await attempt(*arguments)

    monkeypatch.setattr(prober_module, "attempt", faulty)
    await rig.watch(shop.probe())
    got = await rig.one()
    assert (got.page, got.error) == (None, "internal error: RuntimeError: a bug")
    broken = False
    assert counted(await rig.one()) == (1, 0)


async def test_a_reload_keeps_counters_histories_and_running_loops(rig: Rig, shop: Shop) -> None:
    probe = shop.probe()
    await rig.watch(probe)
    await rig.one()
    await rig.watch(replace(probe))
    assert counted(await rig.one()) == (2, 0)
    shop.status = 404
    await rig.watch(replace(probe, options=replace(OPTIONS, valid_status_codes=(404,))))
    assert counted(await rig.one()) == (3, 0)
    assert [verdict.state for verdict in rig.told] == [State.UP]


async def test_a_probe_that_is_gone_delivers_nothing_more(rig: Rig, shop: Shop) -> None:
    await rig.watch(shop.probe())
    await rig.one()
    await rig.watch(replace(shop.probe(), name="back"))
    turns = [await rig.one() for _ in range(3)]  # its own turns would have come with these
    assert {one.target_id for one in turns} == {f"back/{shop.url}"}
    assert rig.delivered.empty()
    assert shop.asked == 1 + 3


async def test_no_more_attempts_run_at_one_time_than_are_allowed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, two, gate = 0, 0, asyncio.Event(), asyncio.Event()

    async def held(*arguments: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two.set()
        await gate.wait()
        try:
            return await attempt(*arguments)
        finally:
            running -= 1

    monkeypatch.setattr(prober_module, "attempt", held)
    rig = Rig()
    rig.prober = Prober(rig.clock, rig.delivered.put_nowait, rig.told.append, concurrency=2)
    await rig.prober.start()
    many = tuple(ProbeTarget(f"{shop.url}{number}") for number in range(6))
    await rig.watch(replace(shop.probe(), targets=many))
    rig.clock.set(START + INTERVAL)  # all six wake before whoever waits for two of them
    await two.wait()
    gate.set()
    for _ in many:
        assert (await rig.delivered.get()).error is None
    await rig.prober.stop()
    assert (most, shop.asked) == (2, 6)


async def test_counters_lose_no_attempt_over_a_restart(shop: Shop) -> None:
    """The page says when its counters began, so that 1 after 1 is one more and not the same."""
    shop.status = 500
    memory, failures, clock = unseen(None), 0, START
    for _ in range(3):  # three processes, with one attempt each
        rig = Rig()
        rig.clock.set(clock + 5 * INTERVAL)
        rig.prober = Prober(rig.clock, rig.delivered.put_nowait, rig.told.append)
        await rig.prober.start()
        await rig.watch(shop.probe())
        got = await rig.one()
        clock = rig.clock.now()
        await rig.prober.stop()
        assert got.page is not None
        memory, grown = count(memory, got.page, Births.ZERO)
        by_key = dict(
            zip([grown.layout.keys[row] for row in grown.rows], grown.counts, strict=True)
        )
        failures += int(by_key.get(FAILURES.encode(), 0))
    assert failures == 2  # the very first page is where counting begins
