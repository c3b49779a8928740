"""`vigie slo check`: every problem with its place, and nothing heavy loaded for it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import ROOT

Vigie = Callable[..., Any]

EXAMPLES = ROOT / "examples"
GOOD = (EXAMPLES / "slos" / "checkout.yaml").read_text()


def test_the_examples_are_good(vigie: Vigie) -> None:
    ran = vigie("slo", "check", EXAMPLES)
    assert ran.status == 0
    assert "error" not in ran.out
    assert ran.err.startswith("ok: 1 SLO, 1 service")


def test_every_problem_of_every_file_is_said_with_its_place(vigie: Vigie, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yml"
    one.write_text(GOOD.replace("target: 0.999", "target: 1.5").replace("isRolling", "isRoling"))
    two.write_text("kind: [\n")
    ran = vigie("slo", "check", tmp_path)
    assert ran.status == 1
    lines = ran.out.splitlines()
    assert any(line.startswith(f"{one}:") and "isRoling" in line for line in lines)
    assert any(line.startswith(f"{one}:") and "1.5" in line for line in lines)
    assert any(line.startswith(f"{two}:") and "not YAML" in line for line in lines)
    for line in lines:
        assert re.match(
            rf"{tmp_path}/(one|two)\.ya?ml:[1-9]\d*:[1-9]\d*: error\[V\d{{3}}\] \S", line
        )


def test_problems_come_as_json_too(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD.replace("target: 0.999", "target: 1.5"))
    ran = vigie("slo", "check", tmp_path, "--format", "json")
    assert ran.status == 1
    (problem,) = [p for p in json.loads(ran.out)["problems"] if p["severity"] == "error"]
    assert problem["path"] == str(tmp_path / "one.yaml")
    line = GOOD.splitlines().index("    - target: 0.999") + 1
    assert problem["code"] == "V401"
    assert (problem["line"], problem["col"]) == (line, len("    - target: ") + 1)


def test_explain_shows_the_policy_and_the_arms_that_an_slo_gets(vigie: Vigie) -> None:
    ran = vigie("slo", "check", "--explain", EXAMPLES)
    assert "{'" not in ran.out
    assert "checkout/availability" in ran.out
    assert "page at 14.4x over 1h and 5m" in ran.out
    (slo,) = json.loads(vigie("slo", "check", EXAMPLES, "--explain", "--format=json").out)["slos"]
    assert slo["objective"] == 0.999
    assert slo["policy_file"] == "built in"
    assert (slo["missing"], slo["gate_on_unknown"], slo["budget"]) == ("freeze", "open", [])


def test_explain_shows_what_a_budget_does(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "slo.yaml").write_text(GOOD)
    (tmp_path / "policy.yaml").write_text(
        "apiVersion: vigie.dev/v1\nkind: Policy\nmetadata: {name: calm}\nspec:\n"
        "  arms: [{kind: page, burn_rate: 10, long: 1h, short: 5m, after: 2m}]\n"
        "  budget: [{name: slow, when: {remaining_below: 0.1, burning_above: 2, over: 6h}, "
        "do: [freeze_deploys]}]\n"
    )
    out = vigie("slo", "check", "--explain", tmp_path).out
    assert "page at 10x over 1h and 5m for 2m" in out
    assert "slow: freeze_deploys below 0.1 of the budget or above 2x over 6h" in out


def test_a_folder_with_settings_stands_for_the_files_that_they_name(
    vigie: Vigie, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "slo.yaml").write_text(GOOD)
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "bad.yaml").write_text("not: [read")
    (tmp_path / "vigie.yaml").write_text("files: [mine]\n")
    assert vigie("slo", "check", tmp_path).status == 0
    assert vigie("slo", "check", tmp_path / "vigie.yaml").status == 0
    (tmp_path / "vigie.yaml").write_text("files: mine\n")
    assert vigie("slo", "check", tmp_path).status == 1


def test_files_without_an_slo_are_a_part_of_more_and_a_warning(
    vigie: Vigie, tmp_path: Path
) -> None:
    (tmp_path / "channel.yaml").write_text(
        "apiVersion: vigie.dev/v1\nkind: Channel\nmetadata: {name: a}\n"
        "spec: {type: webhook, url: 'http://a'}\n"
    )
    ran = vigie("slo", "check", tmp_path)
    assert ran.status == 0
    assert f"{tmp_path}:1:1: warning[V205] there is no SLO" in ran.out


def test_help_needs_no_path_and_what_begins_with_a_dash_can_be_one(
    vigie: Vigie, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vigie("slo", "check", "--help").out.startswith("Usage: vigie slo check")
    (tmp_path / "-odd.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    assert vigie("slo", "check", "--", "-odd.yaml").status == 0


WRONG: tuple[tuple[object, ...], ...] = (
    (),
    ("/nowhere.yaml",),
    (EXAMPLES, "--format", "xml"),
    (EXAMPLES, "--format"),
    (EXAMPLES, "--explian"),
)


@pytest.mark.parametrize("arguments", WRONG)
def test_a_command_that_makes_no_sense_could_not_run(
    vigie: Vigie, arguments: tuple[object, ...]
) -> None:
    ran = vigie("slo", "check", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err


def test_nothing_heavy_is_loaded() -> None:
    script = (
        "import sys, vigie.cli\n"
        f"sys.argv = ['vigie', 'slo', 'check', {str(EXAMPLES)!r}, '--explain']\n"
        "try: vigie.cli.main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'pydantic', 'numpy', 'polars', 'sqlalchemy', 'fastapi', 'aiohttp', 'asyncio',\n"
        "    'typer', 'argparse', 'dateutil'}\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(heavy & loaded | {'incidents.model'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
