"""OpenSLO's alerting: conditions become arms, and what no condition can mean is said."""

import pytest

from slo.load import openslo_alerts
from slo.load.openslo_alerts import AlertCondition, AlertNotificationTarget, AlertPolicy
from slo.load.openslo_metadata import Reference
from slo.load.yaml import Mark, Problems, documents
from slo.spec import Arm, ArmKind

CONDITION = """\
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast, displayName: Fast, labels: {a: [b, c]}, annotations: {d: e}}
spec:
  description: Burns fast
  severity: page
  condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
"""
POLICY = """\
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: high}
spec:
  description: Wakes people
  alertWhenBreaching: true
  alertWhenResolved: false
  conditions: CONDITIONS
  notificationTargets: TARGETS
"""


def test_a_condition_is_an_arm_whose_short_window_is_a_twelfth() -> None:
    condition, problems = _condition(CONDITION)
    assert problems == []
    arm = Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0, 300.0)
    assert condition == AlertCondition("fast", arm)
    assert str(condition.arm.mark) == "f:7:50"


LENGTHS = [("6h", 1800.0), ("1d", 7200.0), ("15m", 75.0), ("5m", 60.0), ("1m", 60.0), ("30s", 30.0)]


@pytest.mark.parametrize(("lookback", "short_s"), LENGTHS)
def test_a_short_window_is_at_least_a_minute_and_at_most_the_long_one(
    lookback: str, short_s: float
) -> None:
    condition, _ = _condition(CONDITION.replace("Window: 1h", f"Window: {lookback}"))
    assert condition is not None
    assert condition.arm.short_s == short_s


SEVERITIES = [
    ("page", "page"),
    ("Critical", "page"),
    ("high", "page"),
    ("SEV-1", "page"),
    ("p1", "page"),
    ("warning", "ticket"),
    ("sev3", "ticket"),
    ("ticket", "ticket"),
    ("low", "ticket"),
]


@pytest.mark.parametrize(("severity", "kind"), SEVERITIES)
def test_only_severe_alerts_page(severity: str, kind: str) -> None:
    condition, _ = _condition(CONDITION.replace("severity: page", f"severity: {severity}"))
    assert condition is not None
    assert condition.arm.kind == kind


@pytest.mark.parametrize("after", ["", ", alertAfter: 0m", ", alertAfter: ~"])
def test_an_alert_waits_for_nothing_unless_it_says_so(after: str) -> None:
    condition, problems = _condition(CONDITION.replace(", alertAfter: 5m", after))
    assert problems == []
    assert condition is not None
    assert condition.arm.after_s == 0.0


@pytest.mark.parametrize("op", ["lt", "LTE"])
def test_an_alert_on_a_low_burn_rate_is_read_the_right_way_round(op: str) -> None:
    condition, problems = _condition(CONDITION.replace("op: gt", f"op: {op}"))
    right, _ = _condition(CONDITION)
    assert condition == right
    assert problems == [
        f"f:7:35: warning[V403] `spec.condition.op` is `{op}`, which would alert while all is "
        "well: it is read as `gte`, write that"
    ]


def test_op_and_kind_may_be_left_out() -> None:
    assert _condition(CONDITION.replace("kind: burnrate, op: gt, ", ""))[0] is not None


BAD = [
    ("  severity: page\n", "", "f:5:3: error[V103] missing key `spec.severity`"),
    ("kind: burnrate", "kind: budget", "f:7:21: error[V105] `spec.condition.kind` is `budget`; it"),
    ("op: gt", "op: eq", "f:7:35: error[V105] `spec.condition.op` is `eq`; it must be one of"),
    ("14.4", "0", "f:7:50: error[V106] `spec.condition.threshold` is 0; it must be above 0"),
    ("threshold: 14.4, ", "", "f:7:14: error[V103] missing key `spec.condition.threshold`"),
    ("lookbackWindow: 1h, ", "", "f:7:14: error[V103] missing key `spec.condition.lookbackWindow`"),
    ("Window: 1h", "Window: x", "f:7:72: error[V109] `spec.condition.lookbackWindow`: `x` is not"),
    ("alertAfter", "after", "f:7:76: error[V101] unknown key `spec.condition.after`"),
]


@pytest.mark.parametrize(("old", "new", "expected"), BAD)
def test_a_condition_that_is_wrong_is_refused_at_its_place(
    old: str, new: str, expected: str
) -> None:
    assert old in CONDITION
    condition, problems = _condition(CONDITION.replace(old, new, 1))
    assert condition is None
    assert any(problem.startswith(expected) for problem in problems), problems


def test_a_policy_names_conditions_and_targets_or_holds_them() -> None:
    inline = (
        "[{conditionRef: slow}, {kind: AlertCondition, metadata: {name: fast}, spec: {severity: "
        "page, condition: {threshold: 14.4, lookbackWindow: 1h}}}]"
    )
    targets = "[{targetRef: mail}, {kind: AlertNotificationTarget, spec: {target: chat}}, paper]"
    policy, problems = _policy(inline, targets)
    assert problems == []
    assert policy == AlertPolicy(
        name="high",
        conditions=(
            Reference("slow", Mark("f", 8, 31)),
            AlertCondition("fast", Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0)),
        ),
        targets=(
            Reference("mail", Mark("f", 9, 37)),
            AlertNotificationTarget("", "chat"),
            Reference("paper", Mark("f", 9, 99)),
        ),
        breaching=True,
        no_data=None,
        resolved=False,
    )


def test_several_conditions_are_read_and_what_joins_them_is_not() -> None:
    policy, problems = _policy("[{conditionRef: a, operator: and}, {conditionRef: b}]", "[]")
    assert policy is not None
    assert [c.name for c in policy.conditions] == ["a", "b"]
    assert problems == [
        "f:8:44: warning[V506] `spec.conditions[0].operator` is ignored: each condition is an arm "
        "of its own"
    ]


BAD_POLICIES = [
    ("~", "f:8:3: error[V107] `spec.conditions` has no value"),
    ("[]", "f:8:3: error[V107] `spec.conditions` has no value"),
    ("[{foo: a}]", "f:8:16: error[V103] `spec.conditions[0]` needs a `conditionRef`, or the `spe"),
    ("[{kind: SLO, spec: {}}]", "f:8:23: error[V105] `spec.conditions[0].kind` is `SLO`; it must"),
    ("[{conditionRef: a, spec: {}}]", "f:8:34: error[V111] `spec.conditions[0].spec` stands besi"),
    ("[[a]]", "f:8:16: error[V104] spec.conditions[0] must be a mapping of keys to values"),
    ("[yes]", "f:8:16: error[V104] `spec.conditions[0]`: `yes` is no text in YAML"),
]


@pytest.mark.parametrize(("conditions", "expected"), BAD_POLICIES)
def test_a_policy_that_is_wrong_is_refused_at_its_place(conditions: str, expected: str) -> None:
    policy, problems = _policy(conditions, "[]")
    assert policy is None
    assert any(problem.startswith(expected) for problem in problems), problems


def test_a_target_says_what_it_is() -> None:
    problems = Problems()
    text = "metadata: {name: a}\nspec: {target: email, description: b}\n---\n"
    good, bad = documents(f"{text}metadata: {{name: a}}\nspec: {{}}", "f", problems)
    assert openslo_alerts.read_target(good, problems) == AlertNotificationTarget("a", "email")
    assert openslo_alerts.read_target(bad, problems) is None
    assert [str(p) for p in problems.items] == ["f:5:7: error[V103] missing key `spec.target`"]


def _condition(text: str) -> tuple[AlertCondition | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, "f", problems)
    condition = openslo_alerts.read_condition(node, problems)
    return condition, [str(problem) for problem in problems.in_order()]


def _policy(conditions: str, targets: str) -> tuple[AlertPolicy | None, list[str]]:
    problems = Problems()
    text = POLICY.replace("CONDITIONS", conditions).replace("TARGETS", targets)
    (node,) = documents(text, "f", problems)
    policy = openslo_alerts.read_policy(node, problems)
    return policy, [str(problem) for problem in problems.in_order()]
