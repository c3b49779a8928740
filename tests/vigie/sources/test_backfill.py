"""The past of a new SLO, read from its DataSource: to the unit what the server has, once."""

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from components import eventually_async
from plugins.recorded import (
    ERRORS,
    HOUR_S,
    T0,
    Asking,
    Recording,
    Remembers,
    asking,
    config,
    record,
    slo,
)
from plugins.source import serving
from slo.promql import compile_events
from slo.spec import Budgeting, CountingSli, DataSource, Method, RatioKind
from vigie import views
from vigie.clock import SetClock

pytestmark = pytest.mark.simulation

NOW = T0 + 3 * HOUR_S + 7.0
SLICED = Budgeting(Method.TIMESLICES, 0.9, 300.0)
NOT_FOUND = CountingSli(  # another question of the same server
    RatioKind.BAD,
    compile_events(ERRORS),
    compile_events('sum(requests_total{job=~"api|x"})'),
    "main",
)


def small(url: str) -> DataSource:
    """Read by chunks of about an hour."""
    return DataSource("main", "Prometheus", url, max_samples=4000)


def equal(vigie: Asking, recording: Recording, start: float = T0, col: int = 0) -> None:
    """Memory and database hold just what happened up to the minute before now."""
    upto = vigie.clock.now() // 60 * 60
    assert vigie.counted(start, upto, col) == recording.counted(start, upto)
    for begin in range(int(start), int(upto) - HOUR_S - 300, HOUR_S):
        for width in (60, 3600):
            found = vigie.stored(width, begin, begin + HOUR_S, col)
            assert found == recording.counted(begin, begin + HOUR_S), (begin - start, width)


@pytest.mark.parametrize("lag_s", [0.0, 20.0])
async def test_the_past_and_the_present_meet_without_a_gap_or_a_double(
    tmp_path: Path, lag_s: float
) -> None:
    recording = record(5)
    async with serving(Remembers(recording)) as url:
        source = replace(small(url), lag_s=lag_s)
        async with asking(config([source], slo()), tmp_path, NOW) as vigie:
            await vigie.backfilled()
            for _ in range(12):
                await vigie.poll()
            upto = (vigie.clock.now() - lag_s) // 60 * 60
            assert vigie.counted(T0, upto) == recording.counted(T0, upto)
            equal(vigie, recording) if not lag_s else None
            while vigie.clock.now() < NOW + HOUR_S + 300:  # the hour of the seam closes
                await vigie.poll()
            found = vigie.stored(3600, T0 + 3 * HOUR_S, T0 + 4 * HOUR_S)
            assert found == recording.counted(T0 + 3 * HOUR_S, T0 + 4 * HOUR_S)


async def test_a_past_that_comes_late_fits_what_was_measured_since(tmp_path: Path) -> None:
    recording = record(7)
    server = Remembers(recording)
    async with (
        serving(server) as url,
        asking(config([small(url)], slo()), tmp_path, NOW) as vigie,
    ):
        server.trouble = lambda request: (
            web.Response(status=503) if _of_the_past(request, NOW) else None
        )
        while vigie.clock.now() < NOW + 2 * HOUR_S:
            await vigie.poll()
        assert vigie.board.now.backfills
        server.trouble = lambda request: None
        await vigie.backfilled()
        equal(vigie, recording)


async def test_a_second_slo_of_a_polled_source_gets_its_past_too(tmp_path: Path) -> None:
    recording = record(4)
    async with serving(Remembers(recording)) as url:
        before = config([small(url)], slo())
        async with asking(before, tmp_path, NOW) as vigie:
            await vigie.backfilled()
            equal(vigie, recording)
            for _ in range(7):
                await vigie.poll()
            await vigie.reload(config([small(url)], slo(), slo("other", sli=NOT_FOUND)))
            assert vigie.board.now.backfills.keys() == {"shop/other"}
            await vigie.backfilled()
            for _ in range(7):
                await vigie.poll()
            equal(vigie, recording, col=0)
            equal(vigie, recording, col=1)


@pytest.mark.parametrize("after", [3, 5, 8])
async def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    recording = record(4)
    server = Remembers(recording)
    left = [10_000]

    def trouble(request: web.Request) -> web.Response | None:
        if not _of_the_past(request, NOW):
            return None
        left[0] -= 1
        return None if left[0] >= 0 else web.Response(status=503)

    server.trouble = trouble
    async with serving(server) as url:
        left[0] = after
        wanted = config([small(url)], slo())
        vigie = Asking(wanted, tmp_path, SetClock(NOW))
        await vigie.start()
        for _ in range(20):
            await vigie.poll()
        await eventually_async(lambda: left[0] < 0, every_s=0.002)
        shown = views.slo(vigie.board.now, "shop/availability")
        assert shown is not None
        assert shown["backfill"]["done_seconds"] < shown["backfill"]["total_seconds"]
        (one,) = views.sources(vigie.board.now)["items"]
        assert one["backfill"] == shown["backfill"]
        asked_before = len(server.asked)
        await vigie.kill()
        left[0] = 10_000
        async with asking(wanted, tmp_path, vigie.clock.now()) as again:
            await again.backfilled()
            equal(again, recording)
            found = views.slo(again.board.now, "shop/availability")
            assert found is not None
            assert found["backfill"] is None
        assert len(server.asked) > asked_before


async def test_a_silence_of_half_an_hour_is_bridged_wherever_chunks_end(tmp_path: Path) -> None:
    def silent(instance: str, turn: int) -> bool:
        return instance == "a:1" and turn % 360 in range(210, 330) and turn % 100 != 99

    for shift in (0, 5, 11):
        recording = record(4, silent=silent)
        begun = NOW - shift * 300
        folder = tmp_path / str(shift)
        folder.mkdir()
        async with (
            serving(Remembers(recording)) as url,
            asking(config([small(url)], slo()), folder, begun) as vigie,
        ):
            await vigie.backfilled()
            upto = vigie.clock.now() // 60 * 60
            assert vigie.counted(T0, upto) == recording.counted(T0, upto)


async def test_slices_of_time_are_judged_in_the_past_as_in_the_present(tmp_path: Path) -> None:
    recording = record(4)
    objectives = (slo(), slo("slices", budgeting=SLICED))
    async with (
        serving(Remembers(recording)) as url,
        asking(config([small(url)], *objectives), tmp_path, NOW) as vigie,
    ):
        await vigie.backfilled()
        for _ in range(25):
            await vigie.poll()
        equal(vigie, recording)
        upto = int(vigie.clock.now() // 300 * 300)
        want = sum(_good(recording, at) for at in range(T0, upto, 300))
        bad, total = vigie.counted(T0, upto, col=1)
        assert (total - bad, total) == (want, (upto - T0) // 300)


def _good(recording: Recording, start: int) -> bool:
    bad, total = recording.counted(start, start + 300)
    return total - bad >= 0.9 * total


async def test_every_group_gets_the_past_of_its_own_series(tmp_path: Path) -> None:
    recording = record(4)
    async with serving(Remembers(recording)) as url:
        grouped = slo("codes", group_by=("code",))
        async with asking(config([small(url)], grouped), tmp_path, NOW) as vigie:
            await vigie.backfilled()
            for _ in range(7):
                await vigie.poll()
            upto = vigie.clock.now() // 60 * 60
            bad, total = recording.counted(T0, upto)
            names = [watch.slo.name for watch in vigie.pipeline.state.plan.watches]
            found = {name: vigie.counted(T0, upto, col) for col, name in enumerate(names)}
            assert found == {
                "codes": (bad, total),
                "codes[code=200]": (0, total - bad),
                "codes[code=500]": (bad, bad),
            }


async def test_time_before_the_servers_memory_is_unknown(tmp_path: Path) -> None:
    recording = record(4)
    async with serving(Remembers(recording)) as url:
        one = slo(window_s=6.0 * HOUR_S)
        async with asking(config([small(url)], one), tmp_path, NOW) as vigie:
            await vigie.backfilled()
            shown = views.slo(vigie.board.now, one.id)
            assert shown is not None
            since_s = vigie.clock.now() - T0
            assert shown["coverage"] == pytest.approx(since_s / 6 / HOUR_S, abs=0.02)


async def test_a_window_that_grows_is_read_further_back(tmp_path: Path) -> None:
    recording = record(4)
    server = Remembers(recording)
    async with (
        serving(server) as url,
        asking(config([small(url)], slo(window_s=HOUR_S)), tmp_path, NOW) as vigie,
    ):
        await vigie.backfilled()
        assert vigie.counted(T0, T0 + HOUR_S) == (0, 0)
        await vigie.reload(config([small(url)], slo()))
        await vigie.backfilled()
        equal(vigie, recording)


async def test_a_refused_query_is_named_and_holds_up_no_other(tmp_path: Path) -> None:
    recording = record(4)
    server = Remembers(recording)

    def trouble(request: web.Request) -> web.Response | None:
        refused = "api|x" in request.query["query"] and _of_the_past(request, NOW)
        return web.Response(status=422, text="too much") if refused else None

    server.trouble = trouble
    async with serving(server) as url:
        wanted = config([small(url)], slo(), slo("other", sli=NOT_FOUND))
        async with asking(wanted, tmp_path, NOW) as vigie:
            for _ in range(20):
                await vigie.poll()
            told = vigie.board
            await eventually_async(lambda: told.now.source_backfills["main"].error, every_s=0.002)
            (one,) = views.sources(vigie.board.now)["items"]
            assert one["health"] == "up"
            assert "too much" in one["backfill_error"]
            await eventually_async(lambda: vigie.board.now.backfills.keys() == {"shop/other"}, 5)
            equal(vigie, recording)


def _of_the_past(request: web.Request, now: float) -> bool:
    """Whether a request is one of the backfill's: they look back far, or from long ago."""
    query = request.query["query"]
    return query.endswith("ms]") and int(query.rpartition("[")[2][:-3]) > 200_000
