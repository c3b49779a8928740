"""`vigie db verify` of the database itself: what was planted is found beside a running server."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from incidents.model import EventKind, IncidentType, Severity, Signal, Urgency
from vigie.store import incidents, timeline
from vigie.store.db import open_database

Vigie = Callable[..., Any]
SIGNAL = Signal(
    key="k",
    type=IncidentType.NO_DATA,
    service="s",
    slo="",
    title="no data",
    urgency=Urgency.LOW,
    severity=Severity.SEV4,
    started_at=1.0,
    firing=True,
    clear=False,
    recover_after_s=1.0,
)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Settings of a server that runs, with one incident of two entries."""
    url = blank_database(tmp_path)
    config = tmp_path / "vigie.yaml"
    config.write_text(f"database: {url}\n", encoding="utf-8")
    with closing(open_database(url)) as db:
        db.write(lambda c: incidents.open_incident(c, SIGNAL, 10.0))
        said: tuple[Any, ...] = (EventKind.COMMENTED, "ada", "looking", {})
        db.write(lambda c: timeline.append(c, 1, 20.0, *said))
        yield config


def plant(config: Path, sql: str) -> None:
    with closing(sqlite3.connect(config.parent / "vigie.db")) as file:
        file.execute(sql)
        file.commit()


def test_a_database_whose_timelines_hold_is_good(vigie: Vigie, config: Path) -> None:
    ran = vigie("db", "verify", "-c", config)
    assert ran.status == 0
    assert "vigie.db is good: 2 timeline entries of 1 incidents, sha256 of the heads " in ran.out
    told = json.loads(vigie("db", "verify", "-c", config, "--format", "json").out)
    assert (told["ok"], told["timelines"]["entries"], told["timelines"]["breaks"]) == (True, 2, [])
    assert told["timelines"]["sha256"] in ran.out


def test_a_planted_edit_is_named_and_ends_with_no(vigie: Vigie, config: Path) -> None:
    plant(config, "UPDATE timeline SET text = 'asleep' WHERE position = 2")
    ran = vigie("db", "verify", "-c", config)
    assert ran.status == 1
    assert "is NOT good" in ran.out
    assert "timeline of incident 1, entry 2: its fields do not give its hash" in ran.out
    told = json.loads(vigie("db", "verify", "-c", config, "--format", "json").out)
    assert (told["ok"], told["timelines"]["broken"]) == (False, 1)


def test_a_backup_says_what_was_walked(vigie: Vigie, config: Path, tmp_path: Path) -> None:
    before = vigie("db", "verify", "-c", config).out
    ran = vigie("db", "backup", tmp_path / "b", "-c", config)
    assert ran.status == 0
    again = vigie("db", "verify", tmp_path / "b")
    assert again.status == 0
    assert again.out.splitlines()[1] in before
