"""Pyrra's format: what each key becomes, and what is said about a file that is wrong."""

import json

import pytest

from slo.load import pyrra
from slo.load.codes import Code
from slo.load.yaml import Problem, Problems, documents
from slo.spec import (
    AlertText,
    CountingSli,
    ForeignSli,
    Format,
    RatioKind,
    SampledSli,
    Slo,
)

RATIO = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: answers
  namespace: shop
  labels:
    pyrra.dev/service: checkout
    service: other
  annotations: {pyrra.dev/runbook: "https://example.org/checkout"}
spec:
  target: '99.5'
  window: 4w
  description: Requests are answered.
  indicator:
    ratio:
      errors:
        metric: hits_total{job="web",code=~"5.."}
      total:
        metric: hits_total{job="web"}
      grouping: [handler, method, handler]
"""
ERRORS = '      errors:\n        metric: hits_total{job="web",code=~"5.."}\n'
INDICATOR = RATIO[RATIO.index("    ratio:") :]
LATENCY = """\
    latency:
      success:
        metric: hits_seconds_bucket{job="web",le="0.5"}
      total:
        metric: hits_seconds_count{job="web"}
"""
LABELS = RATIO[RATIO.index("  labels:") : RATIO.index("  annotations:")]


def test_a_ratio_is_read() -> None:
    slo, problems = _read(RATIO)
    assert problems == []
    assert (slo.id, slo.objective, slo.window_s) == ("checkout/answers", 0.995, 28 * 86_400)
    assert slo.description == "Requests are answered."
    assert slo.labels == {"pyrra.dev/service": "checkout", "service": "other"}
    assert slo.annotations == {"pyrra.dev/runbook": "https://example.org/checkout"}
    assert (slo.format, slo.document, slo.namespace) == (Format.PYRRA, "answers", "shop")
    assert slo.group_by == ("handler", "method")
    assert isinstance(slo.sli, CountingSli)
    assert slo.sli.kind is RatioKind.BAD
    assert [str(selector) for selector in slo.sli.selectors] == [
        'hits_total{code=~"5..",job="web"}',
        'hits_total{job="web"}',
    ]
    assert str(slo.mark) == "slo.yaml:1:1"


def test_pyrras_own_arms_replace_the_policys() -> None:
    slo, _ = _read(RATIO)
    assert [(arm.name, arm.burn_rate, arm.after_s) for arm in slo.alerting.arms or ()] == [
        ("page-1h-5m", 14.0, 120.0),
        ("page-6h-30m", 7.0, 900.0),
        ("ticket-1d-2h", 2.0, 3600.0),
        ("ticket-4d-6h", 1.0, 10_800.0),
    ]
    assert (slo.alerting.no_data, slo.alerting.name) == (None, "")
    assert slo.alerting.page == slo.alerting.ticket == AlertText()


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        (LABELS, "checkout"),
        ("  labels: {service: other}\n", "other"),
        ("  labels: {team: pay}\n", "answers"),
        ("", "answers"),
    ],
)
def test_the_service_is_a_label_or_else_the_slos_own_name(labels: str, service: str) -> None:
    slo, problems = _read(RATIO.replace(LABELS, labels))
    assert problems == []
    assert slo.service == service


def test_the_bucket_of_a_latency_is_good() -> None:
    slo, problems = _read(RATIO.replace(INDICATOR, LATENCY))
    assert problems == []
    assert isinstance(slo.sli, CountingSli)
    assert slo.sli.kind is RatioKind.GOOD
    assert [str(selector) for selector in slo.sli.selectors] == [
        'hits_seconds_bucket{job="web",le="0.5"}',
        'hits_seconds_count{job="web"}',
    ]
    assert slo.group_by == ()


def test_a_gauge_of_booleans_is_sampled() -> None:
    gauge = "    bool_gauge:\n      metric: up{job='web'}\n      grouping: [instance]\n"
    slo, problems = _read(RATIO.replace(INDICATOR, gauge))
    assert problems == []
    assert isinstance(slo.sli, SampledSli)
    assert (slo.sli.kind, slo.sli.op, slo.group_by) == (RatioKind.GOOD, None, ("instance",))
    assert slo.sli.total is not None
    assert (slo.sli.part.query, slo.sli.total.query) == (
        "sum(up{job='web'})",
        "count(up{job='web'})",
    )
    assert [str(selector) for selector in slo.sli.part.selectors] == ['up{job="web"}']


def test_native_histograms_are_understood_and_stay_unknown() -> None:
    native = (
        "    latencyNative: {latency: 500ms, total: {metric: hits_seconds}, grouping: [handler]}\n"
    )
    slo, (problem,) = _read(RATIO.replace(INDICATOR, native))
    assert isinstance(slo.sli, ForeignSli)
    assert json.loads(slo.sli.document) == {
        "latencyNative": {
            "latency": "500ms",
            "total": {"metric": "hits_seconds"},
            "grouping": ["handler"],
        }
    }
    assert (problem.mark.line, problem.warning, problem.code) == (15, True, Code.UNMEASURED)


@pytest.mark.parametrize("key", ["disabled: true", "burnrates: false"])
def test_alerting_that_is_switched_off_leaves_no_arm(key: str) -> None:
    # Not even a warning about arms that can't be.
    text = RATIO.replace("99.5", "50").replace("4w", "1h")
    slo, problems = _read(f"{text}  alerting: {{{key}}}\n")
    assert problems == []
    assert slo.alerting.arms == ()


def test_alerting_is_read() -> None:
    slo, problems = _read(f"{RATIO}  alerting: {{absent: false, name: CheckoutBurns}}\n")
    assert problems == []
    assert (slo.alerting.no_data, slo.alerting.name) == (False, "CheckoutBurns")
    assert len(slo.alerting.arms or ()) == 4


@pytest.mark.parametrize(
    ("severities", "kinds", "page", "ticket", "warned"),
    [
        ("fastBurn: warning", "tptt", "", "", 0),
        ("slowBurn: CRITICAL, longTermBurn: page", "pppp", "", "", 0),
        ("slowBurn: info, longTermBurn: info", "pptt", "", "info", 0),
        ("fastBurn: P1, mediumBurn: P1", "pptt", "P1", "", 2),
        ("fastBurn: critical", "pptt", "", "", 0),  # the other page has Pyrra's default
    ],
)
def test_severities_make_pages_and_tickets(
    severities: str, kinds: str, page: str, ticket: str, warned: int
) -> None:
    slo, problems = _read(f"{RATIO}  alerting:\n    severities: {{{severities}}}\n")
    assert "".join(arm.kind[0] for arm in slo.alerting.arms or ()) == kinds
    assert slo.alerting.page.labels == ({"severity": page} if page else {})
    assert slo.alerting.ticket.labels == ({"severity": ticket} if ticket else {})
    assert [(p.warning, p.code) for p in problems] == [(True, Code.IGNORED)] * warned


@pytest.mark.parametrize(
    "keys",
    [
        "  partial_response_strategy: warn\n",
        "  performanceOverAccuracy: true\n",
        "  ruleOutput:\n    enableDescriptionAsLabel: true\n    longRulesLabels: {to: thanos}\n"
        "    shortRulesLabels: {to: prometheus}\n",
        "  alerting: {absentName: NoHits}\n",
        "  alerting: {severities: {absent: page}}\n",
    ],
)
def test_what_only_shapes_pyrras_rules_gets_a_warning(keys: str) -> None:
    slo, (problem,) = _read(RATIO + keys)
    assert slo.id == "checkout/answers"
    assert (problem.warning, problem.code) == (True, Code.IGNORED)


def test_thresholds_that_follow_the_traffic_get_a_warning_and_are_fixed() -> None:
    slo, (problem,) = _read(RATIO + "  alerting: {burnRateType: dynamic}\n")
    fixed, problems = _read(RATIO + "  alerting: {burnRateType: static}\n")
    assert slo == fixed
    assert problems == []
    assert (problem.warning, problem.code) == (True, Code.IGNORED)


def test_defaults_that_a_cluster_writes_out_get_none() -> None:
    text = (
        f"{RATIO}  alerting: {{absent: true, burnrates: true}}\n"
        "  partial_response_strategy: abort\n  performanceOverAccuracy: false\n"
        "status: {type: PrometheusRule}\n"
    )
    slo, problems = _read(text)
    assert problems == []
    assert (slo.alerting.no_data, len(slo.alerting.arms or ())) == (None, 4)


def test_one_metric_twice_gets_a_warning() -> None:
    slo, (problem,) = _read(RATIO.replace(',code=~"5.."', ""))
    assert slo.id == "checkout/answers"
    assert (problem.warning, problem.code, problem.mark.line) == (True, Code.CANNOT_MATCH, 19)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("target: '99.5'", "target: '100'", [("11:11", Code.NO_BUDGET)]),
        ("target: '99.5'", "target: ninety", [("11:11", Code.WRONG_TYPE)]),
        ("  target: '99.5'\n", "", [("11:3", Code.MISSING_KEY)]),
        ("window: 4w", "window: 60w", [("12:11", Code.NOT_SERVED)]),
        ("window: 4w", "window: 2m", [("12:11", Code.SHORT_WINDOW)]),
        ("window: 4w", "window: 4", [("12:11", Code.BAD_DURATION)]),
        ("service: checkout", "service: a-", [("7:24", Code.BAD_NAME)]),
        ("name: answers", "nam: answers", [("4:3", Code.MISSING_KEY), ("4:3", Code.UNKNOWN_KEY)]),
        ("indicator:", "indikator:", [("11:3", Code.MISSING_KEY), ("14:3", Code.UNKNOWN_KEY)]),
        ("    ratio:", "    ration:", [("15:5", Code.UNKNOWN_KEY)]),
        (INDICATOR, "    {}\n", [("15:5", Code.MISSING_KEY)]),
        (INDICATOR, INDICATOR + LATENCY, [("15:5", Code.CONFLICT)]),
        (ERRORS, "", [("16:7", Code.MISSING_KEY)]),
        (ERRORS, "      errors: {}\n", [("16:15", Code.MISSING_KEY)]),
        ("total{job", "total{job=", [("17:31", Code.NOT_PROMQL), ("19:31", Code.NOT_PROMQL)]),
        ('metric: hits_total{job="web"}', "metric: sum(hits)", [("19:17", Code.NOT_ALLOWED)]),
        ('metric: hits_total{job="web"}', "metric: rate(a[5m])", [("19:17", Code.NOT_ALLOWED)]),
        ('{job="web"}', '{job="web"} offset 1m', [("19:39", Code.OUTSIDE)]),
        ("handler,", "a-b,", [("20:18", Code.BAD_NAME)]),
        (INDICATOR, LATENCY.replace(',le="0.5"', ""), [("17:17", Code.MISSING_KEY)]),
        (INDICATOR, LATENCY.replace("le=", "le=~"), [("17:17", Code.MISSING_KEY)]),
        (INDICATOR, LATENCY.replace("0.5", "fast"), [("17:17", Code.MISSING_KEY)]),
        (INDICATOR, "    bool_gauge: {metric: a / b}\n", [("15:28", Code.OUTSIDE)]),
        (
            INDICATOR,
            "    latencyNative: {latency: soon, total: {metric: a}}\n",
            [("15:30", Code.BAD_DURATION)],
        ),
        ("description:", "partial_response_strategy:", [("13:30", Code.NOT_ALLOWED)]),
        ("description:", "alerting: {burnrate: true}\n  x:", [("13:14", "V101"), ("14:3", "V101")]),
    ],
)
def test_a_file_that_is_wrong_is_refused_at_the_place(
    old: str, new: str, said: list[tuple[str, Code]]
) -> None:
    text = RATIO.replace(old, new)
    assert text != RATIO
    assert _said(text) == said


def _find(text: str) -> tuple[list[Slo], list[Problem]]:
    problems = Problems()
    (node,) = documents(text, "slo.yaml", problems)
    slos = pyrra.read(node, problems)
    assert (slos is None) == bool(problems.errors)
    return slos or [], problems.in_order()


def _read(text: str) -> tuple[Slo, list[Problem]]:
    """The SLO of a document that has no error, and its warnings."""
    (slo,), problems = _find(text)
    return slo, problems


def _said(text: str) -> list[tuple[str, Code]]:
    """The place and the code of each error of a document that can't be read."""
    slos, problems = _find(text)
    assert slos == []
    return [(f"{p.mark.line}:{p.mark.col}", p.code) for p in problems if not p.warning]
