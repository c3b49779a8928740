"""vigie.demo.config: the files that the demo writes are good, and say what the demo says."""

from pathlib import Path

import pytest

from vigie import settings
from vigie.config import Config, load
from vigie.demo.config import RUNBOOK, SLO, WINDOWS, Addresses, write
from vigie.demo.fleet import PORTS, address, plan

FLEET = plan(list(range(9000, 9000 + PORTS)), seed=1)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    where = Addresses("127.0.0.1:9999", "http://127.0.0.1:9998/hook")
    return write(tmp_path, FLEET, where, "s3cret")


@pytest.fixture
def config(written: Path) -> Config:
    return load(settings.load(written).files)


def test_the_files_are_good_and_nothing_in_them_surprises(config: Config) -> None:
    assert config.warnings == ()
    assert {"frontend", "checkout", "payments"} == set(config.services)
    assert SLO in config.watches
    assert len(config.targets) == PORTS


def test_every_replica_is_scraped_each_second(config: Config) -> None:
    assert {t.instance for t in config.targets.values()} == {address(r) for r in FLEET.replicas}
    assert {t.interval_s for t in config.targets.values()} == {1.0}


def test_every_slo_is_watched_by_the_shortened_windows_as_they_are(config: Config) -> None:
    for watch in config.watches.values():
        (arm,) = watch.arms
        assert (arm.kind, arm.burn_rate) == ("page", WINDOWS.burn_rate)
        assert (arm.long_s, arm.short_s) == (WINDOWS.long_s, WINDOWS.short_s)
        assert watch.policy.recover_after_s == WINDOWS.recover_after_s


def test_the_windows_tell_how_they_differ_from_the_default() -> None:
    assert "page at 10x over 16s and 4s" in str(WINDOWS)
    assert "default: 14.4x over 1h and 5m" in str(WINDOWS)


def test_the_runbook_asks_every_replica_of_checkout(config: Config) -> None:
    runbook = next(book for book in config.runbooks if book.name == RUNBOOK)
    assert runbook.mode == "diagnose"
    asked = [step.url for step in runbook.steps if step.kind == "http"]
    assert asked == [f"http://{address(r)}/debug/errors" for r in FLEET.of("checkout")]
    assert all(step.read_only for step in runbook.steps if step.kind == "http")
    assert runbook.steps[-1].kind == "manual"


def test_the_secret_lies_in_a_file_of_its_own_that_others_cannot_read(written: Path) -> None:
    secret = written.parent / "secret"
    assert secret.read_text() == "s3cret\n"
    assert secret.stat().st_mode & 0o077 == 0
    assert all("s3cret" not in f.read_text() for f in written.parent.glob("*.yaml"))
