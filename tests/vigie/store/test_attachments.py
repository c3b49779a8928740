"""Bytes of attachments: stored once, whole, and gone with the last file that has them."""

from functools import partial
from typing import Any

from sqlalchemy import Connection, func, select

from fleet import T0, burn_signal
from vigie.store import attachments, incidents
from vigie.store.attachments import CHUNK, NewAttachment
from vigie.store.db import Database
from vigie.store.tables_attachments import blob, blob_chunk

LONG = bytes(range(256)) * (CHUNK // 64)  # four chunks


def new(content: bytes = LONG, **more: Any) -> NewAttachment:
    return NewAttachment("a.log", "text/plain", content, len(content), **more)


def add(db: Database, content: bytes = LONG, key: str | None = None) -> int:
    def work(c: Connection) -> int:
        number = 1 if incidents.get(c, 1) else incidents.open_incident(c, burn_signal(), T0)
        assert number == 1
        return attachments.add(c, number, new(content), "ada", T0, key)

    return db.write(work)


def stored(db: Database) -> tuple[int, int]:
    """How many bytes there are under how many names."""

    def read(c: Connection) -> tuple[int, int]:
        size = select(func.coalesce(func.sum(func.length(blob_chunk.c.bytes)), 0))
        count = c.execute(select(func.count()).select_from(blob)).scalar_one()
        return int(c.execute(size).scalar_one()), int(count)

    return db.read(read)


def test_what_is_read_in_pieces_is_what_was_written(db: Database) -> None:
    row = db.read(lambda c: attachments.get(c, 1, add(db)))
    assert row is not None
    digest = row["sha256"]
    pieces = [
        db.read(partial(attachments.piece, digest=digest, first=n, count=3)) for n in (0, 3, 6)
    ]
    assert [len(piece) for piece in pieces] == [3 * CHUNK, CHUNK, 0]
    assert b"".join(pieces) == LONG


def test_the_same_bytes_are_stored_once_and_go_with_the_last_file(db: Database) -> None:
    first, second, other = add(db), add(db), add(db, b"other")
    assert stored(db) == (len(LONG) + 5, 2)

    def remove(id_: int) -> None:
        def work(c: Connection) -> None:
            row = attachments.get(c, 1, id_)
            assert row is not None
            attachments.remove(c, row, "bob", "wrong file", T0 + 1)

        db.write(work)

    remove(first)
    assert stored(db) == (len(LONG) + 5, 2)
    assert db.read(lambda c: attachments.held(c, 1)) == (2, len(LONG) + 5)
    remove(second)
    remove(other)
    assert stored(db) == (0, 0)
    assert db.read(lambda c: attachments.held(c, 1)) == (0, 0)
    told = db.read(lambda c: attachments.of_incident(c, 1))
    assert [(row["id"], row["removed_by"], row["removed_for"]) for row in told] == [
        (id_, "bob", "wrong file") for id_ in (first, second, other)
    ]
    assert add(db) > other  # bytes that went come again
    assert stored(db) == (len(LONG), 1)


def test_a_file_belongs_to_one_incident(db: Database) -> None:
    id_ = add(db, key="k")
    assert db.read(lambda c: attachments.get(c, 2, id_)) is None
    assert db.read(lambda c: attachments.by_key(c, 2, "k")) is None
    found = db.read(lambda c: attachments.by_key(c, 1, "k"))
    assert found is not None
    assert found["id"] == id_
