"""The record of an incident as a document: the same bytes, safe in every reader, and provable."""

import csv
import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fleet import T0, Fleet
from incidents.quoting import code, fenced, struck
from vigie.commands import comment
from vigie.commands.timeline import correct
from vigie.views.export import SUFFIXES, ExportFormat, export, shown
from vigie.views.records import recorded

GOLDEN = Path(__file__).parent / "golden"
HARMFUL = "=1+1 `x` ```\n# Heading\n\n</pre><script>alert(1)</script> [a](http://b) @ada ~~ | \r* x"


def entry(position: int, text: str, **more: Any) -> dict[str, Any]:
    at = f"2026-10-01T12:00:0{position}.000Z"
    return {
        "id": 40 + position,
        "position": position,
        "at": at,
        "occurred_at": at,
        "recorded_at": at,
        "kind": "commented",
        "actor": "ada",
        "text": text,
        "data": {},
        "hash": f"{position}" * 64,
        "canonical": "{}",
        "corrections": [],
        **more,
    }


def facts(words: str) -> dict[str, Any]:
    """A small record; wherever a person or a page had a word, it is `words`."""
    later = {"recorded_at": "2026-10-01T12:00:03.000Z", "actor": words, "reason": words}
    return {
        "incident": {
            "number": 7,
            "title": words,
            "state": "resolved",
            "acknowledged_by": words,
            "closed_at": None,
            "severity": "SEV2",
            "reasons": ["SEV2 counts most", words],
            "url": "/incidents/7",
        },
        "labels": {"team": words},
        "detail": {"budget_remaining": -0.8, "arms": [{"name": "page", "burn": 21.5}]},
        "timeline": [
            entry(1, words, kind="opened", actor="vigie"),
            entry(
                2,
                words,
                occurred_at="2026-10-01T11:58:00.000Z",
                corrections=[
                    {"position": 3, "text": words, **later},
                    {"position": 4, "text": f"{words}, at last", **later},
                ],
            ),
            entry(3, words, kind="corrected", data={"corrects": 2, "reason": words}),
            entry(4, f"{words}, at last", kind="corrected", data={"corrects": 2, "reason": words}),
            entry(5, words, kind="step_finished", data={"output": words}),
        ],
        "timeline_head": "5" * 64,
        "deliveries": [
            {
                "at": "2026-10-01T12:00:06.000Z",
                "channel": words,
                "kind": "page",
                "attempt": 1,
                "outcome": "failed",
                "detail": words,
                "dedup": "notify:7",
            }
        ],
        "runs": [
            {
                "name": "errors",
                "title": words,
                "mode": "diagnose",
                "state": "done",
                "started_at": "2026-10-01T12:00:07.000Z",
                "finished_at": None,
                "steps": [
                    {
                        "title": words,
                        "state": "done",
                        "output": words,
                        "error": None,
                        "started_at": "2026-10-01T12:00:07.000Z",
                    }
                ],
            }
        ],
        "changes": [
            {
                "number": 3,
                "kind": "deploy",
                "status": "succeeded",
                "actor": words,
                "title": words,
                "started_at": "2026-10-01T11:55:00.000Z",
            }
        ],
    }


@pytest.mark.parametrize("output", ExportFormat)
@pytest.mark.parametrize(("name", "words"), [("plain", "rolled back"), ("harmful", HARMFUL)])
def test_a_record_is_written_like_this(
    output: ExportFormat, name: str, words: str, golden: Callable[[Path, str], None]
) -> None:
    made = shown(facts(words), output)
    if output is ExportFormat.CSV:  # its lines end with CR LF, which git may change
        made = made.replace("\r\n", "\n").replace("\r", "<CR>")
    golden(GOLDEN / f"incident-{name}.{SUFFIXES[output]}", made)


MARKDOWN = MarkdownIt("commonmark").enable(["strikethrough", "table"])
ugly = st.text(st.sampled_from("ab `~#*_[](){}<>|\\-=+@!&:\n\r\t\x1c\u2028\ufeff.1"), max_size=30)


def structure(markdown: str) -> list[tuple[str, str]]:
    """What every block and inline of a document is, without the words that stand in code."""
    found = []
    for token in MARKDOWN.parse(markdown):
        if token.type == "inline":
            found += [(child.type, child.content) for child in _outside(token.children or [])]
        else:
            found.append((token.type, ""))
    return found


def _outside(children: list[Any]) -> list[Any]:
    return [child for child in children if child.type != "code_inline"]


@given(ugly)
def test_no_words_change_what_a_document_is_made_of(words: str) -> None:
    """One line of them, for those that are struck out stand line by line."""
    flat = " ".join(words.split()) or "x"
    assert structure(shown(facts(flat), ExportFormat.MARKDOWN)) == structure(
        shown(facts("x"), ExportFormat.MARKDOWN)
    )


@given(ugly)
def test_words_of_many_lines_stay_in_code_too(words: str) -> None:
    made = shown(facts(words), ExportFormat.MARKDOWN)
    headings = [kind for kind, _ in structure(made) if kind == "heading_open"]
    assert len(headings) == 15
    for kind, content in structure(made):
        assert kind not in {"html_block", "html_inline", "link_open", "em_open", "table_open"}
        assert kind != "text" or "`" not in content


@given(ugly)
def test_a_fenced_block_holds_its_words(words: str) -> None:
    (block,) = MARKDOWN.parse(fenced(words))
    lines = words.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert block.type == "fence"
    assert block.content == "".join(f"{line}\n" for line in lines)


@given(ugly)
def test_struck_words_are_all_struck_and_in_code(words: str) -> None:
    tokens = MARKDOWN.parse(struck(words))
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"s_open", "code_inline", "s_close", "softbreak", "hardbreak", "text"}
    assert {
        child.content for t in tokens for child in t.children or [] if child.type == "text"
    } <= {""}


def test_words_in_a_span_keep_their_backticks() -> None:
    assert code("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert code(" \n ") == "` `"


@given(st.text(max_size=20) | ugly)
def test_no_cell_is_a_formula_and_no_word_is_lost(words: str) -> None:
    rows = list(csv.reader(io.StringIO(shown(facts(words), ExportFormat.CSV), newline="")))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        formula = cell.strip()[:1] in set("=+-@") and cell.strip()[:1] != ""
        assert not formula or cell == "-0.8", cell
    (opened,) = [row for row in rows if row[:2] == ["timeline", "1"]]
    assert opened[6] in {words, f"'{words}"}


@pytest.fixture
def number(fleet: Fleet) -> int:
    number = fleet.open()
    fleet.tell(number)
    comment(fleet.db, fleet.board.now.config, number, HARMFUL, actor="ada", now=T0)
    said = {"actor": "bob", "text": "-> 13:02", "reason": "wrong zone"}
    correct(fleet.db, number, 2, **said, now=T0 + 1)
    return number


@pytest.mark.parametrize("output", ExportFormat)
def test_the_same_record_gives_the_same_bytes(
    fleet: Fleet, number: int, output: ExportFormat
) -> None:
    first = export(fleet.db, number, output)
    assert first is not None
    fleet.clock.set(T0 + 9999)
    assert export(fleet.db, number, output) == first
    for word in ("13:02", "wrong zone", "payments 503: 412", "503 Service Unavailable"):
        assert word in first
    facts = recorded(fleet.db, number)
    assert facts is not None
    assert facts["timeline_head"] in first
    assert export(fleet.db, 99, output) is None


def test_a_json_record_proves_its_timeline_by_itself(fleet: Fleet, number: int) -> None:
    record = json.loads(export(fleet.db, number, ExportFormat.JSON) or "")
    last = "0" * 64
    for entry in record["timeline"]:
        last = sha256(f"{last}{entry['canonical']}".encode()).hexdigest()
        assert entry["hash"] == last
        assert json.loads(entry["canonical"])["text"] == entry["text"]
    assert record["timeline_head"] == last
    assert [entry["position"] for entry in record["timeline"]] == [1, 2, 3]
    (said,) = record["timeline"][1]["corrections"]
    assert (said["text"], said["actor"], said["position"]) == ("-> 13:02", "bob", 3)
