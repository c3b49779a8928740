"""The tasks of a type, through the pipeline: there when the incident is."""

from dataclasses import replace
from pathlib import Path

import pytest

from incidents.types import TypeRules, Types
from vigie.clock import SetClock
from vigie.store import incidents, tasks
from world import INTERVAL_S, POLICY, T0, TEXT, Vigie, config_for

pytestmark = pytest.mark.simulation

START = T0 // 60 * 60
TYPES = Types({"no-data": TypeRules("no-data", tasks=("ask the network team",))})


async def test_an_incident_that_is_opened_by_measurement_has_the_tasks_of_its_type(
    tmp_path: Path,
) -> None:
    config = replace(config_for(1, replace(POLICY, no_data_after_s=60.0)), types=TYPES)
    vigie = Vigie(config, tmp_path, clock=SetClock(START))
    for _ in range(round(120.0 / INTERVAL_S)):
        vigie.clock.set(vigie.clock.now() + INTERVAL_S)
        for target in vigie.config.targets.values():
            vigie.pipeline.deliver(vigie.scrape(target, None, TEXT))
        assert await vigie.pipeline.tick()
    rows = vigie.db.read(lambda c: tasks.of_incident(c, 1))
    assert [(row["source"], row["title"]) for row in rows] == [("type", "ask the network team")]
    kinds = [entry["kind"] for entry in vigie.db.read(lambda c: incidents.timeline(c, 1))]
    assert kinds.count("task_added") == 1
    vigie.kill()
