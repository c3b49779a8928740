"""YAML text as nodes: places, and texts that no reader should drown in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.load.nodes import MAX_BYTES, MAX_DEPTH, Node, documents, plain
from slo.load.yaml import LoadError, Problems

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]\n"
    for last, name in zip("abcde", "bcdef", strict=True)
)
REFUSED = [
    ("a: [1", "2:1: error[V002] not YAML: did not find expected ',' or ']'"),
    ("a: b\n c: d", "2:3: error[V002] not YAML: mapping values are not allowed in this context"),
    ("a: *b", "1:4: error[V002] not YAML: found undefined alias"),
    ("a: b\nc: \x00", "2:4: error[V002] not YAML: character U+0000 is not allowed"),
    ("a: \ud800", "1:4: error[V002] not YAML: a character that UTF-8 can't hold"),
    ("a: !env HOME", "1:4: error[V104] the YAML tag `!env` means nothing to Vigie"),
    ("a: !!python/name:os.system ''", "1:4: error[V104] the YAML tag `tag:yaml.org,2002:python/"),
    ("a: &a {<<: *a}", "1:1: error[V003] an alias stands inside what it names: write it out"),
    ("a: &a [*a]", "1:1: error[V003] an alias stands inside what it names: write it out"),
    (BOMB, "1:1: error[V003] over 100000 values once aliases are replaced: split it"),
    ("x: " + "[" * 300_000, f"1:{MAX_DEPTH + 3}: error[V003] nested over 100 levels deep"),
    ("- " * 300_000 + "x", f"1:{2 * MAX_DEPTH + 1}: error[V003] nested over 100 levels deep"),
    ("x" * (MAX_BYTES + 1), "1:1: error[V003] the file is over 4000000 characters: split it"),
]


@pytest.mark.parametrize(("text", "problem"), REFUSED, ids=[text[:12] for text, _ in REFUSED])
def test_a_text_that_cannot_be_read_is_one_problem_at_its_place(text: str, problem: str) -> None:
    problems = Problems()
    assert documents(text, "f.yaml", problems) == []
    (found,) = problems.items
    assert str(found).startswith(f"f.yaml:{problem}")


def test_a_bomb_of_the_allowed_size_is_read() -> None:
    problems = Problems()
    assert len(documents(BOMB.rsplit("e:", 1)[0], "f.yaml", problems)) == 1
    assert problems.items == []


def test_empty_documents_are_left_out_and_a_list_at_the_top_holds_documents() -> None:
    nodes = _nodes("---\n---\na: 1\n---\n# nothing\n---\n- b: 2\n- c: 3\n-\n")
    assert [plain(node) for node in nodes] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert [str(node.mark) for node in nodes] == ["f.yaml:3:1", "f.yaml:7:3", "f.yaml:8:3"]


PLACES = [
    ("plain", "q: abXc", "1:6"),
    ("single quotes", "q: 'a''bXc'", "1:9"),
    ("double quotes", r'q: "a\"\u00e9\x41\\bXc"', "1:21"),
    ("after a byte order mark", '\ufeffq: "aX"', "1:6"),
    ("non-ASCII before", "é: {ü: 'aX'}", "1:10"),
    ("block", "q: |\n  a\n  bX\n", "3:4"),
    ("block, first line further in", "q: |2\n    a\n  bX\n", "3:4"),
    ("block, blank lines first", "q: |-\n\n\n    a\n      bX", "5:8"),
    ("block, in a list", "- q:\n    - |\n      aX", "3:8"),
    ("block, Windows line ends", "q: |\r\n  a\r\n  bX\r\n", "3:4"),
    ("folded: the start", "q: >\n  a\n  bX\n", "1:4"),
    ("several plain lines: the start", "q: a\n  bX\n", "1:4"),
    ("several quoted lines: the start", 'q: "a\n  bX"\n', "1:4"),
    ("odd line breaks: the start", "q: |\n  a\u2028  bX\n", "1:4"),
]


@pytest.mark.parametrize(("text", "place"), [p[1:] for p in PLACES], ids=[p[0] for p in PLACES])
def test_a_character_of_a_value_is_found_in_the_file(text: str, place: str) -> None:
    (node,) = _nodes(text)
    scalar = _scalars(node)[-1]
    assert str(scalar.mark_at(scalar.raw.value.index("X"))) == f"f.yaml:{place}"


@pytest.mark.parametrize("text", ["a: !!int b", "a: 2022-13-45", "{[a]: b}"])
def test_a_value_that_is_none_is_a_load_error(text: str) -> None:
    (node,) = _nodes(text)
    with pytest.raises(LoadError, match=r": error\[V104\] not a value: "):
        plain(node)


# fmt: off
TOKENS = st.sampled_from([
    "a", ": ", "- ", "\n", "  ", "{", "}", "[", "]", ",", "&a ", "*a", "|", ">", "'", '"', "? ",
    "#", "!t ", "%", "---", "<<", "\t", "\\x", "é", "\x85", "\u2028", "\ufeff", "~", "\r", "!!int ",
])
# fmt: on


@given(st.one_of(st.text(max_size=60), st.lists(TOKENS, max_size=30).map("".join)))
def test_any_text_is_nodes_or_problems_with_places_inside_it(text: str) -> None:
    problems = Problems()
    nodes = documents(text, "f.yaml", problems)
    assert not (nodes and problems.errors)
    lines = len(text.splitlines()) + 1
    places = [problem.mark for problem in problems.items]
    for node in nodes:
        for scalar in _scalars(node):
            places += [scalar.mark_at(offset) for offset in range(len(scalar.raw.value) + 1)]
    assert all(1 <= mark.line <= lines + 1 and mark.col >= 1 for mark in places)


def _nodes(text: str) -> list[Node]:
    problems = Problems()
    nodes = documents(text, "f.yaml", problems)
    assert problems.items == []
    return nodes


def _scalars(node: Node) -> list[Node]:
    if node.raw.id == "scalar":
        return [node]
    children = node.raw.value
    if node.raw.id == "mapping":
        children = [part for pair in children for part in pair]
    return [scalar for raw in children for scalar in _scalars(node.child(raw))]
