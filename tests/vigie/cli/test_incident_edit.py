"""`vigie incident edit`: what is asked of the server."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vigie.cli.ending import CannotRun
from vigie.cli.incident_edit import changes

Vigie = Callable[..., Any]
OVERTAKEN = {"detail": "nothing of incident #7 was changed: since you looked, bob set title"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str, Any, bool]]]:
    """What a server was asked, which refuses everything as one that is overtaken does."""
    seen: list[tuple[str, str, Any, bool]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.command, self.path, body, "Idempotency-Key" in self.headers))
            self.send_response(409)
            self.end_headers()
            self.wfile.write(json.dumps(OVERTAKEN).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("VIGIE_URL", f"http://127.0.0.1:{http.server_address[1]}")
        monkeypatch.delenv("VIGIE_TOKEN", raising=False)
        yield seen
        http.shutdown()
        thread.join()


def test_an_edit_says_what_was_seen_and_a_refusal_is_told(
    vigie: Vigie, asked: list[tuple[str, str, Any, bool]]
) -> None:
    told = ("--set", "title=a=b", "--set", "field.ticket=T-1", "--seen", 14, "--as", "ana")
    ran = vigie("incident", "edit", 7, *told)
    assert ran.status == 1
    assert "bob set title" in ran.err
    body = {"actor": "ana", "reason": "", "seen": 14, "title": "a=b", "fields": {"ticket": "T-1"}}
    assert asked == [("PATCH", "/api/v1/incidents/7", body, True)]


def test_values_are_what_the_api_takes() -> None:
    said = ["users_affected=12", "affected=mail, shop", "cause=", "field.a.b=1", "field.c="]
    assert changes(said) == {
        "users_affected": 12,
        "affected": ["mail", "shop"],
        "cause": None,
        "fields": {"a.b": "1", "c": None},
    }


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["title"], "sets nothing"),
        (["=x"], "sets nothing"),
        (["field.=x"], "sets nothing"),
        (["title=a", "title=b"], "`title` is set twice"),
        (["users_affected=many"], "users_affected is a whole number, not `many`"),
        (["actor=bob"], "`actor` is no field"),
    ],
)
def test_what_sets_nothing_is_refused(said: list[str], words: str) -> None:
    with pytest.raises(CannotRun, match=words):
        changes(said)
