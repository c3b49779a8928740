"""`vigie incident task`: what is asked of the server, and how the answer is shown."""

import json
from typing import Any

import pytest
import typer

from vigie.cli import incident_task, incidents
from vigie.cli.ending import CannotRun

TASK: dict[str, Any] = {
    "incident": 7,
    "task": 2,
    "state": "open",
    "title": "cap retries",
    "owner": "ada",
    "due_at": "2026-10-01T12:00:00.000Z",
    "check_text": "shop/availability is met over its window",
    "check_result": None,
    "done_by": None,
    "verified_by": None,
    "dropped_for": None,
    "overdue": True,
}


class Client:
    """What the group hands to its commands; keeps what it was asked."""

    token = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def get(self, path: str) -> Any:
        self.asked.append((path, None))
        return {"items": [TASK], "next": None}

    def post(self, path: str, body: Any, key: str | None = None) -> Any:
        assert key
        self.asked.append((path, body))
        return TASK


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client()
    monkeypatch.setattr(incidents, "client", lambda _: client)
    return client


def run(*words: str) -> None:
    command = typer.main.get_command(incident_task.app)
    command.main(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "check"),
    [
        ((), None),
        (
            ("--check-slo", "a/b", "--window", "3d", "--burn-below", "1"),
            {"kind": "slo", "slo": "a/b", "window": "3d", "burn_below": 1.0},
        ),
        (
            ("--check-promql", "up", "--source", "prom", "--is", "<= 0.5"),
            {"kind": "promql", "expr": "up", "source": "prom", "op": "<=", "value": 0.5},
        ),
        (("--check-run", "drain"), {"kind": "run", "runbook": "drain"}),
    ],
)
def test_a_task_is_added_with_its_check(client: Client, words: tuple[str, ...], check: Any) -> None:
    run("add", "7", "cap retries", "--as", "ada", "--owner", "bob", "--review", *words)
    ((path, body),) = client.asked
    assert path == "/incidents/7/tasks"
    assert (body["actor"], body["owner"], body["source"]) == ("ada", "bob", "review")
    assert body["check"] == check
    assert body["due_at"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("--check-slo", "a/b", "--check-run", "r"),
        ("--window", "3d"),
        ("--check-promql", "up", "--is", "about 3"),
        ("--check-promql", "up", "--is", "< many"),
        ("--due", "soon"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    client: Client, words: tuple[str, ...]
) -> None:
    with pytest.raises(CannotRun):
        run("add", "7", "t", "--as", "ada", *words)
    assert client.asked == []


def test_tasks_are_listed_of_one_incident_or_of_all(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    run("list", "7")
    run("list", "--owner", "ada", "--overdue")
    paths = [path for path, _ in client.asked]
    assert paths == [
        "/incidents/7/tasks",
        "/tasks?state=left&owner=ada&overdue=true&limit=100",
    ]
    assert "2026-10-01T12:00:00.000Z late" in capsys.readouterr().out


@pytest.mark.parametrize("step", ["do", "verify", "drop"])
def test_a_task_is_done_verified_or_dropped(
    client: Client, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--reason", "moot") if step == "drop" else ()
    run(step, "7", "2", "--as", "ada", *more)
    body = {"actor": "ada"} | ({"reason": "moot"} if more else {})
    assert client.asked == [(f"/incidents/7/tasks/2/{step}", body)]
    assert capsys.readouterr().out.startswith("#7 task 2 open: cap retries (ada)\n")
    run(step, "7", "2", "--as", "ada", *more, "--format", "json")
    assert json.loads(capsys.readouterr().out) == TASK
