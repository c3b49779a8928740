"""Which watches of a cluster are needed: one for each kind and namespace, as narrow as can be."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from collectors.workloads.objects import BUDGET, KINDS, LEASE, NODE, POD
from slo.redundancy import Workload


class Watch(NamedTuple):
    """Objects of one kind in one namespace; an empty one stands for all."""

    kind: str
    namespace: str
    label_selector: str = ""
    field_selector: str = ""

    @property
    def selector(self) -> Mapping[str, str]:
        return {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}

    def covers(self, kind: str, namespace: str) -> bool:
        return self.kind == kind and self.namespace in ("", namespace)


class Scope(NamedTuple):
    """Where every rollout is followed: in these namespaces, or in all."""

    namespaces: frozenset[str] = frozenset()
    everywhere: bool = False


def watches(
    workloads: Collection[Workload], scope: Scope, pods_of: Callable[[Workload], str | None]
) -> set[Watch]:
    """The watches for these workloads and that scope.

    `pods_of` is the label selector of a workload's pods, None while it is not known. It serves a
    workload that is alone in its namespace; several share one watch of all its pods.
    """
    found = {watch for kind in KINDS for watch in _controllers(kind, workloads, scope)}
    by_namespace: dict[str, set[Workload]] = {}
    for one in workloads:
        by_namespace.setdefault(one.namespace, set()).add(one)
    for namespace, some in by_namespace.items():
        found.add(Watch(BUDGET, namespace))
        if leases := {one.lease for one in some if one.lease}:
            found.add(_named(LEASE, namespace, leases))
        selector = "" if len({(w.kind, w.name) for w in some}) > 1 else pods_of(next(iter(some)))
        if selector is not None:
            found.add(Watch(POD, namespace, selector))
    if workloads:
        found.add(Watch(NODE, ""))
    return found


def _controllers(kind: str, workloads: Collection[Workload], scope: Scope) -> set[Watch]:
    if scope.everywhere:
        return {Watch(kind, "")}
    found = {Watch(kind, namespace) for namespace in scope.namespaces}
    names: dict[str, set[str]] = {}
    for one in workloads:
        if one.kind == kind and one.namespace not in scope.namespaces:
            names.setdefault(one.namespace, set()).add(one.name)
    return found | {_named(kind, namespace, some) for namespace, some in names.items()}


def _named(kind: str, namespace: str, names: set[str]) -> Watch:
    """One object by its name, several by their namespace: a field selector takes only one."""
    field = f"metadata.name={next(iter(names))}" if len(names) == 1 else ""
    return Watch(kind, namespace, field_selector=field)
