"""`vigie automation`: what is asked of the server, and how the answer is shown."""

from pathlib import Path
from typing import Any

import pytest
import typer

from vigie.cli import automations
from vigie.cli.client import Client as Real
from vigie.cli.ending import CannotRun

TRIED: dict[str, Any] = {
    "from": "2026-10-01T00:00:00.000Z",
    "to": "2026-10-31T00:00:00.000Z",
    "automations": ["a"],
    "incidents": 3,
    "incidents_left_out": False,
    "problems": [],
    "items": [
        {
            "automation": "a",
            "incident": 7,
            "title": "Checkout burns",
            "entry": 1,
            "event": "opened",
            "recorded_at": "2026-10-02T00:00:00.000Z",
            "at": "2026-10-02T00:15:00.000Z",
            "why": ["opened", "SEV2 or worse", "for 15m"],
            "actions": [{"do": "page", "text": "page oncall"}],
            "refused": "too many",
        }
    ],
    "left_out": 2,
    "next": None,
}
TEXT = """\
2026-10-02T00:15:00.000Z  a  #7 Checkout burns
  after entry 1: opened, SEV2 or worse, for 15m
  would NOT have run: too many
  - page oncall
and 2 more
a: 3 runs on 3 incidents with such entries since 2026-10-01T00:00:00.000Z
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the server is asked."""
    found: list[tuple[str, Any]] = []

    def get(_: Real, path: str) -> Any:
        found.append((path, None))
        return TRIED

    def post(_: Real, path: str, body: Any) -> Any:
        found.append((path, body))
        return {**TRIED, "items": [], "left_out": 0, "problems": ["new.yaml:1:1: error[V002] x"]}

    monkeypatch.setattr(Real, "get", get)
    monkeypatch.setattr(Real, "post", post)
    return found


def run(*words: str) -> Any:
    return typer.main.get_command(automations.app).main(list(words), standalone_mode=False)


def test_what_would_have_been_done_is_printed(
    asked: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    run("try", "a b", "--since", "7d")
    assert asked == [("/automations/try?since=7d&name=a+b", None)]
    assert capsys.readouterr().out == TEXT


def test_a_file_is_sent_and_its_problems_end_with_1(
    asked: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "new.yaml"
    file.write_text("kind: Automation\n")
    assert run("try", "--file", str(file)) == 1
    body = {"since": "30d", "text": "kind: Automation\n", "file": str(file)}
    assert asked == [("/automations/try", body)]
    assert capsys.readouterr().err == "new.yaml:1:1: error[V002] x\n"


def test_a_file_that_is_not_there_cannot_be_tried(asked: list[tuple[str, Any]]) -> None:
    with pytest.raises(CannotRun, match="cannot be read: No such file"):
        run("try", "--file", "nowhere.yaml")
    assert asked == []


def test_the_list_shows_how_often_each_ran(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"name": "a", "events": ["opened"], "runs": 3, "failures": 1, "refused": 0}
    one |= {"last_run_at": None, "actions": ["page", "comment"]}
    monkeypatch.setattr(Real, "get", lambda _, path: {"items": [one], "next": path})
    run("list")
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "name", "events", "runs", "failures", "refused", "last_run_at", "actions",
    ]  # fmt: skip
    assert row.split() == ["a", "opened", "3", "1", "0", "never", "page,comment"]
