"""Following workloads in a cluster, over a local server that speaks the API."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api_server import Cluster, listening
from collectors.changes import Change, Integration, Status
from collectors.workloads.follower import Follower
from slo.redundancy import Observed, Redundancy, Replica, Rollout, Workload
from vigie.clock import SetClock
from workload_objects import (
    DONE,
    PROGRESSING,
    STUCK,
    Raw,
    budget,
    daemonset,
    deployment,
    lease,
    node,
    pod,
    statefulset,
)

PODS: dict[str, str] = {"web-1": "n1", "web-2": "n2", "web-3": "n2"}
NEW: dict[str, Any] = {"image": "shop:2", "generation": 2, "revision": 2, "reason": PROGRESSING}


class Told:
    """A follower, and what it told."""

    def __init__(self, cluster: Cluster, url: str) -> None:
        self.cluster, self.url = cluster, url
        self.clock = SetClock(1_000_000.0)
        self.last: dict[str, Observed] = {}
        self.words = 0
        self.changes: list[Change] = []
        self._came = asyncio.Event()
        self.follower = Follower(self.clock, self._observed, self._changed)

    def _observed(self, service: str, found: Observed) -> None:
        self.last[service] = found
        self.words += 1
        self._came.set()

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        self._came.set()

    def declared(self, service: str = "checkout", **changes: str) -> Redundancy:
        workload = Workload("deployment", "shop", "web", "leader", self.url)
        return Redundancy(service, service, workload=replace(workload, **changes))

    def watch(self, *declared: Redundancy, integration: Integration | None = None) -> None:
        told = {} if integration is None else {integration.name: integration}
        services = {*(one.service for one in declared), "shop", "web", "log", "one", "two"}
        self.follower.watch({one.service: one for one in declared}, told, services)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let a second pass, time and again, until something holds."""
        async with asyncio.timeout(20):
            while not holds():
                self._came.clear()
                self.clock.set(self.clock.now() + 1.0)
                try:
                    async with asyncio.timeout(0.05):
                        await self._came.wait()
                except TimeoutError:
                    continue

    async def sees(self, holds: Callable[[Observed], bool], service: str = "checkout") -> Observed:
        await self.until(lambda: service in self.last and holds(self.last[service]))
        return self.last[service]

    async def ready(self, count: int) -> Observed:
        return await self.sees(lambda seen: sum(r.ready is True for r in seen.replicas) == count)

    async def statuses(self, *statuses: Status) -> None:
        await self.until(lambda: [one.status for one in self.changes] == [*statuses])

    def asked(self) -> set[tuple[str, str]]:
        """What was asked for, and how narrowly."""
        return {
            (
                path.removeprefix("/base"),
                query.get("fieldSelector", "") + query.get("labelSelector", ""),
            )
            for path, query in self.cluster.requests
        }


@asynccontextmanager
async def told(cluster: Cluster | None = None) -> AsyncIterator[Told]:
    async with listening(cluster=cluster) as (there, url):
        made = Told(there, str(url))
        await made.follower.start()
        try:
            yield made
        finally:
            await made.follower.stop()


def shop() -> Cluster:
    """A Deployment of three pods on two nodes in two zones, with a leader and a budget."""
    cluster = Cluster()
    cluster.put("deployments", deployment())
    for name, at in PODS.items():
        cluster.put("pods", pod(name, node=at))
    cluster.put("pods", pod("db-0", of="db", kind="StatefulSet"))
    for name, zone in (("n1", "a"), ("n2", "b")):
        cluster.put("nodes", node(name, zone))
    cluster.put("leases", lease("web-2_0a1b"))
    cluster.put("poddisruptionbudgets", budget(2))
    return cluster


async def test_what_is_seen_of_a_workload() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        seen = await it.sees(lambda seen: seen.leader == "web-2" and seen.minimum == 2)
        seen = await it.sees(lambda seen: all(one.zone for one in seen.replicas))
        assert replace(seen, at=0.0) == Observed(
            at=0.0,
            replicas=(
                Replica("web-1", ready=True, zone="a", leads=False),
                Replica("web-2", ready=True, zone="b", leads=True),
                Replica("web-3", ready=True, zone="b", leads=False),
            ),
            wanted=3,
            minimum=2,
            leader="web-2",
        )
        assert seen.at == it.clock.now()
        assert it.asked() == {
            ("/apis/apps/v1/namespaces/shop/deployments", "metadata.name=web"),
            ("/api/v1/namespaces/shop/pods", "app=web"),
            ("/apis/coordination.k8s.io/v1/namespaces/shop/leases", "metadata.name=leader"),
            ("/apis/policy/v1/namespaces/shop/poddisruptionbudgets", ""),
            ("/api/v1/nodes", ""),
        }
        assert it.follower.status("checkout").health == "up"
        assert it.follower.status("other") is None


async def test_it_is_told_again_where_nothing_changes() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.sees(lambda seen: seen.leader == "web-2" and bool(seen.replicas[0].zone))
        await it.cluster.watched(5)
        for _ in range(3):
            at, words = it.last["checkout"].at, it.words
            await it.sees(lambda seen, at=at: seen.at > at)
            assert it.last["checkout"].at <= at + 10
            assert it.words == words + 1


async def test_a_rolling_restart_is_a_rollout_and_a_change() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.ready(3)
        restarted = {**NEW, "image": "shop:1", "restarted": "2026-01-01T00:00:00Z"}
        it.cluster.put("deployments", deployment(**restarted, updated=1, total=4, ready=3))
        seen = await it.sees(lambda seen: seen.rollout is not None)
        began_at = seen.rollout.started_at
        assert seen.rollout == Rollout(began_at, began_at)
        it.cluster.put("pods", pod("web-4", ready="False"))
        await it.sees(lambda seen: len(seen.replicas) == 4)
        it.cluster.put("deployments", deployment(**restarted, updated=2, total=4, ready=3))
        seen = await it.sees(lambda seen: seen.rollout.progressed_at > began_at)
        assert not seen.rollout.stuck
        it.cluster.put("deployments", deployment(**{**restarted, "reason": DONE}))
        await it.sees(lambda seen: seen.rollout is None)
        running, ended = it.changes
        assert (running.status, ended.status) == (Status.RUNNING, Status.SUCCEEDED)
        assert running.id == ended.id
        assert (ended.services, ended.version) == (("checkout",), "1")


async def test_a_scale_down_is_none() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.ready(3)
        it.cluster.put("deployments", deployment(replicas=1, total=3, updated=3, generation=2))
        for name in ("web-2", "web-3"):
            it.cluster.put("pods", pod(name, deletionTimestamp="2026-01-01T00:00:00Z"))
        seen = await it.sees(lambda seen: seen.wanted == 1 and len(seen.replicas) == 1)
        assert seen.rollout is None
        assert it.changes == []


async def test_a_stuck_rollout_says_so() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.ready(3)
        it.cluster.put("deployments", deployment(**NEW, updated=1, total=4, ready=3))
        await it.sees(lambda seen: seen.rollout is not None)
        it.cluster.put(
            "deployments", deployment(**{**NEW, "reason": STUCK}, updated=1, total=4, ready=3)
        )
        await it.sees(lambda seen: seen.rollout is not None and seen.rollout.stuck)
        await it.statuses(Status.RUNNING, Status.FAILED)


async def test_a_node_that_is_lost_takes_its_pods_readiness() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.ready(3)
        it.cluster.put("pods", pod("web-1", ready="False"))
        seen = await it.ready(2)
        assert seen.wanted == 3
        it.cluster.delete("pods", "shop/web-1")
        it.cluster.delete("nodes", "n1")
        seen = await it.sees(lambda seen: len(seen.replicas) == 2)
        assert {one.zone for one in seen.replicas} == {"b"}


async def test_a_zone_that_is_lost_is_seen() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.ready(3)
        for name in ("web-2", "web-3"):
            it.cluster.put("pods", pod(name, node="n2", ready="Unknown"))
        seen = await it.ready(1)
        seen = await it.sees(lambda seen: [one.zone for one in seen.replicas] == ["a", "b", "b"])
        assert [one.ready for one in seen.replicas] == [True, None, None]


async def test_a_leader_that_changes() -> None:
    async with told(shop()) as it:
        it.watch(it.declared())
        await it.sees(lambda seen: seen.leader == "web-2")
        it.cluster.put("leases", lease("web-3_77", renewed="t1"))
        seen = await it.sees(lambda seen: seen.leader == "web-3")
        assert [one.leads for one in seen.replicas] == [False, False, True]
        seen = await it.sees(lambda seen: seen.leader == "")  # nobody renews it
        assert not any(one.leads for one in seen.replicas)
        it.cluster.delete("leases", "shop/leader")
        it.cluster.put("leases", lease("web-1_78", renewed="t2"))
        await it.sees(lambda seen: seen.leader == "web-1")


async def test_what_is_refused_is_unknown_and_the_rest_works() -> None:
    async with told(shop()) as it:
        it.cluster.forbidden = {"nodes", "leases", "poddisruptionbudgets"}
        it.watch(it.declared())
        seen = await it.ready(3)
        assert (seen.error, seen.leader, seen.minimum) == ("", None, None)
        assert {(one.zone, one.leads) for one in seen.replicas} == {("", None)}
        status = it.follower.status("checkout")
        await it.until(lambda: "nodes" in it.follower.status("checkout").error)
        status = it.follower.status("checkout")
        assert status is not None
        assert status.health == "up"
        assert "nodes: status 403: nodes is forbidden" in status.error
        it.cluster.forbidden = set()
        await it.sees(lambda seen: seen.minimum == 2 and seen.replicas[0].zone == "a")


async def test_without_its_pods_nothing_is_known() -> None:
    async with told(shop()) as it:
        it.cluster.forbidden = {"pods"}
        it.watch(it.declared())
        seen = await it.sees(lambda seen: "pods of shop: status 403" in seen.error)
        assert seen.replicas == ()
        assert it.follower.status("checkout").health == "down"


async def test_a_workload_that_is_not_there_is_named() -> None:
    async with told() as it:
        it.watch(it.declared())
        await it.sees(lambda seen: seen.error == "no deployment shop/web")
        assert "no deployment shop/web" in it.follower.status("checkout").error
        it.cluster.put("deployments", deployment(replicas=0))
        await it.sees(lambda seen: seen.wanted == 0 and not seen.error)
        it.cluster.delete("deployments", "shop/web")
        await it.sees(lambda seen: seen.error == "no deployment shop/web")


async def test_a_server_that_restarts_is_missed_only_when_it_stays_away() -> None:
    cluster = shop()
    async with listening(cluster=cluster) as (_, url):
        it = Told(cluster, str(url))
        await it.follower.start()
        it.watch(it.declared())
        await it.ready(3)
        await cluster.watched(5)
    try:
        cluster.delete("pods", "shop/web-3")
        cluster.compact()  # it has forgotten what was
        began_at, words = it.last["checkout"].at, it.words
        seen = await it.sees(lambda seen: bool(seen.error))
        assert seen == Observed(seen.at, error=seen.error)
        assert seen.error.startswith("deployments of shop: ")
        assert it.words - words <= 2  # what was seen is not repeated meanwhile
        assert seen.at >= began_at + 10
        async with listening(port=url.port or 0, cluster=cluster):
            await it.sees(lambda seen: len(seen.replicas) == 2 and not seen.error)
            await it.follower.stop()
    finally:
        await it.follower.stop()


async def test_a_reload_disturbs_nothing_that_stays() -> None:
    async with told(shop()) as it:
        it.cluster.put("statefulsets", statefulset())
        it.watch(it.declared())
        await it.ready(3)
        await it.cluster.watched(5)
        asked = len(it.cluster.requests)
        it.watch(it.declared())
        await it.ready(3)
        assert len(it.cluster.requests) == asked
        it.watch(it.declared(), it.declared("orders", kind="statefulset", name="db", lease=""))
        seen = await it.sees(lambda seen: len(seen.replicas) == 1, "orders")
        assert seen.replicas[0].name == "db-0"
        words = it.words
        await it.until(lambda: it.words > words + 2)
        assert not it.last["checkout"].error
        assert ("/api/v1/namespaces/shop/pods", "") in it.asked()
        it.watch(it.declared("orders", kind="statefulset", name="db", lease=""))
        it.last.clear()
        await it.sees(lambda seen: len(seen.replicas) == 1, "orders")
        assert "checkout" not in it.last
        assert it.changes == []


def rolling(name: str, **meta: Any) -> Raw:
    return deployment(name, updated=1, total=4, reason=PROGRESSING, **meta)


async def test_rollouts_of_a_whole_cluster_are_told_of_its_services() -> None:
    async with told() as it:
        for raw in (
            rolling("web", namespace="a"),
            rolling("api", labels={"app.kubernetes.io/name": "shop"}),
            rolling("till", annotations={"vigie.dev/service": "web"}),
            rolling("old", annotations={"vigie.dev/service": "gone"}),
            rolling("mapped"),
            rolling("front", namespace="b"),
            deployment("log"),
        ):
            it.cluster.put("deployments", raw)
        services = {"mapped": ("one", "gone", "two"), "b/front": ("two",)}
        cluster = Integration("cluster", "kubernetes", services, api_server=it.url)
        it.watch(integration=cluster)
        await it.until(lambda: len(it.changes) == 5)
        assert {(one.subject, one.services) for one in it.changes} == {
            ("a/web", ("web",)),
            ("shop/api", ("shop",)),
            ("shop/till", ("web",)),
            ("shop/mapped", ("one", "two")),
            ("b/front", ("two",)),
        }
        await it.until(lambda: it.follower.integration("cluster").health == "up")
        it.cluster.put("daemonsets", daemonset())
        it.cluster.put("daemonsets", daemonset(image="log:2", generation=2, updated=0))
        await it.until(lambda: it.changes[-1].title == "rollout of daemonset shop/log")
        assert it.asked() == {
            (f"/apis/apps/v1/{plural}", "")
            for plural in ("deployments", "statefulsets", "daemonsets")
        }


async def test_a_rollout_that_two_documents_name_is_one_change() -> None:
    async with told(shop()) as it:
        cluster = Integration("cluster", "kubernetes", namespaces=("shop",), api_server=it.url)
        it.watch(it.declared(), integration=cluster)
        await it.ready(3)
        it.cluster.put("deployments", deployment(**NEW, updated=1, total=4))
        await it.statuses(Status.RUNNING)
        assert it.changes[0].services == ("checkout", "web")


async def test_one_namespace_is_asked_for_alone() -> None:
    async with told() as it:
        cluster = Integration("cluster", "kubernetes", namespaces=("shop",), api_server=it.url)
        it.watch(integration=cluster)
        await it.cluster.watched(3)
        assert {path for path, _ in it.asked()} == {
            f"/apis/apps/v1/namespaces/shop/{plural}"
            for plural in ("deployments", "statefulsets", "daemonsets")
        }


async def test_an_unreachable_cluster_silences_no_other(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(json.dumps({"no": "kubeconfig"}))
    async with told(shop()) as it:
        broken = it.declared("far", api_server="", kubeconfig_file=str(tmp_path / "config"))
        it.watch(it.declared(), broken)
        await it.ready(3)
        seen = await it.sees(lambda seen: bool(seen.error), "far")
        assert "nothing says which context to use" in seen.error


@pytest.mark.parametrize("kind", ["statefulset", "daemonset"])
async def test_the_other_kinds_are_followed_too(kind: str) -> None:
    async with told() as it:
        raw = statefulset("w") if kind == "statefulset" else daemonset("w")
        it.cluster.put(f"{kind}s", raw)
        it.cluster.put("pods", pod("w-0", of="w", kind=kind))
        it.watch(it.declared(kind=kind, name="w", lease=""))
        seen = await it.sees(lambda seen: len(seen.replicas) == 1)
        assert (seen.wanted, seen.leader) == (3, None)
