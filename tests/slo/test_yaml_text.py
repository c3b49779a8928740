"""YAML text says what it was given, whoever reads it."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.yaml_text import dumped


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_again_as_it_was(text: str) -> None:
    assert yaml.load(dumped({"k": [text]}), yaml.CSafeLoader) == {"k": [text]}


def test_texts_of_several_lines_are_blocks_and_nothing_is_an_alias() -> None:
    shared = {"b": "x"}
    assert dumped({"z": "a\nb\n", "a": shared, "c": shared}) == (
        "z: |\n  a\n  b\na:\n  b: x\nc:\n  b: x\n"
    )
