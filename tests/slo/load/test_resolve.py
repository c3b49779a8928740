"""OpenSLO documents joined: names lead to other documents, or to a problem at the name."""

from collections.abc import Sequence

import pytest

from slo.load.yaml import Problems, documents
from slo.spec import (
    Alerting,
    Arm,
    ArmKind,
    Budgeting,
    CompositeSli,
    CountingSli,
    ForeignSli,
    Method,
    SampledSli,
    Slo,
)
from vigie.documents import Documents

SLI = """\
apiVersion: openslo/v1
kind: SLI
metadata: {name: NAME}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: Prometheus, spec: {query: 'sum(NAME_total{ok="1"})'}}}
    total: {metricSource: {type: Prometheus, spec: {query: sum(NAME_total)}}}
"""
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: main}
spec:
  service: shop
  INDICATOR
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: OBJECTIVES
  alertPolicies: POLICIES
"""
POLICY = """\
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: NAME}
spec: {FLAGS conditions: [{conditionRef: CONDITION}], notificationTargets: [{targetRef: TARGET}]}
"""
CONDITION = """\
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: NAME}
spec: {severity: SEVERITY, condition: {threshold: RATE, lookbackWindow: 1h}}
"""
TARGET = """\
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
"""
CHANNEL = """\
apiVersion: vigie.dev/v1
kind: Channel
metadata: {name: chat}
spec: {type: webhook, url: http://a/hook}
"""


def _sli(name: str) -> str:
    return SLI.replace("NAME", name)


def _slo(
    indicator: str = "indicatorRef: web", objectives: str = "[{target: 0.99}]", policies: str = "[]"
) -> str:
    text = SLO.replace("INDICATOR", indicator).replace("POLICIES", policies)
    return text.replace("  \n", "").replace("OBJECTIVES", objectives)


def _policy(name: str, condition: str = "fast", target: str = "mail", flags: str = "") -> str:
    text = POLICY.replace("NAME", name).replace("CONDITION", condition)
    return text.replace("TARGET", target).replace("FLAGS ", f"{flags}, " if flags else "")


def _condition(name: str, rate: str = "14.4", severity: str = "page") -> str:
    text = CONDITION.replace("NAME", name).replace("RATE", rate)
    return text.replace("SEVERITY", severity)


def test_an_sli_is_found_wherever_it_stands() -> None:
    for texts in ([_slo(), _sli("web")], [_sli("web"), _slo()]):
        (slo,), problems = _read(*texts)
        assert problems == []
        assert isinstance(slo.sli, CountingSli)
        assert slo.sli.total.query == "sum(web_total)"


def test_several_slos_share_an_sli() -> None:
    slos, problems = _read(_slo(), _slo().replace("name: main", "name: other"), _sli("web"))
    assert problems == []
    assert [slo.id for slo in slos] == ["shop/main", "shop/other"]
    assert slos[0].sli == slos[1].sli


NAMES = [
    ("[{target: 0.9}]", ["main"]),
    ("[{target: 0.9, displayName: Gold}]", ["main"]),
    ("[{target: 0.9, displayName: Gold}, {target: 0.8, displayName: 'Not so Gold!'}]",
        ["main-gold", "main-not-so-gold"]),
    ("[{target: 0.9, displayName: Gold}, {target: 0.8}]", ["main-1", "main-2"]),
    ("[{target: 0.9, displayName: A b}, {target: 0.8, displayName: a-B}]", ["main-1", "main-2"]),
    ("[{target: 0.9, displayName: '!'}, {target: 0.8, displayName: b}]", ["main-1", "main-2"]),
]  # fmt: skip


@pytest.mark.parametrize(("objectives", "names"), NAMES)
def test_each_objective_is_an_slo_with_a_name_of_its_own(objectives: str, names: list[str]) -> None:
    slos, problems = _read(_slo(objectives=objectives), _sli("web"))
    assert problems == []
    assert [slo.name for slo in slos] == names
    assert [slo.objective for slo in slos] == [0.9, 0.8][: len(names)]
    assert {slo.document for slo in slos} == {"main"}


def test_objectives_with_slis_of_their_own_are_one_composite() -> None:
    objectives = (
        "[{displayName: Web, target: 0.9, indicatorRef: web, compositeWeight: 3},"
        " {displayName: Api, target: 0.98, indicator: {spec: {thresholdMetric: {metricSource:"
        " {type: Prometheus, spec: {query: max(queue)}}}}}, op: lt, value: 5}]"
    )
    (slo,), problems = _read(_slo("", objectives), _sli("web"))
    assert problems == []
    assert slo.name == "main"
    assert slo.objective == 0.92  # (3 * 0.9 + 0.98) / 4
    assert isinstance(slo.sli, CompositeSli)
    web, api = slo.sli.components
    assert (web.name, web.objective, web.weight) == ("web", 0.9, 3.0)
    assert (api.name, api.objective, api.weight) == ("api", 0.98, 1.0)
    assert isinstance(web.sli, CountingSli)
    assert isinstance(api.sli, SampledSli)
    assert web.budgeting == slo.budgeting == Budgeting()


def test_parts_of_a_composite_have_slices_of_their_own() -> None:
    objective = "{{target: 0.9, timeSliceTarget: 0.5, timeSliceWindow: {}, indicatorRef: web}}"
    text = _slo("", f"[{objective.format('1m')}, {objective.format('5m')}]")
    (slo,), problems = _read(text.replace("Occurrences", "Timeslices"), _sli("web"))
    assert problems == []
    assert isinstance(slo.sli, CompositeSli)
    assert [part.budgeting for part in slo.sli.components] == [
        Budgeting(Method.TIMESLICES, 0.5, 60.0),
        Budgeting(Method.TIMESLICES, 0.5, 300.0),
    ]
    assert [part.name for part in slo.sli.components] == ["1", "2"]


def test_one_objective_with_an_sli_of_its_own_is_no_composite() -> None:
    (slo,), problems = _read(_slo("", "[{target: 0.9, indicatorRef: web}]"), _sli("web"))
    assert problems == []
    assert isinstance(slo.sli, CountingSli)


COMPOSITES = [
    (
        _slo("indicatorRef: web", "[{target: 0.9, indicatorRef: web}]"),
        "6:3: error[V111] `spec.indicatorRef` stands beside objectives with an `indicator`",
    ),
    (
        _slo("", "[{target: 0.9, indicatorRef: web}, {target: 0.9}]"),
        "8:50: error[V103] an objective without `indicator`, beside others that have one",
    ),
    (
        _slo("", "[{target: 0.9, indicatorRef: web, compositeWeight: -1}, {target: 0.9}]"),
        "8:66: error[V106] `spec.objectives[0].compositeWeight` is -1; it must be above 0",
    ),
]


@pytest.mark.parametrize(("text", "expected"), COMPOSITES)
def test_a_composite_that_is_half_one_is_refused(text: str, expected: str) -> None:
    slos, problems = _read(text, _sli("web"))
    assert slos == []
    assert any(problem.startswith(expected) for problem in problems), problems


FAST = Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0)
INLINE = (
    "[{kind: AlertPolicy, metadata: {name: high}, spec: {conditions: [{conditionRef: fast}], "
    "notificationTargets: [{targetRef: mail}, {targetRef: mail}]}}]"
)


@pytest.mark.parametrize("policies", ["[high]", "[{alertPolicyRef: high}]", INLINE])
def test_a_policy_is_named_referred_to_or_written_out(policies: str) -> None:
    parts = [_slo(policies=policies), _sli("web"), _policy("high"), _condition("fast"), TARGET]
    (slo,), problems = _read(*parts)
    assert problems == []
    assert slo.alerting == Alerting(arms=(FAST,), channels=("mail",))


def test_an_slo_without_policies_leaves_alerting_to_vigie() -> None:
    (slo,), _ = _read(_slo(policies="~"), _sli("web"))
    assert slo.alerting == Alerting()


FLAGS = [
    (["", ""], 2, None, None),
    (["alertWhenBreaching: true", "alertWhenBreaching: false"], 1, None, None),
    (["alertWhenBreaching: false", "alertWhenBreaching: false"], 0, None, None),
    (["alertWhenNoData: false", ""], 2, False, None),
    (["alertWhenNoData: false", "alertWhenNoData: true"], 2, True, None),
    (["alertWhenResolved: false", "alertWhenResolved: false"], 2, None, False),
    (["alertWhenResolved: true", "alertWhenNoData: true"], 2, True, True),
]


@pytest.mark.parametrize(("flags", "arms", "no_data", "resolved"), FLAGS)
def test_the_flags_of_several_policies_are_joined(
    flags: Sequence[str], arms: int, no_data: bool | None, resolved: bool | None
) -> None:
    (slo,), problems = _read(
        _slo(policies="[a, b]"),
        _sli("web"),
        _policy("a", flags=flags[0]),
        _policy("b", condition="slow", flags=flags[1]),
        _condition("fast"),
        _condition("slow", "2", "low"),
        TARGET,
    )
    assert problems == []
    assert slo.alerting.arms is not None
    assert len(slo.alerting.arms) == arms
    assert (slo.alerting.no_data, slo.alerting.resolved) == (no_data, resolved)


def test_policies_that_share_a_condition_are_one_arm() -> None:
    parts = [_policy("a"), _policy("b"), _condition("fast"), TARGET]
    (slo,), problems = _read(_slo(policies="[a, b]"), _sli("web"), *parts)
    assert problems == []
    assert slo.alerting.arms == (FAST,)


def test_of_two_arms_alike_the_one_that_fires_first_stays() -> None:
    parts = [_policy("a"), _policy("b", "sooner"), _condition("fast"), _condition("sooner", "6")]
    (slo,), problems = _read(_slo(policies="[a, b]"), _sli("web"), *parts, TARGET)
    assert slo.alerting.arms is not None
    assert [arm.burn_rate for arm in slo.alerting.arms] == [6.0]
    assert problems == [
        "34:47: warning[V506] another page looks at the same time and fires at 6x, before this "
        "one: keep one of them"
    ]


def test_a_channel_may_stand_for_a_target() -> None:
    parts = [_policy("high", target="chat"), _condition("fast"), CHANNEL]
    (slo,), problems = _read(_slo(policies="[high]"), _sli("web"), *parts)
    assert problems == []
    assert slo.alerting.channels == ("chat",)


LEAD_NOWHERE = [
    ([_slo("indicatorRef: webb")], "6:17: error[V202] there is no SLI `webb`; did you mean `web`?"),
    ([_slo("indicatorRef: x")], "6:17: error[V202] there is no SLI `x`: write it, or correct the"),
    ([_slo(policies="[hgh]")], "10:19: error[V202] there is no AlertPolicy `hgh`; did you mean `h"),
    ([_slo(policies="[{alertPolicyRef: x}]")], "10:36: error[V202] there is no AlertPolicy `x`: "),
    ([_slo(policies="[b]"), _policy("b", "quick")], "15:36: error[V202] there is no AlertCond"),
    ([_slo(policies="[b]"), _policy("b", target="m")], "15:78: error[V202] there is no AlertNotif"),
]


@pytest.mark.parametrize(("texts", "expected"), LEAD_NOWHERE)
def test_a_name_that_leads_nowhere_is_an_error_at_the_name(texts: list[str], expected: str) -> None:
    others = [_sli("web"), _policy("high"), _condition("fast"), TARGET]
    slos, problems = _read(*texts, *others)
    assert slos == []
    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_a_name_of_a_document_that_has_problems_is_not_called_missing() -> None:
    slos, problems = _read(_slo(), _sli("web").replace("counter: true", "counter: maybe"))
    assert slos == []
    assert problems == ["17:14: error[V104] `spec.ratioMetric.counter` must be true or false"]


def test_what_no_slo_uses_may_lead_elsewhere_but_must_be_right() -> None:
    unmeasured = _sli("a").replace("type: Prometheus", "metricSourceRef: gone")
    wrong = _sli("b").replace("sum(b_total)", "sum(b_total")
    foreign = _sli("c").replace("type: Prometheus", "type: Any")
    gauge = "thresholdMetric: {metricSource: {type: Prometheus, spec: {query: max(d)}}}"
    threshold = f"{_sli('d').partition('ratioMetric')[0]}{gauge}\n"
    slos, problems = _read(unmeasured, wrong, foreign, threshold, _policy("high"))
    assert slos == []
    expected = [
        "7:44: warning[V202] there is no DataSource `gone`",
        "8:45: warning[V202] there is no DataSource `gone`",
        "17:63: error[V301] query: not PromQL: unclosed left parenthesis",
        "25:33: warning[V501] this SLI can't be measured: `Any`",
        "37:36: warning[V202] there is no AlertCondition `fast`",
        "37:78: warning[V202] there is no AlertNotificationTarget `mail`",
    ]
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_what_can_not_be_measured_is_still_an_slo() -> None:
    text = _sli("web").replace("type: Prometheus", "type: Any")
    (slo,), problems = _read(_slo(), text)
    assert isinstance(slo.sli, ForeignSli)
    assert len(problems) == 1


def _read(*texts: str) -> tuple[list[Slo], list[str]]:
    """The SLOs of documents in one file, and all problems by place."""
    problems, found = Problems(), Documents()
    for node in documents("---\n".join(texts), "f", problems):
        found.read(node, problems)
    found.join(problems)
    said = [str(problem).removeprefix("f:") for problem in problems.in_order()]
    return [slo for _, slo in found.of(Slo)], said
