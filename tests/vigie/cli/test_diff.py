"""`vigie slo diff`: what is printed, and the exit status of a diff."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from vigie.cli.diff import diff
from vigie.cli.ending import CannotRun

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(diff)

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: NAME}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  indicator:
    metadata: {name: errors}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(bad_total[{{.window}}]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(a_total[{{.window}}]))'}}}
  objectives: [{target: 0.999}]
---
"""
CHANNEL = """\
apiVersion: vigie.dev/v1
kind: Channel
metadata: {name: oncall}
spec: {type: webhook, url: "http://127.0.0.1:9/secret-token", receives: [page, notice]}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.yaml"
    path.write_text(SLO.replace("NAME", "errors") + CHANNEL)
    return path


def test_no_difference_is_no_line_and_status_0(old: Path) -> None:
    result = run(old, old)
    assert (result.exit_code, result.stdout) == (0, "")


def test_differences_are_listed_with_status_1(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(
        SLO.replace("NAME", "errors").replace("0.999", "0.99")
        + SLO.replace("NAME", "other").replace("bad_total", "failed_total")
        + CHANNEL.replace("secret-token", "another-token")
    )
    result = run(old, new)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "~ slo shop/errors: its history goes on",
        "    objective: 0.999 -> 0.99",
        "+ slo shop/other: its history starts anew",
        "~ channel oncall",
        "    url: not shown -> another one",
    ]
    assert "token" not in result.stdout
    shown = run(old, new, "--format", "json")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["items"][0] == {
        "kind": "slo",
        "name": "shop/errors",
        "change": "changed",
        "changes": [{"field": "objective", "old": "0.999", "new": "0.99"}],
        "history": "goes on",
    }


def test_files_that_can_not_be_read_are_trouble_and_no_difference(
    old: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: [")
    for other in (broken, tmp_path / "nowhere.yaml"):
        result = run(old, other)
        assert isinstance(result.exception, CannotRun)
        assert str(other) in str(result.exception)
