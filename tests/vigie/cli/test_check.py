"""`vigie slo check`: every problem with its place, and nothing heavy loaded for it."""

import json
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
    path, line, col, severity, _ = lines[0].split(":", 4)
    assert Path(path).is_relative_to(tmp_path)
    assert int(line) > 0
    assert int(col) > 0
    assert severity.strip() in ("error", "warning")


def test_problems_come_as_json_too(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD.replace("target: 0.999", "target: 1.5"))
    ran = vigie("slo", "check", tmp_path, "--format", "json")
    assert ran.status == 1
    (problem,) = [p for p in json.loads(ran.out)["problems"] if p["severity"] == "error"]
    assert problem["path"] == str(tmp_path / "one.yaml")
    line = GOOD.splitlines().index("    - target: 0.999") + 1
    assert (problem["line"], problem["col"]) == (line, len("    - target: ") + 1)


def test_explain_shows_the_policy_and_the_arms_that_an_slo_gets(vigie: Vigie) -> None:
    ran = vigie("slo", "check", "--explain", EXAMPLES)
    assert "checkout/availability" in ran.out
    assert "page at 14.4x over 1h and 5m" in ran.out
    (slo,) = json.loads(vigie("slo", "check", EXAMPLES, "--explain", "--format=json").out)["slos"]
    assert slo["objective"] == 0.999
    assert slo["policy_file"] == "built in"


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


@pytest.mark.parametrize("arguments", [(), ("/nowhere.yaml",), (EXAMPLES, "--format", "xml")])
def test_a_command_that_makes_no_sense_could_not_run(
    vigie: Vigie, arguments: tuple[object, ...]
) -> None:
    assert vigie("slo", "check", *arguments).status == 2


def test_nothing_heavy_is_loaded() -> None:
    script = (
        "import sys, vigie.cli\n"
        f"sys.argv = ['vigie', 'slo', 'check', {str(EXAMPLES)!r}, '--explain']\n"
        "try: vigie.cli.main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'pydantic', 'numpy', 'polars', 'sqlalchemy', 'fastapi', 'aiohttp', 'asyncio'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
