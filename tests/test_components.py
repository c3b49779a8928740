"""What the tests themselves stand on."""

import sys

import pytest

import components
from components import eventually, eventually_async, find, free_port, need


def test_a_component_that_is_missing_skips_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(components, "find", lambda program: None)
    with pytest.raises(pytest.skip.Exception, match="promtool is not installed"):
        need("promtool")


def test_a_component_that_is_missing_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(components, "find", lambda program: None)
    with pytest.raises(pytest.fail.Exception, match="promtool is not installed"):
        need("promtool")


def test_a_program_of_its_own_folder_is_found_before_one_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        (folder / "helm").write_text("#!/bin/sh\n")
        (folder / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", str(other))
    component = components.Component("helm", source="a test", folders=(str(own),))
    monkeypatch.setitem(components.COMPONENTS, "helm", component)
    assert find("helm") == own / "helm"


def test_eventually_returns_the_first_truthy_answer() -> None:
    answers = iter([0, None, 7, 8])
    assert eventually(lambda: next(answers), every_s=0.001) == 7


def test_eventually_shows_the_last_error() -> None:
    def refuse() -> bool:
        raise ConnectionError("refused")

    with pytest.raises(AssertionError, match="ConnectionError: refused"):
        eventually(refuse, deadline_s=0.01, every_s=0.001)


async def test_eventually_async_leaves_the_event_loop_free() -> None:
    answers = iter([0, 5])
    assert await eventually_async(lambda: next(answers), every_s=0.001) == 5


def test_free_ports_can_be_listened_on() -> None:
    assert 1024 <= free_port() <= 65535


@pytest.mark.system
def test_a_started_process_ends_with_its_children_and_keeps_its_output(start_process) -> None:
    script = "import subprocess, sys; print('up', flush=True); subprocess.run(['sleep', '60'])"
    process = start_process([sys.executable, "-c", script])
    eventually(lambda: "up" in process.output)
    process.kill()
    assert process.wait() == -9
