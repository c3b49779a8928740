"""`vigie init`: a configuration that is good as it stands, and never over one that is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vigie import settings
from vigie.config import load

Vigie = Callable[..., Any]


def test_what_it_writes_passes_the_check(vigie: Vigie, tmp_path: Path) -> None:
    target = tmp_path / "new" / "watch"
    ran = vigie("init", target)
    assert ran.status == 0
    assert ran.out.splitlines() == sorted(str(file) for file in target.rglob("*.yaml"))
    checked = vigie("slo", "check", target)
    assert (checked.status, checked.out) == (0, "")
    assert checked.err == "ok: 1 SLO, 1 service, 1 target, 1 channel, 1 runbook\n"


def test_what_it_writes_can_be_served(vigie: Vigie, tmp_path: Path) -> None:
    vigie("init", tmp_path)
    made = settings.load(tmp_path / "vigie.yaml")
    assert made.listen == "127.0.0.1:8080"
    config = load(made.files)
    assert config.warnings == ()
    (target,) = config.targets.values()
    assert target.url == f"http://{made.listen}/metrics"


def test_a_file_that_is_there_stays_and_nothing_else_is_written(
    vigie: Vigie, tmp_path: Path
) -> None:
    (tmp_path / "targets").mkdir()
    mine = tmp_path / "targets" / "vigie.yaml"
    mine.write_text("mine")
    ran = vigie("init", tmp_path)
    assert ran.status == 1
    assert str(mine) in ran.err
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [mine]
    assert mine.read_text() == "mine"


def test_a_folder_that_cannot_be_written_could_not_run(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert vigie("init", tmp_path / "file" / "below").status == 2
