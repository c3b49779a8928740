"""vigie.demo.processes and tether: every process ends with us, however we end."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from components import eventually, eventually_async
from vigie.demo.processes import Command, ProcessError, Processes

pytestmark = pytest.mark.system

MODULE = """
import pathlib, signal, sys, time
{body}
"""
WAITS = "while True: time.sleep(60)"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
async def processes(logs: Path) -> AsyncIterator[Processes]:
    group = Processes(logs)
    yield group
    await group.stop()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A module of the test's own, found by PYTHONPATH as `-P` leaves out the current folder."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Command("one", "one_module", ())


def write(tmp_path: Path, body: str) -> None:
    (tmp_path / "one_module.py").write_text(MODULE.format(body=body))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_stop_ends_a_process_even_if_it_does_not_listen(
    tmp_path: Path, processes: Processes, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.demo.processes.STOP_S", 0.2)
    write(
        tmp_path, f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n{WAITS}"
    )
    await processes.start(command)
    pid = processes.pids["one"]
    await eventually_async(lambda: "up" in (tmp_path / "logs/one.log").read_text())
    await processes.stop()
    assert processes.pids == {}
    assert not alive(pid)


async def test_a_process_that_ends_by_itself_is_an_error_with_its_last_words(
    tmp_path: Path, processes: Processes, command: Command
) -> None:
    write(tmp_path, "sys.exit('the disk is full')")
    await processes.start(command)
    await eventually_async(lambda: not processes.pids)
    processes.check("another")
    with pytest.raises(ProcessError, match="one ended with status 1; it said: the disk is full"):
        processes.check()


async def test_a_process_that_asks_for_a_restart_gets_a_new_one(
    tmp_path: Path, processes: Processes, command: Command
) -> None:
    there = tmp_path / "there"
    write(
        tmp_path,
        f"there = pathlib.Path({str(there)!r})\nfirst = not there.exists()\nthere.touch()\n"
        f"if first: sys.exit(75)\nprint('again', flush=True)\n{WAITS}",
    )
    await processes.start(replace(command, restart_status=75))
    await eventually_async(lambda: "again" in (tmp_path / "logs/one.log").read_text())
    processes.check()


async def test_the_settings_of_the_persons_shell_stay_with_the_person(
    tmp_path: Path, processes: Processes, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_LISTEN", "0.0.0.0:1")
    write(tmp_path, "import os\nprint([n for n in os.environ if 'VIGIE' in n], flush=True)")
    await processes.start(command)
    await eventually_async(lambda: not processes.pids)
    assert (tmp_path / "logs/one.log").read_text() == "[]\n"


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path, command: Command) -> None:
    write(tmp_path, f"print('up', flush=True)\n{WAITS}")
    parent = (
        "import asyncio, pathlib\n"
        "from vigie.demo.processes import Command, Processes\n"
        "async def main():\n"
        f"    group = Processes(pathlib.Path({str(tmp_path)!r}))\n"
        "    await group.start(Command('one', 'one_module', ()))\n"
        "    print(group.pids['one'], flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    read, write_end = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", parent],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_DUP2, write_end, 1)],
    )
    os.close(write_end)
    with os.fdopen(read) as said:
        child = int(said.readline())
        eventually(lambda: "up" in (tmp_path / "one.log").read_text())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    eventually(lambda: not alive(child), deadline_s=5)
