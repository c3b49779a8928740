"""The kind `PriorityMatrix`: what is read, and every problem at its place."""

import pytest

from incidents import load_priority
from incidents.matrix import (
    DEFAULT,
    NO_FILES,
    USUAL,
    Modifier,
    Priorities,
    PriorityMatrix,
    TimeTarget,
)
from slo.load.codes import Code
from slo.load.yaml import Problems, documents

HEAD = "apiVersion: vigie.dev/v1\nkind: PriorityMatrix\nmetadata: {name: m}\nspec:\n"
ROWS = {"SEV1": "P1, low: P2", "SEV2": "P2, low: P3", "SEV3": "P3, low: P4", "SEV4": "P4, low: P5"}


def read(spec: str) -> tuple[PriorityMatrix | None, list[str]]:
    problems = Problems()
    (node,) = documents(HEAD + spec, "m.yaml", problems)
    return load_priority.read(node, problems), [str(problem) for problem in problems.items]


def rows(**changed: str) -> str:
    said = ROWS | changed
    return "  matrix:\n" + "".join(f"    {name}: {{high: {row}}}\n" for name, row in said.items())


def test_a_document_without_anything_is_the_usual_matrix() -> None:
    matrix, told = read("  {}\n")
    assert told == []
    assert matrix is not None
    assert (matrix.levels, matrix.modifiers, dict(matrix.response)) == (USUAL, (), {})


def test_what_is_written_is_read() -> None:
    matrix, told = read(
        "  select: {services: [shop], labels: {unit: web}}\n"
        + rows(SEV1="P1, low: P1")
        + "  modifiers:\n"
        "    - {when: {labels: {tier: '1'}, types: [slo-burn]}, raise: 2, reason: tier 1}\n"
        "    - {when: {types: [no-data]}, lower: 1, reason: no data}\n"
        "    - {when: {labels: {a: b}}, at_least: P2, reason: c}\n"
        "    - {when: {labels: {a: c}}, at_most: P3, reason: d}\n"
        "  response: {P1: {within: 5m, notice_before: 1m}, P2: {within: 20m}}\n"
        "  resolution: {P1: {within: 1h, notice_before: 0s}}\n"
    )
    assert told == []
    assert matrix is not None
    assert (matrix.name, matrix.services, matrix.match_labels) == ("m", ("shop",), {"unit": "web"})
    assert matrix.levels == {**USUAL, (1, "low"): 1}
    assert matrix.modifiers == (
        Modifier("tier 1", {"tier": "1"}, ("slo-burn",), moves=2),
        Modifier("no data", {}, ("no-data",), moves=-1),
        Modifier("c", {"a": "b"}, at_least=2),
        Modifier("d", {"a": "c"}, at_most=3),
    )
    assert matrix.response == {1: TimeTarget(300.0, 60.0), 2: TimeTarget(1200.0, 300.0)}
    assert matrix.resolution == {1: TimeTarget(3600.0, 0.0)}


MODIFIER = "  modifiers:\n    - {{when: {{labels: {{a: b}}}}, {}reason: c}}\n"


@pytest.mark.parametrize(
    ("spec", "place", "code", "words"),
    [
        # A hole: a row, and a cell.
        ("  matrix:\n    SEV1: {high: P1, low: P2}\n", "6:5", Code.MISSING_KEY, "matrix.SEV2"),
        (rows(SEV2="P2"), "7:11", Code.MISSING_KEY, "SEV2.low"),
        (rows(SEV2="P6, low: P3"), "7:18", Code.NOT_ALLOWED, "`spec.matrix.SEV2.high` is `P6`"),
        (rows(SEV2="P0, low: P3"), "7:18", Code.NOT_ALLOWED, "one of P1, P2, P3, P4, P5"),
        (rows(SEV2="2, low: P3"), "7:18", Code.NOT_ALLOWED, "SEV2.high"),
        (rows(SEV5="P5, low: P5"), "10:5", Code.UNKNOWN_KEY, "SEV5"),
        (MODIFIER.format(""), "6:7", Code.MISSING_KEY, "does nothing"),
        (MODIFIER.format("raise: 1, lower: 1, "), "6:49", Code.CONFLICT, "raise and lower"),
        (MODIFIER.format("raise: 0, "), "6:39", Code.OUT_OF_BOUNDS, "at least 1"),
        (MODIFIER.format("raise: 5, "), "6:39", Code.OUT_OF_BOUNDS, "at most 4"),
        (MODIFIER.format("at_least: P9, "), "6:42", Code.NOT_ALLOWED, "P9"),
        (
            "  modifiers: [{when: {}, raise: 1, reason: c}]\n",
            "5:22",
            Code.MISSING_KEY,
            "asks nothing",
        ),
        ("  modifiers: [{when: {types: [a]}, raise: 1}]\n", "5:15", Code.MISSING_KEY, "reason"),
        ("  response: {P1: {notice_before: 1m}}\n", "5:18", Code.MISSING_KEY, "within"),
        ("  response: {P1: {within: 0s}}\n", "5:27", Code.OUT_OF_BOUNDS, "above 0s"),
        ("  response: {P1: {within: 400d}}\n", "5:27", Code.OUT_OF_BOUNDS, "at most 366d"),
        (
            "  response: {P1: {within: 5m, notice_before: 5m}}\n",
            "5:46",
            Code.OUT_OF_BOUNDS,
            "under `within`",
        ),
        ("  response: {P6: {within: 5m}}\n", "5:14", Code.UNKNOWN_KEY, "P6"),
        (
            "  response: {P1: {within: 5m}}\n  resolution: {P1: {within: 1m}}\n",
            "6:15",
            Code.OUT_OF_BOUNDS,
            "at least as long",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(spec: str, place: str, code: Code, words: str) -> None:
    matrix, told = read(spec)
    assert matrix is None
    assert told[0].startswith(f"m.yaml:{place}: error[{code}]"), told
    assert words in told[0]


@pytest.mark.parametrize(
    ("spec", "place", "code", "words"),
    [
        (rows(SEV2="P4, low: P4"), "8:11", Code.OUT_OF_ORDER, "SEV2 of high urgency comes after"),
        (rows(SEV2="P3, low: P2"), "7:11", Code.OUT_OF_ORDER, "SEV2 of high urgency comes after"),
        (
            "  resolution: {P1: {within: 2h}, P3: {within: 1h}}\n",
            "5:15",
            Code.OUT_OF_ORDER,
            "P1 is given more time than P3",
        ),
        (
            "  modifiers: [{when: {types: [slo-burned]}, raise: 1, reason: c}]\n",
            "5:30",
            Code.MISSPELT,
            "did you mean `slo-burn`",
        ),
    ],
)
def test_what_will_surprise_is_a_warning(spec: str, place: str, code: Code, words: str) -> None:
    matrix, told = read(spec)
    assert matrix is not None
    assert told[0].startswith(f"m.yaml:{place}: warning[{code}]"), told
    assert words in told[0]


ALL = PriorityMatrix("all")
OTHER = PriorityMatrix("other")
WEB = PriorityMatrix("web", match_labels={"unit": "web"})
GOLD = PriorityMatrix("gold", match_labels={"sla": "gold"})
BOTH = PriorityMatrix("both", match_labels={"unit": "web", "sla": "gold"})
SHOP = PriorityMatrix("shop", services=("shop",))
LABELS = {"shop": {"unit": "web", "sla": "gold"}, "blog": {"unit": "web"}, "db": {}}


@pytest.mark.parametrize(
    ("matrices", "chosen"),
    [
        ((), {"shop": DEFAULT, "blog": DEFAULT, "db": DEFAULT}),
        ((ALL,), {"shop": ALL, "blog": ALL, "db": ALL}),
        ((ALL, WEB), {"shop": WEB, "blog": WEB, "db": ALL}),
        ((WEB, BOTH), {"shop": BOTH, "blog": WEB, "db": DEFAULT}),
        ((BOTH, SHOP), {"shop": SHOP, "blog": DEFAULT, "db": DEFAULT}),
    ],
)
def test_the_most_specific_matrix_holds(
    matrices: tuple[PriorityMatrix, ...], chosen: dict[str, PriorityMatrix]
) -> None:
    problems = Problems()
    load_priority.check(matrices, LABELS, problems)
    priorities = Priorities(matrices, LABELS)
    assert {name: priorities.of(name) for name in LABELS} == chosen
    assert [p for p in problems.items if not p.warning] == []


@pytest.mark.parametrize(
    ("matrices", "services"),
    [((ALL, OTHER), ["shop"]), ((WEB, GOLD), ["shop"]), ((WEB, GOLD, BOTH), [])],
)
def test_two_that_select_a_service_equally_are_a_tie(
    matrices: tuple[PriorityMatrix, ...], services: list[str]
) -> None:
    problems = Problems()
    load_priority.check(matrices, LABELS, problems)
    assert [problem.code for problem in problems.errors] == [Code.TIE] * len(services)
    for problem, service in zip(problems.errors, services, strict=True):
        assert f"service `{service}` equally" in problem.message


def test_a_service_that_no_file_names_is_a_warning() -> None:
    problems = Problems()
    load_priority.check((SHOP._replace(services=("shpo",)),), LABELS, problems)
    (problem,) = problems.items
    assert (problem.code, problem.warning) == (Code.NO_SUCH_THING, True)
    assert "did you mean `shop`?" in problem.message


def test_a_service_of_which_nothing_is_known_has_the_default() -> None:
    assert NO_FILES.of("anything") is DEFAULT
