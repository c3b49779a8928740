"""`vigie serve` on what `vigie init` writes: it serves, reloads and stops as asked."""

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import Process, eventually, free_port

pytestmark = pytest.mark.system

StartProcess = Callable[..., Process]
Vigie = Callable[..., Any]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def config(vigie: Vigie, tmp_path: Path, port: int) -> Path:
    folder = tmp_path / "watch"
    assert vigie("init", folder).status == 0
    for file in folder.rglob("*.yaml"):
        text = (
            file.read_text().replace(":8080", f":{port}").replace("interval: 15s", "interval: 1s")
        )
        file.write_text(text)
    return folder / "vigie.yaml"


@pytest.fixture
def server(start_process: StartProcess, config: Path, port: int) -> Process:
    served = start_process([sys.executable, "-m", "vigie.cli", "serve", "--config", str(config)])
    eventually(lambda: get(port, "/-/ready") is not None or not served.alive())
    assert served.alive(), served.output
    return served


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


def items(port: int, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(get(port, f"/api/v1{path}"))["items"]
    return found


def test_it_watches_itself_out_of_the_box(
    server: Process, port: int, config: Path, vigie: Vigie, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: [t for t in items(port, "/targets") if t["health"] == "up"])
    assert eventually(lambda: [s for s in items(port, "/slos") if s["total"]])[0]["sli"] == 1
    monkeypatch.setenv("VIGIE_URL", f"http://127.0.0.1:{port}")
    assert vigie("incident", "list").status == 0
    found = vigie("doctor", "--config", config, "--format", "json")
    levels = {f["about"]: f["level"] for f in json.loads(found.out)["findings"]}
    assert levels[f"target vigie/127.0.0.1:{port}"] == "ok"
    assert levels["slo vigie/scrapes"] == "ok"
    assert levels["database"] == "ok"


def test_a_backup_is_taken_while_it_serves(
    server: Process, config: Path, tmp_path: Path, vigie: Vigie
) -> None:
    saved = tmp_path / "saved.db"
    assert vigie("db", "backup", saved, "--config", config).status == 0
    assert vigie("db", "verify", saved).status == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_when_asked(server: Process, how: signal.Signals) -> None:
    os.kill(server.pid, how)
    assert server.wait() == 0, server.output
    assert "Traceback" not in server.output


def test_sighup_reads_the_files_again(server: Process, port: int, config: Path) -> None:
    slo = config.parent / "slos" / "vigie.yaml"
    slo.write_text(slo.read_text().replace("target: 0.99", "target: 0.95"))
    os.kill(server.pid, signal.SIGHUP)
    eventually(lambda: items(port, "/slos")[0]["objective"] == 0.95)


def refused(start_process: StartProcess, config: Path, *options: str) -> tuple[int, str]:
    """The exit status of a server that does not start, and what it says."""
    argv = [sys.executable, "-m", "vigie.cli", "serve", "--config", str(config), *options]
    served = start_process(argv)
    status = served.wait()
    assert "Traceback" not in served.output
    return status, served.output


def test_a_second_server_on_the_same_database_is_refused(
    server: Process, config: Path, start_process: StartProcess
) -> None:
    status, said = refused(start_process, config, "--listen", f"127.0.0.1:{free_port()}")
    assert status == 2
    assert "vigie.db" in said


def test_an_address_that_is_taken_could_not_run(
    server: Process, config: Path, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_DATA", "other")
    status, said = refused(start_process, config)
    assert status == 2
    assert "cannot listen" in said


def test_off_loopback_without_a_token_it_does_not_start(
    config: Path, start_process: StartProcess
) -> None:
    status, said = refused(start_process, config, "--listen", "0.0.0.0:8080")
    assert status == 2
    assert "--listen: error[V103] `listen` is 0.0.0.0:8080, which other machines reach" in said


def test_files_that_cannot_be_used_are_said_with_their_place(
    config: Path, start_process: StartProcess
) -> None:
    bad = config.parent / "slos" / "bad.yaml"
    bad.write_text("kind: [}")
    status, said = refused(start_process, config)
    assert status == 1
    assert said.startswith(f"{bad}:1:8: error[V002] not YAML")
