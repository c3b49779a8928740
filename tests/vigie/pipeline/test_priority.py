"""Priority and its targets through the pipeline: ranked by the files, told once across restarts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from incidents.matrix import Modifier, Priorities, PriorityMatrix, TimeTarget
from incidents.model import IncidentType
from vigie.channels import Channel
from vigie.clock import SetClock
from vigie.handlers.target import WatchTarget
from vigie.jobs.worker import Worker
from vigie.store import incidents, jobs
from vigie.store.visibility import EVERYTHING
from world import INTERVAL_S, POLICY, T0, TEXT, Vigie, config_for

pytestmark = pytest.mark.simulation

START = T0 // 60 * 60
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://h/")
SILENT = Modifier("nobody sees it", types=(IncidentType.NO_DATA,), at_least=1)
TIER = Modifier("service tier 1", {"tier": "1"}, moves=-1)
MATRIX = PriorityMatrix(
    "shop", services=("shop",), modifiers=(SILENT, TIER), response={1: TimeTarget(300.0, 60.0)}
)


def work(vigie: Vigie) -> Worker:
    """A worker of the server that runs now; it delivers nothing."""
    kinds = {"target": WatchTarget(board=vigie.board, clock=vigie.clock)}
    return Worker(vigie.db, vigie.clock, kinds, worker="test", on_dead=lambda *_: None)


async def lasts(vigie: Vigie, seconds: float) -> None:
    """The target does not answer."""
    for _ in range(round(seconds / INTERVAL_S)):
        vigie.clock.set(vigie.clock.now() + INTERVAL_S)
        for target in vigie.config.targets.values():
            vigie.pipeline.deliver(vigie.scrape(target, None, TEXT))
        assert await vigie.pipeline.tick()
        await work(vigie).run_due()


def said(vigie: Vigie, number: int) -> list[str]:
    return [entry["kind"] for entry in vigie.db.read(lambda c: incidents.timeline(c, number))]


def noticed(vigie: Vigie) -> list[str]:
    """The notices about targets that wait to be sent."""
    far = {"now": 1e12, "lease_s": 0.0, "limit": 99}
    claimed = vigie.db.write(lambda c: jobs.claim(c, "sender", ["notify"], **far))
    events = [str(job.payload["event"]) for job in claimed]
    return [event for event in events if event.startswith("response")]


async def test_a_breach_is_told_once_by_the_servers_that_come_and_go(tmp_path: Path) -> None:
    config = config_for(1, replace(POLICY, no_data_after_s=60.0))
    rules = Priorities((MATRIX,), {"shop": {"tier": "1"}})
    config = replace(config, priorities=rules, channels={"team": TEAM})
    vigie = Vigie(config, tmp_path, SetClock(START))
    try:
        await lasts(vigie, 120.0)
        incident = _only(vigie)
        number, opened_at = incident["number"], incident["opened_at"]
        assert (incident["type"], incident["priority"]) == ("no-data", 1)
        assert incident["priority_reasons"][1:] == [
            "lowered by 1: service tier 1",
            "at least P1: nobody sees it",
        ]
        assert incident["response_due_at"] == opened_at + 300.0
        for _ in range(4):  # a server dies and another one starts, over and over
            await lasts(vigie, 120.0)
            vigie.kill()
            vigie.start()
        assert said(vigie, number) == ["opened", "response_due", "response_breached"]
        assert noticed(vigie) == ["response_due", "response_breached"]
    finally:
        vigie.kill()


def _only(vigie: Vigie) -> Mapping[str, Any]:
    asked: dict[str, Any] = {"state": None, "service": None, "before": None, "limit": 9}
    asked["viewer"] = EVERYTHING
    (incident,) = vigie.db.read(lambda c: incidents.page(c, **asked))
    return incident
