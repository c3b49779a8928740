"""Objects of Kubernetes of which workloads are made, of each only what is told of them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

from collectors.changes_payload import line, moment
from collectors.discovery.kubernetes_json import (
    Json,
    Resource,
    key_of,
    mapping,
    mappings,
    meta_of,
    number,
    text,
)
from collectors.workloads.selectors import LabelSelector, selector_of

DEPLOYMENT: Final = "deployment"
STATEFULSET: Final = "statefulset"
DAEMONSET: Final = "daemonset"
KINDS: Final = (DEPLOYMENT, STATEFULSET, DAEMONSET)
POD, NODE, LEASE, BUDGET = "pod", "node", "lease", "poddisruptionbudget"
RESOURCES: Final[Mapping[str, Resource]] = {
    DEPLOYMENT: Resource("/apis/apps/v1", "deployments"),
    STATEFULSET: Resource("/apis/apps/v1", "statefulsets"),
    DAEMONSET: Resource("/apis/apps/v1", "daemonsets"),
    POD: Resource("/api/v1", "pods"),
    NODE: Resource("/api/v1", "nodes", namespaced=False),
    LEASE: Resource("/apis/coordination.k8s.io/v1", "leases"),
    BUDGET: Resource("/apis/policy/v1", "poddisruptionbudgets"),
}
SERVICE: Final = "vigie.dev/service"  # an annotation
APP: Final = "app.kubernetes.io/name"  # a label, as the next
VERSION: Final = "app.kubernetes.io/version"
ZONE: Final = "topology.kubernetes.io/zone"
REVISION: Final = "deployment.kubernetes.io/revision"
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
DEADLINE: Final = "ProgressDeadlineExceeded"
AVAILABLE: Final = "NewReplicaSetAvailable"
_MAX_IMAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Controller:
    """A Deployment, StatefulSet or DaemonSet, in the same words for all three.

    Of its `wanted` pods `due` are to be of the newest template and `updated` are; `old` ones are of
    another. `template` tells one template from another. `revision` is what the cluster calls the
    newest one, empty while its controller has not seen it.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    is_observed: bool  # its controller has seen this generation
    is_paused: bool
    service: str  # by its annotation
    app: str  # by its label
    selector: LabelSelector
    template: bytes
    template_labels: Mapping[str, str]
    version: str
    actor: str
    revision: str
    wanted: int
    due: int
    updated: int
    old: int
    ready: int
    available: int
    is_settled: bool  # by what its status alone says, nothing is being rolled out
    is_stuck: bool
    progressed_at: float | None  # as its status says

    @property
    def key(self) -> str:
        return key_of(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and the workload that it belongs to: kind and name, empty where none is known."""

    namespace: str
    name: str
    node: str
    owner: tuple[str, str]
    ready: bool | None
    counts: bool  # neither ended nor about to


@dataclass(frozen=True, slots=True)
class Node:
    zone: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds it, and when that was renewed last, as the holder's own clock has it."""

    holder: str
    duration_s: int | None
    renewed: str


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget; `healthy` is how many pods it keeps, None: not worked out yet."""

    namespace: str
    selector: LabelSelector | None  # None: selects nothing
    healthy: int | None


Object: TypeAlias = Controller | Pod | Node | Lease | Budget


def read(kind: str, raw: Json) -> Object:
    """The object of a kind. What is missing or of another type is empty: the API is typed."""
    return _READERS[kind](raw)


def _deployment(raw: Json) -> Controller:
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    wanted = _count(spec, "replicas", 1)
    updated, total = _count(status, "updatedReplicas"), _count(status, "replicas")
    old = max(0, total - updated)
    progressing: Json = next(
        (c for c in mappings(status.get("conditions")) if c.get("type") == "Progressing"), {}
    )
    reason = text(progressing.get("reason"))
    is_stuck = progressing.get("status") == "False" and reason == DEADLINE
    return _controller(
        raw,
        DEPLOYMENT,
        revision=meta_of(raw).annotations.get(REVISION, ""),
        counts=_Counts(wanted, wanted, updated, old, _count(status, "readyReplicas")),
        available=_count(status, "availableReplicas"),
        # One that is only being scaled keeps the word that its last rollout came to its end.
        is_settled=not (old or is_stuck or (updated < wanted and reason != AVAILABLE)),
        is_stuck=is_stuck,
        progressed_at=moment(progressing, "lastUpdateTime"),
    )


def _statefulset(raw: Json) -> Controller:
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    strategy = mapping(spec.get("updateStrategy"))
    partition = _count(mapping(strategy.get("rollingUpdate")), "partition")
    wanted, updated = _count(spec, "replicas", 1), _count(status, "updatedReplicas")
    now, then = text(status.get("updateRevision")), text(status.get("currentRevision"))
    due = max(0, wanted - partition)
    # Where a person deletes the pods, or some stay behind a partition, the revisions never meet.
    meet = not partition and strategy.get("type") != "OnDelete"
    unsettled = now != then and (updated < due or meet)
    ready = _count(status, "readyReplicas")
    generation = number(mapping(raw.get("metadata")).get("generation")) or 0
    return _controller(
        raw,
        STATEFULSET,
        # Going back to an older template brings its name back too, with another generation.
        revision=f"{now.rpartition('-')[2]}.{generation}" if now else "",
        counts=_Counts(wanted, due, updated, int(unsettled and updated >= due), ready),
        available=ready,
        is_settled=not unsettled,
    )


def _daemonset(raw: Json) -> Controller:
    status, meta = mapping(raw.get("status")), mapping(raw.get("metadata"))
    wanted = _count(status, "desiredNumberScheduled")
    updated = _count(status, "updatedNumberScheduled")
    known = meta_of(raw).annotations.get(TEMPLATE_GENERATION, "")
    return _controller(
        raw,
        DAEMONSET,
        revision=known or str(number(meta.get("generation")) or ""),
        counts=_Counts(
            wanted,
            wanted,
            updated,
            max(0, _count(status, "currentNumberScheduled") - updated),
            _count(status, "numberReady"),
        ),
        available=_count(status, "numberAvailable"),
        is_settled=updated >= wanted,
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    wanted: int
    due: int
    updated: int
    old: int
    ready: int


def _controller(
    raw: Json,
    kind: str,
    *,
    revision: str,
    counts: _Counts,
    available: int,
    is_settled: bool,
    is_stuck: bool = False,
    progressed_at: float | None = None,
) -> Controller:
    meta, said = meta_of(raw), mapping(raw.get("metadata"))
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    template = mapping(spec.get("template"))
    labels = meta_of(template).labels
    generation = number(said.get("generation")) or 0
    is_observed = generation <= (number(status.get("observedGeneration")) or 0)
    is_paused = spec.get("paused") is True
    version = _tags(template) or labels.get(VERSION, "") or meta.labels.get(VERSION, "")
    return Controller(
        kind=kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=text(said.get("uid")),
        generation=generation,
        is_observed=is_observed,
        is_paused=is_paused,
        service=meta.annotations.get(SERVICE, "").strip(),
        app=meta.labels.get(APP, ""),
        selector=selector_of(spec.get("selector")) or LabelSelector(),
        template=_digest(template),
        template_labels=labels,
        version=line(version),
        actor=_actor(said),
        # Until then what is said of revisions is said of the one before.
        revision=line(revision) if is_observed and not is_paused else "",
        wanted=counts.wanted,
        due=counts.due,
        updated=counts.updated,
        old=counts.old,
        ready=counts.ready,
        available=available,
        is_settled=is_settled and is_observed,
        is_stuck=is_stuck and is_observed,
        progressed_at=progressed_at,
    )


def _pod(raw: Json) -> Pod:
    meta, said = meta_of(raw), mapping(raw.get("metadata"))
    status = mapping(raw.get("status"))
    owners = mappings(said.get("ownerReferences"))
    owner: Json = next((one for one in owners if one.get("controller") is True), {})
    conditions = mappings(status.get("conditions"))
    ready = next((text(c.get("status")) for c in conditions if c.get("type") == "Ready"), "False")
    return Pod(
        namespace=meta.namespace,
        name=meta.name,
        node=text(mapping(raw.get("spec")).get("nodeName")),
        owner=_owner(owner, meta.labels.get("pod-template-hash", "")),
        ready={"True": True, "False": False}.get(ready),
        counts=not said.get("deletionTimestamp")
        and text(status.get("phase")) not in ("Succeeded", "Failed"),
    )


def _owner(ref: Json, template_hash: str) -> tuple[str, str]:
    """The workload of a pod. A ReplicaSet is called as its Deployment, with the template's hash."""
    kind, name = text(ref.get("kind")).lower(), text(ref.get("name"))
    if kind != "replicaset":
        return kind, name
    if template_hash and name.endswith(f"-{template_hash}"):
        return DEPLOYMENT, name.removesuffix(f"-{template_hash}")
    return kind, name


def _node(raw: Json) -> Node:
    return Node(meta_of(raw).labels.get(ZONE, ""))


def _lease(raw: Json) -> Lease:
    spec = mapping(raw.get("spec"))
    return Lease(
        line(text(spec.get("holderIdentity"))),
        number(spec.get("leaseDurationSeconds")),
        text(spec.get("renewTime")),
    )


def _budget(raw: Json) -> Budget:
    status, meta = mapping(raw.get("status")), mapping(raw.get("metadata"))
    seen = number(status.get("observedGeneration"))
    is_old = seen is not None and seen < (number(meta.get("generation")) or 0)
    return Budget(
        meta_of(raw).namespace,
        selector_of(mapping(raw.get("spec")).get("selector")),
        None if is_old else number(status.get("desiredHealthy")),
    )


_READERS: Final[Mapping[str, Callable[[Json], Object]]] = {
    DEPLOYMENT: _deployment,
    STATEFULSET: _statefulset,
    DAEMONSET: _daemonset,
    POD: _pod,
    NODE: _node,
    LEASE: _lease,
    BUDGET: _budget,
}


def _count(said: Json, key: str, default: int = 0) -> int:
    found = number(said.get(key))
    return default if found is None else max(0, found)


def _digest(template: Json) -> bytes:
    return hashlib.blake2b(
        orjson.dumps(template, option=orjson.OPT_SORT_KEYS), digest_size=16
    ).digest()


def _tags(template: Json) -> str:
    """What tells the images of a template apart: their tags, else the beginning of a digest."""
    containers = mappings(mapping(template.get("spec")).get("containers"))
    found = dict.fromkeys(_tag(text(one.get("image"))) for one in containers[:_MAX_IMAGES])
    return ", ".join(tag for tag in found if tag)


def _tag(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or digest[: len("sha256:") + 12]


def _actor(meta: Json) -> str:
    """Who wrote the template last, as the API server keeps it: kubectl, argocd-controller, helm."""
    found = [
        (text(one.get("time")), text(one.get("manager")))
        for one in mappings(meta.get("managedFields"))
        if "f:template" in mapping(mapping(one.get("fieldsV1")).get("f:spec"))
    ]
    return line(max(found)[1]) if found else ""
