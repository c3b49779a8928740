"""Workloads for the server: what is seen goes to the pipeline, rollouts are written in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from api_server import Cluster, listening
from collectors.changes import Change, Integration, Status
from collectors.proxies import NO_PROXIES
from slo.redundancy import Observed, Redundancy, Workload
from slo.spec import Service
from vigie.clock import SetClock
from vigie.config import Config
from vigie.pipeline.plan import compile_plan
from vigie.sources.workloads import TRIES, Workloads
from workload_objects import DONE, PROGRESSING, deployment, pod


class Server:
    """The pipeline and the database of a server, as far as workloads know them."""

    def __init__(self) -> None:
        self.seen: dict[str, Observed] = {}
        self.written: list[Change] = []
        self.refusals = 0
        self.tries = 0
        self.came = asyncio.Event()

    def observed(self, service: str, found: Observed) -> None:
        self.seen[service] = found
        self.came.set()

    async def record(self, change: Change) -> None:
        await asyncio.sleep(0)
        self.tries += 1
        self.came.set()
        if self.refusals:
            self.refusals -= 1
            raise OSError("disk full")
        self.written.append(change)


class Rig:
    def __init__(self, cluster: Cluster, url: str) -> None:
        self.cluster, self.url = cluster, url
        self.server, self.clock = Server(), SetClock(1_000_000.0)
        self.workloads = Workloads(self.clock, self.server, self.server.record, NO_PROXIES)

    def watch(self) -> None:
        workload = Workload("deployment", "shop", "web", api_server=self.url)
        told = Integration("cluster", "kubernetes", namespaces=("shop",), api_server=self.url)
        config = Config(
            services={name: Service(name) for name in ("checkout", "web")},
            watches={},
            targets={},
            channels={},
            runbooks=(),
            redundancy={"checkout": Redundancy("c", "checkout", workload=workload)},
            integrations={"cluster": told},
        )
        self.workloads.watch(compile_plan(config, 10))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let a second pass, time and again, until something holds."""
        async with asyncio.timeout(20):
            while not holds():
                self.server.came.clear()
                self.clock.set(self.clock.now() + 1.0)
                try:
                    async with asyncio.timeout(0.05):
                        await self.server.came.wait()
                except TimeoutError:
                    continue


@asynccontextmanager
async def running() -> AsyncIterator[Rig]:
    async with listening() as (cluster, url):
        cluster.put("deployments", deployment())
        cluster.put("pods", pod("web-1"))
        rig = Rig(cluster, str(url))
        await rig.workloads.start()
        rig.watch()
        try:
            await rig.until(lambda: "checkout" in rig.server.seen)
            yield rig
        finally:
            await rig.workloads.stop()


def begin(rig: Rig, *, reason: str = PROGRESSING, total: int = 4) -> None:
    new = deployment(image="shop:2", generation=2, revision=2, reason=reason, total=total)
    rig.cluster.put("deployments", new)


def roll(rig: Rig) -> None:
    begin(rig)
    begin(rig, reason=DONE, total=3)


async def test_what_is_seen_and_rolled_out_reaches_the_server() -> None:
    async with running() as rig:
        assert [one.name for one in rig.server.seen["checkout"].replicas] == ["web-1"]
        roll(rig)
        await rig.until(lambda: len(rig.server.written) == 2)
        assert [one.status for one in rig.server.written] == [Status.RUNNING, Status.SUCCEEDED]
        assert {one.services for one in rig.server.written} == {("checkout", "web")}
        status, told = rig.workloads.status("checkout"), rig.workloads.integration("cluster")
        assert status is not None
        assert told is not None
        assert (status.health, told.health) == ("up", "up")


async def test_a_change_that_can_not_be_written_is_tried_again_before_the_next() -> None:
    async with running() as rig:
        rig.server.refusals = TRIES - 1
        roll(rig)
        await rig.until(lambda: len(rig.server.written) == 2)
        assert [one.status for one in rig.server.written] == [Status.RUNNING, Status.SUCCEEDED]
        assert (rig.server.tries, rig.workloads.dropped) == (TRIES + 1, 0)


async def test_one_that_never_can_holds_up_no_other() -> None:
    async with running() as rig:
        rig.server.refusals = TRIES
        roll(rig)
        await rig.until(lambda: len(rig.server.written) == 1)
        assert [one.status for one in rig.server.written] == [Status.SUCCEEDED]
        assert rig.workloads.dropped == 1


async def test_a_stop_writes_what_waits() -> None:
    async with running() as rig:
        rig.server.refusals = 1
        begin(rig)
        await rig.until(lambda: rig.server.tries == 1)
        await rig.workloads.stop()
        assert [one.status for one in rig.server.written] == [Status.RUNNING]
