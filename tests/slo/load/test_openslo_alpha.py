"""OpenSLO v1alpha: the same model from the older spelling."""

import pytest

from slo.load.yaml import Problems, documents
from slo.spec import Budgeting, CountingSli, ForeignSli, Format, Method, Op, SampledSli, Slo
from vigie.documents import Documents

RATIO = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: ratio, displayName: Ratio}
spec:
  service: shop
  description: Old
  budgetingMethod: Occurrences
  objectives:
    - ratioMetrics:
        good: {source: prometheus, queryType: promql, query: 'sum(x_total{code="200"})'}
        incremental: true
        total: {source: prometheus, queryType: promql, query: sum(x_total)}
      displayName: painful
      target: 0.98
      value: 1
  timeWindows: [{count: 28, isRolling: true, unit: Day}]
"""
THRESHOLD = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: threshold}
spec:
  service: shop
  budgetingMethod: Occurrences
  indicator:
    thresholdMetric: {source: Prometheus, queryType: promql, query: max(queue_length)}
  objectives:
    - {displayName: Few, op: lt, value: 10, target: 0.98}
    - {displayName: Very few, op: lt, value: 5, target: 0.9}
  timeWindows: [{count: 1, unit: Week}]
"""


def test_a_ratio_is_read() -> None:
    (slo,), problems = _read(RATIO)
    assert problems == []
    assert isinstance(slo.sli, CountingSli)
    assert (slo.id, slo.objective, slo.window_s) == ("shop/ratio", 0.98, 28 * 86400)
    assert (slo.format, slo.document) == (Format.OPENSLO_ALPHA, "ratio")


OTHER_WORDS = [
    ("incremental: true", "counter: true"),
    ("target: 0.98", "budgetTarget: 0.98"),
    ("      value: 1\n", ""),
    ("good:", "bad:"),
]


@pytest.mark.parametrize(("old", "new"), OTHER_WORDS)
def test_words_of_other_years_say_the_same(old: str, new: str) -> None:
    (slo,), problems = _read(RATIO.replace(old, new))
    assert problems == []
    assert isinstance(slo.sli, CountingSli)
    assert slo.objective == 0.98
    assert slo.sli.kind == ("bad" if new == "bad:" else "good")


def test_what_does_not_count_up_is_sampled() -> None:
    (slo,), _ = _read(RATIO.replace("incremental: true", "incremental: false"))
    assert isinstance(slo.sli, SampledSli)


def test_each_objective_of_a_threshold_is_an_slo() -> None:
    slos, problems = _read(THRESHOLD)
    assert problems == []
    found = [(s.name, s.sli.op, s.sli.value) for s in slos if isinstance(s.sli, SampledSli)]
    assert found == [("threshold-few", Op.LT, 10.0), ("threshold-very-few", Op.LT, 5.0)]
    assert {slo.document for slo in slos} == {"threshold"}


def test_each_objective_with_a_ratio_of_its_own_is_an_slo_and_no_composite() -> None:
    start, end = RATIO.index("    - ratioMetrics"), RATIO.index("  timeWindows")
    slos, problems = _read(RATIO[:end] + RATIO[start:end] + RATIO[end:])
    assert problems == []
    assert [slo.name for slo in slos] == ["ratio-1", "ratio-2"]  # one display name, twice
    assert all(isinstance(slo.sli, CountingSli) for slo in slos)


def test_slices_of_time_are_a_minute_wide() -> None:
    text = RATIO.replace("Occurrences", "Timeslices")
    (slo,), problems = _read(text.replace("      value: 1", "      timeSliceTarget: 0.95"))
    assert problems == []
    assert slo.budgeting == Budgeting(Method.TIMESLICES, 0.95, 60.0)


def test_other_sources_can_not_be_measured() -> None:
    (slo,), problems = _read(RATIO.replace("source: prometheus", "source: datadog"))
    assert isinstance(slo.sli, ForeignSli)
    assert problems == [
        "10:24: warning[V501] this SLI can't be measured: `datadog` is no source that Vigie can "
        "ask; a DataSource of type Prometheus, VictoriaMetrics, Mimir or Thanos would serve it"
    ]


def test_a_service_is_the_same() -> None:
    text = "apiVersion: openslo/v1alpha\nkind: Service\nmetadata: {name: my-rad service}"
    assert _read(text)[1] == [
        "3:18: error[V108] `my-rad service` is no name: use letters, digits, `-`, `_` and `.`, a "
        "letter first"
    ]


BAD = [
    (RATIO, "good:", "goood:", "10:9: error[V101] unknown key `spec.objectives[0].ratioMetrics.go"),
    (RATIO, "source: prometheus, ", "", "10:15: error[V103] missing key `spec.objectives[0].ratio"),
    (
        RATIO,
        "unit: Day",
        "unit: Month",
        "16:52: error[V112] a rolling window of 28 Month is not served",
    ),
    (RATIO, "unit: Day", "unit: Fortnight", "16:52: error[V105] `spec.timeWindows[0].unit` is `F"),
    (RATIO, "count: 28", "count: 0", "16:25: error[V106] `spec.timeWindows[0].count` is 0; it mu"),
    (RATIO, "target: 0.98", "target: 1", "14:15: error[V401] `spec.objectives[0].target` is 1; i"),
    (RATIO, "service: shop", "service: shop\n  alertPolicies: [a]", "6:3: error[V112] `spec.aler"),
    (THRESHOLD, "op: lt, ", "", "10:7: error[V103] missing key `op`: the objective of a `thresho"),
    (THRESHOLD, "op: lt, value", "ratioMetrics: {}, value", "10:7: error[V111] `ratioMetrics` st"),
    (THRESHOLD, "  indicator:\n    threshold", "  indicator:\n    thresold", "8:5: error[V101] "),
]


@pytest.mark.parametrize(("text", "old", "new", "expected"), BAD)
def test_what_is_wrong_is_refused_at_its_place(
    text: str, old: str, new: str, expected: str
) -> None:
    assert old in text
    _, problems = _read(text.replace(old, new, 1))
    assert any(problem.startswith(expected) for problem in problems), problems


def test_an_slo_needs_an_sli() -> None:
    start, end = THRESHOLD.index("  indicator"), THRESHOLD.index("  objectives")
    slos, problems = _read(THRESHOLD[:start] + THRESHOLD[end:])
    assert slos == []
    message = "an objective without `ratioMetrics`, in an SLO without `spec.indicator`"
    assert problems == [f"8:7: error[V103] {message}", f"9:7: error[V103] {message}"]


def _read(text: str) -> tuple[list[Slo], list[str]]:
    problems, found = Problems(), Documents()
    for node in documents(text, "f", problems):
        found.read(node, problems)
    found.join(problems)
    said = [str(problem).removeprefix("f:") for problem in problems.in_order()]
    return [slo for _, slo in found.of(Slo)], said
