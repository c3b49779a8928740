"""Corrections of a timeline: entries of their own, beside the words that they correct."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from incidents.model import IncidentType, Severity, Signal, Urgency
from vigie.commands import comment
from vigie.commands.errors import Invalid, NotFound
from vigie.commands.timeline import correct
from vigie.config import Config
from vigie.store import incidents, timeline
from vigie.store.db import Database, open_database

NOW = 1_790_000_000.0
SIGNAL = Signal(
    key="no-data:checkout",
    type=IncidentType.NO_DATA,
    service="checkout",
    slo="",
    title="checkout: no data",
    urgency=Urgency.LOW,
    severity=Severity.SEV4,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW - 30))
    assert number == 1
    comment(db, Config({}, {}, {}, {}, ()), 1, "deployed at 14:02", actor="ann", now=NOW)
    yield db
    db.close()


def correction(db: Database, position: int = 2, number: int = 1, **more: Any) -> None:
    said = {"actor": "bob", "text": "deployed at 13:02", "reason": "wrong zone", **more}
    correct(db, number, position, **said, now=NOW + 60)


def written(db: Database) -> list[tuple[Any, ...]]:
    rows = db.read(lambda c: timeline.read(c, 1))
    return [(row["kind"], row["actor"], row["text"], row["data"]) for row in rows[1:]]


COMMENT: tuple[Any, ...] = ("commented", "ann", "deployed at 14:02", {})


def test_a_correction_is_an_entry_that_names_the_other_which_stays(db: Database) -> None:
    correction(db)
    data = {"corrects": 2, "reason": "wrong zone"}
    assert written(db) == [COMMENT, ("corrected", "bob", "deployed at 13:02", data)]
    assert db.read(timeline.verify).good


def test_what_the_machine_wrote_is_corrected_too_and_more_than_once(db: Database) -> None:
    for text in ("no targets", "no targets of west"):
        correction(db, 1, text=text)
    assert [(row[2], row[3]["corrects"]) for row in written(db)[1:]] == [
        ("no targets", 1),
        ("no targets of west", 1),
    ]


def test_a_correction_that_comes_again_is_written_once(db: Database) -> None:
    for _ in range(3):
        correction(db, key="k")
    assert len(written(db)) == 2
    correction(db, key="j")
    assert len(written(db)) == 3


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"position": 9}, NotFound, "incident #1 has no entry 9"),
        ({"number": 9}, NotFound, "no incident #9"),
        ({"text": " "}, Invalid, "the text is empty"),
        ({"reason": ""}, Invalid, "the reason is empty"),
        ({"actor": "a\nb"}, Invalid, "cannot be shown"),
        ({"position": 3}, Invalid, "entry 3 is itself a correction: correct entry 2 again"),
    ],
)
def test_what_cannot_be_corrected_is_refused_and_nothing_written(
    db: Database, given: dict[str, Any], error: type[Exception], said: str
) -> None:
    correction(db)
    with pytest.raises(error, match=said):
        correction(db, **given)
    assert len(written(db)) == 2
