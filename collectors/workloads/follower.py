"""Workloads of Kubernetes: what is seen of them and rolled out, told to whoever wants to know."""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from collectors import fetch
from collectors.changes import KUBERNETES, Change, Integration
from collectors.discovery.discoverer import IN_CLUSTER
from collectors.discovery.kubernetes_server import Finder, ServiceAccount
from collectors.discovery.model import KubernetesSd
from collectors.proxies import NO_PROXIES, Proxies
from collectors.scrape import Clock
from collectors.workloads.cluster import Cluster, Wanted
from collectors.workloads.health import WorkloadStatus
from slo.redundancy import Observed, Redundancy

log = logging.getLogger(__name__)

TELL_S: Final = 1.0  # between two words on one service: a rollout is many changes
REPEAT_S: Final = 10.0  # and where nothing changes, so that nobody takes silence for word
At: TypeAlias = tuple[str, str]  # of a cluster: API server, kubeconfig


class Follower:
    """Follows the workloads of services, and every rollout where an integration asks for it. All
    its methods belong to one event loop.

    `observed` is called in the loop with a service and what is seen of its workload: within TELL_S
    of a change, and every REPEAT_S. Where the API says nothing that can be believed it is an error.
    `changed` is called with a rollout when it begins and when it ends. Neither may block or raise.
    """

    def __init__(
        self,
        clock: Clock,
        observed: Callable[[str, Observed], None],
        changed: Callable[[Change], None],
        *,
        proxies: Proxies = NO_PROXIES,
        account: ServiceAccount = IN_CLUSTER,
    ) -> None:
        self._clock = clock
        self._observed = observed
        self._changed = changed
        self._proxies = proxies
        self._account = account
        self._wanted: dict[At, Wanted] = {}
        self._clusters: dict[At, Cluster] = {}
        self._told_at: dict[str, float] = {}
        self._client: fetch.Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def watch(
        self,
        redundancies: Mapping[str, Redundancy],
        integrations: Mapping[str, Integration],
        services: Collection[str],
    ) -> None:
        """Follow just these from now on: redundancies by service, of which those without a workload
        are none of ours; integrations by name, likewise; `services` are all that there are. What is
        the same goes on undisturbed.
        """
        self._wanted = _by_cluster(redundancies, integrations, frozenset(services))
        kept = {service for wanted in self._wanted.values() for service in wanted.redundancies}
        self._told_at = {name: at for name, at in self._told_at.items() if name in kept}
        self._follow()

    async def start(self) -> None:
        """Begin to follow what is watched."""
        self._client = fetch.Client()
        self._follow()
        self._task = asyncio.create_task(self._tell())

    async def stop(self) -> None:
        """End every watch and close every connection; nothing is told any more."""
        if self._task is not None:
            self._task.cancel()
            self._ending.add(self._task)
        clusters, self._clusters, self._wanted = list(self._clusters.values()), {}, {}
        for cluster in clusters:
            await cluster.stop()
        await asyncio.gather(*self._ending, return_exceptions=True)
        self._ending.clear()
        if self._client is not None:
            await self._client.close()
        self._client = self._task = None

    def status(self, service: str) -> WorkloadStatus | None:
        """How following the workload of a service goes; None where it has none."""
        for cluster in self._clusters.values():
            if service in cluster.services:
                return cluster.status(service)
        return None

    def integration(self, name: str) -> WorkloadStatus | None:
        """How following the rollouts of an integration goes; None where it is none of ours."""
        for at, wanted in self._wanted.items():
            for one in wanted.integrations:
                if one.name == name and at in self._clusters:
                    return self._clusters[at].integration(one)
        return None

    def _follow(self) -> None:
        if self._client is None:
            return
        for at in self._clusters.keys() - self._wanted.keys():
            task = asyncio.create_task(self._clusters.pop(at).stop())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for at, wanted in self._wanted.items():
            if at not in self._clusters:
                self._clusters[at] = self._cluster(at, self._client)
            self._clusters[at].watch(wanted)

    def _cluster(self, at: At, client: fetch.Client) -> Cluster:
        api_server, kubeconfig = at
        asked = KubernetesSd("pod", api_server=api_server, kubeconfig_file=kubeconfig)
        finder = Finder(asked, self._account, self._proxies, self._clock.now)
        name = api_server or kubeconfig or "our own"
        return Cluster(name, self._clock, client, finder.server, self._changed)

    async def _tell(self) -> None:
        while True:
            for cluster in list(self._clusters.values()):
                for service in cluster.services:
                    try:
                        self._tell_of(cluster, service)
                    except Exception:  # a defect in one service must not silence the others
                        log.exception("workload of %s: a fault of our own", service)
                await asyncio.sleep(0)  # others have their turn
            await self._clock.sleep_until(self._clock.now() + TELL_S)

    def _tell_of(self, cluster: Cluster, service: str) -> None:
        now = self._clock.now()
        due = self._told_at.get(service, -math.inf) + REPEAT_S
        if service not in cluster.dirty and now < due:
            return
        found = cluster.observed(service)
        if found is not None:  # else it is asked for again in a second
            cluster.dirty.discard(service)
            self._told_at[service] = now
            self._observed(service, found)


def _by_cluster(
    redundancies: Mapping[str, Redundancy],
    integrations: Mapping[str, Integration],
    services: frozenset[str],
) -> dict[At, Wanted]:
    of: dict[At, dict[str, Redundancy]] = {}
    told: dict[At, list[Integration]] = {}
    for service, one in redundancies.items():
        if one.workload is not None:
            at = one.workload.api_server, one.workload.kubeconfig_file
            of.setdefault(at, {})[service] = one
    for integration in integrations.values():
        if integration.type == KUBERNETES:
            at = integration.api_server, integration.kubeconfig_file
            told.setdefault(at, []).append(integration)
    return {
        at: Wanted(of.get(at, {}), tuple(told.get(at, ())), services)
        for at in dict.fromkeys((*of, *told))
    }
