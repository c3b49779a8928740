"""OpenSLO's SLIs: every form becomes what can be measured, or says why it can't be."""

import json

import pytest

from slo.load.yaml import Problems, documents
from slo.spec import CountingSli, ForeignSli, Op, RatioKind, SampledSli, ServerSli, Slo
from vigie.documents import Documents

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: shop
  indicator: {spec: INDICATOR}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99OBJECTIVE}]
"""
SOURCES = """\
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: Prometheus, connectionDetails: {url: 'http://p'}}
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: dog}
spec: {type: Datadog, connectionDetails: {apiKey: k}}
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: broken}
spec: {type: Prometheus, connectionDetails: {url: nowhere}}
"""


def _metric(query: str, source: str = "type: Prometheus") -> str:
    return f"{{metricSource: {{{source}, spec: {{query: '{query}'}}}}}}"


def _ratio(part: str, total: str, more: str = "counter: true", kind: str = "good") -> str:
    return f"{{ratioMetric: {{{more}, {kind}: {part}, total: {total}}}}}"


def _raw(query: str, kind: str) -> str:
    return f"{{ratioMetric: {{rawType: {kind}, raw: {_metric(query)}}}}}"


def _threshold(query: str, source: str = "type: Prometheus") -> str:
    return f"{{thresholdMetric: {_metric(query, source)}}}"


OK, ALL = 'sum(x_total{code="200"})', "sum(x_total)"


def test_a_ratio_of_counters_counts_events() -> None:
    sli, problems = _read(_ratio(_metric(OK), _metric(ALL)))
    assert problems == []
    assert isinstance(sli, CountingSli)
    assert (sli.kind, sli.part.query, sli.total.query, sli.source) == (RatioKind.GOOD, OK, ALL, "")


@pytest.mark.parametrize("more", ["counter: false", "counter: ~"])
def test_a_ratio_of_what_is_no_counter_is_sampled(more: str) -> None:
    sli, problems = _read(_ratio(_metric("sum(up)"), _metric("count(up)"), more, "bad"))
    assert problems == []
    assert isinstance(sli, SampledSli)
    assert (sli.kind, sli.part.query, sli.op) == (RatioKind.BAD, "sum(up)", None)
    assert sli.total is not None
    assert sli.total.query == "count(up)"


def test_a_rate_counts_events_whatever_the_file_calls_it() -> None:
    rates = [f"sum(rate({name}[{{{{.window}}}}]))" for name in ('x_total{code="200"}', "x_total")]
    sli, problems = _read(_ratio(*map(_metric, rates), more="counter: false"))
    assert problems == []
    assert isinstance(sli, CountingSli)


@pytest.mark.parametrize(("word", "kind"), [("success", "good"), ("failure", "bad")])
def test_a_ratio_may_be_one_query(word: str, kind: str) -> None:
    sli, problems = _read(_raw("avg(x_ratio)", word))
    assert problems == []
    assert isinstance(sli, SampledSli)
    assert (sli.kind, sli.total, sli.op) == (kind, None, None)


OPS = [("lt", Op.LT), ("LTE", Op.LTE), ("gt", Op.GT), ("Gte", Op.GTE)]


@pytest.mark.parametrize(("word", "op"), OPS)
def test_a_threshold_compares_values(word: str, op: Op) -> None:
    sli, problems = _read(_threshold("max(queue_length)"), f", op: {word}, value: 2.5")
    assert problems == []
    assert isinstance(sli, SampledSli)
    assert (sli.kind, sli.op, sli.value) == (RatioKind.GOOD, op, 2.5)


PROM = "metricSourceRef: prom"


@pytest.mark.parametrize("source", [PROM, f"{PROM}, type: Prometheus", f"{PROM}, type: Thanos"])
def test_with_a_datasource_simple_queries_stay_exact(source: str) -> None:
    sli, problems = _read(_ratio(_metric(OK, source), _metric(ALL, source)))
    assert problems == []
    assert isinstance(sli, CountingSli)
    assert sli.source == "prom"


HARD = 'sum(increase(x_total[{{.window}}])) and topk(3, y{a="b"})'


def test_what_only_a_server_can_evaluate_is_left_to_it() -> None:
    sli, problems = _read(_ratio(_metric(HARD, PROM), _metric(ALL, PROM)))
    assert problems == []
    counted = "sum(increase(x_total{}[{{.window}}]))"  # a server can't count a plain counter
    assert sli == ServerSli(RatioKind.GOOD, HARD, counted, "prom")
    sli, problems = _read(_threshold(HARD, PROM), ", op: lt, value: 3")
    assert problems == []
    assert sli == ServerSli(RatioKind.GOOD, HARD, "", "prom", Op.LT, 3.0)


def test_the_same_without_a_datasource_is_an_error_at_its_place() -> None:
    sli, problems = _read(_threshold(HARD), ", op: lt, value: 3")
    assert sli is None
    assert len(problems) == 1
    assert problems[0].startswith("6:124: error[V302] query: `and` can't be")


FOREIGN = [
    ("type: Any", "`Any` is no source that Vigie can ask; a DataSource of type Prometheus,"),
    ("type: Promethues", "`Promethues` is no source that Vigie can ask; did you mean `prometheus`"),
    ("type: Mimir", "`Mimir` is asked through a DataSource: name one of it in `metricSourceRef`"),
    ("metricSourceRef: dog", "`Datadog` is no source that Vigie can ask"),
    ("metricSourceRef: dog, type: Datadog", "`Datadog` is no source that Vigie can ask"),
    ("metricSourceRef: gone, type: AppDynamics", "`AppDynamics` is no source that Vigie can ask"),
]


@pytest.mark.parametrize(("source", "reason"), FOREIGN)
def test_what_nothing_here_can_measure_is_a_warning_with_the_reason(
    source: str, reason: str
) -> None:
    sli, problems = _read(_ratio(_metric("anything", source), _metric("at all", source)))
    assert isinstance(sli, ForeignSli)
    assert sli.reason.startswith(reason)
    good = json.loads(sli.document)["ratioMetric"]["good"]["metricSource"]["spec"]
    assert good == {"query": "anything"}
    (problem,) = problems
    assert f"warning[V501] this SLI can't be measured: {reason}" in problem


def test_sources_of_other_kinds_may_be_asked_without_a_query() -> None:
    metric = "{metricSource: {type: AppDynamics, spec: {metricPath: a|b, day: 2022-01-01}}}"
    sli, _ = _read(_ratio(metric, metric))
    assert isinstance(sli, ForeignSli)
    assert '"day": "2022-01-01"' in sli.document


BAD = [
    (_threshold("max(x)"), ", op: lt", "9:16: error[V103] missing key `value`: the objective of"),
    (_threshold("max(x)"), ", value: 3", "9:16: error[V103] missing key `op`: the objective of a"),
    (_threshold("max(x)"), ", op: eq, value: 3", "9:35: error[V105] `spec.objectives[0].op` is `"),
    (
        _ratio(_metric(OK, PROM), _metric(ALL)),
        "",
        "6:170: error[V204] `spec.indicator.spec.ratioMetric.total.metricSource.spec` asks "
        "`Prometheus`, without `metricSourceRef`,",
    ),
    (
        _ratio(_metric(OK, PROM), _metric(ALL, "metricSourceRef: dog")),
        "",
        "6:181: error[V204] `spec.indicator.spec.ratioMetric.total.metricSource.spec` asks "
        "DataSource `dog`, and",
    ),
    (
        _threshold("x", "metricSourceRef: prm"),
        ", op: lt, value: 3",
        "6:72: error[V202] there is no DataSource `prm`; did you mean `prom`?",
    ),
    (
        _threshold("x", "metricSourceRef: gone, type: Prometheus"),
        ", op: lt, value: 3",
        "6:72: error[V202] there is no DataSource `gone`: write one, or leave `metricSourceRef`",
    ),
    (
        _threshold("x", "metricSourceRef: dog, type: Prometheus"),
        ", op: lt, value: 3",
        "6:83: error[V111] the type is `Prometheus`, but DataSource `dog` is `Datadog`",
    ),
    (
        _threshold("x", "metricSourceRef: prom, type: Datadog"),
        ", op: lt, value: 3",
        "6:84: error[V111] the type is `Datadog`, but DataSource `prom` is `Prometheus`",
    ),
    (_threshold("x", "x: y"), "", "6:54: error[V103] `spec.indicator.spec.thresholdMetric.metric"),
    (_threshold("sum(", PROM), ", op: lt, value: 3", "6:96: error[V301] query: not PromQL: "),
    (
        "{thresholdMetric: {metricSource: {type: Prometheus, spec: {querry: x}}}}",
        "",
        "6:79: error[V103] missing key `spec.indicator.spec.thresholdMetric.metricSource.spec.qu",
    ),
    (
        "{thresholdMetric: {metricSource: {metricSourceRef: prom, spec: {a: x}}}}",
        ", op: lt, value: 3",
        "6:54: error[V103] missing key `spec.indicator.spec.thresholdMetric.metricSource.spec.qu",
    ),
    (_raw("avg(x)", "good"), "", "6:45: error[V105] `spec.indicator.spec.ratioMetric.rawType` is"),
    (
        "{ratioMetric: {}, thresholdMetric: " + _metric("x") + "}",
        ", op: lt, value: 3",
        "6:22: error[V111] `spec.indicator.spec.ratioMetric` stands beside `thresholdMetric`",
    ),
    ("{}", "", "6:21: error[V103] missing key `spec.indicator.spec.ratioMetric`"),
]


@pytest.mark.parametrize(("indicator", "objective", "expected"), BAD)
def test_what_can_not_be_is_refused_at_its_place(
    indicator: str, objective: str, expected: str
) -> None:
    sli, problems = _read(indicator, objective)
    assert sli is None
    assert any(problem.startswith(expected) for problem in problems), problems


def test_a_datasource_with_problems_of_its_own_is_not_called_missing() -> None:
    sli, problems = _read(_threshold("x", "metricSourceRef: broken"), ", op: lt, value: 3")
    assert sli is None
    assert len(problems) == 1
    assert "`spec.connectionDetails.url` is no address" in problems[0]


CANNOT = [
    ('sum(x_total{code="200"})', 'sum(x_total{code="500"})', False),
    ('sum(x_total{code="200"})', "sum(x_total)", True),
    ('sum(x_total{code="200"})', 'sum(x_total{code="total"})', True),
    ('sum(x_total{code="200"})', 'sum(x_total{code=~"2.."})', True),
    ('sum(x_bucket{job="a",le="1"})', 'sum(x_count{job="b"})', False),
    ('sum(x_bucket{job="a",le="1"})', 'sum(x_bucket{job="a",le="+Inf"})', True),
    ('sum(good_total{job="a"})', 'sum(tried_total{job="b"})', True),
    ('sum(x_total{a="1"}) + sum(x_total{a="2"})', 'sum(x_total{a="2"})', True),
    ('sum(x_total{a="1"}) + sum(x_total{a="2"})', 'sum(x_total{a="3"})', False),
]


@pytest.mark.parametrize(("part", "total", "possible"), CANNOT)
def test_a_part_that_can_not_be_of_its_total_is_an_error(
    part: str, total: str, possible: bool
) -> None:
    sli, problems = _read(_ratio(_metric(part), _metric(total)))
    assert (sli is not None) == possible
    assert all("error[V304]" in problem for problem in problems)
    assert bool(problems) != possible


WAYS = [
    ("max(request_duration_seconds)", "gt", True),
    ("max(request_duration_seconds)", "lt", False),
    ("max(api_requestMsec)", "gte", True),
    ("sum(min_over_time(kafka_consumergroup_lag[2m]))", "gt", True),
    ("max(errors)", "gte", True),
    ("min(probe_success)", "lt", True),
    ("min(probe_success)", "gte", False),
    ("min(up)", "lte", True),
    ("min(startup_phase)", "lte", False),
    ("max(disk_available_bytes)", "gt", False),  # both words: who knows
    ("max(queue_length)", "gt", False),
    ("1 - max(error_ratio_errors)", "gt", False),  # turned round
]


@pytest.mark.parametrize(("query", "op", "wrong"), WAYS)
def test_an_op_that_calls_the_bad_good_is_a_warning(query: str, op: str, wrong: bool) -> None:
    sli, problems = _read(_threshold(query), f", op: {op}, value: 1")
    assert sli is not None
    assert [problem[:19] for problem in problems] == ["9:35: warning[V403]"] * wrong


def _read(indicator: str, objective: str = "") -> tuple[object, list[str]]:
    """The SLI of the one SLO, if any; problems without those of the broken DataSource, unless it
    is the one that is asked.
    """
    problems, found = Problems(), Documents()
    text = SLO.replace("INDICATOR", indicator).replace("OBJECTIVE", objective) + SOURCES
    for node in documents(text, "f", problems):
        found.read(node, problems)
    found.join(problems)
    slis = [slo.sli for _, slo in found.of(Slo)]
    said = [str(problem).removeprefix("f:") for problem in problems.in_order()]
    others = [problem for problem in said if "connectionDetails.url" not in problem]
    return (slis[0] if slis else None), said if "broken" in indicator else others
