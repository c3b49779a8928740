"""OpenSLO documents: what an SLO says becomes one value, and every problem has its place."""

import pytest

from slo.load import openslo
from slo.load.yaml import Problems, documents
from slo.spec import Budgeting, Format, Method, RatioKind, Service, Slo
from vigie.documents import Documents

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: availability
  displayName: Checkout answers
  labels:
    tier: gold
    team: [a, b]
  annotations: {any: thing, on: true}
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
    (slo,), problems = _read(SLO)
    assert problems == []
    assert (slo.id, slo.objective, slo.window_s) == ("checkout/availability", 0.999, 2_592_000)
    assert slo.sli.kind is RatioKind.BAD
    assert str(slo.sli.part.selectors[0]) == 'http_requests_total{code=~"5.."}'
    assert str(slo.sli.total.selectors[0]) == "http_requests_total{}"
    assert (slo.calendar, slo.budgeting) == (None, Budgeting())
    assert slo.display_name == "Checkout answers"
    assert slo.description == "99.9 % are answered"
    assert slo.labels == {"tier": "gold", "team": "a,b"}
    assert slo.annotations == {"any": "thing", "on": "true"}
    assert (slo.format, slo.document) == (Format.OPENSLO, "availability")
    assert str(slo.mark) == "slo.yaml:1:1"


def test_a_percentage_is_the_same_objective() -> None:
    (slo,), _ = _read(SLO.replace("target: 0.999", "targetPercent: 99.9"))
    assert slo.objective == 0.999


def test_good_events_may_be_stated_instead_of_bad_ones() -> None:
    (slo,), _ = _read(SLO.replace("bad:", "good:"))
    assert slo.sli.kind is RatioKind.GOOD


METHODS = [
    ("Timeslices", "0.95", "1m", Budgeting(Method.TIMESLICES, 0.95, 60.0)),
    ("Timeslices", "1", "5", Budgeting(Method.TIMESLICES, 1.0, 300.0)),
    ("Timeslices", "0.95", "1d", Budgeting(Method.TIMESLICES, 0.95, 86400.0)),
    ("Timeslices", "0.95", "0.5", Budgeting(Method.TIMESLICES, 0.95, 30.0)),
    ("Timeslices", "0.95", "20s", Budgeting(Method.TIMESLICES, 0.95, 20.0)),
    ("RatioTimeslices", "", "2h", Budgeting(Method.RATIO_TIMESLICES, 0.0, 7200.0)),
]


@pytest.mark.parametrize(("method", "target", "width", "expected"), METHODS)
def test_a_budget_may_be_counted_in_slices_of_time(
    method: str, target: str, width: str, expected: Budgeting
) -> None:
    (slo,), problems = _read(_sliced(method, target, width))
    assert problems == []
    assert slo.budgeting == expected


def _sliced(method: str, target: str, width: str) -> str:
    keys = f"\n      timeSliceTarget: {target}" if target else ""
    keys += f"\n      timeSliceWindow: {width}" if width else ""
    text = SLO.replace("budgetingMethod: Occurrences", f"budgetingMethod: {method}")
    return text.replace("target: 0.999", f"target: 0.999{keys}")


SLICES = [
    ("0", "1m", "35:24: error[V106] `spec.objectives[0].timeSliceTarget` is 0; it must be above 0"),
    ("1.1", "1m", "35:24: error[V106] `spec.objectives[0].timeSliceTarget` is 1.1; it must be at"),
    ("", "1m", "33:7: error[V103] missing key `spec.objectives[0].timeSliceTarget`"),
    ("0.9", "", "33:7: error[V103] missing key `spec.objectives[0].timeSliceWindow`"),
    (
        "0.9",
        "2d",
        "36:24: error[V106] `spec.objectives[0].timeSliceWindow` is 2d; it must be whole ",
    ),
    (
        "0.9",
        "15s",
        "36:24: error[V106] `spec.objectives[0].timeSliceWindow` is 15s; it must be who",
    ),
    (
        "0.9",
        "1.7",
        "36:24: error[V106] `spec.objectives[0].timeSliceWindow` is 1.7; it must be who",
    ),
    ("0.9", "0", "36:24: error[V106] `spec.objectives[0].timeSliceWindow` is 0; it must be whole"),
    ("0.9", "x", "36:24: error[V109] `spec.objectives[0].timeSliceWindow`: `x` is not a duration"),
]


@pytest.mark.parametrize(("target", "width", "expected"), SLICES)
def test_slices_need_a_share_and_a_width_that_fits(target: str, width: str, expected: str) -> None:
    slos, problems = _read(_sliced("Timeslices", target, width))
    assert slos == []
    assert [problem[: len(expected) + 9] for problem in problems] == [f"slo.yaml:{expected}"]


IGNORED = [
    (
        "      target: 0.999",
        "      target: 0.999\n      op: gt",
        ["35:11: warning[V506] `op` and `value` say nothing about a ratio and are ignored: remove"],
    ),
    (
        "      target: 0.999",
        "      target: 0.999\n      timeSliceTarget: 0.9\n      timeSliceWindow: 1m",
        [
            "35:24: warning[V506] `spec.objectives[0].timeSliceTarget` says nothing about "
            "Occurrences and is ignored: remove it",
            "36:24: warning[V506] `spec.objectives[0].timeSliceWindow` says nothing about",
        ],
    ),
    (
        "Occurrences\n  objectives:\n    - displayName: Good\n",
        "RatioTimeslices\n  objectives:\n    - timeSliceWindow: 1m\n      timeSliceTarget: 0.9\n",
        ["34:24: warning[V506] `spec.objectives[0].timeSliceTarget` says nothing about RatioTimes"],
    ),
    (
        "      target: 0.999",
        "      target: 0.999\n      compositeWeight: 2",
        ["35:24: warning[V506] `spec.objectives[0].compositeWeight` says nothing here: objectives"],
    ),
    (
        'query: "sum(http_requests_total)"',
        'query: "sum(http_requests_total)", dimensions: [a]',
        [
            "27:98: warning[V506] `spec.indicator.spec.ratioMetric.total.metricSource.spec."
            "dimensions` says nothing to Vigie and is ignored"
        ],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), IGNORED)
def test_what_says_nothing_is_a_warning_and_the_slo_is_read(
    old: str, new: str, expected: list[str]
) -> None:
    assert old in SLO
    slos, problems = _read(SLO.replace(old, new, 1))
    assert len(slos) == 1
    _assert_start(problems, expected)


# What is replaced in the file above, by what, and the problems then.
REFUSED = [
    ("name: availability", "name: a/b", ["4:9: error[V108] `a/b` is no name: use letters"]),
    ("  name: availability\n", "", ["4:3: error[V103] missing key `metadata.name`"]),
    (
        "team: [a, b]",
        "team: [a, 'b,c']",
        ["8:11: error[V105] a value of label `team` holds a comma"],
    ),
    ("team: [a, b]", "team: {}", ["8:11: error[V104] `metadata.labels.team` must be text"]),
    ("any: thing", "any: [thing]", ["9:22: error[V104] `metadata.annotations.any` must be text"]),
    ("  service: checkout\n", "", ["11:3: error[V103] missing key `spec.service`"]),
    (
        "budgetingMethod: Occurrences",
        "budgetingMethod: Occurences",
        [
            "31:20: error[V105] `spec.budgetingMethod` is `Occurences`; it must be one of "
            "Occurrences, Timeslices, RatioTimeslices; did you mean `Occurrences`?"
        ],
    ),
    (
        "  budgetingMethod: Occurrences\n",
        "",
        ["11:3: error[V103] missing key `spec.budgetingMethod`"],
    ),
    ('code=~"5.."', 'code=~"5("', ["24:45: error[V306] query: not PromQL: illegal regex for 5("]),
    ("sum(\n", "max(\n", ["23:17: error[V302] query: `max` can't be evaluated by embedded"]),
    (
        "sum(http_requests_total)",
        'sum by (code) (x{a=\\"b\\"})',
        ["27:63: error[V302] query: grouping (`by`) can't be evaluated by embedded collection"],
    ),
    (
        "        total:",
        "        good: {}\n        total:",
        [
            "18:9: error[V111] `spec.indicator.spec.ratioMetric.bad` stands beside `good`: state "
            "one of them, the other follows",
            "26:15: error[V103] missing key `spec.indicator.spec.ratioMetric.good.metricSource`",
        ],
    ),
    (
        "        bad:",
        "        failed:",
        [
            "17:9: error[V103] missing key `spec.indicator.spec.ratioMetric.good`",
            "18:9: error[V101] unknown key `spec.indicator.spec.ratioMetric.failed`",
        ],
    ),
    (
        "        bad:",
        "        rawType: success\n        raw:",
        ["27:9: error[V111] `spec.indicator.spec.ratioMetric.total` stands beside `raw`: keep one"],
    ),
    (
        "        bad:",
        "        rawType: success\n        bad:",
        ["18:9: error[V111] `spec.indicator.spec.ratioMetric.rawType` says how `raw` was"],
    ),
    (
        "  timeWindow:",
        "  indicatorRef: answers\n  timeWindow:",
        ["28:17: error[V111] `spec.indicatorRef` stands beside `indicator`: keep one of them"],
    ),
    (
        "target: 0.999",
        "target: 99.9",
        [
            "34:15: error[V401] `spec.objectives[0].target` is 99.9; it must be below 1: write "
            "0.999, or `targetPercent: 99.9`"
        ],
    ),
    (
        "target: 0.999",
        "target: 1",
        ["34:15: error[V401] `spec.objectives[0].target` is 1; it must be below 1"],
    ),
    (
        "target: 0.999",
        "target: 0",
        ["34:15: error[V401] `spec.objectives[0].target` is 0; it must be above 0"],
    ),
    (
        "target: 0.999",
        "targetPercent: 0",
        ["34:22: error[V401] `spec.objectives[0].targetPercent` is 0; it must be above 0"],
    ),
    (
        "target: 0.999",
        'target: "0.999"',
        ["34:15: error[V104] `spec.objectives[0].target` must be a number"],
    ),
    (
        "target: 0.999",
        "target: 1e999",
        ["34:15: error[V106] `spec.objectives[0].target` is 1e999; it must be smaller than that"],
    ),
    ("      target: 0.999\n", "", ["33:7: error[V103] missing key `spec.objectives[0].target`"]),
    (
        "target: 0.999",
        "target: 0.999\n      targetPercent: 99.9",
        ["35:7: error[V111] `spec.objectives[0].targetPercent` stands beside `target`: keep one"],
    ),
    (
        "target: 0.999",
        "target: 0.999\n      compositeWeight: 0",
        [
            "35:24: error[V106] `spec.objectives[0].compositeWeight` is 0; it must be above 0",
            "35:24: warning[V506] `spec.objectives[0].compositeWeight` says nothing here",
        ],
    ),
    (
        "  description:",
        "  descripton:",
        ["11:3: error[V101] unknown key `spec.descripton`; did you mean `description`?"],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_what_is_wrong_is_refused_at_its_place(old: str, new: str, expected: list[str]) -> None:
    assert SLO.count(old) >= 1
    slos, problems = _read(SLO.replace(old, new, 1))
    assert slos == []
    _assert_start(problems, expected)


def test_both_queries_of_a_ratio_are_looked_at_in_one_run() -> None:
    _, problems = _read(SLO.replace("sum(\n", "max(\n").replace('"sum(', '"min('))
    _assert_start(
        problems,
        ["23:17: error[V302] query: `max` can't be", "27:59: error[V302] query: `min` can't be"],
    )


def test_an_slo_needs_an_sli() -> None:
    start, end = SLO.index("  indicator:"), SLO.index("  timeWindow:")
    slos, problems = _read(SLO[:start] + SLO[end:])
    assert slos == []
    _assert_start(problems, ["11:3: error[V103] missing key `spec.indicator`, or an SLI's name"])


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
        "f:3:11: error[V103] missing key `metadata.name`",
        "f:4:8: error[V101] unknown key `spec.x`",
    ]


def _assert_start(problems: list[str], expected: list[str]) -> None:
    """Each problem begins as expected, in the order of places."""
    assert len(problems) == len(expected), problems
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(f"slo.yaml:{start}"), problem


def _read(text: str) -> tuple[list[Slo], list[str]]:
    problems, found = Problems(), Documents()
    for node in documents(text, "slo.yaml", problems):
        found.read(node, problems)
    found.join(problems)
    return [slo for _, slo in found.of(Slo)], [str(problem) for problem in problems.in_order()]
