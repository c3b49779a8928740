"""Following a cluster: a local server that speaks the API, and everything that goes wrong there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from collectors import fetch
from collectors.access import ANONYMOUS
from collectors.discovery.feed import Feed
from collectors.discovery.kubernetes import Kubernetes
from collectors.discovery.kubernetes_server import Server
from collectors.discovery.model import KubernetesSd
from collectors.entry import Entry
from collectors.jobs import Group
from components import free_port

Raw = dict[str, Any]


class Clock:
    """Time that stands still while loops wait for it, or runs to whatever they wait for."""

    def __init__(self, *, hurry: bool = False) -> None:
        self._now, self._hurry = 1000.0, hurry
        self._asleep: list[asyncio.Future[None]] = []
        self._came = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, at: float) -> None:
        if self._hurry:
            self._now = max(self._now, at)
        else:
            self._asleep.append(asyncio.get_running_loop().create_future())
            self._came.set()
        await (asyncio.sleep(0) if self._hurry else self._asleep[-1])

    async def wake(self) -> None:
        """Once somebody waits: an hour later."""
        await self.asleep()
        self._now += 3600
        self._came.clear()
        while self._asleep:
            self._asleep.pop().set_result(None)

    async def asleep(self) -> None:
        async with asyncio.timeout(10):
            await self._came.wait()


class Cluster:
    """An API server: lists in pages, watches with a history that can be cut off, and faults."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Raw]] = {}
        self.history: list[tuple[int, str, str, Raw]] = []  # version, plural, type, object
        self.version, self.floor = 100, 0
        self.refusals: list[int] = []  # statuses of the next requests
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.gone_in_stream = True
        self.expire_pages = 0
        self.page: int | None = None
        self._pages: dict[str, list[Raw]] = {}
        self._streams: dict[web.StreamResponse, int] = {}  # and the version that was sent
        self._moved = asyncio.Event()

    def put(self, plural: str, raw: Raw) -> None:
        meta = raw["metadata"]
        key = "/".join(filter(None, (meta.get("namespace"), meta["name"])))
        known = self.objects.setdefault(plural, {})
        self._event(plural, "MODIFIED" if key in known else "ADDED", raw)
        known[key] = self.history[-1][3]

    def delete(self, plural: str, key: str) -> None:
        if (raw := self.objects.get(plural, {}).pop(key, None)) is not None:
            self._event(plural, "DELETED", raw)

    def bookmark(self) -> None:
        for plural in self.objects:
            self._event(plural, "BOOKMARK", {"metadata": {}})

    def compact(self) -> None:
        self.history, self.floor = [], self.version

    def drop(self) -> None:
        """Every watch loses its connection, in the middle of an event."""
        for stream in self._streams:
            if (request := stream._req) is not None and request.transport is not None:
                request.transport.write(b'20\r\n{"type":"ADDED","obj')
                request.transport.close()
        self._streams.clear()

    def end(self) -> None:
        self._streams.clear()
        self._move()

    async def watched(self, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self._streams) < count:
                await self._moved.wait()

    async def sent(self) -> None:
        async with asyncio.timeout(10):
            while any(at < self.version for at in self._streams.values()):  # noqa: ASYNC110 - short
                await asyncio.sleep(0)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        plural, query = request.path.rpartition("/")[2], dict(request.query)
        self.requests.append((request.path, query))
        if self.refusals:
            code = self.refusals.pop(0)
            return web.json_response({"code": code, "message": f"no {plural}"}, status=code)
        if "watch" in query:
            return await self._watch(request, plural, int(query["resourceVersion"]))
        return self._list(plural, query)

    def _list(self, plural: str, query: dict[str, str]) -> web.Response:
        token = query.get("continue", "")
        items = (
            self._pages.pop(token, None) if token else list(self.objects.get(plural, {}).values())
        )
        if token and (items is None or self.expire_pages):
            self.expire_pages -= 1
            return web.json_response({"code": 410, "message": "expired"}, status=410)
        size = self.page if "limit" in query and self.page else 10**6
        assert items is not None
        now, rest = items[:size], items[size:]
        version, going_on = token.partition(":")[0] or str(self.version), ""
        if rest:
            going_on = f"{version}:{len(self.requests)}"
            self._pages[going_on] = rest
        body = {"metadata": {"resourceVersion": version, "continue": going_on}, "items": now}
        answer = web.json_response(body)
        answer.enable_compression()
        return answer

    async def _watch(self, request: web.Request, plural: str, version: int) -> web.StreamResponse:
        gone = {"code": 410, "message": "too old resource version"}
        if version < self.floor and not self.gone_in_stream:
            return web.json_response(gone, status=410)
        stream = web.StreamResponse()
        await stream.prepare(request)
        self._streams[stream] = version
        self._move()
        with suppress(ConnectionError):
            while stream in self._streams and version >= self.floor:
                moved, last = self._moved, self.version
                for at, of, type_, raw in list(self.history):
                    if at > version and of == plural:
                        line = orjson.dumps({"type": type_, "object": raw}) + b"\n"
                        await stream.write(line[:20])  # events come in pieces
                        await stream.write(line[20:])
                version = max(version, last)
                if stream in self._streams:
                    self._streams[stream] = version
                await moved.wait()
            if self._streams.pop(stream, None) is not None:
                await stream.write(orjson.dumps({"type": "ERROR", "object": gone}) + b"\n")
        return stream

    def _event(self, plural: str, type_: str, raw: Raw) -> None:
        self.version += 1
        stamped = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}
        self.history.append((self.version, plural, type_, stamped))
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


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
    cluster, app, port = Cluster(), web.Application(), free_port()
    app.router.add_get("/{path:.*}", cluster.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    client = fetch.Client()
    rig = Rig(cluster, URL(f"http://127.0.0.1:{port}/base"), client)
    try:
        yield rig
    finally:
        for task in rig.tasks:
            task.cancel()
        await asyncio.gather(*rig.tasks, return_exceptions=True)
        await client.close()
        cluster.end()
        await runner.cleanup()


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
