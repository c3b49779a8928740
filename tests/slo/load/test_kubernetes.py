"""Metadata of Kubernetes resources."""

from slo.load.kubernetes import Metadata, metadata_in
from slo.load.yaml import Fields, Problems, documents

RESOURCE = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: answers
  namespace: shop
  labels: {team: pay}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    note: hand made
  creationTimestamp: "2026-11-23T10:00:00Z"
  generation: 3
  managedFields: [{manager: kubectl}]
  resourceVersion: "8"
  uid: 0000-1
status: {type: PrometheusRule}
"""


def _read(text: str) -> tuple[Metadata, list[str]]:
    problems = Problems()
    (node,) = documents(text, "slo.yaml", problems)
    fields = Fields(node, problems)
    metadata = metadata_in(fields)
    fields.close()
    return metadata, [str(problem) for problem in problems.items]


def test_what_a_cluster_adds_is_passed_over() -> None:
    expected = Metadata("answers", "shop", {"team": "pay"}, {"note": "hand made"})
    assert _read(RESOURCE) == (expected, [])


def test_other_keys_are_unknown() -> None:
    _, said = _read(RESOURCE.replace("namespace:", "namspace:"))
    assert said == [
        "slo.yaml:5:3: error[V101] unknown key `metadata.namspace`; did you mean `namespace`?"
    ]


def test_a_resource_needs_a_name() -> None:
    _, said = _read("kind: ServiceLevelObjective\nmetadata: {namespace: shop}\n")
    assert said == ["slo.yaml:2:11: error[V103] missing key `metadata.name`"]
