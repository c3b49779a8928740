"""docs/reference/priority.md: its document is read, its tables are what the code does."""

import re

import pytest

from components import ROOT
from incidents import load_priority
from incidents.matrix import NO_FILES, PRIORITIES, Priorities, PriorityMatrix
from incidents.model import Severity, Urgency
from incidents.priority import Facts, prioritize, priority_of
from incidents.targets import KINDS
from slo.load.yaml import Problems, documents

PAGE = (ROOT / "docs" / "reference" / "priority.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def matrix() -> PriorityMatrix:
    problems = Problems()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    (node,) = documents(block, "page.yaml", problems)
    found = load_priority.read(node, problems)
    assert problems.items == []
    assert found is not None
    return found


def test_the_document_says_what_the_page_says(matrix: PriorityMatrix) -> None:
    assert matrix.match_labels == {"unit": "shop"}
    assert len(matrix.modifiers) == 8
    assert matrix.response[3].notice_before_s == 1800.0  # "a quarter of the time"
    assert set(matrix.resolution) == {1, 2, 3}
    assert set(PRIORITIES) == {1, 2, 3, 4, 5}
    have = {"shop": {"unit": "shop"}, "blog": {}}
    assert Priorities((matrix,), have).of("shop") is matrix
    assert Priorities((matrix,), have).of("blog") == NO_FILES.of("blog")


def test_the_table_is_the_matrix_without_a_file() -> None:
    rows = re.findall(r"^\| SEV(\d) \| P(\d) \| P(\d) \|$", PAGE, re.M)
    assert [(int(s), int(high), int(low)) for s, high, low in rows] == [
        (s, priority_of(s, Urgency.HIGH), priority_of(s, Urgency.LOW)) for s in Severity
    ]


def test_the_shown_reasons_are_those_of_the_code(matrix: PriorityMatrix) -> None:
    priority = prioritize(matrix, Facts(Severity.SEV2, Urgency.HIGH, "slo-burn", {"tier": "1"}))
    assert f"    P{priority.level}: {'; '.join(priority.reasons)}\n" in PAGE


def test_every_event_of_a_target_is_explained() -> None:
    assert re.findall(r"^\| `(\w+_(?:due|breached))` \|", PAGE, re.M) == [
        kind.value for kind in KINDS.values()
    ]
