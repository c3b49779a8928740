"""How far the past of columns was read, kept over a restart."""

from dataclasses import replace

from vigie.store import backfill
from vigie.store.backfill import Progress
from vigie.store.db import Database

ONE = Progress("a", "main", oldest=0, seam=7200, done_from=7200)


def test_progress_is_read_as_it_was_written_last(db: Database) -> None:
    other = Progress("b", "other", oldest=0, seam=60, done_from=60)
    db.write(lambda c: backfill.write(c, [ONE, other]))
    db.write(lambda c: backfill.write(c, [replace(ONE, done_from=3600)]))
    assert db.read(lambda c: backfill.read(c, "main")) == {"a": replace(ONE, done_from=3600)}


def test_it_is_done_once_all_that_is_wanted_was_read() -> None:
    assert not replace(ONE, done_from=60).done
    assert replace(ONE, done_from=0).done


def test_nothing_to_note_is_no_statement(db: Database) -> None:
    db.write(lambda c: backfill.write(c, []))
    assert db.read(lambda c: backfill.read(c, "main")) == {}
