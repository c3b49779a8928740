"""Composition: built, started, reloaded, stopped, and nothing left behind when that fails."""

from pathlib import Path

import pytest

from serving import SLO
from slo.load.yaml import LoadError
from vigie.app import build
from vigie.settings import Settings, load
from vigie.store.errors import Locked

# Nobody listens there; that is all the same to what is tested.
TARGETS = """apiVersion: vigie.dev/v1
kind: Targets
metadata: {name: shop}
spec: {service: shop, interval: 500ms, targets: [{address: "127.0.0.1:1"}]}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "slo.yaml").write_text(SLO)
    (tmp_path / "slos" / "targets.yaml").write_text(TARGETS)
    config = tmp_path / "vigie.yaml"
    config.write_text("slice: 1s\nfiles: [slos]\n")
    return load(config)


async def test_a_server_can_be_started_and_stopped_time_after_time(settings: Settings) -> None:
    for _ in range(2):
        app = build(settings)
        await app.start()
        await app.stop()


async def test_a_second_server_on_the_same_database_is_refused(settings: Settings) -> None:
    app = build(settings)
    await app.start()
    with pytest.raises(Locked, match="another server"):
        build(settings)
    await app.stop()


def test_files_that_cannot_be_used_leave_no_lock_behind(settings: Settings) -> None:
    file = settings.files[0] / "slo.yaml"
    file.write_text("kind: SLO\n")
    with pytest.raises(LoadError):
        build(settings)
    file.write_text(SLO)
    build(settings).close()


async def test_a_bad_reload_is_refused_and_a_good_one_taken(settings: Settings) -> None:
    app = build(settings)
    await app.start()
    file = settings.files[0] / "slo.yaml"
    file.write_text(SLO.replace("0.99", "1.99"))
    with pytest.raises(LoadError, match=r"slo\.yaml:15:25"):
        await app.reload()
    file.write_text(SLO.replace("0.99", "0.95"))
    await app.reload()
    assert app.live.config.generation == 2
    (watch,) = app.live.config.watches.values()
    assert watch.slo.objective == 0.95
    await app.stop()
