"""One cluster: its watches, the rollouts that are seen there, and what is seen of each workload."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from collectors import fetch
from collectors.changes import Change, Integration
from collectors.discovery.kubernetes_json import key_of
from collectors.discovery.kubernetes_server import Server
from collectors.discovery.kubernetes_watch import Watcher
from collectors.scrape import Clock
from collectors.workloads.health import Health, WorkloadStatus
from collectors.workloads.objects import (
    BUDGET,
    KINDS,
    LEASE,
    NODE,
    POD,
    RESOURCES,
    Controller,
    Object,
    read,
)
from collectors.workloads.rollouts import Rollouts, Told, change_of
from collectors.workloads.selectors import LabelSelector
from collectors.workloads.watches import Scope, Watch, watches
from collectors.workloads.world import World, observed
from slo.redundancy import Observed, Redundancy, Workload

log = logging.getLogger(__name__)

WATCH_S: Final = 60  # of one watch, with up to as much again: what is seen is never much older
RESTART_S: Final = 60.0  # after a fault of our own


class Wanted(NamedTuple):
    """What is to be told of a cluster: of these services, by name, and what integrations say."""

    redundancies: Mapping[str, Redundancy]
    integrations: tuple[Integration, ...]
    services: frozenset[str]  # all that there are

    def workload(self, service: str) -> Workload:
        found = self.redundancies[service].workload
        assert found is not None, "of a redundancy with a workload"
        return found


class Cluster:
    """Follows one cluster. All its methods belong to one event loop.

    `changed` hears of rollouts at once; whose replicas changed stands in `dirty`.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        client: fetch.Client,
        server: Callable[[], Server],
        changed: Callable[[Change], None],
    ) -> None:
        self.dirty: set[str] = set()
        self.health = Health(clock, name)
        self.world = World(clock.now, self._touched)
        self._clock = clock
        self._client = client
        self._server = server
        self._changed = changed
        self._wanted = Wanted({}, (), frozenset())
        self._of: dict[tuple[str, str, str], list[str]] = {}  # services by workload
        self._running: dict[Watch, _Running] = {}
        self._rollouts: dict[tuple[str, str], Rollouts] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def services(self) -> tuple[str, ...]:
        """Those of which `observed` tells."""
        return tuple(self._wanted.redundancies)

    def watch(self, wanted: Wanted) -> None:
        """Follow just this from now on; a watch that stays needed goes on undisturbed."""
        self._wanted = wanted
        self._of = {}
        for service in wanted.redundancies:
            workload = wanted.workload(service)
            at = workload.namespace, workload.kind, workload.name
            self._of.setdefault(at, []).append(service)
        self.dirty &= wanted.redundancies.keys()
        self._align()

    async def stop(self) -> None:
        """End every watch; nothing is told any more."""
        self.watch(Wanted({}, (), frozenset()))
        await asyncio.gather(*self._ending, return_exceptions=True)

    def observed(self, service: str) -> Observed | None:
        """What is seen of a service now; None where it is too early to tell."""
        workload, now = self._wanted.workload(service), self._clock.now()
        for kind in (workload.kind, POD):
            error = self._error(kind, workload.namespace)
            if error is None and kind == POD and self._known(workload) is None:
                break  # its pods are asked for once it is known
            if error is None:
                return None
            if error:
                return Observed(now, error=error)
        rollouts = self._rollouts.get((workload.kind, _key(workload)))
        return observed(
            workload,
            self.world,
            rollouts.rollout if rollouts is not None else None,
            now,
            leases=self._is_shown(LEASE, workload.namespace),
            budgets=self._is_shown(BUDGET, workload.namespace),
        )

    def status(self, service: str) -> WorkloadStatus:
        """How following the workload of a service goes. It is down without the workload and its
        pods; what else fails is only said.
        """
        workload = self._wanted.workload(service)
        needed = [self._watcher(kind, workload.namespace) for kind in (workload.kind, POD)]
        more = [NODE, BUDGET, *([LEASE] if workload.lease else [])]
        known, first = self._known(workload), needed[0]
        missing = first is not None and first.synced and known is None
        return self._status(
            f"{workload.kind} {_key(workload)}",
            needed if known is not None else needed[:1],
            [self._watcher(kind, workload.namespace) for kind in more],
            f"no {workload.kind} {_key(workload)}" if missing else "",
        )

    def integration(self, one: Integration) -> WorkloadStatus:
        """How following the rollouts of an integration goes."""
        place = ", ".join(one.namespaces) or "all namespaces"
        needed = [self._watcher(k, n) for n in one.namespaces or ("",) for k in KINDS]
        return self._status(place, needed, [])

    def _status(
        self,
        place: str,
        needed: Sequence[Watcher[Object] | None],
        more: Sequence[Watcher[Object] | None],
        missing: str = "",
    ) -> WorkloadStatus:
        errors = [missing] if missing else []
        errors += self._failing(needed)
        is_up = all(watcher is not None and watcher.synced for watcher in needed)
        times = [self.health.last_ok_at(one.part) if one is not None else None for one in needed]
        known = [at for at in times if at is not None]
        well = "up" if is_up else "unknown"
        return WorkloadStatus(
            place=place,
            health="down" if errors else well,
            error="; ".join([*errors, *self._failing(more)]),
            last_ok_at=min(known) if known and len(known) == len(times) else None,
        )

    def _failing(self, some: Iterable[Watcher[Object] | None]) -> list[str]:
        parts = dict.fromkeys(watcher.part for watcher in some if watcher is not None)
        return [f"{part}: {said}" for part in parts if (said := self.health.reason(part))]

    # -- what the watchers say

    def put(self, kind: str, key: str, found: Object | None) -> None:
        before = self.world.controller(kind, key) if kind in KINDS else None
        self.world.put(kind, key, found)
        if kind not in KINDS:
            return
        now = found if isinstance(found, Controller) else None
        self._follow(kind, key, now)
        one = now or before
        is_wanted = one is not None and (one.namespace, kind, one.name) in self._of
        if is_wanted and _pods(before) != _pods(now):
            self._align()  # its pods are asked for by its labels

    def listed(self, kind: str) -> None:
        """A watch has listed, and so answered, even where it holds nothing."""
        self._sweep(kind)
        self.dirty |= self._wanted.redundancies.keys()

    def _sweep(self, kind: str) -> None:
        """What no watch of that kind holds any more is not there, once all of them have listed."""
        running = [one for watch, one in self._running.items() if watch.kind == kind]
        if all(one.watcher.synced for one in running):
            held = set[str]().union(*(one.held for one in running))
            for key in self.world.keys(kind):
                if key not in held:
                    self.put(kind, key, None)

    def _follow(self, kind: str, key: str, found: Controller | None) -> None:
        at, now = (kind, key), self._clock.now()
        if found is None:
            gone = self._rollouts.pop(at, None)
            self._tell(gone.gone(now) if gone is not None else [])
        else:
            self._tell(self._rollouts.setdefault(at, Rollouts()).take(found, now))

    def _tell(self, told: Iterable[Told]) -> None:
        for one in told:
            if services := self._services(one.of):
                self._changed(change_of(one, services))

    def _services(self, of: Controller) -> tuple[str, ...]:
        """Whose rollout it is: of services that are declared to run there, and of those that the
        integrations name.
        """
        found = list(self._of.get((of.namespace, of.kind, of.name), ()))
        for integration in self._wanted.integrations:
            if not integration.namespaces or of.namespace in integration.namespaces:
                found += services_of(of, integration, self._wanted.services)
        return tuple(dict.fromkeys(found))

    def _touched(self, namespace: str, kind: str, name: str) -> None:
        if kind:
            self.dirty.update(self._of.get((namespace, kind, name), ()))
            return
        for (own, _, _), services in self._of.items():
            if namespace in ("", own):
                self.dirty.update(services)

    # -- which watches run

    def _align(self) -> None:
        workloads = [self._wanted.workload(service) for service in self._wanted.redundancies]
        wanted = watches(workloads, self._scope(), self._pods_of)
        ended = self._running.keys() - wanted
        for watch in ended:
            running = self._running.pop(watch)
            running.task.cancel()
            self._ending.add(running.task)
            running.task.add_done_callback(self._ending.discard)
            self.health.forget(running.watcher.part)
        for watch in sorted(wanted - self._running.keys()):
            self._running[watch] = _Running(self, watch)
        for kind in {watch.kind for watch in ended}:
            self._sweep(kind)

    def _scope(self) -> Scope:
        integrations = self._wanted.integrations
        named = frozenset(name for one in integrations for name in one.namespaces)
        return Scope(named, any(not one.namespaces for one in integrations))

    def _pods_of(self, workload: Workload) -> str | None:
        found = self._known(workload)
        return None if found is None else found.selector.text

    def _known(self, workload: Workload) -> Controller | None:
        return self.world.controller(workload.kind, _key(workload))

    def _watcher(self, kind: str, namespace: str) -> Watcher[Object] | None:
        for watch, running in self._running.items():
            if watch.covers(kind, namespace):
                return running.watcher
        return None

    def _error(self, kind: str, namespace: str) -> str | None:
        watcher = self._watcher(kind, namespace)
        if watcher is None:
            return None
        said = self.health.error(watcher.part, synced=watcher.synced)
        return f"{watcher.part}: {said}" if said else said

    def _is_shown(self, kind: str, namespace: str) -> bool:
        """Whether what is known of a kind is to be believed, or was until just now."""
        watcher = self._watcher(kind, namespace)
        return watcher is not None and watcher.synced and not self._error(kind, namespace)

    def make(self, watch: Watch, store: "_Running") -> Watcher[Object]:
        return Watcher(
            watch.kind,
            RESOURCES[watch.kind],
            partial(read, watch.kind),
            watch.namespace,
            watch.selector,
            client=self._client,
            server=self._server,
            store=store,
            clock=self._clock,
            feed=self.health,
            watch_s=WATCH_S,
        )

    async def run(self, watcher: Watcher[Object]) -> None:
        while True:
            try:
                await watcher.run()
            except Exception as error:  # a defect in one watch must not end it for good
                log.exception("kubernetes: %s failed by a fault of our own", watcher.part)
                self.health.failed(watcher.part, f"internal error: {type(error).__name__}")
            await self._clock.sleep_until(self._clock.now() + RESTART_S)


class _Running:
    """A watch under way, and the keys of the objects that it holds."""

    def __init__(self, cluster: Cluster, watch: Watch) -> None:
        self.held: set[str] = set()
        self._cluster = cluster
        self._watch = watch
        self.watcher = cluster.make(watch, self)
        cluster.health.began(self.watcher.part)
        self.task = asyncio.create_task(cluster.run(self.watcher))

    def put(self, kind: str, key: str, found: Object | None) -> None:
        if found is None:
            self.held.discard(key)
        else:
            self.held.add(key)
        self._cluster.put(kind, key, found)

    async def listed(self) -> None:
        self._cluster.listed(self._watch.kind)

    def told(self) -> None:
        """What was put is known already."""


def services_of(
    of: Controller, integration: Integration, services: frozenset[str]
) -> tuple[str, ...]:
    """The services of a workload, of those that there are: those that the integration names for it;
    else the one that its annotation, its label or its name names; else none.
    """
    for subject in (of.key, of.name):
        if subject in integration.services:
            return tuple(name for name in integration.services[subject] if name in services)
    return tuple(name for name in (of.service, of.app, of.name) if name in services)[:1]


def _key(workload: Workload) -> str:
    return key_of(workload.namespace, workload.name)


def _pods(found: Controller | None) -> LabelSelector | None:
    return None if found is None else found.selector
