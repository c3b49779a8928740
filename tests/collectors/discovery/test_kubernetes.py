"""Following a cluster: a local server that speaks the API, and everything that goes wrong there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from api_server import Clock, Cluster, Raw, listening
from collectors import fetch
from collectors.access import ANONYMOUS
from collectors.discovery.feed import Feed
from collectors.discovery.kubernetes import Kubernetes
from collectors.discovery.kubernetes_server import Server
from collectors.discovery.model import KubernetesSd
from collectors.entry import Entry
from collectors.jobs import Group


class Followed:
    def __init__(self, rig: "Rig", sd: KubernetesSd, clock: Clock) -> None:
        self.changes, self._changed = 0, asyncio.Event()
        self.feed = Feed(clock, "kubernetes", sd.role, self._on_change)
        server = Server(rig.url, Entry(ANONYMOUS, clock.now), "mine")
        self.source = Kubernetes(sd, clock, self.feed, rig.client, lambda: server)
        self.task = asyncio.create_task(self.source.run())
        rig.tasks.append(self.task)

    def _on_change(self) -> None:
        self.changes += 1
        self._changed.set()

    async def until(self, condition: Callable[[tuple[Group, ...]], bool]) -> None:
        async with asyncio.timeout(10):
            while not (self.feed.answered and condition(self.feed.groups())):
                self._changed.clear()
                await self._changed.wait()

    async def names(self, *names: str) -> None:
        await self.until(lambda groups: [g.source.rpartition("/")[2] for g in groups] == [*names])


@dataclass
class Rig:
    cluster: Cluster
    url: URL
    client: fetch.Client
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def follow(self, sd: KubernetesSd, clock: Clock) -> Followed:
        return Followed(self, sd, clock)


@asynccontextmanager
async def serving() -> AsyncIterator[Rig]:
    async with listening() as (cluster, url):
        client = fetch.Client()
        rig = Rig(cluster, url, client)
        try:
            yield rig
        finally:
            for task in rig.tasks:
                task.cancel()
            await asyncio.gather(*rig.tasks, return_exceptions=True)
            await client.close()


def pod(name: str, ip: str = "10.0.0.1", node: str = "n0", namespace: str = "shop") -> Raw:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]},
        "status": {"podIP": ip},
    }


async def test_a_list_in_pages_is_followed_by_a_watch_from_its_version() -> None:
    async with serving() as rig:
        rig.cluster.page = 2
        for n in range(5):
            rig.cluster.put("pods", pod(f"p{n}"))
        followed = rig.follow(KubernetesSd("pod"), Clock())
        await followed.names("p0", "p1", "p2", "p3", "p4")
        await rig.cluster.watched()
        path, query = rig.cluster.requests[-1]
        assert (path, query["resourceVersion"]) == ("/base/api/v1/pods", "105")
        assert query["allowWatchBookmarks"] == "true"
        assert 300 <= int(query["timeoutSeconds"]) < 600
        assert len(rig.cluster.requests) == 4
        assert followed.feed.status().health == "up"
        rig.cluster.put("pods", pod("p5"))
        rig.cluster.delete("pods", "shop/p0")
        await followed.names("p1", "p2", "p3", "p4", "p5")


async def test_a_change_that_no_label_shows_is_no_change() -> None:
    async with serving() as rig:
        rig.cluster.put("pods", pod("a"))
        followed = rig.follow(KubernetesSd("pod"), Clock())
        await followed.names("a")
        for raw in ({**pod("a"), "extra": 1}, pod("b")):
            rig.cluster.put("pods", raw)
        await followed.names("a", "b")
        assert followed.changes == 2


async def test_a_watch_that_ends_goes_on_from_the_last_bookmark() -> None:
    async with serving() as rig:
        rig.cluster.put("pods", pod("a"))
        followed = rig.follow(KubernetesSd("pod"), Clock(hurry=True))
        await followed.names("a")
        await rig.cluster.watched()
        rig.cluster.put("pods", pod("b"))
        await followed.names("a", "b")
        rig.cluster.bookmark()
        await rig.cluster.sent()
        rig.cluster.compact()  # what was before the bookmark is needed no more
        rig.cluster.end()
        await rig.cluster.watched()
        assert rig.cluster.requests[-1][1]["resourceVersion"] == str(rig.cluster.version)
        assert len([query for _, query in rig.cluster.requests if "limit" in query]) == 1


@pytest.mark.parametrize("in_stream", [True, False])
async def test_a_version_that_is_gone_is_listed_anew(*, in_stream: bool) -> None:
    async with serving() as rig:
        rig.cluster.gone_in_stream = in_stream
        rig.cluster.put("pods", pod("a"))
        followed = rig.follow(KubernetesSd("pod"), Clock(hurry=True))
        await followed.names("a")
        await rig.cluster.watched()
        rig.cluster.put("pods", pod("b"))
        await followed.names("a", "b")
        rig.cluster.refusals = [503]  # while nobody watches
        rig.cluster.end()
        for name in ("a", "b"):
            rig.cluster.delete("pods", f"shop/{name}")
        rig.cluster.put("pods", pod("c"))
        rig.cluster.compact()
        await followed.names("c")


async def test_pages_that_expire_are_asked_for_in_one() -> None:
    async with serving() as rig:
        rig.cluster.page, rig.cluster.expire_pages = 2, 1
        for n in range(5):
            rig.cluster.put("pods", pod(f"p{n}"))
        followed = rig.follow(KubernetesSd("pod"), Clock(hurry=True))
        await followed.names("p0", "p1", "p2", "p3", "p4")
        assert "limit" not in rig.cluster.requests[2][1]


async def test_a_refusal_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as rig:
        rig.cluster.refusals = [403, 403, 403]
        followed = rig.follow(KubernetesSd("pod"), clock := Clock())
        for _ in range(3):
            await clock.asleep()
            assert followed.feed.status().error == "pods: status 403: no pods"
            assert not followed.feed.answered
            await clock.wake()
        await followed.names()
        assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1


async def test_a_lost_connection_changes_nothing_that_was_found() -> None:
    async with serving() as rig:
        rig.cluster.put("pods", pod("a"))
        followed = rig.follow(KubernetesSd("pod"), clock := Clock())
        await followed.names("a")
        await rig.cluster.watched()
        rig.cluster.refusals = [500]
        rig.cluster.drop()
        await clock.asleep()
        assert followed.feed.status().health == "down"
        assert len(followed.feed.groups()) == 1
        rig.cluster.put("pods", pod("b"))  # while nobody watches
        await clock.wake()  # and is refused
        await clock.wake()
        await followed.names("a", "b")


async def test_no_target_without_its_labels() -> None:
    async with serving() as rig:
        rig.cluster.put("endpoints", thing("endpoints", 0, 1))  # of the pod x1
        rig.cluster.put("pods", pod("x1"))
        followed = rig.follow(KubernetesSd("endpoints"), Clock(hurry=True))
        await followed.names("x0")
        assert followed.changes == 1
        (target,) = followed.feed.groups()[0].targets
        assert target["__meta_kubernetes_pod_name"] == "x1"
        rig.cluster.put("pods", pod("x1", node="n7"))
        node = "__meta_kubernetes_pod_node_name"
        await followed.until(lambda groups: groups[0].targets[0].get(node) == "n7")


async def test_namespaces_and_selectors_are_asked_for() -> None:
    async with serving() as rig:
        sd = KubernetesSd(
            "pod",
            namespaces=("a", "b", "a"),
            own_namespace=True,
            selectors=(("pod", "app=shop", "status.phase=Running"), ("node", "x=y", "")),
            attach_node=True,
        )
        followed = rig.follow(sd, Clock())
        await followed.names()
        await rig.cluster.watched(4)
        asked = {
            (path, q.get("labelSelector"), q.get("fieldSelector"))
            for path, q in rig.cluster.requests
        }
        start = "/base/api/v1"
        pods = ("app=shop", "status.phase=Running")
        assert asked == {
            *((f"{start}/namespaces/{name}/pods", *pods) for name in ("a", "b", "mine")),
            (f"{start}/nodes", "x=y", None),
        }


OPS = ["put", "delete", "bookmark", "drop", "end", "compact", "refuse", "pages"]
KINDS = ["pods", "services", "endpoints", "endpointslices", "nodes"]
OP = st.sampled_from(OPS) | st.sampled_from(OPS[:2])  # what happens is mostly a change
STEP = st.tuples(OP, st.sampled_from(KINDS), st.integers(0, 1), st.integers(0, 1))
Round = Sequence[tuple[str, str, int, int]]


def thing(plural: str, name: int, variant: int) -> Raw:
    meta = {"name": f"x{name}", "namespace": "shop", "labels": {"v": str(variant)}}
    ref = {"kind": "Pod", "namespace": "shop", "name": f"x{variant}"}
    ports = [{"port": 80, "name": "web"}]
    match plural:
        case "pods":
            return pod(f"x{name}", f"10.0.0.{variant}", f"x{variant}")
        case "services":
            return {"metadata": meta}
        case "endpoints":
            addresses = [{"ip": "10.0.0.9", "nodeName": f"x{name}", "targetRef": ref}]
            return {"metadata": meta, "subsets": [{"addresses": addresses, "ports": ports}]}
        case "endpointslices":
            meta = {**meta, "labels": {"kubernetes.io/service-name": f"x{variant}"}}
            one = {"addresses": ["10.0.0.9"], "targetRef": ref, "nodeName": f"x{name}"}
            return {"metadata": meta, "addressType": "IPv4", "endpoints": [one], "ports": ports}
        case _:
            return {"metadata": {"name": f"x{name}", "labels": {"v": str(variant)}}}


@given(
    rounds=st.lists(st.lists(STEP, max_size=10), min_size=2, max_size=5),
    role=st.sampled_from(("pod", "endpoints", "endpointslice")),
)
@settings(max_examples=60)
def test_whatever_happens_the_groups_become_those_of_a_fresh_list(
    rounds: Sequence[Round], role: str
) -> None:
    asyncio.run(_followed(rounds, KubernetesSd(role, attach_node=True)))


async def _followed(rounds: Sequence[Round], sd: KubernetesSd) -> None:
    async with serving() as rig:
        followed = rig.follow(sd, Clock(hurry=True))
        for steps in rounds:
            for step in steps:
                do(rig.cluster, *step)
            rig.cluster.refusals, rig.cluster.expire_pages = [], 0
            fresh = rig.follow(sd, Clock(hurry=True))
            await fresh.until(lambda _groups: True)
            await followed.until(fresh.feed.groups().__eq__)
            fresh.task.cancel()


def do(cluster: Cluster, op: str, plural: str, name: int, variant: int) -> None:
    match op:
        case "put":
            cluster.put(plural, thing(plural, name, variant))
        case "delete":
            cluster.delete(plural, f"{'' if plural == 'nodes' else 'shop/'}x{name}")
        case "refuse":
            cluster.refusals = [503, 410, 429][: name + 1 + variant]
        case "pages":
            cluster.page, cluster.expire_pages = name + 1, variant
        case _:
            getattr(cluster, op)()
