"""Reading objects of a cluster: what is kept of them, and that odd ones are read too."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.workloads.objects import RESOURCES, Budget, Controller, Pod, read
from collectors.workloads.rollouts import Rollouts
from collectors.workloads.world import World
from workload_objects import Raw, budget, daemonset, deployment, lease, node, pod, statefulset

WHOLE: dict[str, list[Raw]] = {
    "deployment": [deployment(), deployment(updated=1, total=4)],
    "statefulset": [statefulset(), statefulset(update="b", updated=1)],
    "daemonset": [daemonset(), daemonset(updated=1)],
    "pod": [pod("web-1"), pod("db-0", of="db", kind="StatefulSet")],
    "node": [node("n1", "a")],
    "lease": [lease("web-1_x")],
    "poddisruptionbudget": [budget(2)],
}
ODD = st.sampled_from([None, True, -1, 1.5, 2**63, "", "x", [], [1], {}, {"a": 1}, [{"type": 3}]])


@st.composite
def odd(draw: st.DrawFn, kind: str) -> Raw:
    """A good object of which some values are missing or something else."""
    found = _spoilt(draw, draw(st.sampled_from(WHOLE[kind])))
    return found if isinstance(found, dict) else {}


def _spoilt(draw: st.DrawFn, value: object) -> object:
    match draw(st.integers(0, 9)):
        case 0:
            return draw(ODD)
        case _ if isinstance(value, dict):
            return {k: _spoilt(draw, v) for k, v in value.items() if draw(st.integers(0, 9))}
        case _ if isinstance(value, list):
            return [_spoilt(draw, one) for one in value]
    return value


@pytest.mark.parametrize("kind", RESOURCES)
@settings(max_examples=50)
@given(data=st.data())
def test_no_object_is_too_odd(kind: str, data: st.DataObject) -> None:
    world, rollouts = World(lambda: 1000.0, lambda *_: None), Rollouts()
    for n in range(3):
        found = read(kind, data.draw(odd(kind)))
        world.put(kind, "shop/x", found)
        if isinstance(found, Controller):
            rollouts.take(found, 1000.0 + n)
            world.pods(found), world.minimum(found), world.leader("shop/x", found)
    world.put(kind, "shop/x", None)
    assert world.keys(kind) == []


VERSIONS = {
    "tag": (["registry:5000/a/shop:1.4"], "1.4"),
    "tags": (["shop:1.4", "proxy:2", "other:2"], "1.4, 2"),
    "tag and digest": (["shop:1.4@sha256:0123456789abcdef0123"], "1.4"),
    "digest": (["shop@sha256:0123456789abcdef0123"], "sha256:0123456789ab"),
    "none, and its label": (["registry:5000/shop"], "v7"),
}


@pytest.mark.parametrize(("images", "version"), VERSIONS.values(), ids=list(VERSIONS))
def test_the_version_is_that_of_the_images(images: list[str], version: str) -> None:
    raw = deployment(labels={"app.kubernetes.io/version": "v7"})
    raw["spec"]["template"]["spec"]["containers"] = [{"image": image} for image in images]
    found = read("deployment", raw)
    assert isinstance(found, Controller)
    assert found.version == version


PODS = {
    "of a deployment": (pod("a"), ("deployment", "web"), True, True),
    "of a deployment with a longer name": (
        pod("a", of="web-canary"),
        ("deployment", "web-canary"),
        True,
        True,
    ),
    "of a statefulset": (
        pod("db-0", of="db", kind="StatefulSet", ready="False"),
        ("statefulset", "db"),
        False,
        True,
    ),
    "whose node is gone silent": (pod("a", ready="Unknown"), ("deployment", "web"), None, True),
    "about to end": (
        pod("a", deletionTimestamp="2026-01-01T00:00:00Z"),
        ("deployment", "web"),
        True,
        False,
    ),
    "ended": (
        {**pod("a"), "status": {"phase": "Failed"}},
        ("deployment", "web"),
        False,
        False,
    ),
    "of a replicaset of its own": (
        pod("a", labels={}),
        ("replicaset", "web-5d4f"),
        True,
        True,
    ),
}


@pytest.mark.parametrize(("raw", "owner", "ready", "counts"), PODS.values(), ids=list(PODS))
def test_pods(raw: Raw, owner: tuple[str, str], *, ready: bool | None, counts: bool) -> None:
    found = read("pod", raw)
    assert isinstance(found, Pod)
    assert (found.owner, found.ready, found.counts) == (owner, ready, counts)


def test_a_budget_that_is_not_worked_out_yet_asks_for_nothing() -> None:
    raw = budget(2)
    raw["metadata"]["generation"], raw["status"]["observedGeneration"] = 2, 1
    found = read("poddisruptionbudget", raw)
    assert isinstance(found, Budget)
    assert found.healthy is None
