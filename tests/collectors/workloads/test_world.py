"""What is known of a cluster: who leads, what is to be kept, and whose replicas changed."""

import pytest

from collectors.workloads.objects import Controller, read
from collectors.workloads.world import World
from workload_objects import Raw, budget, deployment, lease, node, pod


class Known:
    def __init__(self) -> None:
        self.now = 1000.0
        self.touched: list[tuple[str, str, str]] = []
        self.world = World(lambda: self.now, lambda *at: self.touched.append(at))
        self.put("deployment", deployment())
        found = self.world.controller("deployment", "shop/web")
        assert found is not None
        self.web: Controller = found

    def put(self, kind: str, raw: Raw) -> None:
        meta = raw["metadata"]
        key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
        self.world.put(kind, key, read(kind, raw))


@pytest.mark.parametrize(
    ("holder", "leader"),
    [
        ("web-1_0a1b", "web-1"),
        ("web-1", "web-1"),
        ("web-10_0a1b", "web-10"),
        ("web-12_0a1b", "web-12_0a1b"),  # none of the pods
        ("somebody", "somebody"),
        ("", ""),
    ],
)
def test_the_leader_is_the_pod_with_whose_name_the_holder_begins(holder: str, leader: str) -> None:
    known = Known()
    for name in ("web-1", "web-10", "web-1-2"):
        known.put("pod", pod(name))
    known.put("lease", lease(holder))
    assert known.world.leader("shop/leader", known.web) == leader


def test_a_lease_that_is_not_renewed_is_nobody_s() -> None:
    known = Known()
    assert known.world.leader("shop/leader", known.web) == ""
    known.put("lease", lease("web-1", lasts_s=15, renewed="t0"))
    known.touched.clear()
    for n in range(1, 4):
        known.now += 10
        known.put("lease", lease("web-1", lasts_s=15, renewed=f"t{n}"))
        assert known.world.leader("shop/leader", known.web) == "web-1"
    assert known.touched == []  # it is renewed every few seconds
    known.now += 16
    assert known.world.leader("shop/leader", known.web) == ""


def test_the_strictest_budget_of_a_workload_holds() -> None:
    known = Known()
    assert known.world.minimum(known.web) is None
    for name, healthy, app in (("a", 1, "web"), ("b", 2, "web"), ("c", 9, "db"), ("d", 0, "web")):
        known.put("poddisruptionbudget", budget(healthy, name=name, app=app))
    assert known.world.minimum(known.web) == 2
    known.world.put("poddisruptionbudget", "shop/b", None)
    assert known.world.minimum(known.web) == 1


def test_only_whose_replicas_changed_is_touched() -> None:
    known = Known()
    known.touched.clear()
    known.put("pod", pod("a"))
    known.put("pod", pod("a"))
    known.put("pod", pod("b", of="db", kind="StatefulSet"))
    known.put("node", node("n1", "a"))
    known.put("poddisruptionbudget", budget(2))
    assert known.touched == [
        ("shop", "deployment", "web"),
        ("shop", "statefulset", "db"),
        ("", "", ""),
        ("shop", "", ""),
    ]


def test_a_pod_that_changes_hands_is_one_pod() -> None:
    known = Known()
    known.put("pod", pod("a"))
    known.put("pod", pod("a", of="db", kind="StatefulSet"))
    assert known.world.pods(known.web) == []
