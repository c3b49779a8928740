"""What is read past SQLAlchemy is what SQLAlchemy would have read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.exc import DBAPIError

from vigie.store.db import Database, open_database
from vigie.store.rows import CHUNK, Reading, chunks, mappings
from vigie.store.tables import meta as t


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'vigie.db'}")
    opened.write(lambda c: c.execute(t.delete()))
    rows = [{"key": f"k{n:05d}", "value": f'{{"n":{n}}}'} for n in range(2 * CHUNK + 1)]
    opened.write(lambda c: c.execute(t.insert(), rows))
    yield opened
    opened.close()


ONE = select(t).where(t.c.key == bindparam("key"), t.c.value != "no")


def test_the_rows_are_those_of_sqlalchemy_with_json_read(db: Database) -> None:
    shown = {"key": "k00007", "value": {"n": 7}}
    assert db.read(lambda c: Reading(ONE, "value").rows(c, key="k00007")) == [shown]
    assert db.read(lambda c: Reading(ONE).rows(c, key="none")) == []
    assert db.read(lambda c: mappings(c, ONE.params(key="k00007"), "value")) == [shown]


def test_what_the_transaction_wrote_itself_is_read(db: Database) -> None:
    def write_and_read(c):  # type: ignore[no-untyped-def]  # a connection
        c.execute(t.insert().values(key="new", value="1"))
        return Reading(ONE).rows(c, key="new")

    assert db.write(write_and_read) == [{"key": "new", "value": "1"}]


def test_chunks_hold_every_row_once_in_order(db: Database) -> None:
    parts = db.read(lambda c: list(chunks(c.execute(select(t.c.key).order_by(t.c.key)))))
    assert [len(part) for part in parts] == [CHUNK, CHUNK, 1]
    assert [key for part in parts for (key,) in part] == [f"k{n:05d}" for n in range(2 * CHUNK + 1)]


def test_an_error_of_the_driver_is_told_as_sqlalchemy_tells_it(db: Database) -> None:
    wrong = Reading(select(literal_column("1").label("one")).where(literal_column("nothing") == 1))
    with pytest.raises(DBAPIError, match="nothing"):
        db.read(wrong.rows)
