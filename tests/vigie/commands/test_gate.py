"""What people do to a deploy gate, on a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from slo.gate import MAX_OVERRIDE_S, Override
from slo.spec import Service
from vigie.commands import gate as commands
from vigie.commands.errors import Invalid, NotFound
from vigie.config import Config
from vigie.store import gate as store
from vigie.store.db import Database, open_database

NOW = 1_790_000_000.0
CONFIG = Config({"shop": Service("shop")}, {}, {}, {}, ())
SAID: dict[str, Any] = {"actor": "ann", "reason": "the fix itself", "lasts_s": 7200.0, "now": NOW}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


def every(db: Database) -> list[Override]:
    return db.read(lambda c: store.page(c, "shop", before=None, limit=10))


def test_an_override_says_who_why_and_until_when(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    commands.override(db, CONFIG, "shop", **{**SAID, "reason": "  the fix\n"})
    assert every(db) == [Override(1, "shop", "ann", "the fix", NOW, NOW + 7200)]
    assert caplog.messages == ["deploy gate of shop opened for 2h by ann: the fix"]


def test_the_same_key_writes_and_logs_once(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        commands.override(db, CONFIG, "shop", **SAID, key="k")
    assert (len(every(db)), len(caplog.messages)) == (1, 1)


def test_whoever_withdraws_is_kept_and_again_changes_nothing(db: Database) -> None:
    commands.override(db, CONFIG, "shop", **SAID)
    commands.withdraw(db, CONFIG, "shop", actor="bob", now=NOW + 60)
    commands.withdraw(db, CONFIG, "shop", actor="cem", now=NOW + 90)
    (one,) = every(db)
    assert (one.withdrawn_by, one.withdrawn_at) == ("bob", NOW + 60)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"actor": " "}, "the name is empty"),
        ({"actor": "ann\nbob"}, "characters that cannot be shown"),
        ({"actor": "x" * 101}, "the name has 101 characters; at most 100"),
        ({"reason": "\x00"}, "the reason is empty"),
        ({"reason": "x" * 1001}, "the reason has 1001 characters"),
        ({"lasts_s": 0.0}, "longer than 0s and at most 7d"),
        ({"lasts_s": MAX_OVERRIDE_S + 0.001}, "longer than 0s and at most 7d"),
    ],
)
def test_an_override_without_author_reason_or_end_is_refused(
    db: Database, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        commands.override(db, CONFIG, "shop", **{**SAID, **wrong})
    assert every(db) == []


def test_a_week_is_not_too_long(db: Database) -> None:
    commands.override(db, CONFIG, "shop", **{**SAID, "lasts_s": MAX_OVERRIDE_S})
    assert every(db)[0].expires_at == NOW + 7 * 86400


def test_a_service_that_is_not_there_has_no_gate(db: Database) -> None:
    with pytest.raises(NotFound, match="no service `shpo`"):
        commands.override(db, CONFIG, "shpo", **SAID)
    with pytest.raises(NotFound, match="no service `shpo`"):
        commands.withdraw(db, CONFIG, "shpo", actor="ann", now=NOW)
