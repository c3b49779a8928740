"""The tick while the incident of a burn is merged into another one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from incidents.model import IncidentType, Severity, Signal, Urgency
from vigie.clock import SetClock
from vigie.commands import resolve
from vigie.commands.merge import merge, unmerge
from vigie.store import incidents
from vigie.store.visibility import EVERYTHING
from world import INTERVAL_S, T0, TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation

BY_HAND = Signal(  # of which no tick will ever say anything
    key="by-hand",
    type=IncidentType.SLO_BURN,
    service="shop",
    slo="",
    title="the database is slow",
    urgency=Urgency.LOW,
    severity=Severity.SEV4,
    started_at=T0,
    firing=True,
    clear=False,
    recover_after_s=60.0,
)


class Shop:
    """One instance under a steady load, whose burn has opened incident 2; 1 is a person's."""

    def __init__(self, folder: Path) -> None:
        self.clock = SetClock(T0)
        self.config = config_for(1)
        self.vigie = Vigie(self.config, folder, self.clock)
        (self.name,) = self.config.targets
        self.process = Process(T0 - 50.0)

    async def run(self, seconds: float, good: int = 50, bad: int = 0) -> None:
        for _ in range(round(seconds / INTERVAL_S)):
            self.clock.set(self.clock.now() + INTERVAL_S)
            at = self.clock.now() - 1.0
            self.process.events += [Event(at, "200")] * good + [Event(at, "500")] * bad
            target = self.config.targets[self.name]
            self.vigie.pipeline.deliver(self.vigie.scrape(target, self.process.page(TEXT), TEXT))
            await self.vigie.pipeline.tick()

    def does(self, command: Callable[..., Any], number: int, *more: Any, **said: Any) -> None:
        about = {"reason": "the same", "actor": "ann", "now": self.clock.now()}
        command(self.vigie.db, self.config, number, *more, **about, **said)
        self.vigie.pipeline.changed_by_people()

    def states(self) -> dict[int, str]:
        rows: list[Mapping[str, Any]] = self.vigie.db.read(
            lambda c: list(incidents.page(c, limit=9, viewer=EVERYTHING))
        )
        return {row["number"]: row["state"] for row in reversed(rows)}

    def kinds(self, number: int) -> list[str]:
        entries = self.vigie.db.read(lambda c: incidents.timeline(c, number))
        return [entry["kind"] for entry in entries]


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[Callable[[Shop], Awaitable[None]]], Shop]:
    """Tell the story of a burning shop whose incident 2 was merged into 1."""

    async def begin(shop: Shop, story: Callable[[Shop], Awaitable[None]]) -> None:
        await shop.run(300)
        db = shop.vigie.db
        opened = replace(BY_HAND, started_at=shop.clock.now())
        db.write(lambda c: incidents.open_incident(c, opened, shop.clock.now()))
        shop.vigie.pipeline.changed_by_people()
        await shop.run(120, good=40, bad=10)
        assert shop.states() == {1: "triage", 2: "triage"}
        shop.does(merge, 2, 1, viewer=EVERYTHING)
        await story(shop)

    def told(story: Callable[[Shop], Awaitable[None]]) -> Shop:
        shop = Shop(tmp_path)
        asyncio.run(begin(shop, story))
        return shop

    return told


Tell = Callable[[Callable[[Shop], Awaitable[None]]], Shop]


def test_a_burn_goes_on_and_opens_nothing_and_raises_the_other(shop: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(120, good=40, bad=10)

    after = shop(story)
    assert after.states() == {1: "triage", 2: "merged"}
    assert "upgraded" in after.kinds(1)
    (row,) = after.vigie.db.read(
        lambda c: [incidents.get(c, 1)],
    )
    assert row is not None
    assert (row["title"], row["urgency"]) == ("the database is slow", "high")


def test_that_it_clears_resolves_nothing_and_again_it_opens_nothing(shop: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(7_200)
        assert "recovered" not in shop.kinds(1)
        await shop.run(240, good=25, bad=25)

    assert shop(story).states() == {1: "triage", 2: "merged"}


def test_once_the_other_is_over_a_burn_opens_a_new_one(shop: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(30, good=40, bad=10)
        now = shop.clock.now()
        resolve(shop.vigie.db, shop.config, 1, "ann", "done", now)
        shop.vigie.pipeline.changed_by_people()
        await shop.run(30, good=40, bad=10)

    assert shop(story).states() == {1: "resolved", 2: "merged", 3: "triage"}


def test_unmerged_it_has_its_burn_back(shop: Tell) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(30, good=40, bad=10)
        shop.does(unmerge, 2)
        await shop.run(7_200)

    after = shop(story)
    assert after.states() == {1: "triage", 2: "resolved"}
    assert after.kinds(2)[-2:] == ["recovered", "resolved"]
