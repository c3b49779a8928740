"""Grouped SLOs in OpenSLO: `sum by (...)` around both counting queries."""

import pytest

from slo.load.yaml import Problems, documents
from slo.spec import CountingSli, Slo
from vigie.documents import Documents

TEXT = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: answers}
spec:
  service: shop
  indicator:
    metadata: {name: answers}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'BAD'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'TOTAL'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""


def read(bad: str, total: str) -> tuple[Slo | None, list[str]]:
    problems, found = Problems(), Documents()
    for node in documents(TEXT.replace("BAD", bad).replace("TOTAL", total), "f", problems):
        found.read(node, problems)
    found.join(problems)
    slos = [slo for _, slo in found.of(Slo)]
    return (slos[0] if slos else None), [problem.message for problem in problems.items]


def test_sums_by_the_same_labels_are_one_slo_for_each_of_their_values() -> None:
    slo, problems = read(
        "sum by (route, method) (errors_total)", "sum by (method, route) (requests_total)"
    )
    assert problems == []
    assert slo is not None
    assert slo.group_by == ("route", "method")
    assert isinstance(slo.sli, CountingSli)
    assert [str(s) for s in slo.sli.selectors] == ["errors_total{}", "requests_total{}"]


@pytest.mark.parametrize(
    ("bad", "total"),
    [
        ("sum by (route) (errors_total)", "sum(requests_total)"),
        ("sum by (route) (errors_total)", "sum by (method) (requests_total)"),
        ("sum without (pod) (errors_total)", "sum without (pod) (requests_total)"),
    ],
)
def test_groups_that_do_not_match_are_refused(bad: str, total: str) -> None:
    slo, problems = read(bad, total)
    assert slo is None
    assert any("grouping" in message for message in problems)
