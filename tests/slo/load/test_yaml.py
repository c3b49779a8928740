"""The reader of mappings: every kind of value, right and wrong."""

from collections.abc import Callable

import pytest

from slo.load.codes import Code
from slo.load.yaml import Fields, Mark, Problem, Problems, did_you_mean, documents

Take = Callable[[Fields], object]


def _taken(text: str, take: Take) -> tuple[object, list[str]]:
    problems = Problems()
    (node,) = documents(text, "f", problems)
    value = take(Fields(node, problems, "spec"))
    return value, [str(problem) for problem in problems.items]


GOOD: list[tuple[str, Take, object]] = [
    ("k: text", lambda f: f.text("k"), "text"),
    ("k: 12", lambda f: f.text("k"), "12"),
    ("k: 'yes'", lambda f: f.text("k"), "yes"),
    ("x: 1", lambda f: f.text("k", "default"), "default"),
    ("k:", lambda f: f.text("k", "default"), "default"),
    ("k: ''", lambda f: f.text("k", "default"), ""),
    ("k: ~", lambda f: f.maybe_text("k"), None),
    ("k: b", lambda f: f.choice("k", ["a", "b"]), "b"),
    ("x: 1", lambda f: f.choice("k", ["a", "b"], "b"), "b"),
    ("k: -1.5e1", lambda f: f.number("k"), -15.0),
    ("k: .5", lambda f: f.number("k", above=0, below=1), 0.5),
    ("k: 3", lambda f: f.integer("k", at_least=3, at_most=3), 3),
    ("k: 3.0", lambda f: f.integer("k"), 3),
    ("k: true", lambda f: f.flag("k"), True),
    ("x: 1", lambda f: f.flag("k", True), True),
    ("k: 1h30m", lambda f: f.duration("k"), 5400.0),
    ("x: 1", lambda f: f.duration("k", 5.0), 5.0),
    ("k: {a: b, c: '1'}", lambda f: f.labels("k"), {"a": "b", "c": "1"}),
    ("x: 1", lambda f: f.labels("k"), {}),
    ("k: [a, b]", lambda f: f.texts("k"), ["a", "b"]),
    ("k: []", lambda f: f.texts("k"), []),
    ("k: []", lambda f: f.refuse("k", "is refused"), None),
    ("k: null", lambda f: f.refuse("k", "is refused"), None),
]


@pytest.mark.parametrize(("text", "take", "value"), GOOD)
def test_a_value_is_taken(text: str, take: Take, value: object) -> None:
    assert _taken(text, take) == (value, [])


MERGED = """\
all: &all {a: '1', b: '2'}
more: &more {b: '3', c: '4'}
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k: {<<: *all}", {"a": "1", "b": "2"}),
        ("k: {b: '5', <<: *all}", {"b": "5", "a": "1"}),  # what stands there itself wins
        ("k: {<<: *all, b: '5'}", {"b": "5", "a": "1"}),
        ("k: {<<: [*more, *all]}", {"b": "3", "c": "4", "a": "1"}),  # then the first one
        ("k: {<<: {d: '6', <<: *all}}", {"d": "6", "a": "1", "b": "2"}),
        ("k: {'<<': x}", {"<<": "x"}),  # in quotes it is a key
    ],
)
def test_a_merge_key_adds_what_another_mapping_says(text: str, value: object) -> None:
    assert _taken(MERGED + text, lambda f: f.labels("k")) == (value, [])


def test_what_is_wrong_in_a_merged_mapping_is_said_where_it_is_written() -> None:
    text = "all: &all {a: ~}\nk: {<<: *all}"
    _, problems = _taken(text, lambda f: f.labels("k"))
    assert problems == ["f:1:12: error[V107] `spec.k.a` has no value"]


BAD: list[tuple[str, Take, object, str]] = [
    (
        "{<<: [1]}",
        lambda f: f.names(),
        (),
        "1:2: error[V104] `<<` adds mappings: name one, or a list of them",
    ),
    ("x: 1", lambda f: f.text("k"), "", "1:1: error[V103] missing key `spec.k`"),
    ("k:", lambda f: f.text("k"), "", "1:1: error[V107] `spec.k` has no value"),
    ("k: ' '", lambda f: f.text("k"), "", "1:4: error[V107] `spec.k` must not be empty"),
    ("k: [a]", lambda f: f.text("k"), "", "1:4: error[V104] `spec.k` must be text"),
    (
        "k: no",
        lambda f: f.text("k"),
        "",
        "1:4: error[V104] `spec.k`: `no` is no text in YAML: put it in quotes",
    ),
    (
        "k: wehbook",
        lambda f: f.choice("k", ["webhook", "email"]),
        "webhook",
        "1:4: error[V105] `spec.k` is `wehbook`; it must be one of webhook, email; "
        "did you mean `webhook`?",
    ),
    (
        "k: b",
        lambda f: f.choice("k", ["a"]),
        "a",
        "1:4: error[V105] `spec.k` is `b`; it must be `a`",
    ),
    ("k: {}", lambda f: f.choice("k", ["a"]), "a", "1:4: error[V104] `spec.k` must be text"),
    ("k: '1'", lambda f: f.number("k"), 0.0, "1:4: error[V104] `spec.k` must be a number"),
    ("k: 0x10", lambda f: f.number("k"), 0.0, "1:4: error[V104] `spec.k` must be a number"),
    ("k: .nan", lambda f: f.number("k"), 0.0, "1:4: error[V104] `spec.k` must be a number"),
    (
        "k: 1e999",
        lambda f: f.integer("k"),
        0,
        "1:4: error[V106] `spec.k` is 1e999; it must be smaller than that",
    ),
    (
        "k: 1",
        lambda f: f.number("k", below=1),
        1.0,
        "1:4: error[V106] `spec.k` is 1; it must be below 1",
    ),
    (
        "k: 0",
        lambda f: f.number("k", above=0),
        0.0,
        "1:4: error[V106] `spec.k` is 0; it must be above 0",
    ),
    (
        "k: 0",
        lambda f: f.integer("k", at_least=1),
        0,
        "1:4: error[V106] `spec.k` is 0; it must be at least 1",
    ),
    (
        "k: 1",
        lambda f: f.number("k", below=1, code=Code.OBJECTIVE),
        1.0,
        "1:4: error[V401] `spec.k` is 1; it must be below 1",
    ),
    ("k: 1.5", lambda f: f.integer("k"), 1, "1:4: error[V104] `spec.k` must be a whole number"),
    ("k: yes", lambda f: f.flag("k"), False, "1:4: error[V104] `spec.k` must be true or false"),
    ("k: 'true'", lambda f: f.flag("k"), False, "1:4: error[V104] `spec.k` must be true or false"),
    (
        "k: 5",
        lambda f: f.duration("k"),
        0.0,
        "1:4: error[V109] `spec.k`: `5` is not a duration: write e.g. 500ms, 15s, 5m, 1h30m, 30d, "
        "4w",
    ),
    (
        "k: 0s",
        lambda f: f.duration("k"),
        0.0,
        "1:4: error[V106] `spec.k` is 0s; it must be above 0s",
    ),
    ("k: [5m]", lambda f: f.duration("k", 1.0), 1.0, "1:4: error[V104] `spec.k` must be text"),
    (
        "k: {a: [b]}",
        lambda f: f.labels("k"),
        {"a": ""},
        "1:8: error[V104] `spec.k.a` must be text",
    ),
    ("k: {a: }", lambda f: f.labels("k"), {"a": ""}, "1:5: error[V107] `spec.k.a` has no value"),
    ("k: [a]", lambda f: f.labels("k"), {}, "1:4: error[V104] spec.k must be a mapping"),
    ("k: a", lambda f: f.texts("k"), [], "1:4: error[V104] `spec.k` must be a list"),
    ("k: [a, {}]", lambda f: f.texts("k"), ["a", ""], "1:8: error[V104] `spec.k` must be text"),
    ("k: 1", lambda f: f.refuse("k", "is refused"), None, "1:1: error[V112] `spec.k` is refused"),
    (
        "k: 1",
        lambda f: f.refuse("k", "is refused", Code.CONFLICT),
        None,
        "1:1: error[V111] `spec.k` is refused",
    ),
    (
        "servce: 1",
        lambda f: (f.ignore("service"), f.close())[1],
        None,
        "1:1: error[V101] unknown key `spec.servce`; did you mean `service`?",
    ),
    ("{}", lambda f: f.close(), None, ""),
    ("[[a]]", lambda f: f.names(), (), "1:2: error[V104] spec must be a mapping of keys to values"),
    ("{a: 1, a: 2}", lambda f: f.names(), ("a",), "1:8: error[V102] duplicate key `a`: keep one"),
    ("{[a]: 1}", lambda f: f.names(), (), "1:2: error[V104] a key must be text"),
]


@pytest.mark.parametrize(("text", "take", "value", "problem"), BAD)
def test_a_wrong_value_is_one_problem_and_an_empty_value(
    text: str, take: Take, value: object, problem: str
) -> None:
    found, problems = _taken(text, take)
    assert found == value
    assert len(problems) == (1 if problem else 0)
    assert "".join(problems).startswith(f"f:{problem}" if problem else "")


def test_a_missing_mapping_is_reported_once_and_its_keys_are_not() -> None:
    def take(fields: Fields) -> str:
        with fields.map("a") as outer, outer.map("b") as inner:
            return inner.text("c")

    assert _taken("x: 1", take) == ("", ["f:1:1: error[V103] missing key `spec.a`"])


def test_every_mapping_of_a_list_is_closed() -> None:
    def take(fields: Fields) -> list[str]:
        return [item.text("a") for item in fields.maps("k")]

    value, problems = _taken("k: [{a: '1', b: 2}, {a: '3', c: 4}, 5]", take)
    assert value == ["1", "3", ""]
    assert problems == [
        "f:1:14: error[V101] unknown key `spec.k[0].b`",
        "f:1:30: error[V101] unknown key `spec.k[1].c`",
        "f:1:37: error[V104] spec.k[2] must be a mapping of keys to values",
    ]


def test_problems_are_listed_once_each_by_place() -> None:
    problems = Problems()
    problems.error(Mark("b", 1, 1), "late", Code.TIE)
    problems.warn(Mark("a", 10, 1), "second", Code.UNUSED)
    problems.error(Mark("a", 9, 1), "first", Code.EMPTY)
    problems.error(Mark("a", 9, 1), "first", Code.EMPTY)
    assert [str(problem) for problem in problems.in_order()] == [
        "a:9:1: error[V107] first",
        "a:10:1: warning[V504] second",
        "b:1:1: error[V203] late",
    ]
    assert problems.warnings == [Problem(Mark("a", 10, 1), "second", Code.UNUSED, warning=True)]


def test_no_hint_is_better_than_a_far_one() -> None:
    assert did_you_mean("chekout", ["checkout", "payments"]) == "; did you mean `checkout`?"
    assert did_you_mean("frontend", ["checkout", "payments"]) == ""
