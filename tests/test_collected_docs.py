"""docs/reference/heartbeats.md and changes.md: their documents are read, their words are ours."""

import re
from pathlib import Path

import pytest

from collectors import changes_load, load_heartbeat
from collectors.changes import Kind, Status
from collectors.heartbeat import HeartbeatState, Said
from components import ROOT
from slo.load.yaml import Problems, documents

FOLDER = ROOT / "docs" / "reference"
PAGES = {name: (FOLDER / f"{name}.md").read_text("utf-8") for name in ("heartbeats", "changes")}
READERS = {"Heartbeat": load_heartbeat.read, "Integration": changes_load.read}


@pytest.mark.parametrize(
    ("page", "kind"), [("heartbeats", "Heartbeat"), ("changes", "Integration")]
)
def test_every_document_of_a_page_is_read_without_a_problem(
    page: str, kind: str, tmp_path: Path
) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGES[page], re.M | re.S)
    texts = [block for block in blocks if f"kind: {kind}" in block]
    assert texts
    for text in texts:
        for file in re.findall(r"_file: (\S+)", text):
            (tmp_path / file).write_text("0123456789abcdef" * 2 + "\n")
        problems = Problems()
        (node,) = documents(text, str(tmp_path / "d.yaml"), problems)
        assert READERS[kind](node, problems) is not None, problems.errors


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("heartbeats", [*HeartbeatState, *Said]),
        ("changes", [*Kind, *Status, *changes_load.TYPES]),
        ("changes", [event for events in changes_load.EVENTS.values() for event in events]),
    ],
)
def test_every_word_that_is_taken_is_explained(page: str, words: list[str]) -> None:
    assert [word for word in words if not re.search(rf"\b{word}\b", PAGES[page])] == []
