"""`vigie incident review`: what is asked of the server, and how the answer is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from vigie.cli import incident_review, incidents
from vigie.cli.ending import CannotRun
from vigie.cli.incident_review import Document

ACTION: dict[str, Any] = {
    "task": 2,
    "state": "open",
    "kind": "prevent",
    "owner": None,
    "due_at": "2026-10-01T12:00:00.000Z",
    "title": "cap retries",
    "reopened": 1,
}
SECTIONS = [
    {"name": "summary", "title": "Summary", "text": "one\ntwo"},
    {"name": "lucky", "title": "Luck", "text": ""},
    {"name": "root_cause", "title": "Root cause", "text": ""},
    {"name": "factors", "title": "Factors", "text": ""},
    {"name": "actions", "title": "Actions", "text": ""},
]
REVIEW: dict[str, Any] = {
    "incident": 7,
    "incident_title": "it burns",
    "state": "draft",
    "version": 3,
    "author": "ada",
    "reviewers": [{"name": "bob", "asked_at": None, "approved_at": None}],
    "sections": SECTIONS,
    "root_cause": None,
    "factors": ["no canary"],
    "whys": [],
    "actions": [ACTION],
    "points": ["set the root cause"],
}
PATH = "/incidents/7/review"


class Client:
    """What the group hands to its commands; keeps what it was asked."""

    token = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def get(self, path: str) -> Any:
        self.asked.append(("GET", path, None))
        return REVIEW

    def text(self, path: str) -> bytes:
        self.asked.append(("GET", path, None))
        return b"# Review\n"

    def post(self, path: str, body: Any, key: str | None = None) -> Any:
        assert key
        self.asked.append(("POST", path, body))
        return REVIEW

    def patch(self, path: str, body: Any, key: str | None = None) -> Any:
        assert key
        self.asked.append(("PATCH", path, body))
        return REVIEW


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(incidents, "client", lambda _: client)
    return client


def run(**given: Any) -> None:
    context: Any = typer.Context(typer.main.get_command(incidents.app))
    incident_review.review(context, 7, **{"actor": "ada", "output": Document.TEXT, **given})


def test_it_is_shown_for_people(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    run(show=True)
    assert client.asked == [("GET", PATH, None)]
    shown = capsys.readouterr().out
    assert shown == (
        "Review of #7 it burns\n  draft, version 3, begun by ada\n"
        "  reviewer bob: has not approved\n"
        "\nSummary\n  one\n  two\n\nLuck\n  -\n\nRoot cause\n  not known yet\n"
        "\nFactors\n  no canary\n\nActions\n"
        "  2. open, reopened 1x prevent nobody 2026-10-01T12:00:00.000Z cap retries\n"
        "\nMissing before it is final\n  set the root cause\n"
    )


def test_it_is_done_in_the_order_of_a_review(client: Client, tmp_path: Path) -> None:
    words = tmp_path / "summary.md"
    words.write_text("It *burnt*.\n", encoding="utf-8")
    set_ = [f"summary=@{words}", "factors=one\n\ntwo", "root_cause=deploy", "lucky="]
    run(start=True, set_=set_, seen=1, ask=["bob"], approve=True, finalize=True)
    wrote = {
        "root_cause": "deploy",
        "factors": ["one", "two"],
        "sections": {"summary": "It *burnt*.\n", "lucky": ""},
        "seen": 1,
    }
    assert client.asked == [
        ("POST", PATH, {"actor": "ada"}),
        ("PATCH", PATH, {"actor": "ada", **wrote}),
        ("POST", f"{PATH}/ask", {"actor": "ada", "reviewers": ["bob"]}),
        ("POST", f"{PATH}/approve", {"actor": "ada"}),
        ("POST", f"{PATH}/finalize", {"actor": "ada"}),
        ("GET", PATH, None),
    ]


def test_it_is_opened_again_with_a_reason(client: Client) -> None:
    run(reopen="a new trace")
    assert client.asked[0] == ("POST", f"{PATH}/reopen", {"actor": "ada", "reason": "a new trace"})


def test_documents_come_as_the_server_wrote_them(
    client: Client, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run(output=Document.MARKDOWN)
    assert client.asked == [("GET", f"{PATH}?format=markdown", None)]
    assert capfdbinary.readouterr().out == b"# Review\n"


def test_programs_get_json(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    run(output=Document.JSON)
    assert json.loads(capsys.readouterr().out) == REVIEW
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"set_": ["summary"]}, "sets nothing"),
        ({"set_": ["=x"]}, "sets nothing"),
        ({"set_": ["summary=@/no/such"]}, "cannot be read"),
        ({"seen": 2}, "--seen goes with --set"),
    ],
)
def test_what_cannot_be_sent_is_said_before_anything_is(
    client: Client, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(CannotRun, match=problem):
        run(start=True, **given)
    assert client.asked == []
