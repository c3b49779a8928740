"""A source in trouble: coverage tells, and once it answers again the counts are what was served."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from collectors.scrape import next_turn
from components import eventually_async
from plugins.recorded import HOUR_S, SLI, T0, Asking, Remembers, asking, config, record, slo
from plugins.source import serving
from slo.promql import compile_threshold
from slo.spec import MICRO, DataSource, Op
from vigie import views
from vigie.store import incidents

pytestmark = pytest.mark.simulation

NOW = T0 + 600.0
Trouble = Callable[[web.Request], Awaitable[web.StreamResponse] | web.StreamResponse | None]


def partial(request: web.Request) -> web.Response:
    data = {"resultType": "matrix", "result": []}
    return web.json_response({"status": "success", "isPartial": True, "data": data})


def warned(request: web.Request) -> web.Response:
    data = {"resultType": "matrix", "result": []}
    return web.json_response({"status": "success", "warnings": ["a store is away"], "data": data})


TROUBLES = {
    "429": lambda request: web.Response(status=429, headers={"Retry-After": "20"}),
    "500": lambda request: web.Response(status=500),
    "503": lambda request: web.Response(status=503, text="starting"),
    "no JSON": lambda request: web.Response(text="<html>"),
    "partial": partial,
    "a warning": warned,
    "half of the selectors": lambda request: (
        web.Response(status=502) if "up{" not in request.query["query"] else None
    ),
}


async def to(vigie: Asking, end: float) -> None:
    """Let time pass to `end`, whatever the sources say, with a tick after each poll."""
    while vigie.clock.now() < end:
        vigie.clock.set(min(end, vigie.clock.now() + 5.0))
        await vigie.quiet()
        assert await vigie.pipeline.tick()


@pytest.mark.parametrize("name", TROUBLES)
async def test_after_the_trouble_everything_is_counted(tmp_path: Path, name: str) -> None:
    recording = record(1)
    server = Remembers(recording)
    async with serving(server) as url:
        source = DataSource("main", "Prometheus", url)
        async with asking(config([source], slo()), tmp_path, NOW) as vigie:
            await vigie.backfilled()
            server.trouble = TROUBLES[name]
            begun = vigie.clock.now()
            await to(vigie, begun + 240)
            status = vigie.board.now.sources["main"]
            assert status.health == "down"
            assert status.error
            shown = views.slo(vigie.board.now, "shop/availability")
            assert shown is not None
            inside = vigie.counted(T0, vigie.clock.now() + 60)
            assert inside == recording.counted(T0, begun + 1)
            server.trouble = lambda request: None
            await to(vigie, vigie.clock.now() + 90)
            assert vigie.board.now.sources["main"].health == "up"
            upto = vigie.clock.now() // 60 * 60
            await vigie.poll()
            assert vigie.counted(T0, upto) == recording.counted(T0, upto)


async def test_a_source_that_is_slow_to_answer_holds_up_nobody(tmp_path: Path) -> None:
    recording = record(1)
    slow, well = Remembers(recording), Remembers(recording)
    hung = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if slow.trouble(request) is not None:
            await hung.wait()
        return await slow(request)

    async with serving(answer) as slow_url, serving(well) as well_url:
        sources = [
            DataSource("main", "Prometheus", slow_url, timeout_s=0.3),
            DataSource("other", "Prometheus", well_url),
        ]
        other = slo("other", sli=replace(SLI, source="other"))
        async with asking(config(sources, slo(), other), tmp_path, NOW) as vigie:
            await vigie.backfilled()
            slow.trouble = TROUBLES["500"]
            begun = vigie.clock.now()
            for _ in range(12):
                turn = next_turn("other", 15.0, vigie.clock.now())
                await vigie.at(turn, "other")
            upto = vigie.clock.now() // 60 * 60
            col = [watch.slo.name for watch in vigie.pipeline.state.plan.watches].index("other")
            assert vigie.counted(T0, upto, col) == recording.counted(T0, upto)
            await eventually_async(lambda: vigie.board.now.sources["main"].health == "down")
            slow.trouble = lambda request: None
            hung.set()
            await to(vigie, vigie.clock.now() + 90)
            assert vigie.board.now.sources["main"].health == "up"
            upto = vigie.clock.now() // 60 * 60
            for name in ("main", "other"):
                await vigie.poll(name)
            for one in (0, 1):
                assert vigie.counted(T0, upto, one) == recording.counted(T0, upto)
            assert begun < upto


async def test_after_a_restart_known_targets_are_read_and_expected_at_once(tmp_path: Path) -> None:
    recording = record(1)
    async with serving(Remembers(recording)) as url:
        wanted = config([DataSource("main", "Prometheus", url)], slo())
        async with asking(wanted, tmp_path, NOW) as vigie:
            await vigie.backfilled()
            stopped = vigie.clock.now()
        async with asking(wanted, tmp_path, stopped + 1.0) as vigie:
            for _ in range(2):
                await vigie.poll()
            assert vigie.pipeline.state.plan.found.targets.keys() == {
                "main:api/a:1",
                "main:api/b:1",
            }
            upto = vigie.clock.now() + 1
            assert vigie.counted(T0, upto) == recording.counted(T0, upto)


@pytest.mark.parametrize("down_s", [60.0, 900.0, 3000.0])
async def test_what_a_server_counted_while_vigie_was_down_is_counted_after(
    tmp_path: Path, down_s: float
) -> None:
    recording = record(2)
    async with serving(Remembers(recording)) as url:
        source = DataSource("main", "Prometheus", url)
        wanted = config([source], slo())
        async with asking(wanted, tmp_path, NOW) as vigie:
            await vigie.backfilled()
            stopped = vigie.clock.now()
        async with asking(wanted, tmp_path, stopped + down_s) as vigie:
            assert await vigie.pipeline.tick()
            for _ in range(12):
                await vigie.poll()
            upto = vigie.clock.now() // 60 * 60
            assert vigie.counted(T0, upto) == recording.counted(T0, upto)
            minutes = (upto - 600) // 60 * 60
            assert vigie.stored(60, T0, minutes) == recording.counted(T0, minutes)


async def test_the_past_of_one_source_taken_in_loses_nothing_that_another_tells_late(
    tmp_path: Path,
) -> None:
    recording = record(2)
    failing, well = Remembers(recording), Remembers(recording)
    async with serving(failing) as url, serving(well) as well_url:
        sources = [
            DataSource("main", "Prometheus", url),
            DataSource("other", "Prometheus", well_url),
        ]
        before = config(sources, slo())
        async with asking(before, tmp_path, NOW) as vigie:
            await vigie.backfilled()
            failing.trouble = TROUBLES["500"]
            await to(vigie, vigie.clock.now() + 600)
            other = slo("other", sli=replace(SLI, source="other"))
            await vigie.reload(config(sources, slo(), other))
            await to(vigie, vigie.clock.now() + 240)
            await eventually_async(lambda: not vigie.board.now.backfills)
            failing.trouble = lambda request: None
            await to(vigie, vigie.clock.now() + 120)
            upto = vigie.clock.now() // 60 * 60
            for name in ("main", "other"):
                await vigie.poll(name)
            for col in (0, 1):
                assert vigie.counted(T0, upto, col) == recording.counted(T0, upto)


async def test_a_source_that_is_silent_for_long_opens_an_incident_of_its_own_slos(
    tmp_path: Path,
) -> None:
    recording = record(2)
    silent, well = Remembers(recording), Remembers(recording)
    async with serving(silent) as url, serving(well) as well_url:
        sources = [
            DataSource("main", "Prometheus", url),
            DataSource("other", "Prometheus", well_url),
        ]
        other = slo("other", sli=replace(SLI, source="other"))
        async with asking(config(sources, slo(), other), tmp_path, NOW) as vigie:
            await vigie.backfilled()
            silent.trouble = TROUBLES["500"]
            await to(vigie, vigie.clock.now() + 600)
            found = vigie.db.read(incidents.open_incidents)
            assert [one for one in found if "other" in one] == []
            shown = {s["slo"]: s["no_data"] for s in views.slos(vigie.board.now)["items"]}
            assert shown == {"availability": True, "other": False}
            assert len(found) == 1


@pytest.mark.parametrize("lag_s", [30.0, 60.0])
async def test_a_source_that_is_read_with_a_lag_is_not_silent(tmp_path: Path, lag_s: float) -> None:
    recording = record(1.5)
    async with serving(Remembers(recording)) as url:
        source = DataSource("main", "Prometheus", url, lag_s=lag_s)
        one = slo(window_s=float(HOUR_S))
        async with asking(config([source], one), tmp_path, NOW + HOUR_S) as vigie:
            await vigie.backfilled()
            for _ in range(40):
                await vigie.poll()
            shown = views.slo(vigie.board.now, one.id)
            assert shown is not None
            assert shown["no_data"] is False
            assert shown["coverage"] > 0.99


async def test_current_values_are_judged_once_a_slice_however_late_they_are_told(
    tmp_path: Path,
) -> None:
    recording = record(1.5)
    both_up = compile_threshold('sum(up{job="api"})', Op.GTE, 2.0, "main")
    async with serving(Remembers(recording)) as url:
        source = DataSource("main", "Prometheus", url, lag_s=30.0)
        wanted = config([source], slo(sli=both_up))
        async with asking(wanted, tmp_path, NOW + HOUR_S) as vigie:
            await vigie.backfilled()
            for _ in range(20):
                await vigie.poll()
            upto = (vigie.clock.now() - 70) // 60 * 60
            samples = int(upto - T0 - 60) // 10 * MICRO
            assert vigie.counted(T0 + 60, upto) == (0, samples)
