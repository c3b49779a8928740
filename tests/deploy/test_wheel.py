"""The wheel: everything that Vigie reads at run time is in it, and nothing else."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from components import ROOT, find, missing

PACKAGES = ("slo", "collectors", "incidents", "runbooks", "dashboards", "vigie")
VENDOR = "vigie/web/static/vendor/"


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.system
def test_every_file_of_the_packages_is_in_it(names: set[str]) -> None:
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in names if ".dist-info/" not in name} == files


@pytest.mark.system
def test_page_assets_are_in_it(names: set[str]) -> None:
    if find("npm") is None:
        missing("page assets were not set up; they come from npm")
    assert any(name.startswith(VENDOR) for name in names)


@pytest.mark.system
def test_the_licence_and_the_program_are_in_it(wheel: Path, names: set[str]) -> None:
    info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    assert f"{info}/licenses/LICENSE" in names
    entry_points = zipfile.ZipFile(wheel).read(f"{info}/entry_points.txt").decode()
    assert "vigie = vigie.cli:main" in entry_points


@pytest.mark.system
def test_installed_from_it_vigie_runs_from_any_folder(installed: Path, tmp_path: Path) -> None:
    code = "import slo, vigie; print(slo.__file__, vigie.__file__)"
    where = subprocess.run(
        [installed / "python", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert where.stdout.count(str(installed.parent)) == 2
    done = subprocess.run(
        [installed / "vigie", "dashboard", "build", "--out", tmp_path / "grafana"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "grafana" / "vigie-fleet.json").is_file()
