"""The demo's child processes: started here, watched, and all ended when we end, however we end."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STOP_S: Final = 5.0  # how long a process may take to end in an orderly way
TAIL_LINES: Final = 5


class ProcessError(Exception):
    """A process of the demo ended by itself; says which, how, and what it said last."""


@dataclass(frozen=True, slots=True)
class Command:
    """A Python module to run and its arguments; an exit with `restart_status` starts it again."""

    name: str
    module: str
    arguments: tuple[str, ...]
    restart_status: int | None = None


class Processes:
    """A group of child processes, each in a session of its own, so that Ctrl-C reaches only us and
    we choose the order in which they end. Their output goes to `logs`/NAME.log.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, str] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now."""
        return {name: process.pid for name, process in self._running.items()}

    async def start(self, command: Command) -> None:
        """Start a process and watch it from now on."""
        self._failed.pop(command.name, None)
        self._running[command.name] = await self._spawn(command)
        keeper = asyncio.create_task(self._keep(command), name=f"keep {command.name}")
        self._keepers[command.name] = keeper

    def check(self, *names: str) -> None:
        """Raise ProcessError if one of these (default: any) ended by itself."""
        for name, reason in self._failed.items():
            if not names or name in names:
                raise ProcessError(reason)

    async def stop(self) -> None:
        """End all, the last started first: SIGTERM, and SIGKILL for one that does not listen."""
        for name in reversed(list(self._running)):
            _signal(self._running[name], signal.SIGTERM)
        ending = [keeper for name, keeper in self._keepers.items() if name in self._running]
        if ending:
            await asyncio.wait(ending, timeout=STOP_S)
        for process in self._running.values():
            _signal(process, signal.SIGKILL)
        await asyncio.gather(*self._keepers.values())

    async def _spawn(self, command: Command) -> Process:
        # -P: a folder called `slo` or `vigie` where the person happens to be is not ours.
        python = (sys.executable, "-P", "-m")
        log = await asyncio.to_thread((self._logs / f"{command.name}.log").open, "ab")
        with log:
            return await asyncio.create_subprocess_exec(
                *(*python, "vigie.demo.tether", str(os.getpid())),
                *(*python, command.module, *command.arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _keep(self, command: Command) -> None:
        """Wait for the end of a process; start it again if it asks for that."""
        while True:
            process = self._running[command.name]
            status = await process.wait()
            if status == command.restart_status:
                self._running[command.name] = await self._spawn(command)
                continue
            del self._running[command.name]
            self._failed[command.name] = self._reason(command.name, status)
            return

    def _reason(self, name: str, status: int) -> str:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        path = self._logs / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return f"{name} {how}; it said: {' | '.join(lines) or 'nothing'} ({path})"


def _signal(process: Process, number: signal.Signals) -> None:
    # Not `process.send_signal`: it asks for the exit status on the way, and takes it from the
    # watcher of asyncio, which then reports 255.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
