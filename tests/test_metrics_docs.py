"""docs/reference/metrics.md: every definition has its test, every figure its definition."""

import re

from components import ROOT
from vigie.api import stats_schemas
from vigie.views.stats import Which

PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
TESTS = (ROOT / "tests" / "vigie" / "views" / "test_stats.py").read_text(encoding="utf-8")


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert named <= set(re.findall(r"^def (test_\w+)", TESTS, re.MULTILINE))


def test_every_row_of_a_definition_names_its_test() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| `", line) and "vigie_" not in line]
    assert len(rows) >= 15
    assert [row for row in rows if "`test_" not in row] == []


def test_every_figure_is_defined() -> None:
    figures = {*stats_schemas.Beside.model_fields, *stats_schemas.Times.model_fields} - {"times"}
    assert {name for name in figures if f"`{name}" not in PAGE} == set()


def test_every_list_is_named() -> None:
    assert {which.value for which in Which if f"`{which.value}`" not in PAGE} == set()
