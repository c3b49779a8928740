"""What is sampled: one judged value a slice, none where nothing was read lately."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slo.promql import compile_pair, compile_threshold
from slo.spec import CountingSli, Op, RatioKind, SampledSli, Slo
from slo.status import SloFigures
from vigie.clock import SetClock
from vigie.config import Watch
from world import POLICY, T0, TEXT, Vigie, config_for

pytestmark = pytest.mark.simulation

START = T0 // 60 * 60
QUEUE = compile_threshold("max(queue_length)", Op.LTE, 10.0, "")
UP = compile_pair("sum(healthy)", "count(healthy)", RatioKind.GOOD, "")


def slo(name: str, sli: SampledSli | CountingSli, **more: Any) -> Slo:
    return replace(Slo("shop", name, 0.9, 3600.0, sli), **more)


@pytest.fixture
def vigie(tmp_path: Path) -> Iterator[Vigie]:
    slos = (slo("queue", QUEUE), slo("healthy", UP), slo("each", UP, group_by=("disk",)))
    config = replace(
        config_for(2, POLICY), watches={one.id: Watch(one, POLICY, ()) for one in slos}
    )
    made = Vigie(config, tmp_path, SetClock(START))
    yield made
    made.kill()


class Pages:
    """Two instances that show what they are told to."""

    def __init__(self, vigie: Vigie) -> None:
        self.vigie = vigie

    async def read(self, *bodies: str | None) -> None:
        """One page each, five seconds after the last, and a tick."""
        self.vigie.clock.set(self.vigie.clock.now() + 5.0)
        for target, body in zip(self.vigie.config.targets.values(), bodies, strict=True):
            page = body.encode() if body is not None else None
            self.vigie.pipeline.deliver(self.vigie.scrape(target, page, TEXT))
        assert await self.vigie.pipeline.tick()

    def of(self, name: str) -> SloFigures:
        status = self.vigie.board.now.status
        assert status is not None
        return next(f for f in status.slos.values() if f.slo.name == name)


def page(queue: float, **disks: int) -> str:
    healthy = "".join(f'healthy{{disk="{disk}"}} {value}\n' for disk, value in disks.items())
    return f"queue_length {queue}\n{healthy}"


async def test_a_threshold_is_judged_once_a_slice_on_the_worst_instance(vigie: Vigie) -> None:
    pages = Pages(vigie)
    for queue in (3, 3, 30, 30, 3, 3):  # two pages a slice
        await pages.read(page(2), page(queue))
    # Slices end at +10, +20 and +30: of the pages up to then, the last one of each instance holds.
    assert (pages.of("queue").good_total, pages.of("queue").total_total) == (2, 3)
    assert pages.of("queue").window.sli == pytest.approx(2 / 3)


async def test_nothing_is_sampled_while_nobody_answers(vigie: Vigie) -> None:
    pages = Pages(vigie)
    for _ in range(4):
        await pages.read(page(2), page(2))
    for _ in range(8):  # 2.5 intervals are 12.5 s: one more slice may still go by the last pages
        await pages.read(None, None)
    assert pages.of("queue").total_total == 3
    assert pages.of("queue").window.coverage < 0.5


async def test_numbers_that_are_good_now_add_up_over_slices_and_groups(vigie: Vigie) -> None:
    pages = Pages(vigie)
    for good in (1, 1, 0, 0):
        await pages.read(page(1, a=1, b=good), page(1, c=1))
    figures = pages.of("healthy")
    assert (figures.good_total, figures.total_total) == (5, 6)  # 3 of 3, then 2 of 3
    by_disk = {disk: pages.of(f"each[disk={disk}]") for disk in "abc"}
    assert {d: (f.good_total, f.total_total) for d, f in by_disk.items()} == {
        "a": (2, 2),
        "b": (1, 2),
        "c": (2, 2),
    }
    assert pages.of("each").total_total == 6


async def test_a_series_that_is_gone_has_no_value(vigie: Vigie) -> None:
    pages = Pages(vigie)
    await pages.read(page(1, a=1, b=0), page(1))
    await pages.read(page(1, a=1), page(1))
    assert (pages.of("healthy").good_total, pages.of("healthy").total_total) == (1, 1)
