"""The kind Policy: what it says, and what it may not say."""

import pytest

from slo.load import policy
from slo.load.yaml import Problems, documents
from slo.spec import Arm, ArmKind, Policy

FULL = """\
apiVersion: vigie.dev/v1
kind: Policy
metadata: {name: fast, labels: {team: a}}
spec:
  select: {services: [checkout], slos: [availability], labels: {tier: gold}}
  arms:
    - {kind: page, burn_rate: 14.4, long: 1h, short: 5m}
    - {kind: ticket, burn_rate: 1, long: 3d, short: 6h}
  coverage_floor: 0.8
  min_bad: 5
  no_data_after: 10m
  recover_after: 1m
  down_below: 0.4
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
            Arm("ticket-3d-6h", ArmKind.TICKET, 1.0, 259_200, 21_600),
        ),
        coverage_floor=0.8,
        min_bad=5,
        no_data_after_s=600,
        recover_after_s=60,
        down_below=0.4,
        mark=read.mark if read else None,
    )
    assert [str(arm.mark) for arm in read.arms or ()] == ["p.yaml:7:31", "p.yaml:8:33"]


def test_a_policy_that_says_nothing_is_the_default_for_every_slo() -> None:
    read, problems = _read("metadata: {name: all}\nspec: {}")
    assert problems == []
    assert read == Policy("all", mark=read.mark if read else None)


REFUSED = [
    ("kind: page", "kind: pager", "7:14: error: `spec.arms[0].kind` is `pager`; it must be one of"),
    ("burn_rate: 14.4, ", "", "7:7: error: missing key `spec.arms[0].burn_rate`"),
    ("14.4", "0", "7:31: error: `spec.arms[0].burn_rate` is 0; it must be above 0.0"),
    ("short: 5m", "short: 1h", "7:54: error: `spec.arms[0].short` must be shorter than `long`"),
    ("long: 1h", "long: 1", "7:43: error: `spec.arms[0].long`: `1` is not a duration"),
    ("0.8", "1.1", "9:19: error: `spec.coverage_floor` is 1.1; it must be at most 1.0"),
    ("0.8", "0", "9:19: error: `spec.coverage_floor` is 0; it must be above 0.0"),
    ("min_bad: 5", "min_bad: 0", "10:12: error: `spec.min_bad` is 0; it must be at least 1"),
    ("min_bad: 5", "min_bad: 1.5", "10:12: error: `spec.min_bad` must be a whole number"),
    ("0.4", "1", "13:15: error: `spec.down_below` is 1; it must be below 1.0"),
    ("services:", "service:", "5:12: error: unknown key `spec.select.service`; did you mean"),
    (
        "kind: ticket, burn_rate: 1, long: 3d, short: 6h",
        "kind: page, burn_rate: 2, long: 60m, short: 300s",
        "8:7: error: another arm is a page with these lengths: keep one of them",
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
