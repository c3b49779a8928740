"""Budget actions in the tick, over a real database: tickets, runs, and burns that come first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runbooks.model import Match, Mode, Runbook, Step, StepKind
from slo.spec import Act, BudgetAction
from vigie.clock import SetClock
from vigie.commands import acknowledge, resolve
from vigie.config import Config
from vigie.store import incidents, runs
from vigie.store.visibility import EVERYTHING
from world import INTERVAL_S, POLICY, T0, TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation

Story = Callable[["Shop"], Awaitable[None]]
TICKET, BURN = "budget:shop/availability", "slo-burn:shop/availability"
# Objective 0.99: 10 % of failures burn at 10x, under the 14.4x of the arm that pages; a burst of
# them after two good minutes is over it at once.
SPENDING, BURNING = {"good": 9, "bad": 1}, {"good": 0, "bad": 60}
LEFT = BudgetAction("left", (Act.TICKET,), remaining_below=0.25)
FAST = BudgetAction("fast", (Act.TICKET,), burning_above=5.0, over_s=120.0)
LOOK = BudgetAction("look", (Act.RUNBOOK,), burning_above=5.0, over_s=120.0, runbook="spenders")
BOOK = Runbook(
    "spenders",
    "Who spends the budget",
    Match(services=("another",)),
    Mode.DIAGNOSE,
    (Step("ask", StepKind.HTTP, "Ask", url="http://127.0.0.1:9/", read_only=True),),
)


class Shop:
    """One instance of a service under a steady load, watched with these budget actions."""

    def __init__(self, folder: Path, *actions: BudgetAction) -> None:
        # Minutes of a month are under any floor that says much.
        policy = replace(POLICY, actions=actions, coverage_floor=1e-7)
        self.clock = SetClock(T0)
        config = config_for(1, policy)
        (watch,) = config.watches.values()
        watch = replace(watch, slo=replace(watch.slo, objective=0.99))
        self.config: Config = replace(config, watches={watch.slo.id: watch}, runbooks=(BOOK,))
        self.vigie = Vigie(self.config, folder, self.clock)
        self.process = Process(T0 - 50.0)
        self.most_open = 0

    async def run(self, seconds: float, good: int = 10, bad: int = 0) -> None:
        (target,) = self.config.targets.values()
        for _ in range(round(seconds / INTERVAL_S)):
            self.clock.set(self.clock.now() + INTERVAL_S)
            at = self.clock.now() - 1.0
            self.process.events += [Event(at, "200")] * good + [Event(at, "500")] * bad
            scrape = self.vigie.scrape(target, self.process.page(TEXT), TEXT)
            self.vigie.pipeline.deliver(scrape)
            assert await self.vigie.pipeline.tick()
            self.most_open = max(self.most_open, len(self.vigie.db.read(incidents.open_incidents)))

    def told(self) -> list[tuple[str, bool]]:
        """The key of every incident that there was, and whether it is open."""
        return [(one["key"], one["resolved_at"] is None) for one in self.all()]

    def all(self) -> list[Mapping[str, Any]]:
        read = lambda c: incidents.page(c, limit=99, viewer=EVERYTHING)  # noqa: E731 - a query, not a function
        return list(reversed(self.vigie.db.read(read)))

    def resolve(self, number: int) -> None:
        now = self.clock.now()
        resolve(self.vigie.db, self.config, number, "ann", "planned for May", now)
        self.vigie.pipeline.changed_by_people()

    def books(self, number: int) -> list[str]:
        return [run["runbook"] for run in self.vigie.db.read(lambda c: runs.of_incident(c, number))]


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., Shop]:
    def told(story: Story, *actions: BudgetAction) -> Shop:
        shop = Shop(tmp_path, *actions)
        asyncio.run(story(shop))
        return shop

    return told


def test_a_ticket_opens_recovers_and_opens_again_with_its_condition(
    tell: Callable[..., Shop],
) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(120)
        await shop.run(120, **SPENDING)
        assert shop.told() == [(TICKET, True)]
        await shop.run(240)
        assert shop.told() == [(TICKET, False)]
        await shop.run(120, **SPENDING)

    shop = tell(story, FAST)
    assert shop.told() == [(TICKET, False), (TICKET, True)]
    first, _ = shop.all()
    assert (first["type"], first["urgency"], first["resolved_by"]) == ("budget", "low", "vigie")
    timeline = shop.vigie.db.read(lambda c: incidents.timeline(c, 1))
    assert "No budget action has asked for it for" in timeline[-2]["text"]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_ticket_that_a_person_resolved_stays_resolved_while_its_condition_lasts(
    tell: Callable[..., Shop], restarts: bool
) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300, **SPENDING)
        shop.resolve(1)
        if restarts:
            shop.vigie.kill()
            shop.vigie.start()
        await shop.run(300, **SPENDING)

    assert tell(story, LEFT).told() == [(TICKET, False)]


def test_a_page_holds_the_ticket_back_until_it_is_over(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(120)
        await shop.run(120, **BURNING)
        assert shop.told() == [(BURN, True)]
        await shop.run(390)

    shop = tell(story, LEFT)
    assert shop.told() == [(BURN, False), (TICKET, True)]
    assert shop.most_open == 1


def test_an_open_ticket_gives_way_to_a_page_and_comes_back(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(120, **SPENDING)
        assert shop.told() == [(TICKET, True)]
        await shop.run(120, **BURNING)
        assert shop.told() == [(TICKET, False), (BURN, True)]
        await shop.run(390)

    shop = tell(story, LEFT)
    assert shop.told() == [(TICKET, False), (BURN, False), (TICKET, True)]
    timeline = shop.vigie.db.read(lambda c: incidents.timeline(c, 1))
    assert "incident #2 has it now" in timeline[-1]["text"]


def test_a_ticket_that_somebody_works_on_stays_theirs(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(120, **SPENDING)
        acknowledge(shop.vigie.db, shop.config, 1, "ann", shop.clock.now())
        shop.vigie.pipeline.changed_by_people()
        await shop.run(120, **BURNING)

    assert tell(story, LEFT).told() == [(TICKET, True), (BURN, True)]


def test_a_runbook_runs_once_in_an_incident_of_its_own(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300, **SPENDING)

    shop = tell(story, LOOK)
    assert (shop.told(), shop.books(1)) == ([(TICKET, True)], ["spenders"])


def test_a_runbook_runs_for_the_page_that_opens_with_it(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(120)
        await shop.run(120, **BURNING)
        await shop.run(390)

    shop = tell(story, LOOK)
    assert (shop.told(), shop.books(1)) == ([(BURN, False)], ["spenders"])
