"""`vigie slo convert`: what can be converted is written, what can't is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import ROOT

Vigie = Callable[..., Any]

SLO = (ROOT / "examples" / "slos" / "checkout.yaml").read_text()
SLOTH = """\
version: prometheus/v1
service: shop
slos:
  - name: orders
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(orders_total{code="500"}[{{.window}}]))
        total_query: sum(rate(orders_total[{{.window}}]))
    alerting:
      name: OrdersFail
"""
ODD = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: lag}
spec:
  service: shop
  indicator:
    spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: max(lag)}}}}
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lt, value: 5, target: 0.99}]
"""
SOURCE = """\
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: mimir}
spec: {type: Mimir, connectionDetails: {url: 'http://mimir', bearer_token_file: token}}
"""


@pytest.fixture
def sloth(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "sloth.yaml"
    path.parent.mkdir()
    path.write_text(SLOTH)
    return path


def kinds(text: str) -> list[str]:
    return [document["kind"] for document in yaml.safe_load_all(text)]


def test_documents_are_on_stdout_and_losses_on_stderr(vigie: Vigie, sloth: Path) -> None:
    ran = vigie("slo", "convert", sloth, "--to", "openslo")
    assert ran.status == 0
    assert kinds(ran.out) == ["Service", "SLO"]
    assert f"{sloth}:4:5: warning: SLO `shop/orders`: alerting.name: OpenSLO has no" in ran.err
    assert ran.err.endswith("1 of 1 SLOs converted to openslo\n")
    assert "no Channel" not in ran.err  # that is for `vigie slo check`


@pytest.mark.parametrize("to", ["openslo", "sloth", "pyrra"])
def test_what_is_written_is_read_without_an_error(
    vigie: Vigie, sloth: Path, tmp_path: Path, to: str
) -> None:
    out = tmp_path / "out"
    assert vigie("slo", "convert", sloth, "--to", to, "--out", out).status == 0
    assert [path.name for path in out.iterdir()] == [
        "orders.yaml" if to == "pyrra" else "shop.yaml"
    ]
    assert vigie("slo", "check", out).status == 0
    assert vigie("slo", "convert", out, "--to", to).status == 0


def test_an_slo_without_a_form_is_left_out_and_the_rest_is_written(
    vigie: Vigie, sloth: Path, tmp_path: Path
) -> None:
    sloth.write_text(SLOTH + ODD)
    out = tmp_path / "out.yaml"
    ran = vigie("slo", "convert", sloth, "--to", "sloth", "--out", out)
    assert (ran.status, ran.out) == (1, "")
    assert [slo["name"] for slo in yaml.safe_load(out.read_text())["slos"]] == ["orders"]
    assert f"{sloth}:13:1: error: SLO `shop/lag`: not converted: Sloth has no thresholds" in ran.err
    assert ran.err.endswith("1 of 2 SLOs converted to sloth\n")


def test_json_has_documents_and_losses(vigie: Vigie, sloth: Path) -> None:
    sloth.write_text(SLOTH + ODD)
    ran = vigie("slo", "convert", sloth, "--to", "pyrra", "--format", "json")
    said = json.loads(ran.out)
    assert ran.status == 1
    assert [document["metadata"]["name"] for document in said["documents"]] == ["orders"]
    (whole,) = [loss for loss in said["losses"] if not loss["converted"]]
    assert (whole["slo"], whole["what"], whole["path"], whole["line"], whole["col"]) == (
        "shop/lag", "slo", str(sloth), 13, 1,
    )  # fmt: skip


def test_the_same_files_give_the_same_text(vigie: Vigie, sloth: Path) -> None:
    sloth.write_text(SLOTH + ODD + SOURCE)
    first, second = (vigie("slo", "convert", sloth, "--to", "openslo") for _ in range(2))
    assert first.out == second.out


def test_files_of_a_source_are_named_as_seen_from_where_it_is_written(
    vigie: Vigie, sloth: Path, tmp_path: Path
) -> None:
    sloth.write_text(SLOTH + SOURCE)
    out = tmp_path / "out" / "new"
    assert vigie("slo", "convert", sloth, "--to", "openslo", "--out", out).status == 0
    (source,) = yaml.safe_load_all((out / "shared.yaml").read_text())
    token = source["spec"]["connectionDetails"]["bearer_token_file"]
    assert (out / token).resolve() == (sloth.parent / "token").resolve()
    ran = vigie("slo", "convert", sloth, "--to", "openslo")
    assert "bearer_token_file: token\n" in ran.out


def test_what_was_read_is_never_written_over(vigie: Vigie, tmp_path: Path) -> None:
    path = tmp_path / "checkout.yaml"
    path.write_text(SLO)
    ran = vigie("slo", "convert", tmp_path, "--to", "sloth", "--out", tmp_path)
    assert ran.status == 2
    assert "was read and would be lost" in ran.err
    assert path.read_text() == SLO


def test_a_query_that_only_a_server_answers_is_converted(vigie: Vigie, sloth: Path) -> None:
    sloth.write_text(SLOTH.replace("sum(rate(orders_total[", "sum(irate(orders_total["))
    ran = vigie("slo", "convert", sloth, "--to", "sloth")
    assert ran.status == 0
    assert yaml.safe_load(ran.out) == yaml.safe_load(sloth.read_text())


def test_a_file_with_an_error_converts_nothing(vigie: Vigie, sloth: Path) -> None:
    sloth.write_text(SLOTH.replace("99.9", "999"))
    ran = vigie("slo", "convert", sloth, "--to", "openslo")
    assert (ran.status, ran.out) == (1, "")
    assert f"{sloth}:5:16: error" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("/nowhere.yaml", "--to", "sloth"),
        (ROOT / "examples", "--to", "nagios"),
        (ROOT / "examples",),
        (ROOT / "examples", "--to", "sloth", "--out", "/dev/null/x.yaml"),
    ],
)
def test_a_command_that_makes_no_sense_could_not_run(
    vigie: Vigie, arguments: tuple[object, ...]
) -> None:
    assert vigie("slo", "convert", *arguments).status == 2
