"""Events told when their slice is sealed: counted and reported, merged as a policy says."""

from dataclasses import replace
from pathlib import Path

import pytest

from slo.spec import Rule
from vigie.clock import SetClock
from world import POLICY, T0, TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize(
    ("rule", "good", "total"),
    [(Rule.IGNORE, 3, 3), (Rule.FREEZE, 3, 3), (Rule.GOOD, 7, 7), (Rule.BAD, 3, 7)],
)
async def test_late_events_count_by_the_rule_of_the_policy(
    rule: Rule, good: int, total: int, tmp_path: Path
) -> None:
    vigie = Vigie(config_for(1, replace(POLICY, late=rule)), tmp_path, SetClock(T0))
    (target,) = vigie.config.targets.values()
    process = Process(T0 - 60)
    process.events.append(Event(T0 - 10, "200"))
    vigie.pipeline.deliver(vigie.scrape(target, process.page(TEXT), TEXT))
    assert await vigie.pipeline.tick()
    process.events += [Event(T0, "200")] * 4
    vigie.clock.set(T0 + 5)
    late = vigie.scrape(target, process.page(TEXT), TEXT)  # read then, told two minutes later
    vigie.clock.set(T0 + 300)
    assert await vigie.pipeline.tick()
    vigie.pipeline.deliver(late)
    process.events += [Event(T0 + 300, "200")] * 3
    vigie.clock.set(T0 + 305)
    vigie.pipeline.deliver(vigie.scrape(target, process.page(TEXT), TEXT))
    state = vigie.pipeline.state
    assert state.ledger.open_from > T0 + 5
    assert await vigie.pipeline.tick()
    assert vigie.counted() == (good, total)
    vigie.kill()


async def test_how_punctual_the_ticks_are_is_measured(tmp_path: Path) -> None:
    vigie = Vigie(config_for(1, POLICY), tmp_path, SetClock(T0))
    (target,) = vigie.config.targets.values()
    meters = vigie.meters
    assert await vigie.pipeline.tick()
    vigie.clock.set(T0 + 5)
    waiting = vigie.scrape(target, Process(T0 - 60).page(TEXT), TEXT)  # it took 0.1 s
    vigie.clock.set(T0 + 35)  # the slices that end at +10 and +20 had no tick; +30 has this one
    vigie.pipeline.deliver(waiting)
    assert await vigie.pipeline.tick()
    assert meters.missed._value.get() == 2
    assert meters.lag._value.get() == pytest.approx(29.9)
    assert meters.watermark._value.get() == T0 + 35
    assert meters.sealed._value.get() == vigie.pipeline.state.ledger.open_from
    vigie.kill()
