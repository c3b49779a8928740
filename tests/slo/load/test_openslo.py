"""OpenSLO documents: what is served, and the exact refusal of what is not."""

import pytest

from slo.load import openslo
from slo.load.yaml import Problems, documents
from slo.spec import RatioKind, Service, Slo

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: availability
  displayName: Checkout answers
  labels:
    tier: gold
    team: [a, b]
  annotations: {any: [thing]}
spec:
  description: 99.9 % are answered
  service: checkout
  indicator:
    metadata: {name: answers}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            type: Prometheus
            spec:
              query: |
                sum(
                  http_requests_total{code=~"5.."}
                )
        total:
          metricSource: {type: Prometheus, spec: {query: "sum(http_requests_total)"}}
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - displayName: Good
      target: 0.999
  alertPolicies: []
"""


def test_an_slo_is_read() -> None:
    slo, problems = _read(SLO)
    assert problems == []
    assert isinstance(slo, Slo)
    assert (slo.id, slo.objective, slo.window_s) == ("checkout/availability", 0.999, 2_592_000)
    assert slo.sli.kind is RatioKind.BAD
    assert str(slo.sli.part.selectors[0]) == 'http_requests_total{code=~"5.."}'
    assert str(slo.sli.total.selectors[0]) == "http_requests_total{}"
    assert slo.display_name == "Checkout answers"
    assert slo.description == "99.9 % are answered"
    assert slo.labels == {"tier": "gold", "team": "a,b"}
    assert str(slo.mark) == "slo.yaml:1:1"


def test_a_percentage_is_the_same_objective() -> None:
    slo, _ = _read(SLO.replace("target: 0.999", "targetPercent: 99.9"))
    assert slo is not None
    assert slo.objective == 0.999


def test_good_events_may_be_stated_instead_of_bad_ones() -> None:
    slo, _ = _read(SLO.replace("bad:", "good:"))
    assert slo is not None
    assert slo.sli.kind is RatioKind.GOOD


# What is replaced in the file above, by what, and the problems then.
REFUSED = [
    ("name: availability", "name: a/b", ["4:9: error: `a/b` is no name: use letters"]),
    ("  name: availability\n", "", ["4:3: error: missing key `metadata.name`"]),
    ("team: [a, b]", "team: [a, 'b,c']", ["8:11: error: a value of label `team` holds a comma"]),
    ("team: [a, b]", "team: {}", ["8:11: error: `metadata.labels.team` must be text"]),
    ("  service: checkout\n", "", ["11:3: error: missing key `spec.service`"]),
    (
        "budgetingMethod: Occurrences",
        "budgetingMethod: Timeslices",
        ["31:20: error: `Timeslices` are not served yet: write `budgetingMethod: Occurrences`"],
    ),
    (
        "budgetingMethod: Occurrences",
        "budgetingMethod: Occurences",
        [
            "31:20: error: `spec.budgetingMethod` is `Occurences`; it must be `Occurrences`; "
            "did you mean `Occurrences`?"
        ],
    ),
    (
        "        counter: true\n",
        "",
        [
            "17:9: error: `spec.indicator.spec.ratioMetric.counter` must be `true`: "
            "only counters are served yet, whose increments are summed"
        ],
    ),
    (
        "counter: true",
        "counter: false",
        ["17:18: error: `spec.indicator.spec.ratioMetric.counter` must be `true`: only counters"],
    ),
    (
        "type: Prometheus\n",
        "type: Datadog\n",
        [
            "20:19: error: `spec.indicator.spec.ratioMetric.bad.metricSource.type` is `Datadog`; "
            "it must be `Prometheus`"
        ],
    ),
    (
        "type: Prometheus\n",
        "type: Prometheus\n            metricSourceRef: prom\n",
        [
            "21:13: error: `spec.indicator.spec.ratioMetric.bad.metricSource.metricSourceRef` is "
            "not served yet: list what to scrape in a `Targets` document"
        ],
    ),
    (
        'code=~"5.."',
        'code=~"5("',
        ["24:45: error: query: not PromQL: illegal regex for 5("],
    ),
    ("sum(\n", "max(\n", ["23:17: error: query: `max` can't be evaluated by embedded collection"]),
    (
        "sum(http_requests_total)",
        'sum by (code) (x{a=\\"b\\"})',
        ["27:63: error: query: grouping (`by`) can't be evaluated by embedded collection yet"],
    ),
    (
        "        total:",
        "        good: {}\n        total:",
        [
            "18:9: error: `spec.indicator.spec.ratioMetric.bad` stands beside `good`: state one "
            "of them, the other follows"
        ],
    ),
    (
        "        bad:",
        "        failed:",
        [
            "17:9: error: missing key `spec.indicator.spec.ratioMetric.good`",
            "18:9: error: unknown key `spec.indicator.spec.ratioMetric.failed`",
        ],
    ),
    (
        "        bad:",
        "        rawType: success\n        raw:",
        [
            "19:9: error: `spec.indicator.spec.ratioMetric.raw` is not served yet: state good or "
            "bad events and the total instead"
        ],
    ),
    (
        "      ratioMetric:",
        "      thresholdMetric:",
        [
            "16:7: error: `spec.indicator.spec.thresholdMetric` is not served yet: state good or "
            "bad events and the total in `ratioMetric`"
        ],
    ),
    (
        "  timeWindow:",
        "  indicatorRef: answers\n  timeWindow:",
        [
            "28:3: error: `spec.indicatorRef` is not served yet: write the SLI inline, under the "
            "SLO's `spec.indicator`"
        ],
    ),
    (
        "isRolling: true",
        "isRolling: false",
        ["30:18: error: only rolling windows are served yet: write `isRolling: true`"],
    ),
    (
        "isRolling: true",
        "isRolling: false\n      calendar: {startTime: 2022-01-01 12:00:00, timeZone: UTC}",
        [
            "31:7: error: `spec.timeWindow[0].calendar` is not served yet: "
            "write `isRolling: true` without it"
        ],
    ),
    (
        "duration: 30d",
        "duration: 1M",
        ["29:17: error: `1M` has no fixed length, as a rolling window needs: write days, e.g. 30d"],
    ),
    (
        "duration: 30d",
        "duration: 90d",
        ["29:17: error: a window of 90d is not served yet: write 1m to 35d"],
    ),
    (
        "duration: 30d",
        "duration: 30",
        ["29:17: error: `spec.timeWindow[0].duration`: `30` is not a duration: write e.g."],
    ),
    (
        "  budgetingMethod",
        "    - {duration: 7d, isRolling: true}\n  budgetingMethod",
        ["31:7: error: several time windows: keep one"],
    ),
    (
        "target: 0.999",
        "target: 99.9",
        ["34:15: error: `spec.objectives[0].target` is 99.9; it must be below 1"],
    ),
    (
        "target: 0.999",
        "target: 1",
        ["34:15: error: `spec.objectives[0].target` is 1; it must be below 1"],
    ),
    (
        "target: 0.999",
        "targetPercent: 0",
        ["34:22: error: `spec.objectives[0].targetPercent` is 0; it must be above 0"],
    ),
    (
        "target: 0.999",
        "target: 0.999\n      targetPercent: 99.9",
        [
            "34:7: error: `spec.objectives[0].target` stands beside `targetPercent`: "
            "keep one of them"
        ],
    ),
    (
        "target: 0.999",
        "target: 0.999\n      timeSliceTarget: 0.9\n      timeSliceWindow: 1m",
        [
            "35:7: error: `spec.objectives[0].timeSliceTarget` belongs to `Timeslices`, which are "
            "not served yet",
            "36:7: error: `spec.objectives[0].timeSliceWindow` belongs to `Timeslices`, which are "
            "not served yet",
        ],
    ),
    (
        "target: 0.999",
        "target: 0.999\n      compositeWeight: 1",
        [
            "35:7: error: `spec.objectives[0].compositeWeight` belongs to composite SLOs, which "
            "are not served yet"
        ],
    ),
    (
        "  alertPolicies: []",
        "    - target: 0.99",
        ["35:7: error: several objectives are not served yet: write one SLO for each"],
    ),
    (
        "alertPolicies: []",
        "alertPolicies: [high]",
        [
            "35:3: error: `spec.alertPolicies` are not served yet: write burn-rate arms in a "
            "`Policy` document (apiVersion vigie.dev/v1)"
        ],
    ),
    (
        "  description:",
        "  descripton:",
        ["11:3: error: unknown key `spec.descripton`; did you mean `description`?"],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_what_is_not_served_is_refused_at_its_place(
    old: str, new: str, expected: list[str]
) -> None:
    assert SLO.count(old) >= 1
    slo, problems = _read(SLO.replace(old, new, 1))
    assert slo is None
    assert len(problems) == len(expected), problems
    for problem, start in zip(sorted(problems), sorted(expected), strict=True):
        assert problem.startswith(f"slo.yaml:{start}")


def test_an_operator_beside_a_ratio_is_a_warning_and_the_slo_is_read() -> None:
    slo, problems = _read(SLO.replace("target: 0.999", "target: 0.999\n      op: gt"))
    assert slo is not None
    assert problems == [
        "slo.yaml:33:7: warning: `op` and `value` say nothing about a ratio and are ignored: "
        "remove them"
    ]


SERVICE = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: checkout, displayName: Checkout, labels: {team: [a]}, annotations: {x: 1}}
spec: {description: Takes orders}
"""


def test_a_service_is_read() -> None:
    problems = Problems()
    (node,) = documents(SERVICE, "slo.yaml", problems)
    service = openslo.read_service(node, problems)
    assert problems.items == []
    assert service == Service("checkout", "Checkout", "Takes orders", {"team": "a"}, node.mark)


def test_a_service_needs_a_name_and_nothing_else() -> None:
    problems = Problems()
    named, nameless = documents(
        "metadata: {name: a}\n---\nmetadata: {}\nspec: {x: 1}", "f", problems
    )
    assert openslo.read_service(named, problems) == Service("a", mark=named.mark)
    assert openslo.read_service(nameless, problems) is None
    assert [str(problem) for problem in problems.items] == [
        "f:3:11: error: missing key `metadata.name`",
        "f:4:8: error: unknown key `spec.x`",
    ]


def _read(text: str) -> tuple[Slo | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, "slo.yaml", problems)
    slo = openslo.read_slo(node, problems)
    return slo, [str(problem) for problem in problems.items]
