"""`metadata` of a Kubernetes resource, written by hand or as a cluster gives it back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from slo.load.document import name_in
from slo.load.yaml import Fields

# What a cluster adds to every resource.
_SERVER: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a resource is called and carries."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def metadata_in(fields: Fields) -> Metadata:
    """The `metadata` of a resource; that and what else every resource may hold count as taken."""
    fields.ignore("apiVersion", "kind", "status")
    with fields.map("metadata") as metadata:
        metadata.ignore(*_SERVER)
        annotations = metadata.labels("annotations")
        annotations.pop(_APPLIED, None)  # the whole document once more
        return Metadata(
            name_in(metadata, "name"),
            metadata.text("namespace", ""),
            metadata.labels("labels"),
            annotations,
        )
