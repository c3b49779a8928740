"""The first start of a server whose people sign in."""

import logging
from pathlib import Path

import pytest

from serving import SLO
from vigie.app import App, build
from vigie.settings import load


def server(folder: Path, more: str = "users: true\n") -> App:
    (folder / "slos").mkdir(exist_ok=True)
    (folder / "slos/slo.yaml").write_text(SLO.partition("---")[0])
    (folder / "vigie.yaml").write_text(f"slice: 1s\nfiles: [slos]\n{more}")
    return build(load(folder / "vigie.yaml"))


async def started(app: App, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a start says of the first admin."""
    caplog.clear()
    caplog.set_level(logging.INFO)
    await app.start()
    await app.stop()
    return [r.getMessage() for r in caplog.records if "one-time password" in r.getMessage()]


async def test_it_makes_an_admin_and_tells_the_password_this_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (said,) = await started(server(tmp_path), caplog)
    assert said.startswith("sign in as admin with the one-time password ")
    assert await started(server(tmp_path), caplog) == []


async def test_without_the_setting_it_makes_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await started(server(tmp_path, ""), caplog) == []
