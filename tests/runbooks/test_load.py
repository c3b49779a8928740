"""The kind Runbook: what it says, and what it may not say."""

import pytest

from runbooks import load
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from slo.load.yaml import Problems, documents

FULL = """\
apiVersion: vigie.dev/v1
kind: Runbook
metadata: {name: errors}
spec:
  title: Errors
  description: What to do
  match: {types: [slo-burn], services: [checkout], slos: [availability], labels: {tier: gold}}
  mode: diagnose
  steps:
    - id: look
      kind: http
      title: Look at the errors
      url: "http://${service}.example.org:8101/errors?slo=${slo}"
      timeout: 5s
      read_only: true
    - id: roll-back
      kind: manual
      title: Roll back
      text: |
        Say so on incident ${number}.
        Then roll back ${service}.
"""


def test_a_runbook_is_read() -> None:
    book, problems = _read(FULL)
    assert problems == []
    assert book == Runbook(
        name="errors",
        title="Errors",
        match=Match(("slo-burn",), ("checkout",), ("availability",), {"tier": "gold"}),
        mode=Mode.DIAGNOSE,
        steps=(
            Step(
                id="look",
                kind=StepKind.HTTP,
                title="Look at the errors",
                url="http://${service}.example.org:8101/errors?slo=${slo}",
                timeout_s=5,
                read_only=True,
            ),
            Step(
                id="roll-back",
                kind=StepKind.MANUAL,
                title="Roll back",
                text="Say so on incident ${number}.\nThen roll back ${service}.\n",
            ),
        ),
        description="What to do",
        mark=book.mark if book else None,
    )


REFUSED = [
    (
        "slo-burn",
        "slo-brun",
        "7:18: error[V105] no incident type `slo-brun`; there are slo-burn, no-",
    ),
    (
        "mode: diagnose",
        "mode: run",
        "8:9: error[V105] `spec.mode` is `run`; it must be one of suggest",
    ),
    (
        "kind: manual",
        "kind: shell",
        "17:13: error[V105] `spec.steps[1].kind` is `shell`; it must be",
    ),
    ("id: roll-back", "id: look", "16:11: error[V201] another step has the id `look`: rename one"),
    ("      title: Roll back\n", "", "16:7: error[V103] missing key `spec.steps[1].title`"),
    (
        "http://${",
        "ftp://${",
        "13:12: error[V114] `ftp://${service}.example.org:8101/errors?slo=${slo}`",
    ),
    (
        "http://${service}.",
        "/",
        "13:12: error[V114] `/example.org:8101/errors?slo=${slo}` can't be",
    ),
    (
        ":8101",
        ":99999",
        "13:12: error[V114] `http://${service}.example.org:99999/errors?slo=${slo}`",
    ),
    ("?slo", "? slo", "13:12: error[V114] `http://${service}.example.org:8101/errors? slo=${slo}`"),
    ("${slo}", "${sloo}", "13:59: error[V105] `${sloo}` stands for nothing; there are ${service},"),
    (
        "${number}",
        "${name}",
        "20:28: error[V105] `${name}` stands for nothing; there are ${service}",
    ),
    ("${service}.\n", "${service", "21:24: error[V105] `${service` stands for nothing"),
    ("text: |", "url: |", "19:7: error[V111] `spec.steps[1].url` belongs to steps of kind http"),
]


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_a_wrong_runbook_is_refused_at_its_place(old: str, new: str, expected: str) -> None:
    book, problems = _read(FULL.replace(old, new, 1))
    assert book is None
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"r.yaml:{expected}")


def test_an_http_step_needs_an_address() -> None:
    text = FULL.replace('      url: "http://${service}.example.org:8101/errors?slo=${slo}"\n', "")
    _, problems = _read(text)
    assert problems == ["r.yaml:10:7: error[V103] missing key `spec.steps[0].url`"]


def test_a_runbook_that_diagnoses_without_a_read_only_step_is_a_warning() -> None:
    book, problems = _read(FULL.replace("      read_only: true\n", ""))
    assert book is not None
    assert problems == [
        "r.yaml:8:9: warning[V506] `diagnose` runs the steps with `read_only: true`, "
        "and no step says that"
    ]


def _read(text: str) -> tuple[Runbook | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, "r.yaml", problems)
    book = load.read(node, problems)
    return book, [str(problem) for problem in problems.items]
