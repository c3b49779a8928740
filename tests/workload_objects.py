"""Objects of a cluster as its API has them, of which tests say only what matters to them."""

from typing import Any

Raw = dict[str, Any]
PROGRESSING = "ReplicaSetUpdated"
DONE = "NewReplicaSetAvailable"
STUCK = "ProgressDeadlineExceeded"


def deployment(
    name: str = "web",
    *,
    image: str = "shop:1",
    replicas: int = 3,
    updated: int | None = None,
    total: int | None = None,
    ready: int | None = None,
    generation: int = 1,
    observed: int | None = None,
    revision: int = 1,
    reason: str = DONE,
    namespace: str = "shop",
    uid: str = "0123456789",
    paused: bool = False,
    restarted: str = "",
    **meta: Any,
) -> Raw:
    """A Deployment that is at rest, but for what is said; `restarted` as kubectl writes it."""
    updated = replicas if updated is None else updated
    total = replicas if total is None else total
    ready = total if ready is None else ready
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "generation": generation,
            **meta,
            "annotations": {
                "deployment.kubernetes.io/revision": str(revision),
                **meta.get("annotations", {}),
            },
        },
        "spec": {**_spec(name, image, restarted), "replicas": replicas, "paused": paused},
        "status": {
            "observedGeneration": generation if observed is None else observed,
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [
                {"type": "Available", "status": "True"},
                {
                    "type": "Progressing",
                    "status": "False" if reason == STUCK else "True",
                    "reason": reason,
                    "lastUpdateTime": "1970-01-01T00:10:00Z",
                },
            ],
        },
    }


def statefulset(
    name: str = "db",
    *,
    image: str = "db:1",
    replicas: int = 3,
    updated: int | None = None,
    ready: int | None = None,
    current: str = "a",
    update: str = "a",
    generation: int = 1,
    strategy: Raw | None = None,
) -> Raw:
    """A StatefulSet at rest, but for what is said; revisions by the last part of their names."""
    return {
        "metadata": {
            "name": name, "namespace": "shop", "uid": "0123456789", "generation": generation,
        },
        "spec": {**_spec(name, image), "replicas": replicas, "updateStrategy": strategy or {}},
        "status": {
            "observedGeneration": generation,
            "updatedReplicas": replicas if updated is None else updated,
            "readyReplicas": replicas if ready is None else ready,
            "currentRevision": f"{name}-{current}",
            "updateRevision": f"{name}-{update}",
        },
    }  # fmt: skip


def daemonset(
    name: str = "log",
    *,
    image: str = "log:1",
    desired: int = 3,
    updated: int | None = None,
    ready: int | None = None,
    generation: int = 1,
) -> Raw:
    """A DaemonSet at rest, but for what is said."""
    ready = desired if ready is None else ready
    return {
        "metadata": {
            "name": name, "namespace": "shop", "uid": "0123456789", "generation": generation,
        },
        "spec": _spec(name, image),
        "status": {
            "observedGeneration": generation,
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": desired,
            "updatedNumberScheduled": desired if updated is None else updated,
            "numberReady": ready,
            "numberAvailable": ready,
        },
    }  # fmt: skip


def pod(
    name: str,
    *,
    of: str = "web",
    kind: str = "ReplicaSet",
    ready: str = "True",
    node: str = "n1",
    **meta: Any,
) -> Raw:
    """A pod of a workload; `of` a Deployment where its kind is not said."""
    owner = f"{of}-5d4f" if kind == "ReplicaSet" else of
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"app": of, "pod-template-hash": "5d4f"},
            "ownerReferences": [{"kind": kind, "name": owner, "controller": True}],
            **meta,
        },
        "spec": {"nodeName": node},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def node(name: str, zone: str) -> Raw:
    return {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}}


def lease(holder: str, *, name: str = "leader", lasts_s: int = 15, renewed: str = "t0") -> Raw:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": lasts_s, "renewTime": renewed}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def budget(healthy: int, *, app: str = "web", name: str = "kept") -> Raw:
    return {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"desiredHealthy": healthy},
    }


def _spec(name: str, image: str, restarted: str = "") -> Raw:
    annotations = {"kubectl.kubernetes.io/restartedAt": restarted} if restarted else {}
    return {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations},
            "spec": {"containers": [{"name": name, "image": f"registry.example:5000/a/{image}"}]},
        },
    }
