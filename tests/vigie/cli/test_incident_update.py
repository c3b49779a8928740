"""`vigie incident update`: what is asked of the server, and how the answer is shown."""

from typing import Any

import pytest
import typer

from incidents import updates
from vigie.cli import incident_update, incidents
from vigie.cli.ending import CannotRun
from vigie.cli.output import Format

UPDATE: dict[str, Any] = {
    "incident": 7,
    "audience": "customer",
    "status": "investigating",
    "text": "We look.\nSoon more.",
    "next_at": "2026-10-01T12:30:00.000Z",
    "sent_at": "2026-10-01T12:00:00.000Z",
    "sent_by": "ada",
}


class Client:
    """What the group hands to its commands; keeps what it was asked."""

    token = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def get(self, path: str) -> Any:
        self.asked.append((path, None))
        due = {"due_at": "2026-10-01T12:30:00.000Z", "late_seconds": 0.0}
        return {**UPDATE, "items": [UPDATE], "next": None, **due}

    def post(self, path: str, body: Any, key: str | None = None) -> Any:
        assert key
        self.asked.append((path, body))
        return UPDATE


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(incidents, "client", lambda _: client)
    return client


CONTEXT: Any = typer.Context(typer.main.get_command(incidents.app))
CUSTOMER = incident_update.Audience.CUSTOMER


def test_the_words_are_those_of_the_server() -> None:
    assert [*incident_update.Audience] == [*updates.Audience]
    assert [*incident_update.Status] == [*updates.Status]


def test_an_update_is_sent_and_shown(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    incident_update.update(CONTEXT, 7, "We look.", CUSTOMER, next_in="30m", actor="ada")
    body = {"actor": "ada", "audience": "customer", "text": "We look.", "next_in_seconds": 1800.0}
    assert client.asked == [("/incidents/7/updates", body)]
    head = "2026-10-01T12:00:00.000Z customer, investigating, by ada, next 2026-10-01T12:30:00.000Z"
    assert capsys.readouterr().out == f"{head}\n  We look.\n  Soon more.\n"


def test_a_draft_is_printed_as_it_would_be_sent(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    incident_update.update(CONTEXT, 7, None, CUSTOMER, draft=True)
    assert client.asked == [("/incidents/7/updates/draft?audience=customer", None)]
    assert capsys.readouterr().out == "We look.\nSoon more.\n"


def test_all_are_listed_with_when_the_next_is_due(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    incident_update.updates(CONTEXT, 7, Format.TEXT)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "Next update due 2026-10-01T12:30:00.000Z"
    assert len(shown) == 4


@pytest.mark.parametrize(
    ("text", "draft", "next_in"), [(None, False, None), ("x", True, None), ("x", False, "soon")]
)
def test_what_makes_no_sense_is_not_asked(
    client: Client, text: str | None, draft: bool, next_in: str | None
) -> None:
    with pytest.raises(CannotRun):
        incident_update.update(CONTEXT, 7, text, CUSTOMER, draft, next_in=next_in, actor="ada")
    assert client.asked == []
