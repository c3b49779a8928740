"""What is known of one cluster's workloads, and what follows for a service."""

from collections.abc import Callable

from collectors.discovery.kubernetes_json import key_of
from collectors.workloads.objects import (
    LEASE,
    NODE,
    RESOURCES,
    Budget,
    Controller,
    Lease,
    Node,
    Object,
    Pod,
)
from slo.redundancy import Observed, Replica, Rollout, Workload

Touched = Callable[[str, str, str], None]  # namespace, kind and name of a workload; empty: any


class World:
    """The objects by key. `touched` hears whose replicas are not what they were: of one workload,
    of a namespace, or (all empty) of everything.
    """

    def __init__(self, now: Callable[[], float], touched: Touched) -> None:
        self._now = now
        self._touched = touched
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in RESOURCES}
        self._pods: dict[tuple[str, str, str], dict[str, Pod]] = {}
        self._budgets: dict[str, dict[str, Budget]] = {}
        self._renewed_at: dict[str, float] = {}

    def controller(self, kind: str, key: str) -> Controller | None:
        found = self._objects[kind].get(key)
        return found if isinstance(found, Controller) else None

    def keys(self, kind: str) -> list[str]:
        return list(self._objects[kind])

    def put(self, kind: str, key: str, found: Object | None) -> None:
        """This is the object now; None: there is none."""
        before = self._objects[kind].get(key)
        if before == found:
            return
        if found is None:
            del self._objects[kind][key]
        else:
            self._objects[kind][key] = found
        for one, is_there in ((before, False), (found, True)):
            match one:
                case Controller():
                    self._touched(one.namespace, one.kind, one.name)
                case Pod():
                    self._put_pod(one, is_there=is_there)
                case Budget():
                    self._put_budget(key, one, is_there=is_there)
        if isinstance(before, Lease) or isinstance(found, Lease):
            self._put_lease(key, before, found)
        if isinstance(before, Node) or isinstance(found, Node):
            self._touched("", "", "")

    def leader(self, key: str, of: Controller) -> str:
        """Who holds a lease: the pod with whose name the holder's begins, else what it says itself.

        Empty: nobody, also when it was not renewed for as long as it lasts. That is told by our own
        clock, from when it was seen to be renewed, so that no two clocks need agree.
        """
        lease = self._objects[LEASE].get(key)
        if not isinstance(lease, Lease) or not lease.holder:
            return ""
        renewed_at = self._renewed_at.get(key, self._now())
        if lease.duration_s is not None and self._now() > renewed_at + lease.duration_s:
            return ""
        pods = self._pods.get((of.namespace, of.kind, of.name), {})
        fitting = [name for name in pods if _begins(lease.holder, name)]
        return max(fitting, key=len, default=lease.holder)

    def minimum(self, of: Controller) -> int | None:
        """How many pods the strictest PodDisruptionBudget keeps; None where none does."""
        kept = [
            budget.healthy
            for budget in self._budgets.get(of.namespace, {}).values()
            if budget.healthy and budget.selector and budget.selector.matches(of.template_labels)
        ]
        return max(kept, default=None)

    def pods(self, of: Controller) -> list[Pod]:
        """Those that count, by name."""
        found = self._pods.get((of.namespace, of.kind, of.name), {})
        return [found[name] for name in sorted(found) if found[name].counts]

    def zone(self, name: str) -> str:
        found = self._objects[NODE].get(name)
        return found.zone if isinstance(found, Node) else ""

    def _put_pod(self, pod: Pod, *, is_there: bool) -> None:
        kind, name = pod.owner
        at = pod.namespace, kind, name
        if is_there:
            self._pods.setdefault(at, {})[pod.name] = pod
        else:
            self._pods[at].pop(pod.name, None)
            if not self._pods[at]:
                del self._pods[at]
        self._touched(*at)

    def _put_budget(self, key: str, budget: Budget, *, is_there: bool) -> None:
        known = self._budgets.setdefault(budget.namespace, {})
        if is_there:
            known[key] = budget
        else:
            known.pop(key, None)
        self._touched(budget.namespace, "", "")

    def _put_lease(self, key: str, before: Object | None, found: Object | None) -> None:
        if found is None:
            self._renewed_at.pop(key, None)
        else:
            self._renewed_at[key] = self._now()
        then = before.holder if isinstance(before, Lease) else None
        now = found.holder if isinstance(found, Lease) else None
        if then != now:  # that it is renewed is no news
            self._touched(key.partition("/")[0], "", "")


def observed(
    workload: Workload,
    world: World,
    rollout: Rollout | None,
    now: float,
    *,
    leases: bool,
    budgets: bool,
) -> Observed:
    """What is seen of a workload; `leases` and `budgets` say whether the cluster shows them."""
    found = world.controller(workload.kind, key_of(workload.namespace, workload.name))
    if found is None:
        return Observed(now, error=f"no {workload.kind} {workload.namespace}/{workload.name}")
    pods, leader = world.pods(found), None
    if workload.lease and leases:
        key = key_of(workload.namespace, workload.lease)
        leader = world.leader(key, found)
    return Observed(
        at=now,
        replicas=tuple(
            Replica(
                pod.name,
                pod.ready,
                world.zone(pod.node),
                None if leader is None else leader == pod.name,
            )
            for pod in pods
        ),
        wanted=found.wanted,
        minimum=world.minimum(found) if budgets else None,
        leader=leader,
        rollout=rollout,
    )


def _begins(holder: str, pod: str) -> bool:
    """Whether an identity is that of a pod: its name, alone or with something after it that no name
    goes on with. `web-1` does not hold what `web-10` holds.
    """
    rest = holder.removeprefix(pod)
    return rest != holder and (not rest or not (rest[0].isalnum() or rest[0] in "-."))
