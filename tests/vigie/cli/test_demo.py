"""`vigie demo` as a newcomer runs it: real processes, from any folder, with only the wheel."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components import Process, eventually
from vigie.demo.facts import Facts

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

StartProcess = Callable[..., Process]
Vigie = Callable[..., Any]


@pytest.fixture
def mark() -> Iterator[dict[str, str]]:
    """An environment that every process of one demo inherits, to find them by."""
    environment = {"DEMO_OF_THIS_TEST": uuid.uuid4().hex}
    yield environment
    for pid in marked(environment):
        os.kill(pid, signal.SIGKILL)


def marked(mark: dict[str, str]) -> list[int]:
    """The processes that carry the mark and are alive."""
    ((name, value),) = mark.items()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{name}={value}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it ended just now, or is not ours
            continue
    return found


def test_the_whole_story_is_seen_from_any_folder_with_only_the_wheel(
    installed: Path, tmp_path: Path, mark: dict[str, str]
) -> None:
    (tmp_path / "slo").mkdir()
    (tmp_path / "slo" / "__init__.py").write_text("raise ImportError('a folder of the person')")
    done = subprocess.run(
        [installed / "vigie", "demo", "--once", "--format", "json", "--dir", tmp_path / "demo"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "VIGIE_TOKEN": "of another server", **mark},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert marked(mark) == []
    record = json.loads(done.stdout)
    assert record.keys() == Facts("", "").record().keys()
    assert record["ok"] is True
    assert record["slo"] == "checkout/availability"
    order = [record[k] for k in ("fault_at", "opened_at", "page_delivered_at", "resolved_at")]
    assert order == sorted(order)
    assert record["detect_seconds"] > 0
    assert record["runbook"] == "checkout-errors"
    assert any("order store refused the write" in line for line in record["diagnosis_lines"])
    assert "Policy `demo`" in record["windows"]
    for path in record["dashboards"]:
        assert json.loads(Path(path).read_text())["panels"]
    seen(record["incident"])


def seen(incident: dict[str, Any]) -> None:
    """The incident says all of it too."""
    assert incident["state"] == "resolved"
    assert incident["resolved_by"] == "vigie"
    kinds = [entry["kind"] for entry in incident["timeline"]]
    assert kinds[0] == "opened"
    assert kinds[-1] in ("resolved", "paged")  # the notice of the end may be delivered by now
    assert {"paged", "run_started", "step_finished", "run_finished", "recovered"} <= set(kinds)
    assert all(delivery["outcome"] == "delivered" for delivery in incident["deliveries"])


def start(start_process: StartProcess, tmp_path: Path, mark: dict[str, str]) -> Process:
    """A demo that keeps running, once the server answers."""
    demo = start_process(
        [sys.executable, "-m", "vigie.cli", "demo", "--dir", str(tmp_path / "demo")], env=mark
    )
    eventually(lambda: "Vigie watches" in demo.output or not demo.alive(), deadline_s=60)
    assert len(marked(mark)) == 11, demo.output  # itself, 7 replicas, customers, receiver, server
    return demo


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_every_process_that_it_started(
    start_process: StartProcess, tmp_path: Path, mark: dict[str, str], how: signal.Signals
) -> None:
    demo = start(start_process, tmp_path, mark)
    demo.popen.send_signal(how)
    assert demo.wait() == 0, demo.output
    assert marked(mark) == []


def test_kill_9_leaves_no_process_behind(
    start_process: StartProcess, tmp_path: Path, mark: dict[str, str]
) -> None:
    demo = start(start_process, tmp_path, mark)
    os.kill(demo.pid, signal.SIGKILL)
    eventually(lambda: not marked(mark), deadline_s=10)


def test_what_did_not_happen_is_the_reason_and_the_answer_is_no(
    start_process: StartProcess, tmp_path: Path, mark: dict[str, str]
) -> None:
    argv = [sys.executable, "-m", "vigie.cli", "demo", "--once", "--format", "json"]
    demo = start_process([*argv, "--dir", str(tmp_path / "demo")], env=mark)
    eventually(lambda: "Vigie watches" in demo.output or not demo.alive(), deadline_s=60)
    (server,) = [pid for pid in marked(mark) if "serve" in command_line(pid)]
    os.kill(server, signal.SIGKILL)
    assert demo.wait() == 1, demo.output
    assert '"ok": false' in demo.output
    assert "vigie was ended by signal 9" in demo.output
    assert marked(mark) == []


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def test_a_folder_that_is_not_empty_is_left_alone(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    ran = vigie("demo", "--once", "--dir", tmp_path)
    assert ran.status == 2
    assert "is not empty" in ran.err
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
