"""The past of SLOs as the pipeline remembers it, shown bucket by bucket."""

from dataclasses import replace
from datetime import datetime

import pytest

from slo.spec import Component, CompositeSli, CountingSli, RatioKind, SloId
from slo.status import Status
from vigie.clock import SetClock
from vigie.config import Watch
from vigie.live import Live
from vigie.pipeline.figures import SloView
from vigie.views.history import Remembering, history
from vigie.views.shape import Object
from world import ARM, INTERVAL_S, POLICY, T0, Core, Told, config_for

pytestmark = pytest.mark.simulation


def live(core: Core) -> Live:
    figures = core.restored.state.figures
    assert figures is not None
    return Live(core.config, T0, Status(core.clock.now(), 1, SloView(figures), {}))


def items(core: Core, slo: str, name: str) -> list[Object]:
    found = history(live(core), slo, name)
    assert found is not None
    return list(found["items"])


def told_for(core: Core, minutes: int) -> Told:
    """A story with a silence of a minute, and Vigie restarted in the middle."""
    told = Told(core)
    for n in range(round(minutes * 60 / INTERVAL_S)):
        core.clock.set(core.clock.now() + INTERVAL_S)
        told.work("shop/10.0.0.0:80", ["200"] * 5 + ["500"] * (n % 7 == 0))
        told.read("shop/10.0.0.0:80", fail=40 <= n < 52)
        told.tick()
        if n == round(minutes * 30 / INTERVAL_S):
            told.restart()
    return told


@pytest.mark.parametrize("name", ["1h", "6h"])
def test_buckets_hold_what_the_pages_told(name: str) -> None:
    core = Core(config_for(1), SetClock(T0))
    told = told_for(core, 12)
    assert isinstance(live(core).status.slos, Remembering)  # type: ignore[union-attr]  # there is one
    found = [one for one in items(core, "shop/availability", name) if one["total"]]
    step = 60 if name == "1h" else 300
    held = told.slices(step)
    for one in found:
        start = datetime.fromisoformat(one["start"]).timestamp()
        inside = [e for e in told.inside(start) if told.slice(e) < start + step]
        assert (one["good"], one["total"]) == (sum(e.code != "500" for e in inside), len(inside))
    assert len(found) >= len(held) - 1  # the one in which the silence ends may hold nothing else
    core.close()


def test_a_composite_has_a_past_too() -> None:
    config = config_for(1)
    watch = config.watches[SloId("shop/availability")]
    sli = watch.slo.sli
    assert isinstance(sli, CountingSli)
    always = replace(sli, part=sli.total, kind=RatioKind.GOOD)  # whatever happened was good
    parts = Component("a", sli, 0.999, 1.0), Component("b", always, 0.999, 3.0)
    slo = replace(watch.slo, name="both", sli=CompositeSli(parts))
    watches = {**config.watches, slo.id: Watch(slo, POLICY, (ARM,))}
    core = Core(replace(config, watches=watches), SetClock(T0))
    told_for(core, 6)
    plain, mean = items(core, "shop/availability", "1h"), items(core, "shop/both", "1h")
    bad = [None if one["sli"] is None else 1 - one["sli"] for one in plain]
    assert any(bad)
    for one, share in zip(mean, bad, strict=True):
        assert one["sli"] == (None if share is None else pytest.approx(1 - share / 4))
    core.close()
