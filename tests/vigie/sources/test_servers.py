"""Real servers, asked: to the unit what they hold, and what Vigie counts when it scrapes itself."""

import time
from pathlib import Path

import pytest

from collectors.promapi import PromApi
from collectors.source_slices import estimates
from conftest import StartProcess
from plugins.recorded import HOUR_S, Asking, Recording, asking, config, moment, record, slo
from plugins.remembering import Server
from slo.spec import MICRO, DataSource, RatioKind, ServerSli
from vigie import views

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

BEGIN = int(time.time()) // HOUR_S * HOUR_S - 6 * HOUR_S
NOW = BEGIN + 3 * HOUR_S + 7.0
SHARE = ServerSli(
    RatioKind.BAD,
    'sum(rate(requests_total{code=~"5.."}[{{.window}}]) > 0)',
    "sum(rate(requests_total[{{.window}}]))",
    "main",
)


@pytest.fixture(params=["prometheus", "victoria-metrics"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def filled(kind: str, tmp_path: Path, start_process: StartProcess) -> tuple[Server, Recording]:
    recording = record(4, begin=BEGIN)
    return Server(kind, tmp_path / "server", start_process, recording), recording


async def test_a_new_slo_gets_its_past_to_the_unit_and_goes_on_over_a_restart(
    filled: tuple[Server, Recording], tmp_path: Path
) -> None:
    server, recording = filled
    source = DataSource("main", "Prometheus", server.url, max_samples=4000)
    one = slo(window_s=6.0 * HOUR_S)
    async with asking(config([source], one), tmp_path, NOW) as vigie:
        await vigie.backfilled()
        shown = views.slo(vigie.board.now, one.id)
        assert shown is not None
        assert shown["coverage"] == pytest.approx(0.5, abs=0.02)  # the server has no more
        upto = vigie.clock.now() // 60 * 60
        assert vigie.counted(BEGIN, upto) == recording.counted(BEGIN, upto)
        for _ in range(8):
            await vigie.poll()
        server.stop()
        await _fails(vigie, 180.0)
        assert vigie.board.now.sources["main"].health == "down"
        server.start()
        await _answers(vigie)
        for _ in range(8):
            await vigie.poll()
        upto = vigie.clock.now() // 60 * 60
        assert vigie.counted(BEGIN, upto) == recording.counted(BEGIN, upto)


async def _fails(vigie: Asking, seconds: float) -> None:
    end = vigie.clock.now() + seconds
    while vigie.clock.now() < end:
        asked = vigie.board.now.sources["main"].retry_at
        vigie.clock.set(max(vigie.clock.now() + 15.0, asked or 0.0))
        await _rest()
        assert await vigie.pipeline.tick()


async def _answers(vigie: Asking) -> None:
    for _ in range(40):
        if vigie.board.now.sources["main"].health == "up":
            return
        vigie.clock.set(vigie.clock.now() + 5.0)
        await _rest()
        assert await vigie.pipeline.tick()
    raise AssertionError("it does not answer again")


async def _rest() -> None:
    """Let requests of loopback be answered."""
    for _ in range(10):
        await moment(0.01)


async def test_what_only_the_server_evaluates_is_there_once_a_slice_and_called_estimated(
    filled: tuple[Server, Recording], tmp_path: Path
) -> None:
    server, _ = filled
    source = DataSource("main", "Prometheus", server.url)
    one = slo(sli=SHARE, window_s=4.0 * HOUR_S)
    async with asking(config([source], one), tmp_path, NOW) as vigie:
        await vigie.backfilled()
        for _ in range(13):
            await vigie.poll()
        shown = views.slo(vigie.board.now, one.id)
        assert shown is not None
        assert "server" in shown["estimated"]
        turn = vigie.clock.now()
    async with asking(config([source], one), tmp_path, turn + 1.0) as vigie:  # in the same minute
        for _ in range(8):
            await vigie.poll()
        upto = int(vigie.clock.now() // 60 - 1) * 60
        truth = await _evaluated(vigie, source, BEGIN, upto)
        bad, total = vigie.counted(BEGIN, upto)
        assert (bad, total) == truth
        assert bad > 100 * MICRO


async def _evaluated(vigie: Asking, source: DataSource, start: int, end: int) -> tuple[int, int]:
    """What the server says of all slices, in millionths."""
    api = PromApi(vigie.session, source, vigie.clock)
    found = [e for e in await estimates(api, SHARE, start, end) if e.total is not None]
    parts = [round((e.part or 0.0) * MICRO) for e in found]
    return sum(parts), sum(round((e.total or 0.0) * MICRO) for e in found)
