"""Pyrra's own example files: every one is read, and says what it says.

They lie beside the repository, in ../shared/data/pyrra, and are not part of it.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from slo.load import pyrra
from slo.load.yaml import Problem, Problems, documents
from slo.spec import CountingSli, RatioKind, SampledSli, Slo

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "pyrra"
MISSING = f"Pyrra's example files are not there: {FOLDER} is missing"
CRD = "crd.yaml"  # the definition of the resource, which states no SLO
WEEK = (
    ("page-15m-1m", 14.0, 60.0),
    ("page-1h30m-8m", 7.0, 240.0),
    ("ticket-6h-30m", 2.0, 900.0),
    ("ticket-1d-1h30m", 1.0, 2700.0),
)
TWO_WEEKS = (
    ("page-30m-3m", 14.0, 60.0),
    ("page-3h-15m", 7.0, 480.0),
    ("ticket-12h-1h", 2.0, 1800.0),
    ("ticket-2d-3h", 1.0, 5400.0),
)
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Said:
    """What the SLO of a file states."""

    name: str
    namespace: str
    objective: float
    window_s: float
    arms: tuple[tuple[str, float, float], ...]
    kind: RatioKind
    form: type
    selectors: tuple[str, ...]
    group_by: tuple[str, ...] = ()


APISERVER = "apiserver_request_sli_duration_seconds"
READS = 'scope=~"cluster|",verb=~"LIST|GET"}'
GRPC = "grpc_server_handled_total{"
STORE = (
    'grpc_method="Series",grpc_service="thanos.Store",job="thanos-store",namespace="monitoring"}'
)
GOLDEN = {
    "prometheus-probe-success.yaml": Said(
        "prometheus-blackbox-probe-success",
        "",
        0.99,
        7 * DAY_S,
        WEEK,
        RatioKind.GOOD,
        SampledSli,
        ("probe_success{}", "probe_success{}"),
        ("target",),
    ),
    "pyrra-connect-errors.yaml": Said(
        "pyrra-connect-errors",
        "monitoring",
        0.99,
        14 * DAY_S,
        TWO_WEEKS,
        RatioKind.BAD,
        CountingSli,
        (
            'connect_server_requests_total{code=~"aborted|unavailable|internal|unknown|'
            'unimplemented|dataloss",job="pyrra"}',
            'connect_server_requests_total{job="pyrra"}',
        ),
        ("service", "method"),
    ),
    "slo-apiserver-read-cluster-latency.yaml": Said(
        "apiserver-read-cluster-latency",
        "openshift-monitoring",
        0.99,
        14 * DAY_S,
        TWO_WEEKS,
        RatioKind.GOOD,
        CountingSli,
        (
            f'{APISERVER}_bucket{{component="apiserver",le="5.0",{READS}',
            f'{APISERVER}_count{{component="apiserver",{READS}',
        ),
    ),
    "slo-coredns-response-errors.yaml": Said(
        "coredns-response-errors",
        "openshift-monitoring",
        0.9999,
        14 * DAY_S,
        TWO_WEEKS,
        RatioKind.BAD,
        CountingSli,
        (
            'coredns_dns_responses_total{job="kube-dns",rcode="SERVFAIL"}',
            'coredns_dns_responses_total{job="kube-dns"}',
        ),
    ),
    "slo-prometheus-query-errors.yaml": Said(
        "prometheus-query-errors",
        "openshift-monitoring",
        0.99,
        14 * DAY_S,
        TWO_WEEKS,
        RatioKind.BAD,
        CountingSli,
        (
            'prometheus_http_requests_total{code=~"5..",handler=~"/api/v1/query.*",'
            'job="prometheus-k8s"}',
            'prometheus_http_requests_total{handler=~"/api/v1/query.*",job="prometheus-k8s"}',
        ),
        ("handler",),
    ),
    "thanos-grpc.yaml": Said(
        "thanos-store",
        "monitoring",
        0.995,
        7 * DAY_S,
        WEEK,
        RatioKind.BAD,
        CountingSli,
        (
            f'{GRPC}grpc_code=~"Aborted|Unavailable|Internal|Unknown|Unimplemented|DataLoss",'
            f"{STORE}",
            f"{GRPC}{STORE}",
        ),
    ),
}


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    return FOLDER


def test_every_example_file_is_known_here(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.yaml")} == {*GOLDEN, CRD}


@pytest.mark.parametrize("name", GOLDEN)
def test_an_example_says_what_it_says(name: str, folder: Path) -> None:
    slo, problems = _read(folder / name)
    assert problems == []
    assert _said(slo) == GOLDEN[name]
    assert slo.service == slo.name
    assert slo.labels == {"prometheus": "k8s", "role": "alert-rules"}


def _read(path: Path) -> tuple[Slo, list[Problem]]:
    problems = Problems()
    (node,) = documents(path.read_text(encoding="utf-8"), path.name, problems)
    (slo,) = pyrra.read(node, problems) or []
    return slo, problems.items


def _said(slo: Slo) -> Said:
    sli = slo.sli
    assert isinstance(sli, CountingSli | SampledSli)
    return Said(
        slo.name,
        slo.namespace,
        slo.objective,
        slo.window_s,
        tuple((arm.name, arm.burn_rate, arm.after_s) for arm in slo.alerting.arms or ()),
        sli.kind,
        type(sli),
        tuple(str(selector) for selector in sli.selectors),
        slo.group_by,
    )
