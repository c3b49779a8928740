"""The real programs that system tests run against, and what tests need to run them.

A component that is missing skips the test by name, so that a newcomer's machine still passes; with
`CI=true` it is a failure, so that nothing goes untested unnoticed.

    from components import eventually, free_port, need

    def test_prometheus_reads_our_page(start_process):
        prometheus = start_process([need("prometheus"), ...])
        eventually(lambda: ready(port), deadline_s=20)
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
_POSTGRES = tuple(
    str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
)


@dataclass(frozen=True, slots=True)
class Component:
    """One program: the Debian package that brings it, where else it comes from, and where else than
    on PATH it may lie.
    """

    program: str
    package: str = ""
    source: str = ""
    folders: tuple[str, ...] = ()

    @property
    def comes_from(self) -> str:
        return self.source or f"Debian's {self.package}"


COMPONENTS: Mapping[str, Component] = {
    c.program: c
    for c in (
        Component("prometheus", "prometheus"),
        Component("promtool", "prometheus"),
        Component("prometheus-alertmanager", "prometheus-alertmanager"),
        Component("prometheus-node-exporter", "prometheus-node-exporter"),
        Component("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
        Component("prometheus-pushgateway", "prometheus-pushgateway"),
        Component("victoria-metrics", "victoria-metrics"),
        Component("chromium", "chromium"),
        Component("initdb", "postgresql", folders=_POSTGRES),
        Component("postgres", "postgresql", folders=_POSTGRES),
        Component("pg_ctl", "postgresql", folders=_POSTGRES),
        Component("helm", source="`make test` with Go installed", folders=(str(TOOLS),)),
        Component("npm", source="Node.js"),
    )
}


def find(program: str) -> Path | None:
    """Where the program lies, or None. Folders of its own come before PATH: a wrapper that only
    forwards to another installation may stand there under the same name.
    """
    component = COMPONENTS[program]
    for path in (*component.folders, None):
        found = shutil.which(component.program, path=path)
        if found is not None:
            return Path(found)
    return None


def need(program: str) -> str:
    """The path of the program; without it the test skips by name, and fails where `CI=true`."""
    found = find(program)
    if found is None:
        missing(f"{program} is not installed; it comes from {COMPONENTS[program].comes_from}")
    return str(found)


def missing(what: str) -> NoReturn:
    """Skip for want of something, loudly; fail where `CI=true`."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and {what}", pytrace=False)
    pytest.skip(what)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(predicate: Callable[[], T], deadline_s: float = 30.0, every_s: float = 0.05) -> T:
    """The first truthy answer of `predicate`; AssertionError with the last answer at the deadline.

    An exception of the predicate (a refused connection, an assertion) counts as not yet.
    """
    never, end = threading.Event(), time.monotonic() + deadline_s
    while True:
        answer, error = _asked(predicate)
        if answer:
            return answer
        if time.monotonic() >= end:
            raise AssertionError(_gave_up(deadline_s, answer, error)) from error
        never.wait(every_s)


async def eventually_async(
    predicate: Callable[[], T], deadline_s: float = 30.0, every_s: float = 0.05
) -> T:
    """`eventually` for a test that runs on the event loop; the predicate itself is a plain one."""
    never, end = asyncio.Event(), time.monotonic() + deadline_s
    while True:
        answer, error = _asked(predicate)
        if answer:
            return answer
        if time.monotonic() >= end:
            raise AssertionError(_gave_up(deadline_s, answer, error)) from error
        try:
            await asyncio.wait_for(never.wait(), every_s)
        except TimeoutError:
            continue


@dataclass
class Process:
    """A program that a test started, in a process group of its own.

    `output` is what it wrote to stdout and stderr.
    """

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path
    group: int = field(init=False)

    def __post_init__(self) -> None:
        self.group = self.popen.pid

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def alive(self) -> bool:
        return self.popen.poll() is None

    def wait(self, timeout_s: float = 30.0) -> int:
        """The exit status; negative for the signal that ended it."""
        return self.popen.wait(timeout_s)

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        if self.alive():
            self.popen.terminate()

    def kill(self) -> None:
        """End it and everything that it started, at once, and reap it."""
        with suppress(ProcessLookupError):  # the whole group is gone already
            os.killpg(self.group, signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout_s: float = 10.0) -> int:
        """Ask it to stop, then end what is left of its group; the exit status."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):  # `kill` ends what does not listen
            self.popen.wait(timeout_s)
        self.kill()
        return self.popen.returncode


def start(
    argv: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | int | None = None,
) -> Process:
    """Start a program whose output goes to `log`. The caller stops it. `env` adds to our own."""
    with log.open("ab") as sink:
        popen = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            user=user,
            start_new_session=True,
        )
    return Process(Path(argv[0]).name, popen, log)


@contextmanager
def running(
    argv: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | int | None = None,
) -> Iterator[Process]:
    """A program that runs for a block: for fixtures of a wider scope than one test."""
    process = start(argv, log, env=env, cwd=cwd, user=user)
    try:
        yield process
    finally:
        process.stop()


def _asked(predicate: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return predicate(), None
    except Exception as error:  # a predicate may fail in any way until it holds; shown at the end
        return None, error


def _gave_up(deadline_s: float, answer: object, error: Exception | None) -> str:
    last = f"{type(error).__name__}: {error}" if error else repr(answer)
    return f"not within {deadline_s:g} s; the last answer was {last}"
