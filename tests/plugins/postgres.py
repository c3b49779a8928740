"""One PostgreSQL a run, started when the first test asks for it; one database a worker of xdist."""

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from components import free_port, need

USER = "vigie"
_FOLDER = pytest.StashKey[Path]()
# Speed: a test's data need not outlive a power cut.
_CARELESS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60")


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("postgres_folder")
    made = given or tempfile.mkdtemp(prefix="vigie-postgres-")
    config.stash[_FOLDER] = Path(made)


@pytest.hookimpl(optionalhook=True)  # xdist's
def pytest_configure_node(node: object) -> None:
    node.workerinput["postgres_folder"] = str(node.config.stash[_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the run ends the server: its workers come and go."""
    folder = config.stash.get(_FOLDER, None)
    if folder is not None and not hasattr(config, "workerinput"):
        _stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> str:
    """The URL of a database of this worker's own; what is in it is the tests' business."""
    folder = pytestconfig.stash[_FOLDER]
    with _alone(folder):
        port = _port(folder) or _start(folder)
    name = f"vigie_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    admin = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    with psycopg.connect(admin, autocommit=True) as c:
        if c.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            c.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://{USER}@127.0.0.1:{port}/{name}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _port(folder: Path) -> int | None:
    started = folder / "port"
    return int(started.read_text()) if started.exists() else None


def _start(folder: Path) -> int:
    """Make a cluster and start its server, as another user where we are root: it refuses root."""
    initdb, port = need("initdb"), free_port()
    os.chown(folder, _owner() if _owner() is not None else -1, -1)
    data = folder / "data"
    _run(folder, initdb, "-D", data, "-U", USER, "--auth=trust", "--no-sync", "--locale=C.UTF-8")
    careless = " ".join(f"-c {option}" for option in _CARELESS)
    options = f"-k {folder} -h 127.0.0.1 -p {port} {careless}"
    control, log = need("pg_ctl"), folder / "log"
    _run(folder, control, "start", "-w", "-t", "60", "-D", data, "-l", log, "-o", options)
    (folder / "port").write_text(str(port))
    return port


def _stop(folder: Path) -> None:
    if _port(folder) is not None:
        _run(folder, need("pg_ctl"), "stop", "-w", "-m", "fast", "-D", folder / "data")


def _run(folder: Path, *argv: str | Path) -> None:
    output = folder / "output"
    with output.open("wb") as sink:  # not a pipe: the server would inherit and hold it
        ran = subprocess.run(
            [str(part) for part in argv],
            user=_owner(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            check=False,
        )
    assert ran.returncode == 0, output.read_text(errors="replace")


def _owner() -> int | None:
    """Whom to run the server as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid
