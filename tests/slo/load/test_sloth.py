"""Sloth's two formats: what each key becomes, and what is said about a file that is wrong."""

import json
from dataclasses import replace

import pytest

from slo.load import sloth
from slo.load.codes import Code
from slo.load.yaml import Problem, Problems, documents
from slo.spec import (
    Alerting,
    AlertText,
    ArmKind,
    CountingSli,
    ForeignSli,
    Format,
    RatioKind,
    SampledSli,
    Slo,
)

FILE = """\
version: prometheus/v1
service: checkout
labels:
  team: pay
  tier: 2
slos:
  - name: answers
    objective: 99.9
    description: Requests are answered.
    labels: {tier: "1", area: web}
    sli:
      events:
        error_query: sum(rate(hits_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(hits_total[{{.window}}]))
    alerting:
      name: CheckoutErrors
      labels: {category: availability}
      annotations: {runbook: "https://example.org/checkout"}
      page_alert:
        labels: {severity: critical}
      ticket_alert:
        annotations: {summary: slow burn}
        disable: true
"""
RESOURCE = """\
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata:
  name: checkout-slos
  namespace: monitoring
  annotations: {owner: pay}
  labels: {role: alert-rules}
  generation: 3
spec:
  service: checkout
  labels: {team: pay, tier: "2"}
  slos:
    - name: answers
      objective: 99.9
      description: Requests are answered.
      labels: {tier: "1", area: web}
      sli:
        events:
          errorQuery: sum(rate(hits_total{code=~"5.."}[{{.window}}]))
          totalQuery: sum(rate(hits_total[{{.window}}]))
      alerting:
        name: CheckoutErrors
        labels: {category: availability}
        annotations: {runbook: "https://example.org/checkout"}
        pageAlert:
          labels: {severity: critical}
        ticketAlert:
          annotations: {summary: slow burn}
          disable: true
status: {processedSLOs: 1}
"""
EVENTS = FILE[FILE.index("      events:") : FILE.index("    alerting:")]
ALERTING = FILE[FILE.index("    alerting:") :]


def test_a_file_is_read() -> None:
    (slo,), problems = _read(FILE)
    assert problems == []
    assert (slo.id, slo.objective, slo.window_s) == ("checkout/answers", 0.999, 2_592_000)
    assert slo.description == "Requests are answered."
    assert slo.labels == {"team": "pay", "tier": "1", "area": "web"}
    assert isinstance(slo.sli, CountingSli)
    assert slo.sli.kind is RatioKind.BAD
    assert slo.sli.part.query == 'sum(rate(hits_total{code=~"5.."}[{{.window}}]))'
    assert [str(selector) for selector in slo.sli.selectors] == [
        'hits_total{code=~"5.."}',
        "hits_total{}",
    ]
    assert slo.alerting == Alerting(
        arms=None,
        without=frozenset({ArmKind.TICKET}),
        name="CheckoutErrors",
        both=AlertText({"category": "availability"}, {"runbook": "https://example.org/checkout"}),
        page=AlertText({"severity": "critical"}),
        ticket=AlertText({}, {"summary": "slow burn"}),
    )
    assert (slo.format, slo.document, slo.namespace) == (Format.SLOTH, "", "")
    assert str(slo.mark) == "sloth.yml:7:5"


def test_a_resource_says_the_same_and_is_called_something() -> None:
    (slo,), problems = _read(RESOURCE, sloth.read_kubernetes)
    assert problems == []
    assert (slo.format, slo.document, slo.namespace) == (
        Format.SLOTH_KUBERNETES,
        "checkout-slos",
        "monitoring",
    )
    assert slo.annotations == {"owner": "pay"}
    (same,), _ = _read(FILE)
    assert slo.resource_labels == {"role": "alert-rules"}
    plain = replace(slo, format=Format.SLOTH, document="", namespace="", mark=same.mark)
    assert same == replace(plain, annotations={}, resource_labels={})


def test_every_slo_of_a_file_is_read() -> None:
    second = FILE[FILE.index("  - name") :].replace("answers", "speed").replace("99.9", "95")
    slos, problems = _read(FILE + second)
    assert problems == []
    assert [(slo.id, slo.objective) for slo in slos] == [
        ("checkout/answers", 0.999),
        ("checkout/speed", 0.95),
    ]


@pytest.mark.parametrize(
    ("query", "form", "kind"),
    [
        (
            "sum(rate(bad_total[{{.window}}])) / sum(rate(all_total[{{.window}}]))",
            CountingSli,
            RatioKind.BAD,
        ),
        (
            "1 - (sum(rate(good_total[{{ .window }}])) / sum(rate(all_total[{{ .window }}])))",
            CountingSli,
            RatioKind.GOOD,
        ),
        ("avg_over_time(share_failed[{{.window}}])", SampledSli, RatioKind.BAD),
    ],
)
def test_a_raw_ratio_is_bad_unless_it_is_one_less_a_good_one(
    query: str, form: type, kind: RatioKind
) -> None:
    (slo,), problems = _read(_with_sli(f"      raw:\n        error_ratio_query: {query}\n"))
    assert problems == []
    assert isinstance(slo.sli, CountingSli | SampledSli)
    assert (type(slo.sli), slo.sli.kind) == (form, kind)


def test_an_sli_plugin_is_understood_and_stays_unknown() -> None:
    text = _with_sli(
        "      plugin:\n        id: shop/ok\n        options: {job: web, deep: true}\n"
    )
    (slo,), (problem,) = _read(text)
    assert isinstance(slo.sli, ForeignSli)
    assert json.loads(slo.sli.document) == {
        "plugin": {"id": "shop/ok", "options": {"job": "web", "deep": "true"}}
    }
    assert "`shop/ok`" in slo.sli.reason
    assert (str(problem.mark), problem.warning) == ("sloth.yml:13:9", True)
    assert problem.code is Code.UNMEASURED


@pytest.mark.parametrize(
    ("where", "name"), [("slos:\n", "slo_plugins"), ("    sli:\n", "    plugins")]
)
def test_plugins_of_rule_generation_are_ignored_with_a_warning(where: str, name: str) -> None:
    indent = name[: len(name) - len(name.lstrip())]
    text = FILE.replace(
        where,
        f"{name}:\n{indent}  overridePrevious: true\n{indent}  chain:\n"
        f"{indent}    - {{id: a/b/v1, priority: -5, config: {{any: [thing]}}}}\n{where}",
        1,
    )
    (slo,), (problem,) = _read(text)
    assert slo.id == "checkout/answers"
    assert (problem.warning, problem.code) == (True, Code.IGNORED)
    assert "(a/b/v1)" in problem.message


def test_intervals_of_rule_groups_are_ignored_with_a_warning() -> None:
    text = FILE.replace("    sli:\n", "    interval: {slierror: 4m, alert: 2m}\n    sli:\n")
    (slo,), (problem,) = _read(text)
    assert slo.id == "checkout/answers"
    assert (str(problem.mark), problem.code) == ("sloth.yml:11:15", Code.IGNORED)
    assert problem.warning


def test_an_alert_without_a_name_is_an_error_unless_both_are_disabled() -> None:
    off = "    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}\n"
    (slo,), problems = _read(FILE.replace(ALERTING, off))
    assert problems == []
    assert slo.alerting == Alerting(without=frozenset(ArmKind))
    one = off.replace(", ticket_alert: {disable: true}", "")
    assert _said(FILE.replace(ALERTING, one)) == [("15:15", Code.MISSING_KEY)]
    assert _said(FILE.replace(ALERTING, "")) == [("7:5", Code.MISSING_KEY)]


def test_the_other_forms_spelling_of_a_query_is_named_and_still_read() -> None:
    text = FILE.replace("error_query", "errorQuery").replace("sum(rate(hits_total{", "sum(deriv(h{")
    _, problems = _read(text)
    assert [(str(p.mark), p.code) for p in problems] == [
        ("sloth.yml:13:9", Code.UNKNOWN_KEY),
        ("sloth.yml:13:25", Code.OUTSIDE),
    ]
    assert problems[0].message == (
        "`slos[0].sli.events.errorQuery` is spelt `error_query` in a prometheus/v1 file: "
        "Sloth drops this one and all that it says"
    )
    text = RESOURCE.replace("errorQuery", "error_query")
    assert _said(text, sloth.read_kubernetes) == [("19:11", Code.UNKNOWN_KEY)]


@pytest.mark.parametrize(
    ("text", "reader", "place", "mine"),
    [
        (FILE.replace("page_alert", "pageAlert"), sloth.read, "20:9", "page_alert"),
        (
            RESOURCE.replace("pageAlert", "page_alert"),
            sloth.read_kubernetes,
            "26:11",
            "pageAlert",
        ),
    ],
)
def test_what_the_other_form_says_of_alerts_is_dropped_with_a_warning_as_by_sloth(
    text: str, reader: object, place: str, mine: str
) -> None:
    (slo,), (problem,) = _read(text, reader)
    assert slo.alerting.page == AlertText()
    assert slo.alerting.without == {ArmKind.TICKET}
    assert (str(problem.mark), problem.code) == (f"sloth.yml:{place}", Code.IGNORED)
    assert problem.warning
    assert f"is spelt `{mine}` in" in problem.message


def test_a_label_may_be_a_boolean_in_a_file_and_not_in_a_resource() -> None:
    (slo,), problems = _read(FILE.replace("team: pay", "team: yes"))
    assert problems == []
    assert slo.labels["team"] == "yes"
    text = RESOURCE.replace("team: pay", "team: yes")
    assert _said(text, sloth.read_kubernetes) == [("11:18", Code.WRONG_TYPE)]


def test_a_label_called_disable_gets_a_warning() -> None:
    (slo,), (problem,) = _read(FILE.replace("severity: critical", "disable: true"))
    assert slo.alerting.without == {ArmKind.TICKET}
    assert (problem.warning, problem.code) == (True, Code.MISSPELT)


@pytest.mark.parametrize(
    ("objective", "code"),
    [
        ("100", Code.NO_BUDGET),
        ("99.99999999999", Code.NO_BUDGET),  # more digits than a budget is counted in
        ("0", Code.OBJECTIVE),
        ("-1", Code.OBJECTIVE),
        ("101", Code.OBJECTIVE),
        ('"99.9"', Code.WRONG_TYPE),
        ("high", Code.WRONG_TYPE),
        ("[99]", Code.WRONG_TYPE),
        ("~", Code.EMPTY),
    ],
)
def test_an_impossible_objective_is_one_error(objective: str, code: Code) -> None:
    slos, problems = _read(FILE.replace("objective: 99.9", f"objective: {objective}"))
    assert slos == []
    assert [(p.mark.line, p.code) for p in problems] == [(8, code)]


def test_an_objective_under_one_percent_gets_a_warning() -> None:
    (slo,), (problem,) = _read(FILE.replace("objective: 99.9", "objective: 0.999"))
    assert slo.objective == 0.00999
    assert (problem.warning, problem.code) == (True, Code.OBJECTIVE)
    assert "write 99.9" in problem.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("slos:\n", "slos: []\nother:\n", [("6:1", Code.EMPTY), ("7:1", Code.UNKNOWN_KEY)]),
        ("service: checkout", "service: c", [("2:10", Code.BAD_NAME)]),
        ("service: checkout", 'service: ""', [("2:10", Code.EMPTY)]),
        ("name: answers", "name: -a", [("7:11", Code.BAD_NAME)]),
        ("description:", "descripton:", [("9:5", Code.UNKNOWN_KEY)]),
        (EVENTS, "      {}\n", [("12:7", Code.MISSING_KEY)]),
        (EVENTS, "      event: {}\n", [("12:7", Code.UNKNOWN_KEY)]),
        (EVENTS, "      events:\n", [("12:7", Code.EMPTY)]),
        (EVENTS, f"{EVENTS}      raw: {{}}\n", [("12:7", Code.CONFLICT)]),
        ("        total_query:", "        total:", [("13:9", Code.MISSING_KEY), ("14:9", "V101")]),
        ('{code=~"5.."}', "", [("14:22", Code.CANNOT_MATCH)]),
        ("hits_total[{{.window}}]", "hits_total[5m]", [("14:22", Code.NOT_PROMQL)]),
        ("sum(rate(hits_total[", "sum(deriv(hits_total[", [("14:26", Code.OUTSIDE)]),
        ('5.."}[{{.window}}]))', '5.."}[{{.window}}])', [("13:25", Code.NOT_PROMQL)]),
        ("disable: true", "disable: yes", [("23:18", Code.WRONG_TYPE)]),
        ("version:", "spec: {}\nversion:", [("1:1", Code.UNKNOWN_KEY)]),
    ],
)
def test_a_file_that_is_wrong_is_refused_at_the_place(
    old: str, new: str, said: list[tuple[str, Code]]
) -> None:
    assert _said(FILE.replace(old, new)) == said


def test_a_query_in_a_block_is_refused_at_its_line() -> None:
    query = "|\n          sum(\n            deriv(hits_total[{{.window}}])\n          )\n"
    text = FILE.replace("sum(rate(hits_total[{{.window}}]))\n", query)
    assert _said(text) == [("16:13", Code.OUTSIDE)]


def test_what_is_no_mapping_is_one_error() -> None:
    for reader in (sloth.read, sloth.read_kubernetes):
        assert _said("just text\n", reader) == [("1:1", Code.WRONG_TYPE)]


def _read(text: str, reader: object = sloth.read) -> tuple[list[Slo], list[Problem]]:
    problems = Problems()
    (node,) = documents(text, "sloth.yml", problems)
    assert callable(reader)
    slos = reader(node, problems)
    assert (slos is None) == bool(problems.errors)
    return slos or [], problems.in_order()


def _said(text: str, reader: object = sloth.read) -> list[tuple[str, Code]]:
    """The place and the code of each problem, none of which may be a warning."""
    slos, problems = _read(text, reader)
    assert slos == []
    assert not any(problem.warning for problem in problems)
    return [(f"{p.mark.line}:{p.mark.col}", p.code) for p in problems]


def _with_sli(sli: str) -> str:
    assert EVENTS in FILE
    return FILE.replace(EVENTS, sli)
