"""vigie.checks: what shows only when all files are read."""

from pathlib import Path

import pytest

from slo.load.marks import Problem, Problems
from slo.spec import CompositeSli, Slo
from vigie import checks
from vigie.documents import read_files

RUNBOOK = """\
apiVersion: vigie.dev/v1
kind: Runbook
metadata: {name: errors}
spec: {title: Errors, steps: [{id: a, kind: manual, title: A}]}
---
"""
POLICY = """\
apiVersion: vigie.dev/v1
kind: Policy
metadata: {name: strict}
spec:
  budget:
    - {name: look, when: {remaining_below: 0.1}, do: [run_runbook], runbook: error}
"""
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: checkout
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {SOURCE, spec: {query: 'sum(errors_total)'}}}
        total: {metricSource: {SOURCE, spec: {query: sum(requests_total)}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: p}
spec: {type: Prometheus, connectionDetails: {url: 'http://p'}}
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (RUNBOOK + POLICY.replace("runbook: error}", "runbook: errors}"), ""),
        (
            RUNBOOK + POLICY,
            "11:78: error[V202] budget action `look` of policy `strict` runs runbook `error`, "
            "which no file names; did you mean `errors`?",
        ),
        (POLICY, "6:78: error[V202] budget action `look` of policy `strict` runs runbook `error`,"),
        # It may be the one that could not be read.
        (RUNBOOK.replace("title: Errors", "titel: Errors") + POLICY, ""),
    ],
)
def test_a_runbook_that_a_budget_runs_must_be_there(
    files: str, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(files)
    found = [str(problem) for problem in _checked(path) if "budget action" in problem.message]
    if not expected:
        assert found == []
        return
    (problem,) = found
    assert problem.startswith(f"{path}:{expected}")


@pytest.mark.parametrize(("source", "warned"), [("type: Prometheus", 1), ("metricSourceRef: p", 0)])
def test_targets_are_asked_for_what_vigie_measures_itself_only(
    source: str, warned: int, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(SLO.replace("SOURCE", source))
    problems = Problems()
    found = read_files([path], problems)
    checks.warn_of_unmeasured(found, problems)
    assert [problem.code for problem in problems.items] == ["V501"] * warned
    ((_, slo),) = found.of(Slo)
    assert not isinstance(slo.sli, CompositeSli)
    assert len(checks.embedded(slo.sli)) == warned


SAMPLED = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: cart, labels: {vigie.dev/trace-sampling: HOW}}
---
"""
CALLS = "traces_span_metrics_calls_total"
EDGE = "traces_service_graph_request_total"


@pytest.mark.parametrize(
    ("how", "service", "metric", "source", "code"),
    [
        ("tail", "cart", CALLS, "type: Prometheus", "V307"),
        ("tail", "cart", EDGE, "type: Prometheus", "V307"),
        ("tail", "checkout", f'{CALLS}{{service_name="cart"}}', "type: Prometheus", "V307"),
        ("tail", "checkout", f'{EDGE}{{client="cart"}}', "type: Prometheus", "V307"),
        ("tail", "checkout", f'{CALLS}{{service_name="shop"}}', "type: Prometheus", ""),
        ("tail", "checkout", f'{CALLS}{{service_name!="cart"}}', "type: Prometheus", ""),
        ("tail", "cart", "requests_total", "type: Prometheus", ""),
        # A server may have counted ahead of the sampler.
        ("tail", "cart", CALLS, "metricSourceRef: p", ""),
        ("head", "cart", CALLS, "type: Prometheus", ""),
        ("none", "cart", CALLS, "type: Prometheus", ""),
        ("tails", "cart", CALLS, "type: Prometheus", "V105"),
    ],
)
def test_a_ratio_over_what_a_tail_sampler_chose_is_an_error(
    how: str, service: str, metric: str, source: str, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    slo = SLO.replace("SOURCE", source).replace("service: checkout", f"service: {service}")
    slo = slo.replace("sum(requests_total)", f"'sum({metric})'")
    path.write_text(SAMPLED.replace("HOW", how) + slo)
    problems = Problems()
    checks.check_sampling(read_files([path], problems), problems)
    assert [problem.code for problem in problems.errors] == [code] * bool(code), problems.items


def _checked(path: Path) -> list[Problem]:
    problems = Problems()
    checks.check_policies(read_files([path], problems), problems)
    return problems.items
