"""Which watches there are: one for each kind and namespace, as narrow as can be."""

import pytest

from collectors.workloads.watches import Scope, Watch, watches
from slo.redundancy import Workload

WEB = Workload("deployment", "shop", "web")
CART = Workload("deployment", "shop", "cart", lease="cart")
DB = Workload("statefulset", "shop", "db", lease="db")
PAY = Workload("daemonset", "pay", "till")
NODES = Watch("node", "")
ALL = frozenset[str]()
CASES = {
    "nothing": ((), Scope(), set()),
    "one workload": (
        (WEB,),
        Scope(),
        {
            Watch("deployment", "shop", field_selector="metadata.name=web"),
            Watch("pod", "shop", "app=web"),
            Watch("poddisruptionbudget", "shop"),
            NODES,
        },
    ),
    "several of a namespace": (
        (WEB, CART, DB, PAY),
        Scope(),
        {
            Watch("deployment", "shop"),
            Watch("statefulset", "shop", field_selector="metadata.name=db"),
            Watch("daemonset", "pay", field_selector="metadata.name=till"),
            Watch("pod", "shop"),
            Watch("pod", "pay", "app=till"),
            Watch("lease", "shop"),
            Watch("poddisruptionbudget", "shop"),
            Watch("poddisruptionbudget", "pay"),
            NODES,
        },
    ),
    "rollouts of a namespace": (
        (WEB, PAY),
        Scope(frozenset({"shop"})),
        {
            Watch("deployment", "shop"),
            Watch("statefulset", "shop"),
            Watch("daemonset", "shop"),
            Watch("daemonset", "pay", field_selector="metadata.name=till"),
            Watch("pod", "shop", "app=web"),
            Watch("pod", "pay", "app=till"),
            Watch("poddisruptionbudget", "shop"),
            Watch("poddisruptionbudget", "pay"),
            NODES,
        },
    ),
    "all rollouts": (
        (CART,),
        Scope(frozenset({"pay"}), everywhere=True),
        {
            Watch("deployment", ""),
            Watch("statefulset", ""),
            Watch("daemonset", ""),
            Watch("pod", "shop", "app=cart"),
            Watch("lease", "shop", field_selector="metadata.name=cart"),
            Watch("poddisruptionbudget", "shop"),
            NODES,
        },
    ),
}


@pytest.mark.parametrize(("workloads", "scope", "expected"), CASES.values(), ids=list(CASES))
def test_watches(workloads: tuple[Workload, ...], scope: Scope, expected: set[Watch]) -> None:
    assert watches(workloads, scope, lambda one: f"app={one.name}") == expected


def test_pods_are_not_asked_for_before_their_labels_are_known() -> None:
    kinds = {watch.kind for watch in watches((WEB,), Scope(), lambda _: None)}
    assert kinds == {"deployment", "poddisruptionbudget", "node"}
