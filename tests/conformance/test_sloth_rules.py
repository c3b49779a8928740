"""Style `sloth` against what Sloth itself wrote from its example files, rule for rule.

They lie beside the repository, in ../shared/data/sloth, and are not part of it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import promql_parser as ast
import pytest
import yaml

from slo.load import sloth as loader
from slo.load.yaml import Problems, documents
from slo.rules import sloth, text
from slo.rules.model import Made
from slo.rules.resources import resources
from slo.spec import Slo

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "sloth"
MISSING = f"Sloth's example files are not there: {FOLDER} is missing"
FILES = (
    "getting-started.yml",
    "home-wifi.yml",
    "k8s-getting-started.yml",
    "multifile.yml",
    "no-alerts.yml",
    "raw-home-wifi.yml",
)
OPTIONS = sloth.Options(extra_labels={"cmd": "examplesgen.sh"})  # as the examples were made
HEADER = "# made by a test\n"


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    return FOLDER


def test_every_expected_file_is_compared(folder: Path) -> None:
    assert {path.name for path in (folder / "expected").glob("*.yml")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_rules_equal_sloths_own(name: str, folder: Path) -> None:
    made = rules_of(folder / name)
    written = yaml.safe_load(text.rule_file((g for m in made for g in m.groups), HEADER))
    assert compared(written["groups"]) == compared(groups(expected(folder, name)))


def test_the_object_of_a_resource_equals_sloths_own(folder: Path) -> None:
    made = resources(rules_of(folder / "k8s-getting-started.yml"), sloth.LABELS)
    (written,) = yaml.safe_load_all(text.manifests(made, HEADER))
    (theirs,) = expected(folder, "k8s-getting-started.yml")
    assert compared(written["spec"].pop("groups")) == compared(theirs["spec"].pop("groups"))
    assert written == theirs


def test_a_ratio_of_one_query_is_left_as_it_was_written(folder: Path) -> None:
    (made,) = rules_of(folder / "raw-home-wifi.yml")
    (theirs,) = expected(folder, "raw-home-wifi.yml")
    exprs = [rule.expr for rule in made.groups[0].rules]
    assert exprs == [rule["expr"] for rule in theirs["groups"][0]["rules"]]


def test_the_comparison_sees_what_differs() -> None:
    for one, other in (
        ("sum(a)", "sum(b)"),
        ("sum by (x) (a)", "sum without (x) (a)"),
        ("a / on (x) b", "a / ignoring (x) b"),
        ("a / on (x) group_left b", "a / on (x) b"),
        ("rate(a[5m])", "rate(a[6m])"),
        ("a[5m:]", "a[5m:1m]"),
        ('a{x="1"}', 'a{x=~"1"}'),
        ("a > 0.001", "a > 0.0011"),
        ("a - (b - c)", "a - b - c"),
        ("a offset 5m", "a"),
        ("a or b", "a and b"),
        ("a > bool 1", "a > 1"),
        ("1 - a", "a - 1"),
    ):
        assert tree(one) != tree(other), one
    assert tree("a > 0.0010") == tree("(a) > (1e-3)")


def rules_of(path: Path) -> list[Made]:
    problems = Problems()
    slos: list[Slo] = []
    for node in documents(path.read_text(encoding="utf-8"), str(path), problems):
        read = loader.read_kubernetes if path.name.startswith("k8s-") else loader.read
        slos += read(node, problems) or []
    made = sloth.rules(slos, OPTIONS, problems)
    assert problems.items == []
    return made


def expected(folder: Path, name: str) -> list[dict[str, Any]]:
    text_of = (folder / "expected" / name).read_text(encoding="utf-8")
    return [document for document in yaml.safe_load_all(text_of) if document]


def groups(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for one in found for group in one.get("spec", one)["groups"]]


def compared(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups with their expressions as trees."""
    return [
        {**group, "rules": [{**rule, "expr": tree(rule["expr"])} for rule in group["rules"]]}
        for group in found
    ]


def tree(query: str) -> Any:
    """A query as nested tuples: numbers are numbers, and brackets only say what the tree says."""
    return _tree(ast.parse(query))


def _tree(node: Any) -> Any:
    match node:
        case ast.ParenExpr():
            return _tree(node.expr)
        case ast.NumberLiteral():
            return float(node.val)
        case ast.UnaryExpr():
            return ("-", _tree(node.expr))
        case ast.BinaryExpr():
            return (str(node.op), _tree(node.lhs), _tree(node.rhs), _matching(node.modifier))
        case ast.AggregateExpr():
            by = node.modifier
            grouped = None if by is None else (str(by.type), tuple(sorted(by.labels)))
            return (str(node.op), node.param and _tree(node.param), _tree(node.expr), grouped)
        case ast.Call():
            return (node.func.name, *(_tree(argument) for argument in node.args))
        case ast.MatrixSelector():
            return ("range", _tree(node.vector_selector), node.range)
        case ast.SubqueryExpr():
            return ("subquery", _tree(node.expr), node.range, node.step, str(node.offset))
        case ast.VectorSelector():
            pairs = [(m.name, str(m.op), m.value) for m in node.matchers.matchers]
            return ("series", node.name, tuple(sorted(pairs)), str(node.offset), str(node.at))
    raise TypeError(f"no tree of {node!r}")


def _matching(modifier: Any) -> Any:
    if modifier is None:
        return None
    by = modifier.matching
    labels = None if by is None else (str(by.type), tuple(sorted(by.labels)))
    return (str(modifier.card), labels, modifier.return_bool)
