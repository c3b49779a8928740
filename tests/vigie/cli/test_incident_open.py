"""`vigie incident open`: what is asked of the server, and what its answer becomes."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Vigie = Callable[..., Any]
BESIDE = [{"number": 3, "severity": "SEV2", "title": "checkout burns"}]
INCIDENT = {
    "number": 7,
    "severity": "SEV2",
    "priority": "P2",
    "title": "Slow",
    "service": "checkout",
    "state": "triage",
    "open_beside": BESIDE,
}


@dataclass
class Server:
    """A server that keeps what it was asked and answers what it is told to."""

    answer: object = field(default_factory=lambda: INCIDENT)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.asked.append((self.command, self.path, headers, body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told.answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("VIGIE_URL", f"http://127.0.0.1:{http.server_address[1]}")
        monkeypatch.delenv("VIGIE_TOKEN", raising=False)
        yield told
        http.shutdown()
        thread.join()


def test_what_is_known_is_sent_once(vigie: Vigie, server: Server) -> None:
    ran = vigie(
        "incident", "open", "Slow", "--service", "checkout", "--severity", "SEV2", "--type",
        "access", "--started-at", "2026-10-01T12:00:00Z", "--field", "ticket=7", "--field", "a=b=c",
        "--label", "x=", "--affected", "cart", "--as", "ada", "--key", "k",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", "/api/v1/incidents")
    assert headers["idempotency-key"] == "k"
    assert json.loads(body) == {
        "actor": "ada",
        "title": "Slow",
        "service": "checkout",
        "type": "access",
        "severity": "SEV2",
        "started_at": "2026-10-01T12:00:00Z",
        "description": "",
        "requester": "",
        "affected": ["cart"],
        "fields": {"ticket": "7", "a": "b=c"},
        "labels": {"x": ""},
        "restricted": False,
    }
    assert ran.out.splitlines()[-2:] == [
        "open on checkout already; is it one of these?",
        "  #3 SEV2 checkout burns",
    ]


def test_an_e_mail_is_handed_over_as_it_is(vigie: Vigie, server: Server, tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"From: a@b.c\r\n\r\n\xff")
    (tmp_path / "key").write_text("k" * 20 + "\n")
    server.answer = {"what": "ignored", "incident": None, "reason": "it was sent in bulk"}
    ran = vigie("incident", "open", "--email", tmp_path / "mail", "--key-file", tmp_path / "key")
    assert (ran.status, ran.out) == (0, "ignored: it was sent in bulk\n")
    ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", f"/api/v1/hooks/email/{'k' * 20}")
    assert headers["content-type"] == "message/rfc822"
    assert body == b"From: a@b.c\r\n\r\n\xff"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "write what is wrong"),
        (("x", "--email", "-"), "write what is wrong"),
        (("x", "--field", "ticket"), "write NAME=VALUE"),
        (("--email", "/nowhere/at/all"), "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_not_sent(
    vigie: Vigie, server: Server, arguments: tuple[str, ...], words: str
) -> None:
    ran = vigie("incident", "open", *arguments)
    assert (ran.status, words in ran.err) == (2, True)
    assert server.asked == []


def test_without_its_key_no_e_mail_is_sent(
    vigie: Vigie, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIGIE_EMAIL_KEY", raising=False)
    (tmp_path / "mail").write_bytes(b"From: a@b.c\n\n")
    ran = vigie("incident", "open", "--email", tmp_path / "mail")
    assert (ran.status, "VIGIE_EMAIL_KEY" in ran.err) == (2, True)
