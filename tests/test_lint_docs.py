"""docs/reference/lint.md explains every code, and its examples show what they say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import ROOT
from slo.load.codes import Code
from slo.load.marks import LoadError, Problem
from vigie.config import load

PAGE = (ROOT / "docs" / "reference" / "lint.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (V\d{3}): [^\n]+\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
EXAMPLES = {
    code: re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S) for code, text in SECTIONS.items()
}
# No file shows these: a target, a DataSource or a running server does.
WITHOUT_EXAMPLE = {Code.NO_BUCKET, Code.RETENTION, Code.GOOD_ABOVE_TOTAL, Code.TOO_MANY_GROUPS}
TELLS = ("error", "warn")


def test_every_code_is_explained_once_in_order() -> None:
    codes = [code.value for code in Code]
    assert re.findall(r"^## (V\d{3})", PAGE, re.M) == codes


def test_what_has_no_example_says_where_it_shows() -> None:
    assert {code for code, found in EXAMPLES.items() if not found} == WITHOUT_EXAMPLE
    for code in WITHOUT_EXAMPLE:
        assert SECTIONS[code].lstrip().startswith(("Only with `--live`.", "Only while the server"))


@pytest.mark.parametrize("code", [code for code in EXAMPLES if code not in WITHOUT_EXAMPLE])
def test_an_example_has_its_code_and_errors_of_no_other(code: str, tmp_path: Path) -> None:
    (text,) = EXAMPLES[code]
    problems = _problems(text, tmp_path / "example.yaml")
    assert code in [problem.code for problem in problems], problems
    assert {problem.code for problem in problems if not problem.warning} <= {code}, problems


def test_no_problem_is_told_without_a_code() -> None:
    told = [
        call for package in ("slo", "collectors", "runbooks", "vigie") for call in _told(package)
    ]
    assert len(told) > 100
    assert [place for place, arguments in told if arguments < 3] == []


def _problems(text: str, path: Path) -> tuple[Problem, ...]:
    path.write_text(text, encoding="utf-8")
    try:
        return load([path], need_slo=False).warnings
    except LoadError as error:
        return error.problems


def _told(package: str) -> Iterator[tuple[str, int]]:
    """The calls of `problems.error` and `problems.warn`: the place, and how many arguments."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = ast.unparse(node.func.value)
            if node.func.attr in TELLS and owner.rpartition(".")[2] == "problems":
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield place, len(node.args) + len(node.keywords)
