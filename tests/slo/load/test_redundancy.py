"""Redundancy documents: read whole, or refused with the place of every mistake."""

import subprocess
import sys

import pytest

from slo.load import redundancy
from slo.load.codes import Code
from slo.load.yaml import Problems, documents
from slo.redundancy_model import Redundancy, Workload
from slo.selector import Matcher, MatchOp, Selector

TARGETS = {
    "service": "checkout",
    "expected": "3",
    "minimum": "2",
    "zones": "2",
    "zone_label": "zone",
    "for": "5m",
    "skew_above": "2",
    "targets": "{job: shop}",
    "ready": "shop_ready",
    "leader": "'shop_leads{tier=\"1\"}'",
    "load": "http_requests_total",
}
CLUSTER = {
    "service": "checkout",
    "kubernetes": "{workload: deployment/checkout, namespace: shop, lease: checkout-leader}",
}


def read(
    spec: dict[str, str], **changes: str | None
) -> tuple[Redundancy | None, list[tuple[int, int, Code, str]]]:
    """The document, and its problems as (line, column, code, message). `for_` stands for `for`."""
    said = {key.removesuffix("_"): value for key, value in changes.items()}
    text = "apiVersion: vigie.dev/v1\nkind: Redundancy\nmetadata: {name: checkout}\nspec:\n"
    text += "".join(f"  {k}: {v}\n" for k, v in (spec | said).items() if v is not None)
    problems = Problems()
    (node,) = documents(text, "conf/r.yaml", problems)
    found = redundancy.read(node, problems)
    return found, [(p.mark.line, p.mark.col, p.code, p.message) for p in problems.items]


def test_a_document_about_targets_is_read_whole() -> None:
    found, problems = read(TARGETS)
    assert problems == []
    assert found == Redundancy(
        name="checkout",
        service="checkout",
        expected=3,
        minimum=2,
        zones=2,
        zone_label="zone",
        for_s=300.0,
        skew_above=2.0,
        targets={"job": "shop"},
        ready=Selector("shop_ready"),
        leader=Selector("shop_leads", (Matcher("tier", MatchOp.EQUAL, "1"),)),
        load=Selector("http_requests_total"),
    )


def test_a_document_about_a_workload_is_read_whole() -> None:
    found, problems = read(CLUSTER)
    assert problems == []
    workload = Workload("deployment", "shop", "checkout", "checkout-leader")
    assert found == Redundancy("checkout", "checkout", workload=workload)


def test_all_but_the_service_may_be_left_out() -> None:
    assert read({"service": "checkout"}) == (Redundancy("checkout", "checkout"), [])


@pytest.mark.parametrize(
    ("cluster", "server", "file"),
    [
        ("api_server: 'https://10.0.0.1:6443'", "https://10.0.0.1:6443", ""),
        ("kubeconfig_file: kube.yaml", "", "conf/kube.yaml"),
        ("kubeconfig_file: /etc/kube.yaml", "", "/etc/kube.yaml"),
    ],
)
def test_another_cluster_may_be_named(cluster: str, server: str, file: str) -> None:
    said = f"{{workload: statefulset/etcd, namespace: shop, {cluster}}}"
    found, problems = read(CLUSTER, kubernetes=said)
    assert problems == []
    assert found is not None
    assert found.workload == Workload(
        "statefulset", "shop", "etcd", api_server=server, kubeconfig_file=file
    )


@pytest.mark.parametrize(
    ("changes", "at", "code", "message"),
    [
        ({"service": None}, (5, 3), Code.MISSING_KEY, "missing key `spec.service`"),
        ({"service": "a b"}, (5, 12), Code.BAD_NAME, "is no name"),
        ({"expected": "0"}, (6, 13), Code.OUT_OF_BOUNDS, "must be at least 1"),
        ({"expected": "1.5"}, (6, 13), Code.WRONG_TYPE, "must be a whole number"),
        ({"minimum": "0"}, (7, 12), Code.OUT_OF_BOUNDS, "must be at least 1"),
        ({"minimum": "4"}, (7, 12), Code.OUT_OF_BOUNDS, "only 3 are `expected`"),
        ({"zones": "0"}, (8, 10), Code.OUT_OF_BOUNDS, "must be at least 1"),
        ({"zones": "4"}, (8, 10), Code.OUT_OF_BOUNDS, "3 replicas can't be in so many"),
        ({"zone_label": "a-zone"}, (9, 15), Code.BAD_NAME, "`a-zone` is no label name"),
        ({"for_": "0s"}, (10, 8), Code.OUT_OF_BOUNDS, "must be above 0s"),
        ({"for_": "500ms"}, (10, 8), Code.OUT_OF_BOUNDS, "must be 1s to 7d"),
        ({"for_": "8d"}, (10, 8), Code.OUT_OF_BOUNDS, "must be 1s to 7d"),
        ({"for_": "soon"}, (10, 8), Code.BAD_DURATION, "is not a duration"),
        ({"skew_above": "1"}, (11, 15), Code.OUT_OF_BOUNDS, "must be above 1"),
        ({"load": None}, (11, 15), Code.MISSING_KEY, "missing key `spec.load`"),
        ({"targets": "{a-b: c}"}, (12, 12), Code.BAD_NAME, "`a-b` is no label name"),
        ({"targets": "shop"}, (12, 12), Code.WRONG_TYPE, "must be a mapping"),
        ({"ready": "sum(shop_ready)"}, (13, 10), Code.NOT_ALLOWED, "no vector selector"),
        ({"ready": "shop_ready == 1"}, (13, 10), Code.NOT_ALLOWED, "no vector selector"),
        ({"ready": "'shop_ready[5m]'"}, (13, 11), Code.NOT_ALLOWED, "no vector selector"),
        ({"ready": "1"}, (13, 10), Code.NOT_ALLOWED, "no vector selector"),
        ({"ready": "shop_ready offset 5m"}, (13, 21), Code.OUTSIDE, "`offset` can't be"),
        ({"ready": "'{job=\"a\"}'"}, (13, 11), Code.OUTSIDE, "without a metric name"),
        ({"leader": "leads{"}, (14, 16), Code.NOT_PROMQL, "not PromQL"),
        ({"load": "'work{job=~\"(\"}'"}, (15, 20), Code.BAD_PATTERN, "regex"),
        ({"ready": "''"}, (13, 10), Code.EMPTY, "must not be empty"),
        ({"replicas": "3"}, (16, 3), Code.UNKNOWN_KEY, "unknown key `spec.replicas`"),
    ],
)
def test_a_mistake_is_one_problem_at_its_place(
    changes: dict[str, str | None], at: tuple[int, int], code: Code, message: str
) -> None:
    found, problems = read(TARGETS, **changes)
    assert found is None
    assert [problem[:3] for problem in problems] == [(*at, code)]
    assert message in problems[0][3]


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ("namespace: shop", Code.MISSING_KEY, "missing key `spec.kubernetes.workload`"),
        ("workload: deployment/a", Code.MISSING_KEY, "missing key `spec.kubernetes.namespace`"),
        ("workload: deployment, namespace: a", Code.BAD_NAME, "such as deployment/checkout"),
        ("workload: deployment/, namespace: a", Code.BAD_NAME, "such as deployment/checkout"),
        ("workload: deployments/a, namespace: a", Code.BAD_NAME, "did you mean `deployment`?"),
        ("workload: Deployment/a, namespace: a", Code.BAD_NAME, "did you mean `deployment`?"),
        ("workload: job/a, namespace: a", Code.BAD_NAME, "deployment, statefulset, daemonset"),
        ("workload: deployment/A, namespace: a", Code.BAD_NAME, "`A` is no name in Kubernetes"),
        ("workload: deployment/a/b, namespace: a", Code.BAD_NAME, "`a/b` is no name"),
        ("workload: deployment/a, namespace: a.b", Code.BAD_NAME, "`a.b` is no name"),
        ("workload: deployment/a, namespace: a, lease: B", Code.BAD_NAME, "`B` is no name"),
        (
            "workload: deployment/a, namespace: a, leese: b",
            Code.UNKNOWN_KEY,
            "did you mean `lease`",
        ),
        (
            "workload: deployment/a, namespace: a, api_server: 'https://u:secret@a'",
            Code.BAD_ADDRESS,
            "is no address",
        ),
        (
            "workload: deployment/a, namespace: a, api_server: 'https://a', kubeconfig_file: b",
            Code.CONFLICT,
            "keep one",
        ),
    ],
)
def test_a_mistake_about_a_workload_is_one_problem(said: str, code: Code, message: str) -> None:
    found, problems = read(CLUSTER, kubernetes=f"{{{said}}}")
    assert found is None
    assert [(line, kind) for line, _, kind, _ in problems] == [(6, code)]
    assert message in problems[0][3]
    assert "secret" not in problems[0][3]


@pytest.mark.parametrize("key", redundancy.OF_TARGETS)
def test_what_is_read_of_targets_is_refused_beside_a_workload(key: str) -> None:
    found, problems = read(CLUSTER, **{key: TARGETS[key]})
    assert found is None
    assert [(line, code) for line, _, code, _ in problems] == [(7, Code.CONFLICT)]
    assert f"`spec.{key}`" in problems[0][3]


def test_two_mistakes_are_two_problems() -> None:
    _, problems = read(TARGETS, minimum="x", zones="0", ready="sum(a)")
    assert [line for line, _, _, _ in problems] == [7, 8, 13]


def test_reading_one_loads_nothing_heavy() -> None:
    heavy = "{'aiohttp', 'numpy', 'polars', 'pydantic', 'sqlalchemy'}"
    code = f"import sys, slo.load.redundancy; sys.exit(bool({heavy} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
