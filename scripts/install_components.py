"""Brings the programs that system tests run against, and names those that are missing.

As root on Debian they come from Debian's packages, and no service of theirs is started; helm comes
by `go install` where Go is. What is missing after that is named with the tests that ask for it,
and is a failure where CI=true.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from components import COMPONENTS, TOOLS, Component, find  # noqa: E402 - tests/ is on the path now

HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1"
# Chromium draws no text without a font, and recommends one only.
ALSO = {"chromium": ("fonts-liberation",)}
POLICY = Path("/usr/sbin/policy-rc.d")


def main() -> int:
    """Exit status 1 when something is missing and CI=true."""
    packages = sorted({c.package for c in _missing() if c.package})
    if packages:
        install(packages)
    install_helm()
    missing = _missing()
    for component in missing:
        say(f"MISSING {component.program} ({component.comes_from}); skips tests of:")
        for path in _asked_by(component.program):
            say(f"  {path}")
    if not missing:
        return 0
    in_ci = os.environ.get("CI") == "true"
    say("CI=true: that is a failure" if in_ci else "the tests named above are skipped")
    return 1 if in_ci else 0


def install(packages: list[str]) -> None:
    """Install Debian packages where we may; a failure is shown, and the programs stay missing."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say(f"not root on Debian, so not installing {', '.join(packages)}")
        return
    wanted = [*packages, *(also for name in packages for also in ALSO.get(name, ()))]
    say(f"installing {', '.join(wanted)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with tempfile.TemporaryFile("w+") as log, services_stay_down():
        for step in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
            done = subprocess.run(
                ["apt-get", "-q", *step], env=environment, stdout=log, stderr=log, check=False
            )
            if done.returncode != 0:
                log.seek(0)
                say(f"apt-get {step[0]} failed:\n{log.read()[-3000:]}")


@contextmanager
def services_stay_down() -> Iterator[None]:
    """No package starts its service meanwhile: Debian asks policy-rc.d, and 101 is no."""
    with tempfile.TemporaryDirectory(dir=POLICY.parent, prefix=".policy-rc.d-") as kept:
        before = Path(kept) / POLICY.name
        had_one = POLICY.exists() or POLICY.is_symlink()
        if had_one:
            POLICY.rename(before)
        try:
            POLICY.write_text("#!/bin/sh\nexit 101\n")
            POLICY.chmod(0o755)
            yield
        finally:
            POLICY.unlink(missing_ok=True)
            if had_one:
                before.rename(POLICY)


def install_helm() -> None:
    """Build helm into .tools/bin, once for each version."""
    stamp = TOOLS / ".helm"
    if stamp.exists() and stamp.read_text() == HELM and (TOOLS / "helm").exists():
        return
    if shutil.which("go") is None:
        return
    say(f"building {HELM} (the first time takes a few minutes)")
    TOOLS.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(TOOLS)}
    done = subprocess.run(
        ["go", "install", "-ldflags=-s -w", HELM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        stamp.write_text(HELM)
    else:
        say(f"helm could not be built:\n{done.stderr[-3000:]}")


def say(text: str) -> None:
    print(f"components: {text}", file=sys.stderr, flush=True)


def _missing() -> list[Component]:
    return [component for component in COMPONENTS.values() if find(component.program) is None]


def _asked_by(program: str) -> list[str]:
    """The test files and plugins that ask for a program."""
    asks = re.compile(rf"""need\(\s*["']{re.escape(program)}["']""")
    files = sorted((ROOT / "tests").rglob("*.py"))
    found = [path for path in files if asks.search(path.read_text(encoding="utf-8"))]
    return [str(path.relative_to(ROOT)) for path in found if path.name != "test_components.py"]


if __name__ == "__main__":
    sys.exit(main())
