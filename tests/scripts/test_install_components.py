"""Bringing the programs that tests need, without leaving a trace on the machine."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from components import COMPONENTS, ROOT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script as a module, on a machine where nothing is installed or can be."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = spec_from_file_location("install_components", ROOT / "scripts/install_components.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(module, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(module, "find", lambda program: None)
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    return module


def test_services_stay_down_only_meanwhile(script: ModuleType) -> None:
    with script.services_stay_down():
        assert script.POLICY.read_text().endswith("exit 101\n")
        assert script.POLICY.stat().st_mode & 0o111
    assert list(script.POLICY.parent.iterdir()) == []


def test_a_policy_that_was_there_is_put_back_even_when_installing_fails(script: ModuleType) -> None:
    script.POLICY.write_text("#!/bin/sh\nexit 0\n")

    def fail() -> None:
        with script.services_stay_down():
            assert "101" in script.POLICY.read_text()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert script.POLICY.read_text() == "#!/bin/sh\nexit 0\n"
    assert [path.name for path in script.POLICY.parent.iterdir()] == ["policy-rc.d"]


def test_what_is_missing_is_named_with_the_tests_that_it_skips(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert script.main() == 0
    said = capsys.readouterr().err
    for program in COMPONENTS:
        assert f"MISSING {program} " in said
    assert "tests/dashboards/test_fleet.py" in said
    assert "not root on Debian, so not installing chromium" in said


def test_in_ci_what_is_missing_is_a_failure(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert script.main() == 1


def test_nothing_is_done_where_everything_is_there(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "find", lambda program: Path("/bin") / program)
    assert script.main() == 0
    assert capsys.readouterr().err == ""
