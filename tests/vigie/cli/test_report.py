"""`vigie slo report` over a database that nobody serves."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blank import blank_database
from serving import SLO
from slo.ledger import Row
from vigie.cli.ending import CannotRun
from vigie.cli.report import Output, report
from vigie.config import load
from vigie.store.db import open_database
from vigie.store.ledger import sli_ids, write_slices

DAY = 20_727  # 2026-10-01, counted since 1970


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings beside a database that holds one day of one SLO."""
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "shop.yaml").write_text(SLO.split("---")[0], encoding="utf-8")
    settings = tmp_path / "vigie.yaml"
    settings.write_text("files: [slos]\n", encoding="utf-8")
    (watch,) = load([tmp_path / "slos"]).watches.values()
    first, values = DAY * 1440, (np.array([9]), np.array([10]), np.array([60_000_000]))
    rows = [Row(60, (first + minute) * 60, 1, *values) for minute in range(1440)]
    (tmp_path / "data").mkdir()
    with closing(open_database(blank_database(tmp_path / "data"))) as db:
        db.write(lambda c: write_slices(c, rows, sli_ids(c, [watch.slo.sli.fingerprint(10)])))
    return settings


def test_a_report_is_printed_from_the_ledger(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report("2026-10-01", output=Output.JSON, config=config)
    facts = json.loads(capsys.readouterr().out)
    ((shop,), period) = facts["services"], facts["period"]
    assert (period["complete"], shop["slos"][0]["total"]) == (True, 14_400)
    assert (config.parent / "data" / "history").is_dir()


def test_a_report_is_written_to_a_file_the_same_again(config: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.html", tmp_path / "b.html"]
    for file in files:
        report("2026-10", service="shop", output=Output.HTML, out=file, config=config)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_text().startswith("<!doctype html>")


def test_a_report_as_of_a_time_ends_there(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report("2026-10", zone="Europe/Paris", at="2026-10-01 14:00", output=Output.JSON, config=config)
    facts = json.loads(capsys.readouterr().out)
    assert facts["period"]["until"] == "2026-10-01T14:00:00+02:00"
    assert facts["services"][0]["slos"][0]["total"] == 12 * 600


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"period": "october"}, "2026-Q3"),
        ({"zone": "Nowhere"}, "is no time zone"),
        ({"at": "noon"}, "is no wall-clock time"),
        ({"service": "shpo"}, "there are: shop"),
        ({"config": Path("nowhere.yaml")}, "there is no such file"),
        ({"out": Path("/nowhere/at/all.md")}, "cannot be written"),
    ],
)
def test_what_cannot_be_reported_on_says_why(
    config: Path, changes: dict[str, Any], message: str
) -> None:
    given: dict[str, Any] = {"period": "2026-10", "config": config, **changes}
    with pytest.raises(CannotRun, match=message):
        report(**given)


def test_a_database_that_is_not_there_is_told_by_name(config: Path) -> None:
    (config.parent / "data" / "vigie.db").unlink()
    with pytest.raises(CannotRun, match="vigie"):
        report("2026-10", config=config)
