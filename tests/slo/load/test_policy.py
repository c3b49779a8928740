"""The kind Policy: what it says, and what it may not say."""

import pytest

from slo.load import policy
from slo.load.yaml import Problems, documents
from slo.recovery import OnRecovery
from slo.spec import Act, Arm, ArmKind, BudgetAction, Policy, Rule, Unknown

FULL = """\
apiVersion: vigie.dev/v1
kind: Policy
metadata: {name: fast, labels: {team: a}}
spec:
  select: {services: [checkout], slos: [availability], labels: {tier: gold}}
  arms:
    - {kind: page, burn_rate: 14.4, long: 1h, short: 5m}
    - {kind: ticket, burn_rate: 1, long: 3d, short: 6h, after: 15m}
  coverage_floor: 0.8
  min_bad: 5
  min_total: 20
  alpha: 0.01
  zero_traffic: good
  missing: bad
  late: freeze
  max_groups: 7
  alert_no_data: false
  alert_resolved: false
  budget:
    - name: slow-down
      when: {remaining_below: 0.1}
      do: [open_ticket, freeze_deploys]
    - name: look
      when: {remaining_below: -0.5, burning_above: 2, over: 6h}
      do: [run_runbook]
      runbook: errors
    - name: soon
      when: {burning_above: 3}
      do: [open_ticket]
  gate_on_unknown: closed
  no_data_after: 10m
  recover_after: 1m
  down_below: 0.4
  on_recovery: resolve
"""


def test_a_policy_is_read_with_the_place_of_each_burn_rate() -> None:
    read, problems = _read(FULL)
    assert problems == []
    assert read == Policy(
        name="fast",
        services=("checkout",),
        slos=("availability",),
        match_labels={"tier": "gold"},
        arms=(
            Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600, 300),
            Arm("ticket-3d-6h", ArmKind.TICKET, 1.0, 259_200, 21_600, 900),
        ),
        coverage_floor=0.8,
        min_bad=5,
        min_total=20,
        alpha=0.01,
        zero_traffic=Rule.GOOD,
        missing=Rule.BAD,
        late=Rule.FREEZE,
        max_groups=7,
        alert_no_data=False,
        alert_resolved=False,
        actions=(
            BudgetAction("slow-down", (Act.TICKET, Act.FREEZE), remaining_below=0.1),
            BudgetAction("look", (Act.RUNBOOK,), -0.5, 2.0, 21_600, "errors"),
            BudgetAction("soon", (Act.TICKET,), burning_above=3.0, over_s=3600),
        ),
        gate_on_unknown=Unknown.CLOSED,
        no_data_after_s=600,
        recover_after_s=60,
        on_recovery=OnRecovery.RESOLVE,
        down_below=0.4,
        mark=read.mark if read else None,
    )
    assert [str(arm.mark) for arm in read.arms or ()] == ["p.yaml:7:31", "p.yaml:8:33"]
    marks = [str(action.mark) for action in read.actions]
    assert marks == ["p.yaml:20:13", "p.yaml:26:16", "p.yaml:27:13"]  # the runbook's, or the name's


def test_a_policy_that_says_nothing_is_the_default_for_every_slo() -> None:
    read, problems = _read("metadata: {name: all}\nspec: {}")
    assert problems == []
    assert read == Policy("all", mark=read.mark if read else None)


REFUSED = [
    (
        "kind: page",
        "kind: pager",
        "7:14: error[V105] `spec.arms[0].kind` is `pager`; it must be one of",
    ),
    ("burn_rate: 14.4, ", "", "7:7: error[V103] missing key `spec.arms[0].burn_rate`"),
    ("14.4", "0", "7:31: error[V106] `spec.arms[0].burn_rate` is 0; it must be above 0.0"),
    (
        "short: 5m",
        "short: 1h",
        "7:54: error[V106] `spec.arms[0].short` must be shorter than `long`",
    ),
    ("long: 1h", "long: 1", "7:43: error[V109] `spec.arms[0].long`: `1` is not a duration"),
    ("0.8", "1.1", "9:19: error[V106] `spec.coverage_floor` is 1.1; it must be at most 1.0"),
    ("0.8", "0", "9:19: error[V106] `spec.coverage_floor` is 0; it must be above 0.0"),
    ("min_bad: 5", "min_bad: 0", "10:12: error[V106] `spec.min_bad` is 0; it must be at least 1"),
    ("min_bad: 5", "min_bad: 1.5", "10:12: error[V104] `spec.min_bad` must be a whole number"),
    ("0.4", "1", "33:15: error[V106] `spec.down_below` is 1; it must be below 1.0"),
    ("alpha: 0.01", "alpha: 1", "12:10: error[V106] `spec.alpha` is 1; it must be below 1.0"),
    ("alpha: 0.01", "alpha: 0", "12:10: error[V106] `spec.alpha` is 0; it must be above 0.0"),
    ("total: 20", "total: 0", "11:14: error[V106] `spec.min_total` is 0; it must be at least 1"),
    (": good", ": ok", "13:17: error[V105] `spec.zero_traffic` is `ok`; it must be one of good, "),
    ("groups: 7", "groups: 1e5", "16:15: error[V106] `spec.max_groups` is 1e5; it must be at most"),
    ("no_data: false", "no_data: 0", "17:18: error[V104] `spec.alert_no_data` must be true or"),
    ("closed", "shut", "30:20: error[V105] `spec.gate_on_unknown` is `shut`; it must be one of"),
    ("after: 15m", "after: 0s", "8:64: error[V106] `spec.arms[1].after` is 0s; it must be above"),
    ("name: look", "name: slow-down", "23:13: error[V201] another budget action is called `slow-"),
    ("{remaining_below: 0.1}", "{}", "21:13: error[V103] `spec.budget[0].when` asks nothing"),
    ("below: 0.1", "below: 1.1", "21:31: error[V106] `spec.budget[0].when.remaining_below` is 1.1"),
    ("above: 2", "above: 0", "24:52: error[V106] `spec.budget[1].when.burning_above` is 0; it"),
    ("0.1}", "0.1, over: 1h}", "21:36: error[V111] `spec.budget[0].when.over` is the window of"),
    ("freeze_deploys]", "frees_deploys]", "22:25: error[V105] `frees_deploys` is nothing that a "),
    ("[run_runbook]", "[]", "25:7: error[V107] `spec.budget[1].do` has no value"),
    ("[run_runbook]", "[run_runbok]", "25:12: error[V105] `run_runbok` is nothing that a budget"),
    ("      runbook: errors\n", "", "23:7: error[V103] missing key `spec.budget[1].runbook`"),
    (
        "do: [open_ticket]",
        "do: [open_ticket]\n      runbook: errors",
        "30:7: error[V111] `spec.budget[2].runbook` is run by `run_runbook`: add it to `do`",
    ),
    ("services:", "service:", "5:12: error[V101] unknown key `spec.select.service`; did you mean"),
    (
        "kind: ticket, burn_rate: 1, long: 3d, short: 6h",
        "kind: page, burn_rate: 2, long: 60m, short: 300s",
        "8:7: error[V201] another arm is a page with these lengths: keep one of them",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_a_wrong_policy_is_refused_at_its_place(old: str, new: str, expected: str) -> None:
    read, problems = _read(FULL.replace(old, new, 1))
    assert read is None
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"p.yaml:{expected}")


def _read(text: str) -> tuple[Policy | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, "p.yaml", problems)
    read = policy.read(node, problems)
    return read, [str(problem) for problem in problems.items]
