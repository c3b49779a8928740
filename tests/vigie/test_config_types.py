"""`IncidentType` and `Taxonomy` documents among all the others."""

from pathlib import Path

import pytest

from slo.load.codes import Code
from slo.load.marks import LoadError
from vigie.config import Config, load

DOCUMENT = "---\napiVersion: vigie.dev/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n"


def loaded(folder: Path, *documents: tuple[str, str, str]) -> Config:
    path = folder / "files.yaml"
    path.write_text("".join(DOCUMENT.format(*one) for one in documents), encoding="utf-8")
    return load([path], need_slo=False)


def test_the_rules_of_a_type_are_those_that_its_file_says(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        ("IncidentType", "slo-burn", "{users: {SEV1: 9}}"),
        ("IncidentType", "default", "{title: Anything}"),
        ("Taxonomy", "words", "{causes: [deploy]}"),
    )
    assert config.types.of("slo-burn").users == {1: 9}
    assert config.types.of("security").title == "Anything"
    assert config.types.taxonomy.causes == ("deploy",)


def test_without_a_file_there_is_nothing_to_fill_in(tmp_path: Path) -> None:
    config = loaded(tmp_path, ("Taxonomy", "words", "{}"))
    assert config.types.of("slo-burn").fields == ()


def test_two_taxonomies_and_two_of_one_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as told:
        loaded(
            tmp_path,
            ("Taxonomy", "a", "{}"),
            ("Taxonomy", "b", "{}"),
            ("IncidentType", "c", "{}"),
            ("IncidentType", "c", "{}"),
        )
    errors = [(p.code, p.mark.line) for p in told.value.problems if not p.warning]
    assert errors == [(Code.CONFLICT, 7), (Code.DUPLICATE, 19)]


def test_a_name_close_to_one_of_vigies_own_is_a_warning(tmp_path: Path) -> None:
    config = loaded(tmp_path, ("IncidentType", "slo-brun", "{}"))
    assert [p.code for p in config.warnings if p.code is Code.MISSPELT] == [Code.MISSPELT]
