"""`PriorityMatrix` documents among all the others."""

from pathlib import Path

import pytest

from slo.load.codes import Code
from slo.load.marks import LoadError
from vigie.config import Config, load

SERVICE = """\
apiVersion: openslo/v1
kind: Service
metadata: {{name: shop, labels: {labels}}}
spec: {{}}
"""
MATRIX = """\
---
apiVersion: vigie.dev/v1
kind: PriorityMatrix
metadata: {{name: {name}}}
spec: {spec}
"""


def loaded(folder: Path, *documents: str) -> Config:
    path = folder / "files.yaml"
    path.write_text("".join(documents), encoding="utf-8")
    return load([path], need_slo=False)


def matrix(name: str, spec: str) -> str:
    return MATRIX.format(name=name, spec=spec)


SHOP = SERVICE.format(labels="{unit: web, tier: '1'}")


def test_services_have_the_matrix_that_their_labels_choose(tmp_path: Path) -> None:
    web = matrix("web", "{select: {labels: {unit: web}}}")
    config = loaded(tmp_path, SHOP, matrix("all", "{}"), web)
    assert config.priorities.of("shop").name == "web"
    assert config.priorities.of("another").name == "all"
    assert config.priorities.labels_of("shop") == {"unit": "web", "tier": "1"}


def test_without_a_file_it_is_the_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, SHOP).priorities.of("shop").name == "default"


def test_two_that_choose_one_service_alike_are_a_tie(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as told:
        loaded(tmp_path, SHOP, matrix("a", "{}"), matrix("b", "{}"))
    (problem,) = [problem for problem in told.value.problems if not problem.warning]
    assert problem.code is Code.TIE
    assert problem.mark.line == 11  # where the second one begins


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as told:
        loaded(tmp_path, matrix("a", "{}"), matrix("a", "{select: {services: [shop]}}"))
    assert Code.DUPLICATE in [problem.code for problem in told.value.problems]
