"""Targets from a Kubernetes cluster: what its objects say now, followed as they change."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial

from collectors import fetch
from collectors.discovery.errors import DiscoveryError
from collectors.discovery.feed import Feed
from collectors.discovery.kubernetes_objects import RESOURCES, Node, Object, Pod, Service, read
from collectors.discovery.kubernetes_server import Server
from collectors.discovery.kubernetes_targets import group_of
from collectors.discovery.kubernetes_watch import BACKOFF_S, MAX_BACKOFF_S, Watcher
from collectors.discovery.model import KubernetesSd
from collectors.jobs import Group
from collectors.scrape import Clock

# What each role follows: its own objects first, then those that its labels come from.
FOLLOWED: Mapping[str, tuple[str, ...]] = {
    "pod": ("pod",),
    "service": ("service",),
    "endpoints": ("endpoints", "service", "pod"),
    "endpointslice": ("endpointslice", "service", "pod"),
    "node": ("node",),
    "ingress": ("ingress",),
}
ATTACHES_NODE = frozenset({"pod", "endpoints", "endpointslice"})
_AT_ONCE = 200  # groups that are made before others have their turn


class Kubernetes:
    """One discovery: a watcher for each kind of object that the role needs, in each namespace.

    Nothing is told before all of them have listed once, as in Prometheus: half the objects would
    make targets without half their labels.
    """

    def __init__(
        self,
        discovery: KubernetesSd,
        clock: Clock,
        feed: Feed,
        client: fetch.Client,
        server: Callable[[], Server],
    ) -> None:
        self.feed = feed
        self._discovery = discovery
        self._clock = clock
        self._client = client
        self._server = server
        self._attach = discovery.attach_node and discovery.role in ATTACHES_NODE
        self._world = World(discovery.role, attach_node=self._attach)
        self._watchers: list[Watcher[Object]] = []

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        namespaces = await self._namespaces()
        self._world = World(self._discovery.role, attach_node=self._attach)
        self._watchers = []
        kinds = FOLLOWED[self._discovery.role] + (("node",) if self._attach else ())
        for kind in kinds:
            for namespace in namespaces if kind != "node" else [""]:
                self._watchers.append(self._watcher(kind, namespace))
        async with asyncio.TaskGroup() as group:
            for watcher in self._watchers:
                group.create_task(watcher.run())

    def put(self, kind: str, key: str, found: Object | None) -> None:
        self._world.put(kind, key, found)

    async def listed(self) -> None:
        if not all(watcher.synced for watcher in self._watchers):
            return
        if self._world.changed or not self.feed.answered:
            while self._world.make(_AT_ONCE):  # noqa: ASYNC110 - nothing is waited for
                await asyncio.sleep(0)
            self.feed.later(self._world.groups)

    def told(self) -> None:
        if self._world.changed and all(watcher.synced for watcher in self._watchers):
            self.feed.later(self._world.groups)

    def _watcher(self, kind: str, namespace: str) -> Watcher[Object]:
        return Watcher(
            kind,
            RESOURCES[kind],
            partial(read, kind),
            namespace,
            self._selector(kind),
            client=self._client,
            server=self._server,
            store=self,
            clock=self._clock,
            feed=self.feed,
        )

    def _selector(self, kind: str) -> Mapping[str, str]:
        for role, label, field in self._discovery.selectors:
            if role == kind:
                return {"labelSelector": label, "fieldSelector": field}
        return {}

    async def _namespaces(self) -> Collection[str]:
        """The namespaces to follow; one empty name stands for all of them."""
        named = list(self._discovery.namespaces)
        wait_s = BACKOFF_S
        while self._discovery.own_namespace:
            try:
                server = await asyncio.to_thread(self._server)
                if not server.namespace:
                    raise DiscoveryError("nothing says which namespace is our own")
            except DiscoveryError as error:
                self.feed.failed("own namespace", error.reason)
                await self._clock.sleep_until(self._clock.now() + wait_s)
                wait_s = min(2 * wait_s, MAX_BACKOFF_S)
            else:
                self.feed.well("own namespace")
                named.append(server.namespace)
                break
        return dict.fromkeys(named) or [""]


class World:
    """The objects that are known, and the groups that come of them.

    A group is made anew when its own object has changed, or another one that it was made of: what
    was looked for while it was made, and found or not, is remembered.
    """

    def __init__(self, role: str, *, attach_node: bool) -> None:
        self._role = role
        self._attach_node = attach_node
        self._objects: dict[tuple[str, str], Object] = {}
        self._groups: dict[str, Group] = {}
        self._needs: dict[str, set[tuple[str, str]]] = {}
        self._needed_by: dict[tuple[str, str], set[str]] = {}
        self._stale: dict[str, None] = {}

    @property
    def changed(self) -> bool:
        """Whether some group has to be made anew."""
        return bool(self._stale)

    def put(self, kind: str, key: str, found: Object | None) -> None:
        """This is the object now; None: there is none. One that is the same changes nothing."""
        at = kind, key
        if self._objects.get(at) == found:
            return
        if found is None:
            del self._objects[at]
        else:
            self._objects[at] = found
        if kind == self._role:
            self._stale[key] = None
        for needing in self._needed_by.get(at, ()):
            self._stale[needing] = None

    def make(self, most: int) -> bool:
        """Make up to so many of the groups that are stale; whether some are left."""
        for key in list(self._stale)[:most]:
            del self._stale[key]
            self._make(key)
        return bool(self._stale)

    def groups(self) -> list[Group]:
        """Every group as of now, in the order of their objects' names."""
        self.make(len(self._stale))
        return [self._groups[key] for key in sorted(self._groups)]

    def _make(self, key: str) -> None:
        for need in self._needs.pop(key, ()):
            needing = self._needed_by[need]
            needing.discard(key)
            if not needing:
                del self._needed_by[need]
        self._groups.pop(key, None)
        found = self._objects.get((self._role, key))
        if found is None:
            return
        seen = _Seen(self._objects, attach_node=self._attach_node)
        group = group_of(found, seen)
        if seen.needs:
            self._needs[key] = seen.needs
        for need in seen.needs:
            self._needed_by.setdefault(need, set()).add(key)
        if group is not None:
            self._groups[key] = group


class _Seen:
    """Looks objects up, and remembers for which it was asked."""

    def __init__(self, objects: Mapping[tuple[str, str], Object], *, attach_node: bool) -> None:
        self.needs: set[tuple[str, str]] = set()
        self._objects = objects
        self._attach_node = attach_node

    def pod(self, key: str) -> Pod | None:
        found = self._look("pod", key)
        return found if isinstance(found, Pod) else None

    def service(self, key: str) -> Service | None:
        found = self._look("service", key)
        return found if isinstance(found, Service) else None

    def node(self, name: str) -> Node | None:
        found = self._look("node", name) if self._attach_node else None
        return found if isinstance(found, Node) else None

    def _look(self, kind: str, key: str) -> Object | None:
        self.needs.add((kind, key))
        return self._objects.get((kind, key))
