"""The tick, over a real database and a clock that is set: burns, silence, recovery, failures."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from incidents.model import IncidentState
from slo.spec import AlertState, ServiceState
from vigie.clock import SetClock
from vigie.config import Config
from vigie.pipeline import tick as tick_module
from vigie.pipeline.decide import next_deadline
from vigie.store import incidents, outages
from vigie.store.errors import Unavailable
from vigie.store.tables import job
from vigie.store.visibility import EVERYTHING
from world import INTERVAL_S, POLICY, T0, TEXT, Event, Process, Vigie, config_for

pytestmark = pytest.mark.simulation

Story = Callable[["Shop"], Awaitable[None]]


class Shop:
    """Instances of one service under a steady load, scraped every interval."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.clock = SetClock(T0)
        self.vigie = Vigie(config, folder, self.clock)
        self.processes = {name: Process(T0 - 50.0) for name in config.targets}

    @property
    def names(self) -> list[str]:
        return list(self.processes)

    async def run(
        self, seconds: float, good: int = 50, bad: int = 0, silent: tuple[str, ...] = ()
    ) -> None:
        """So many good and bad events an instance and interval; silent ones answer nothing."""
        for _ in range(round(seconds / INTERVAL_S)):
            self.scrape(good, bad, silent)
            await self.vigie.pipeline.tick()

    def scrape(self, good: int = 50, bad: int = 0, silent: tuple[str, ...] = ()) -> None:
        """One interval goes by, and every instance is asked."""
        self.clock.set(self.clock.now() + INTERVAL_S)
        for name, process in self.processes.items():
            at = self.clock.now() - 1.0
            process.events += [Event(at, "200")] * good + [Event(at, "500")] * bad
            body = None if name in silent else process.page(TEXT)
            target = self.vigie.config.targets[name]
            self.vigie.pipeline.deliver(self.vigie.scrape(target, body, TEXT))

    def incidents(self) -> list[Mapping[str, Any]]:
        read = lambda c: incidents.page(c, limit=99, viewer=EVERYTHING)  # noqa: E731 - a query, not a function
        return list(reversed(self.vigie.db.read(read)))

    def jobs(self) -> list[str]:
        """Without the look at stakeholder updates, which every incident has."""
        found = select(job.c.dedup).where(job.c.kind != "update").order_by(job.c.id)
        return self.vigie.db.read(lambda c: list(c.execute(found).scalars()))

    def arm(self) -> AlertState:
        status = self.vigie.board.now.status
        assert status is not None
        (slo,) = status.slos.values()
        return slo.arms[0].state

    def service(self) -> ServiceState:
        status = self.vigie.board.now.status
        assert status is not None
        return status.services["shop"].state


@pytest.fixture
def tell(tmp_path: Path) -> Callable[..., Shop]:
    """Tell a story of a shop with so many instances; the shop as it is at the end."""

    def told(story: Story, instances: int = 3, config: Config | None = None) -> Shop:
        shop = Shop(tmp_path, config or config_for(instances))
        asyncio.run(story(shop))
        return shop

    return told


def test_a_burn_opens_one_incident_with_its_figures_and_one_page(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(120, good=40, bad=10)

    shop = tell(story)
    (incident,) = shop.incidents()
    assert incident["key"] == "slo-burn:shop/availability"
    assert incident["urgency"] == "high"
    assert shop.jobs() == ["notify:1:page:oncall"]
    arm = incident["detail"]["arms"][0]
    assert arm["long"]["bad"] / arm["long"]["total"] >= 0.0144
    assert arm["long"]["coverage"] == pytest.approx(1.0)
    assert shop.service() is ServiceState.DEGRADED


def test_two_failures_page_nobody(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(600, good=0)
        await shop.run(5, good=0, bad=1)
        await shop.run(5, good=0, bad=1)
        await shop.run(60, good=0)

    assert tell(story, instances=1).incidents() == []


def test_a_recovered_burn_that_nobody_acknowledged_resolves_by_itself(
    tell: Callable[..., Shop],
) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(60, good=40, bad=10)
        assert shop.arm() is AlertState.FIRING
        await shop.run(300)

    shop = tell(story)
    (incident,) = shop.incidents()
    assert incident["state"] == IncidentState.RESOLVED
    assert incident["recovered_at"] - incident["clear_since"] >= POLICY.recover_after_s
    assert shop.jobs() == ["notify:1:page:oncall", "notify:1:resolved:oncall"]


def test_a_dead_replica_hides_no_burn_of_the_others(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(120, good=40, bad=10, silent=(shop.names[0],))

    burn, silence = sorted(tell(story).incidents(), key=lambda one: one["type"], reverse=True)
    assert (burn["type"], burn["urgency"]) == ("slo-burn", "high")
    assert (silence["type"], silence["urgency"]) == ("no-data", "low")
    target = silence["detail"]["targets"][0]
    assert (target["id"], target["error"]) == ("shop/10.0.0.0:80", "timeout")


def test_when_all_targets_fall_silent_one_page_goes_out_in_time(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(POLICY.no_data_after_s + INTERVAL_S, silent=tuple(shop.names))

    shop = tell(story)
    (incident,) = shop.incidents()
    assert (incident["type"], incident["urgency"]) == ("no-data", "high")
    assert shop.jobs() == ["notify:1:page:oncall"]
    assert shop.service() is ServiceState.UNKNOWN


def test_silence_is_judged_although_nothing_arrives(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        while not shop.incidents():
            assert shop.clock.now() < T0 + 400
            shop.clock.set(next_deadline(shop.vigie.pipeline.state, shop.clock.now()))
            await shop.vigie.pipeline.tick()

    shop = tell(story)
    assert shop.incidents()[0]["urgency"] == "high"
    silent_since = T0 + 300
    waited = shop.incidents()[0]["opened_at"] - silent_since
    assert waited <= POLICY.no_data_after_s + INTERVAL_S


def test_silence_ends_only_when_coverage_is_back(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(120, silent=tuple(shop.names))
        await shop.run(120, silent=tuple(shop.names[:1]))
        assert shop.incidents()[0]["resolved_at"] is None
        await shop.run(180)

    (incident,) = tell(story).incidents()
    assert incident["state"] == IncidentState.RESOLVED


def test_an_incident_never_resolves_because_data_vanished(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(60, good=40, bad=10)
        await shop.run(900, silent=tuple(shop.names))

    shop = tell(story)
    burn = next(one for one in shop.incidents() if one["type"] == "slo-burn")
    assert burn["resolved_at"] is None
    assert shop.arm() is AlertState.FIRING


def test_data_that_vanishes_after_a_burn_cleared_resolves_nothing_either(
    tell: Callable[..., Shop],
) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(60, good=40, bad=10)
        while shop.arm() is AlertState.FIRING:
            await shop.run(INTERVAL_S)
        await shop.run(900, silent=tuple(shop.names))

    burn = next(one for one in tell(story).incidents() if one["type"] == "slo-burn")
    assert burn["resolved_at"] is None


def test_a_restart_neither_reopens_nor_resolves(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(60, good=40, bad=10)
        shop.vigie.kill()
        shop.vigie.start()
        assert shop.vigie.counted() == (3 * (59 * 50 + 12 * 40), 3 * (59 * 50 + 12 * 50))
        await shop.run(60, good=40, bad=10)

    (incident,) = tell(story).incidents()
    assert incident["resolved_at"] is None


def test_a_reload_between_two_ticks_loses_no_series_state(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        renamed = config_for(3, name="success")
        shop.vigie.config = renamed
        await shop.vigie.pipeline.swap(renamed)
        await shop.run(60)

    shop = tell(story)
    assert shop.vigie.counted() == (3 * 71 * 50, 3 * 71 * 50)
    status = shop.vigie.board.now.status
    assert status is not None
    assert list(status.slos) == ["shop/success"]


def test_an_outage_goes_on_through_a_reload_and_ends_where_measuring_did(
    tell: Callable[..., Shop],
) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(100)
        await shop.run(60, good=0, bad=50)
        assert shop.service() is ServiceState.DOWN
        await shop.vigie.pipeline.swap(shop.vigie.config)
        await shop.run(20, good=0, bad=50)
        (outage,) = shop.vigie.db.read(outages.read)
        assert outage.ended_at is None
        shop.vigie.kill()
        shop.clock.set(shop.clock.now() + 600.0)
        shop.vigie.start()
        (outage,) = shop.vigie.db.read(outages.read)
        assert outage.ended_at == T0 + 180.0

    tell(story)


def test_a_failed_tick_leaves_no_trace_and_the_next_counts_everything(
    tell: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Unavailable("the disk is full")

    def refuse(*_args: object, **_more: object) -> None:
        raise full

    async def story(shop: Shop) -> None:
        await shop.run(60)
        with monkeypatch.context() as broken:
            broken.setattr(tick_module, "commit", refuse)
            await shop.run(30)
            assert shop.vigie.board.now.ticks_failed == 6
            assert shop.vigie.told[0][0] == "Vigie can't record: the disk is full"
        await shop.run(5)

    shop = tell(story)
    assert shop.vigie.board.now.tick_error is None
    assert shop.vigie.counted() == (3 * 18 * 50, 3 * 18 * 50)


def test_a_commit_that_fails_after_it_lasted_is_counted_once(
    tell: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line to the database breaks in a COMMIT that was carried out: nobody knows."""

    async def story(shop: Shop) -> None:
        await shop.run(60)
        db, really = shop.vigie.db, shop.vigie.db.awrite

        async def lasts_and_fails(work: Callable[..., Any]) -> None:
            await really(work)
            raise Unavailable("the outcome is unknown")

        with monkeypatch.context() as broken:
            broken.setattr(db, "awrite", lasts_and_fails)
            await shop.run(40, good=40, bad=10)
        await shop.run(20, good=40, bad=10)
        shop.vigie.kill()
        shop.vigie.start()

    shop = tell(story)
    assert shop.vigie.counted() == (3 * (11 * 50 + 12 * 40), 3 * 23 * 50)
    (incident,) = shop.incidents()
    assert shop.jobs() == [f"notify:{incident['number']}:page:oncall"]


def test_a_stop_in_the_middle_of_a_commit_loses_nothing(
    tell: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(55)  # the two scrapes to come lie in one slice
        db, really = shop.vigie.db, shop.vigie.db.awrite
        begun, go = asyncio.Event(), asyncio.Event()

        async def slow(work: Callable[..., Any]) -> Any:
            result = await really(work)  # it lasts, whoever waits for the word or not
            begun.set()
            await go.wait()
            return result

        monkeypatch.setattr(db, "awrite", slow)
        await shop.vigie.pipeline.start()
        shop.scrape()
        while not begun.is_set():
            shop.clock.set(shop.clock.now() + 0.01)
            await asyncio.sleep(0)
        shop.scrape()
        stopping = asyncio.create_task(shop.vigie.pipeline.stop())
        await asyncio.sleep(0)
        go.set()
        await stopping
        shop.vigie.kill()
        shop.vigie.start()

    shop = tell(story)
    assert shop.vigie.counted() == (3 * 12 * 50, 3 * 12 * 50)


def test_what_a_person_changes_while_incidents_are_read_is_read_again(
    tell: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    async def story(shop: Shop) -> None:
        await shop.run(20)
        pipeline, really = shop.vigie.pipeline, shop.vigie.db.aread

        async def read(work: Callable[..., Any]) -> Any:
            found = await really(work)
            if work is incidents.open_incidents:
                if not reads:
                    pipeline.changed_by_people()
                reads.append(found)
            return found

        monkeypatch.setattr(shop.vigie.db, "aread", read)
        pipeline.changed_by_people()
        await shop.run(20)

    tell(story)
    assert len(reads) == 2


def test_a_defect_in_a_tick_is_survived(
    tell: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_decide(*_args: object) -> None:
        raise ZeroDivisionError

    async def story(shop: Shop) -> None:
        await shop.run(60)
        with monkeypatch.context() as broken:
            broken.setattr(tick_module, "decide", broken_decide)
            await shop.run(5)
        await shop.run(5)

    shop = tell(story)
    assert shop.vigie.counted()[1] == 3 * 13 * 50


def test_a_target_that_was_removed_is_no_longer_expected(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        gone = shop.names[0]
        fewer = replace(shop.vigie.config)
        fewer = replace(fewer, targets={k: v for k, v in fewer.targets.items() if k != gone})
        shop.vigie.config = fewer
        await shop.vigie.pipeline.swap(fewer)
        del shop.processes[gone]
        await shop.run(120)

    shop = tell(story)
    assert shop.incidents() == []
    assert shop.arm() is AlertState.OK


def test_pages_wait_in_the_same_transaction_as_the_incident(tell: Callable[..., Shop]) -> None:
    async def story(shop: Shop) -> None:
        await shop.run(300)
        await shop.run(60, good=40, bad=10)

    shop = tell(story)

    found = select(job.c.incident, job.c.state).where(job.c.kind == "notify")
    pages = shop.vigie.db.read(lambda c: c.execute(found).all())
    assert pages == [(shop.incidents()[0]["number"], "ready")]
