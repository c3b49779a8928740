"""The tables of docs/reference/alerting.md are what the engine and promtool say.

`pytest --update-golden` over this file writes them anew, row by row.
"""

import re
from pathlib import Path

import pytest

import timing
from components import ROOT
from timing import STORIES, Story

PAGE = ROOT / "docs" / "reference" / "alerting.md"
ROWS = re.compile(r"<!-- timing -->\n\n(?:\|.*\n){2}((?:\|.*\n)+)\n<!-- end -->")
QUIET = re.compile(r"(?<=<!-- quiet -->\n\n)(?:\|.*\n)+(?=\n<!-- end -->)")


def _row(story: Story) -> str:
    (found,) = [line for line in _rows() if line.startswith(timing.named(story))]
    return found


def _rows() -> list[str]:
    found = ROWS.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found[1].splitlines()


def _with(row: str, made: str) -> str:
    return PAGE.read_text(encoding="utf-8").replace(f"{row}\n", f"{made}\n")


def test_the_table_has_every_story_in_order() -> None:
    for row, story in zip(_rows(), STORIES, strict=True):
        assert row.startswith(timing.named(story))


@pytest.mark.system
@pytest.mark.parametrize("story", STORIES, ids=timing.named)
def test_vigie_and_sloth_page_and_clear_when_the_table_says(
    story: Story, tmp_path: Path, golden, soak: bool, request: pytest.FixtureRequest
) -> None:
    quick = story.share == 1.0 and story.per_minute > 1
    if not (quick or soak or request.config.getoption("update_golden")):
        pytest.skip("it takes ten seconds of engine: make soak runs it")
    made = timing.named(story) + timing.vigie_cells(story) + timing.sloth_cells(story, tmp_path)
    golden(PAGE, _with(_row(story), made))


@pytest.mark.system
def test_ninety_percent_failing_pages_when_the_table_says(golden) -> None:
    golden(PAGE, QUIET.sub(timing.quiet_table(), PAGE.read_text(encoding="utf-8")))
