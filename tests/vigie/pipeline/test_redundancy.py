"""Redundancy through the pipeline: replicas that are targets, or that a cluster tells of."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collectors.changes import Change, Kind, Status
from slo.redundancy import Observed, Redundancy, RedundancyState, Replica, Standing, Workload
from slo.spec import Selector, ServiceState
from slo.status import ServiceFigures
from vigie.clock import SetClock
from vigie.config import Config
from vigie.store import changes, incidents, outages, states
from vigie.store import redundancy as store
from vigie.store.visibility import EVERYTHING
from world import INTERVAL_S, POLICY, T0, TEXT, Vigie, config_for

pytestmark = pytest.mark.simulation

START = T0 // 60 * 60
REDUNDANT, DEGRADED = RedundancyState.REDUNDANT, RedundancyState.DEGRADED
AT_RISK, DOWN = RedundancyState.AT_RISK, RedundancyState.DOWN
MINIMUM_2 = Redundancy("shop", "shop", minimum=2)
CLUSTER = Redundancy("shop", "shop", workload=Workload("deployment", "shop", "shop"))


class Shop:
    """Three replicas, scraped every five seconds; `pages` is what each says beside its requests,
    None: it does not answer.
    """

    def __init__(self, folder: Path, declared: Redundancy | None) -> None:
        config = config_for(3, replace(POLICY, no_data_after_s=1e9))
        found = {} if declared is None else {"shop": declared}
        self.config: Config = replace(config, redundancy=found)
        self.vigie = Vigie(self.config, folder, SetClock(START))
        self.pages: list[str | None] = ["", "", ""]

    async def lasts(self, seconds: float) -> None:
        for _ in range(round(seconds / INTERVAL_S)):
            self.vigie.clock.set(self.vigie.clock.now() + INTERVAL_S)
            served = 0.0 if self.pages == [None] * 3 else self.vigie.clock.now()
            for target, more in zip(self.config.targets.values(), self.pages, strict=True):
                text = f'http_requests_total{{code="200"}} {served - START}\n{more}'
                body = None if more is None else text.encode()
                self.vigie.pipeline.deliver(self.vigie.scrape(target, body, TEXT))
            assert await self.vigie.pipeline.tick()

    async def told(self, observed: Observed, seconds: float = INTERVAL_S) -> None:
        """A cluster says so, again and again."""
        for _ in range(round(seconds / INTERVAL_S)):
            now = self.vigie.clock.now() + INTERVAL_S
            self.vigie.pipeline.observed("shop", replace(observed, at=now))
            await self.lasts(INTERVAL_S)

    @property
    def service(self) -> ServiceFigures:
        status = self.vigie.board.now.status
        assert status is not None
        return status.services["shop"]

    @property
    def standing(self) -> Standing:
        assert self.service.standing is not None
        return self.service.standing

    def incidents(self) -> list[Mapping[str, Any]]:
        return self.vigie.db.read(lambda c: incidents.page(c, limit=9, viewer=EVERYTHING))


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[Redundancy | None], Shop]:
    def open_shop(declared: Redundancy | None) -> Shop:
        made = Shop(tmp_path, declared)
        request.addfinalizer(made.vigie.kill)
        return made

    return open_shop


Open = Callable[[Redundancy | None], Shop]


async def test_a_lost_replica_is_an_incident_only_after_ten_minutes_at_risk(shop: Open) -> None:
    one = shop(MINIMUM_2)
    await one.lasts(60)
    assert (one.standing.state, one.service.state) == (REDUNDANT, ServiceState.UP)
    one.pages[1] = None
    await one.lasts(595)
    assert (one.standing.state, one.service.state) == (AT_RISK, ServiceState.DEGRADED)
    assert "2 of 3" in one.service.reason
    assert one.incidents() == []
    await one.lasts(10)
    (incident,) = one.incidents()
    assert (incident["type"], incident["urgency"]) == ("lost-redundancy", "low")
    assert incident["severity"] == 4
    one.pages[1] = ""
    await one.lasts(130)
    (incident,) = one.incidents()
    assert incident["state"] == "resolved"
    assert one.service.state is ServiceState.UP


async def test_without_a_declaration_it_is_shown_and_nothing_opens(shop: Open) -> None:
    one = shop(None)
    one.pages[1:] = [None, None]
    await one.lasts(900)
    assert (one.standing.state, one.standing.declared) == (AT_RISK, False)
    assert one.service.state is ServiceState.UP
    assert one.incidents() == []


async def test_restarts_one_by_one_open_nothing_and_replicas_in_turn_do(shop: Open) -> None:
    one = shop(MINIMUM_2)
    await one.lasts(60)
    for replica in range(3):  # no scrape sees all three of them
        one.pages = ["", "", ""]
        one.pages[replica] = None
        await one.lasts(400)
    assert one.incidents() == []
    one.pages = ["", "", ""]
    await one.lasts(130)
    for turn in range(8):
        one.pages = ["", "", ""]
        one.pages[turn % 2] = None
        await one.lasts(120)
    assert [i["type"] for i in one.incidents()] == ["lost-redundancy"]


async def test_a_deploy_that_was_told_and_gets_further_opens_nothing(shop: Open) -> None:
    one = shop(replace(MINIMUM_2, minimum=3))  # at risk all the time while one is replaced
    await one.lasts(60)
    now = one.vigie.clock.now()
    told = Change("api", "1", "deploy 7", Kind.DEPLOY, Status.RUNNING, now, now, services=("shop",))
    one.vigie.db.write(lambda c: changes.record(c, told, now))
    one.vigie.pipeline.told_of_change()
    for replica in range(3):
        one.pages = ["", "", ""]
        one.pages[replica] = None
        await one.lasts(500)
    assert one.incidents() == []
    await one.lasts(700)  # but one that is stuck does
    assert [i["type"] for i in one.incidents()] == ["lost-redundancy"]


async def test_where_no_replica_answers_nobody_knows_that_it_is_down(shop: Open) -> None:
    one = shop(MINIMUM_2)
    await one.lasts(60)
    one.pages = [None, None, None]
    await one.lasts(120)
    assert one.standing.state is RedundancyState.UNKNOWN
    assert one.service.state is ServiceState.UNKNOWN
    assert one.vigie.db.read(outages.read) == []


async def test_replicas_that_answer_and_are_not_ready_are_an_outage(shop: Open) -> None:
    one = shop(replace(MINIMUM_2, ready=Selector("shop_ready")))
    one.pages = ["shop_ready 1\n"] * 3
    await one.lasts(60)
    assert one.service.state is ServiceState.UP
    one.pages = ["shop_ready 0\n"] * 3
    await one.lasts(60)
    assert (one.standing.state, one.service.state) == (DOWN, ServiceState.DOWN)
    await one.lasts(10)
    (incident,) = one.incidents()
    assert (incident["type"], incident["urgency"]) == ("lost-redundancy", "high")
    one.pages = ["shop_ready 1\n"] * 3
    await one.lasts(60)
    (outage,) = one.vigie.db.read(outages.read)
    assert outage.started_at == START + 65.0
    assert outage.incident == incident["number"]


async def test_leaders_and_load_are_read_from_pages(shop: Open) -> None:
    declared = replace(MINIMUM_2, leader=Selector("leads"), load=Selector("work_total"))
    one = shop(declared)
    for second in range(0, 30, 5):
        work = [second * 6, second * 3, second * 3]
        one.pages = [f"leads {int(n == 0)}\nwork_total {w}\n" for n, w in enumerate(work)]
        await one.lasts(INTERVAL_S)
    assert (one.standing.leader, one.standing.failovers) == ("10.0.0.0:80", 0)
    assert one.standing.skew == 1.5  # 6 a second over a mean of 4
    one.pages = ["leads 0\nwork_total 200\n", "leads 1\nwork_total 200\n", "leads 0\n"]
    await one.lasts(INTERVAL_S)
    assert (one.standing.leader, one.standing.failovers) == ("10.0.0.1:80", 1)
    one.vigie.kill()
    one.vigie.start()
    await one.lasts(INTERVAL_S)
    assert (one.standing.leader, one.standing.failovers) == ("10.0.0.1:80", 1)


async def test_a_cluster_says_how_many_replicas_there_are(shop: Open) -> None:
    one = shop(CLUSTER)
    ready = tuple(Replica(f"shop-{n}", ready=True, zone=f"z{n % 2}") for n in range(3))
    await one.told(Observed(0.0, ready, wanted=3), 20)
    assert (one.standing.state, one.standing.zones) == (REDUNDANT, 2)
    await one.told(Observed(0.0, ready[:1], wanted=1), 1200)  # scaled down at night
    assert (one.standing.state, one.service.state) == (AT_RISK, ServiceState.UP)
    assert one.incidents() == []
    await one.told(Observed(0.0, ready[:1], wanted=3), 620)
    assert [i["type"] for i in one.incidents()] == ["lost-redundancy"]


async def test_a_cluster_that_falls_silent_is_unknown(shop: Open) -> None:
    one = shop(CLUSTER)
    ready = tuple(Replica(f"shop-{n}", ready=True) for n in range(3))
    await one.told(Observed(0.0, ready, wanted=3), 20)
    await one.lasts(100)
    assert one.standing.state is RedundancyState.UNKNOWN
    assert "silent for" in one.standing.reason


async def test_states_and_risks_outlive_a_restart(shop: Open) -> None:
    one = shop(MINIMUM_2)
    await one.lasts(60)
    one.pages[0] = None
    await one.lasts(300)
    kept = one.vigie.db.read(store.read)["shop"]
    assert (kept.state, kept.risk_since) == (AT_RISK, START + 65.0)
    one.vigie.kill()
    one.vigie.clock.set(one.vigie.clock.now() + 60.0)
    one.vigie.start()
    await one.lasts(245)
    assert [i["started_at"] for i in one.incidents()] == [START + 65.0]
    found = [(s.at - START, s.state.name) for s in one.vigie.db.read(states.read)]
    assert found[:2] == [(5.0, "UP"), (65.0, "DEGRADED")]
    assert found[2] == (360.0, "UNKNOWN")  # Vigie did not run
    history = one.service.history
    assert history.known_from == START + 5.0
    assert [start - START for start, _ in history.unknown] == [360.0]
