"""Rollouts from what is seen of a workload: when one begins, gets further, sticks and ends."""

from collections.abc import Sequence
from typing import Any

import pytest

from collectors.changes import Kind, Status
from collectors.workloads.objects import Controller, read
from collectors.workloads.rollouts import Rollouts, Told, change_of
from slo.redundancy import Rollout
from workload_objects import DONE, PROGRESSING, STUCK, Raw, daemonset, deployment, statefulset

RUNNING, SUCCEEDED, FAILED, CANCELLED = (
    Status.RUNNING,
    Status.SUCCEEDED,
    Status.FAILED,
    Status.CANCELLED,
)


def controller(raw: Raw) -> Controller:
    kind = "deployment"
    if "updateStrategy" in raw["spec"]:
        kind = "statefulset"
    elif "numberReady" in raw["status"]:
        kind = "daemonset"
    found = read(kind, raw)
    assert isinstance(found, Controller)
    return found


def told(*raws: Raw, rollouts: Rollouts | None = None) -> list[list[Status]]:
    """What is told at each look, 10 s apart, from 1000 on."""
    rollouts = rollouts or Rollouts()
    looks = [rollouts.take(controller(raw), 1000 + 10 * n) for n, raw in enumerate(raws)]
    return [[one.status for one in look] for look in looks]


NEW: dict[str, Any] = {"image": "shop:2", "generation": 2, "revision": 2, "reason": PROGRESSING}
DEPLOYMENTS: dict[str, tuple[Sequence[Raw], list[list[Status]]]] = {
    "at rest": ((deployment(),), [[]]),
    "under way at first": ((deployment(updated=1, total=4, reason=PROGRESSING),), [[RUNNING]]),
    "begun, got on and ended": (
        (
            deployment(),
            deployment(**{**NEW, "revision": 1}, observed=1),
            deployment(**NEW, updated=1, total=4, ready=3),
            deployment(**NEW, updated=3, total=3, ready=2),
            deployment(**{**NEW, "reason": DONE}),
            deployment(**{**NEW, "reason": DONE}),
        ),
        [[], [], [RUNNING], [], [SUCCEEDED], []],
    ),
    "all of it while nobody looked": (
        (deployment(), deployment(**{**NEW, "reason": DONE})),
        [[], [RUNNING, SUCCEEDED]],
    ),
    "scaled down, then up": (
        (
            deployment(),
            deployment(replicas=1, total=3, updated=3, generation=2, observed=1),
            deployment(replicas=1, total=3, updated=3, generation=2),
            deployment(replicas=1, generation=2),
            deployment(replicas=5, total=1, updated=1, generation=3, observed=2),
            deployment(replicas=5, total=2, updated=2, generation=3),
        ),
        [[]] * 6,
    ),
    "being scaled at first": ((deployment(replicas=5, total=2, updated=2),), [[]]),
    "scaled to none and changed": (
        (deployment(replicas=0), deployment(**{**NEW, "reason": DONE}, replicas=0)),
        [[], [RUNNING, SUCCEEDED]],
    ),
    "scaled while it is rolled out": (
        (
            deployment(),
            deployment(**NEW, updated=1, total=4),
            deployment(**{**NEW, "generation": 3}, replicas=5, updated=1, total=5),
            deployment(**{**NEW, "generation": 3, "reason": DONE}, replicas=5),
        ),
        [[], [RUNNING], [], [SUCCEEDED]],
    ),
    "stuck, then mended": (
        (
            deployment(),
            deployment(**NEW, updated=1, total=4, ready=3),
            deployment(**{**NEW, "reason": STUCK}, updated=1, total=4, ready=3),
            deployment(**{**NEW, "reason": STUCK}, updated=1, total=4, ready=3),
            deployment(**{**NEW, "reason": DONE}),
        ),
        [[], [RUNNING], [FAILED], [], [SUCCEEDED]],
    ),
    "stuck, then rolled back": (
        (
            deployment(),
            deployment(**{**NEW, "reason": STUCK}, updated=1, total=4, ready=3),
            deployment(generation=3, revision=3, reason=DONE),
        ),
        [[], [RUNNING, FAILED], [RUNNING, SUCCEEDED]],
    ),
    "replaced by another": (
        (
            deployment(),
            deployment(**NEW, updated=1, total=4),
            deployment(image="shop:3", generation=3, observed=2, revision=2, updated=1, total=4),
            deployment(image="shop:3", generation=3, revision=3, updated=1, total=5),
        ),
        [[], [RUNNING], [CANCELLED], [RUNNING]],
    ),
    "paused, and let go": (
        (
            deployment(),
            deployment(**{**NEW, "revision": 1}, updated=0, paused=True),
            deployment(**{**NEW, "generation": 3}, updated=1, total=4),
        ),
        [[], [], [RUNNING]],
    ),
    "paused at first, and let go": (
        (
            deployment(**{**NEW, "revision": 1}, updated=0, paused=True),
            deployment(**{**NEW, "generation": 3}, updated=1, total=4),
        ),
        [[], [RUNNING]],
    ),
    "made anew under its name": (
        (
            deployment(),
            deployment(uid="f" * 10, updated=1, total=1, reason=PROGRESSING),
            deployment(uid="f" * 10),
        ),
        [[], [RUNNING], [SUCCEEDED]],
    ),
    "defaults that a new server adds": (
        (deployment(), {**deployment(image="other:1")}),  # of the same generation
        [[], []],
    ),
}


@pytest.mark.parametrize(("looks", "expected"), DEPLOYMENTS.values(), ids=list(DEPLOYMENTS))
def test_rollouts_of_a_deployment(looks: Sequence[Raw], expected: list[list[Status]]) -> None:
    assert told(*looks) == expected


OTHERS: dict[str, tuple[Sequence[Raw], list[list[Status]]]] = {
    "a statefulset": (
        (
            statefulset(),
            statefulset(image="db:2", generation=2, update="b", updated=0, ready=2),
            statefulset(image="db:2", generation=2, update="b", updated=2),
            statefulset(image="db:2", generation=2, update="b", updated=3, ready=2),
            statefulset(image="db:2", generation=2, update="b", current="b"),
        ),
        [[], [RUNNING], [], [], [SUCCEEDED]],
    ),
    "a statefulset that grows": (
        (statefulset(), statefulset(replicas=5, updated=3, ready=3, generation=2)),
        [[], []],
    ),
    "the part of a statefulset above its partition": (
        (
            statefulset(strategy={"rollingUpdate": {"partition": 2}}),
            *(
                statefulset(
                    image="db:2", generation=2, update="b", updated=updated,
                    strategy={"rollingUpdate": {"partition": 2}},
                )
                for updated in (0, 1)
            ),
        ),
        [[], [RUNNING], [SUCCEEDED]],
    ),
    "a statefulset whose pods a person deletes": (
        tuple(
            statefulset(update="b", updated=updated, strategy={"type": "OnDelete"})
            for updated in (0, 1, 3)
        ),
        [[RUNNING], [], [SUCCEEDED]],
    ),
    "a daemonset": (
        (
            daemonset(),
            daemonset(image="log:2", generation=2, updated=0),
            daemonset(image="log:2", generation=2, updated=3, ready=2),
            daemonset(image="log:2", generation=2),
        ),
        [[], [RUNNING], [], [SUCCEEDED]],
    ),
    "a daemonset of which one node is away": (
        (
            daemonset(ready=2),
            daemonset(image="log:2", generation=2, updated=0, ready=2),
            daemonset(image="log:2", generation=2, ready=1),
            daemonset(image="log:2", generation=2, ready=2),
        ),
        [[], [RUNNING], [], [SUCCEEDED]],
    ),
    "a node that joins": ((daemonset(), daemonset(desired=4, updated=3)), [[], []]),
}  # fmt: skip


@pytest.mark.parametrize(("looks", "expected"), OTHERS.values(), ids=list(OTHERS))
def test_rollouts_of_others(looks: Sequence[Raw], expected: list[list[Status]]) -> None:
    assert told(*looks) == expected


def test_only_what_gets_further_than_ever_is_progress() -> None:
    rollouts = Rollouts()
    looks = [
        (deployment(), None),
        (deployment(**NEW, updated=1, total=4, ready=3), 1010.0),
        (deployment(**NEW, updated=1, total=4, ready=4), 1020.0),  # the new one serves
        (deployment(**NEW, updated=1, total=4, ready=3), 1020.0),  # and crashes
        (deployment(**NEW, updated=1, total=4, ready=4), 1020.0),  # again and again
        (deployment(**NEW, updated=2, total=4, ready=4), 1050.0),
        (deployment(**{**NEW, "generation": 3}, replicas=9, updated=2, total=4, ready=4), 1050.0),
        (deployment(**{**NEW, "generation": 3}, replicas=9, updated=8, total=9, ready=4), 1070.0),
    ]
    for n, (raw, progressed_at) in enumerate(looks):
        rollouts.take(controller(raw), 1000.0 + 10 * n)
        expected = None if progressed_at is None else Rollout(1010.0, progressed_at)
        assert rollouts.rollout == expected, n


def test_one_that_was_under_way_at_first_is_as_old_as_it_says() -> None:
    rollouts = Rollouts()
    rollouts.take(controller(deployment(updated=1, total=4, reason=STUCK)), 1000.0)
    assert rollouts.rollout == Rollout(600.0, 600.0, stuck=True)


def test_a_workload_that_goes_takes_its_rollout_along() -> None:
    rollouts = Rollouts()
    assert told(deployment(updated=1, total=4, reason=PROGRESSING), rollouts=rollouts)
    assert [one.status for one in rollouts.gone(1020.0)] == [CANCELLED]
    assert rollouts.gone(1030.0) == []
    assert rollouts.rollout is None


def test_a_change_says_what_was_rolled_out() -> None:
    raw = deployment(**NEW, managedFields=[
        {"manager": "kubectl-set", "time": "2026-01-02T00:00:00Z",
         "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "helm", "time": "2026-01-01T00:00:00Z",
         "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "kube-controller-manager", "time": "2026-01-03T00:00:00Z",
         "fieldsV1": {"f:status": {}}},
    ])  # fmt: skip
    change = change_of(Told(SUCCEEDED, 990.0, 1000.0, controller(raw)), ("shop",))
    assert change.source == "kubernetes"
    assert change.id == "shop/deployment/web@2/01234567"
    assert change.title == "rollout of deployment shop/web"
    assert (change.kind, change.status) == (Kind.DEPLOY, SUCCEEDED)
    assert (change.started_at, change.finished_at, change.stated_at) == (990.0, 1000.0, 1000.0)
    assert (change.version, change.actor, change.services) == ("2", "kubectl-set", ("shop",))


def test_going_back_to_an_older_template_is_another_change() -> None:
    ids = [
        change_of(Told(RUNNING, 1.0, 1.0, controller(raw)), ()).id
        for raw in (
            statefulset(update="b", generation=2),
            statefulset(update="a", generation=3),
            statefulset(update="b", generation=4),
            daemonset(generation=2),
            daemonset(generation=3),
        )
    ]
    assert len(set(ids)) == 5
