"""What every document begins with."""

import pytest

from slo.load.document import opened, peek
from slo.load.yaml import Problems, documents


def test_a_document_has_a_name_labels_and_a_spec() -> None:
    problems = Problems()
    (node,) = documents("metadata: {name: a, labels: {b: c}}\nspec: {d: e}", "f", problems)
    with opened(node, problems) as document:
        assert (document.name, document.labels, document.spec.text("d")) == ("a", {"b": "c"}, "e")
    assert problems.items == []


@pytest.mark.parametrize("name", ["-a", "a-", "a b", "a/b", "é", ".", "a" * 254])
def test_a_name_that_would_not_fit_an_address_is_refused(name: str) -> None:
    problems = Problems()
    (node,) = documents(f"metadata: {{name: '{name}'}}\nspec: {{}}", "f", problems)
    with opened(node, problems):
        pass
    (problem,) = problems.items
    assert str(problem).startswith(f"f:1:18: error[V108] `{name}` is no name: use letters, digits")


def test_what_stands_beside_the_spec_is_an_unknown_key() -> None:
    problems = Problems()
    (node,) = documents("kind: X\nmetadata: {name: a}\nspecs: {}", "f", problems)
    with opened(node, problems):
        pass
    assert [str(problem) for problem in problems.items] == [
        "f:1:1: error[V103] missing key `spec`",
        "f:3:1: error[V101] unknown key `specs`; did you mean `spec`?",
    ]


@pytest.mark.parametrize("text", ["a", "[a]", "{b: 1}", "a: {c: 1}", "a: {b: []}", "{[a]: b}"])
def test_looking_ahead_judges_nothing(text: str) -> None:
    for node in documents(text, "f", Problems()):
        assert peek(node, "a", "b") is None
