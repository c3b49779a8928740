"""`vigie incident` and its client: what is asked of the server, and what an answer becomes."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vigie.cli.incidents import text_of

Vigie = Callable[..., Any]

INCIDENT = {
    "number": 7,
    "severity": "SEV2",
    "priority": "P2",
    "title": "checkout burns",
    "state": "triage",
    "service": "checkout",
    "slo": "availability",
    "started_at": "2026-10-01T12:00:00.000Z",
    "opened_at": "2026-10-01T12:00:05.000Z",
    "acknowledged_at": None,
    "resolved_at": None,
    "runbooks": [{"name": "errors", "title": "Errors", "steps": [{"title": "Ask a"}]}],
    "timeline": [
        {
            "position": 1,
            "occurred_at": "2026-10-01T12:00:05.000Z",
            "kind": "opened",
            "text": "opened",
            "corrections": [{"position": 2, "text": "opened late"}],
        }
    ],
}


@dataclass
class Server:
    """A server that keeps what it was asked and answers what it is told to."""

    url: str = ""
    status: int = 200
    answer: object = field(default_factory=lambda: INCIDENT)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            told.asked.append((self.command, self.path, dict(self.headers), body))
            self.send_response(told.status)
            self.end_headers()
            answer = told.answer
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815 - named by http.server

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        told.url = f"http://127.0.0.1:{http.server_address[1]}"
        monkeypatch.setenv("VIGIE_URL", told.url)
        monkeypatch.delenv("VIGIE_TOKEN", raising=False)
        yield told
        http.shutdown()
        thread.join()


def test_the_list_is_a_table_or_json(vigie: Vigie, server: Server) -> None:
    server.answer = {"items": [INCIDENT], "next": None}
    ran = vigie("incident", "list", "--state", "open", "--service", "a b")
    assert ran.status == 0
    head, row = ran.out.splitlines()
    assert head.split()[:3] == ["number", "severity", "priority"]
    assert row.split()[:4] == ["7", "SEV2", "P2", "triage"]
    assert server.asked[0][:2] == (
        "GET",
        "/api/v1/incidents?state=open&service=a+b&limit=50",
    )
    assert json.loads(vigie("incident", "list", "--format", "json").out) == server.answer


def test_one_incident_is_told_with_runbook_and_timeline(vigie: Vigie, server: Server) -> None:
    ran = vigie("incident", "show", 7)
    assert ran.out.splitlines() == text_of(INCIDENT)
    assert "#7 SEV2 P2 checkout burns" in ran.out
    assert "runbook errors: Errors" in ran.out
    assert "acknowledged_at" not in ran.out
    assert ran.out.splitlines()[-2:] == [
        "   1. 2026-10-01T12:00:05.000Z  opened         opened",
        "      corrected in 2: opened late",
    ]
    assert json.loads(vigie("incident", "show", 7, "--format", "json").out) == INCIDENT


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (("ack", 7, "--as", "ana"), "acknowledge", {"actor": "ana"}),
        (
            ("resolve", 7, "--as", "ana", "--reason", "rolled back"),
            "resolve",
            {"actor": "ana", "reason": "rolled back"},
        ),
        (("comment", 7, "look", "--as", "ana"), "comment", {"actor": "ana", "text": "look"}),
        (
            ("status", 7, "identified", "--sub-status", "vendor", "--as", "ana"),
            "status",
            {"actor": "ana", "state": "identified", "sub_status": "vendor", "reason": ""},
        ),
        (
            ("escalate", 7, "L2", "--reason", "deep", "--tried", "a restart", "--as", "ana"),
            "escalate",
            {"actor": "ana", "to": "L2", "reason": "deep", "tried": "a restart"},
        ),
        *(
            ((verb, 7, "--reason", "why", "--as", "ana"), verb, {"actor": "ana", "reason": "why"})
            for verb in ("cancel", "close", "reopen")
        ),
        (
            ("confirm", 7, "--satisfaction", 4, "--for", "rita"),
            "confirm",
            {"actor": "rita", "over": True, "satisfaction": 4, "words": ""},
        ),
        (
            ("confirm", 7, "--not-over", "--words", "slow"),
            "confirm",
            {"over": False, "words": "slow"},
        ),
        (
            ("severity", 7, "SEV3", "--reason", "preview only", "--as", "ana"),
            "severity",
            {"actor": "ana", "severity": "SEV3", "reason": "preview only"},
        ),
        (
            ("comment", 7, "no", "--corrects", 3, "--reason", "typo", "--as", "ana"),
            "timeline/3/correction",
            {"actor": "ana", "text": "no", "reason": "typo"},
        ),
    ],
)
def test_what_is_done_says_who_does_it(
    vigie: Vigie, server: Server, command: tuple[object, ...], path: str, body: dict[str, str]
) -> None:
    assert vigie("incident", *command).status == 0
    ((method, asked, _, sent),) = server.asked
    assert (method, asked) == ("POST", f"/api/v1/incidents/7/{path}")
    assert json.loads(sent) == body


def test_what_it_says_of_priority_severity_and_targets_is_read_at_night() -> None:
    more = {
        "priority_reasons": ["SEV2 x high urgency: P2", "raised by 1: service tier 1"],
        "severity_set_by": "ana",
        "severity_set_for": "preview only",
        "severity_measured": "SEV1",
        "response_due_at": "2026-10-01T12:05:05.000Z",
        "response_met": False,
        "resolution_due_at": "2026-10-01T13:00:05.000Z",
        "resolution_met": None,
    }
    assert text_of({**INCIDENT, **more})[1:5] == [
        "  priority         SEV2 x high urgency: P2; raised by 1: service tier 1",
        "  severity         set by ana (SEV1 measured): preview only",
        "  response_due_at  2026-10-01T12:05:05.000Z, missed",
        "  resolution_due_at 2026-10-01T13:00:05.000Z",
    ]


def test_without_a_name_the_login_name_is_said(vigie: Vigie, server: Server) -> None:
    vigie("incident", "ack", 7)
    assert json.loads(server.asked[0][3])["actor"]


def test_a_comment_carries_an_idempotency_key(vigie: Vigie, server: Server) -> None:
    vigie("incident", "comment", 7, "look")
    vigie("incident", "comment", 7, "look")
    first, second = (asked[2]["Idempotency-Key"] for asked in server.asked)
    assert first != second


@pytest.mark.parametrize("given", [("--corrects", 3), ("--reason", "typo")])
def test_half_a_correction_is_not_sent(
    vigie: Vigie, server: Server, given: tuple[object, ...]
) -> None:
    ran = vigie("incident", "comment", 7, "look", *given)
    assert (ran.status, server.asked) == (2, [])
    assert "--corrects ENTRY and --reason TEXT" in ran.err


def test_a_record_is_written_as_the_server_gave_it(
    vigie: Vigie, server: Server, tmp_path: Path
) -> None:
    server.answer = "a,b\nété,\u2028\n".encode()
    out = tmp_path / "r.csv"
    assert vigie("incident", "export", 7, "--format", "csv", "-o", out).status == 0
    assert out.read_bytes() == server.answer
    assert server.asked[0][1] == "/api/v1/incidents/7/export?format=csv"
    assert vigie("incident", "export", 7, "-o", tmp_path / "no" / "r").status == 2
    server.answer = b"# Incident 7\n"
    assert vigie("incident", "export", 7).out == "# Incident 7\n"
    server.status, server.answer = 404, {"detail": "There is no incident 7."}
    assert vigie("incident", "export", 7).status == 1


def test_the_token_is_sent(vigie: Vigie, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_TOKEN", "s3cret")
    vigie("incident", "show", 7)
    assert server.asked[0][2]["Authorization"] == "Bearer s3cret"


def test_a_proxy_is_not_asked_for_this_machine(
    vigie: Vigie, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert vigie("incident", "show", 7).status == 0


@pytest.mark.parametrize(
    ("status", "answer", "ended", "said"),
    [
        (404, {"detail": "There is no incident 7."}, 1, "There is no incident 7."),
        (409, {"detail": "It is resolved."}, 1, "It is resolved."),
        (401, {"detail": "Send the token."}, 2, "Send the token. Set VIGIE_TOKEN."),
        (421, {"detail": "Not my name."}, 2, "Not my name."),
        (503, {"detail": "The disk is full."}, 2, "The disk is full."),
        (502, b"<html>", 2, "answered 502"),
        (200, b"<html>", 2, "is not Vigie"),
    ],
)
def test_no_and_no_answer_are_told_apart(
    vigie: Vigie, server: Server, status: int, answer: object, ended: int, said: str
) -> None:
    server.status, server.answer = status, answer
    ran = vigie("incident", "ack", 7)
    assert ran.status == ended
    assert said in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "no answer from http://127.0.0.1:1"),
        ("file:///etc/passwd", "write e.g. http://127.0.0.1:8080"),
        ("localhost:8080", "write e.g. http://127.0.0.1:8080"),
    ],
)
def test_a_server_that_is_not_there_could_not_run(
    vigie: Vigie, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("VIGIE_URL", url)
    ran = vigie("incident", "show", 7)
    assert ran.status == 2
    assert said in ran.err


def test_what_speaks_against_closing_ends_with_one(vigie: Vigie, server: Server) -> None:
    server.status = 409
    server.answer = {"detail": "incident #7 cannot be closed: not filled in: cause; it is with L2"}
    ran = vigie("incident", "close", 7, "--reason", "done", "--as", "ana")
    assert (ran.status, ran.err.strip().endswith("cause; it is with L2")) == (1, True)
    assert vigie("incident", "status", 7, "--as", "ana").status == 2
