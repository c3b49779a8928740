"""The wheel, built once, and an environment that has nothing of Vigie but the wheel."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from components import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the built wheel."""
    into = tmp_path_factory.mktemp("wheel")
    run(ROOT / "scripts" / "wheel", into)
    (path,) = into.glob("vigie-*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs (`python`, `vigie`) of an environment into which the wheel was
    installed. Its dependencies are those of this environment, so that nothing is downloaded.
    """
    environment = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel)
    # A path and not a .pth file of theirs: the editable installation of Vigie is one of those.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"


def run(*arguments: str | Path) -> None:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
