"""docs/reference/timeline.md: its proof proves exports, its kinds are ours."""

import re
import subprocess
import sys

import pytest

from components import ROOT
from fleet import T0, Fleet
from incidents.model import EventKind
from vigie.commands import comment
from vigie.views.export import ExportFormat, export

PAGE = (ROOT / "docs" / "reference" / "timeline.md").read_text(encoding="utf-8")
(PROOF,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("was", "becomes", "status"),
    [
        ("", "", 0),
        ('"text\\":\\"roll', '"text\\":\\"ROLL', 1),
        ('"timeline_head": "', '"timeline_head": "0', 1),
    ],
)
def test_the_proof_takes_what_was_exported_and_nothing_else(
    fleet: Fleet, was: str, becomes: str, status: int
) -> None:
    number = fleet.open()
    config = fleet.board.now.config
    comment(fleet.db, config, number, "rolled back\n\u2028", actor="Zoë", now=T0 + 0.1)
    record = export(fleet.db, number, ExportFormat.JSON)
    assert record is not None
    changed = record.replace(was, becomes)
    assert (changed != record) == bool(status)
    ran = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", PROOF],
        input=changed.encode(),
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, b"AssertionError" in ran.stderr) == (status, bool(status))


def test_the_kinds_are_those_that_there_are() -> None:
    table = "".join(re.findall(r"^\| `.*$", PAGE, re.MULTILINE))
    known = {kind.value for kind in EventKind}
    assert set(re.findall(r"`(\w+)`", table.split("data.")[0])) <= known
