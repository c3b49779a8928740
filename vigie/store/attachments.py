"""Files of incidents, in the database: their bytes by SHA-256, in chunks, with whatever names them.

One transaction writes a file whole or not at all, a backup holds it, and every replica has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, update

from vigie.store.sql import decoded, from_json, insert, plain, to_json
from vigie.store.tables_attachments import attachment as t
from vigie.store.tables_attachments import blob, blob_chunk

# A backup holds 500 rows at a time: 32 MB.
CHUNK: Final = 65_536

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file as it is to be kept. `sent_size` is what came, before `redacted` was taken out."""

    name: str
    media_type: str
    content: bytes
    sent_size: int
    redacted: Mapping[str, int] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None


def add(  # noqa: PLR0917 - what, whereto, by whom and when
    c: Connection, number: int, new: NewAttachment, actor: str, at: float, key: str | None
) -> int:
    """Write a file and its bytes, which are stored once however often they come; its id."""
    digest = sha256(new.content).hexdigest()
    _put(c, digest, new.content)
    values = {
        "incident": number,
        "name": new.name,
        "media_type": new.media_type,
        "size": len(new.content),
        "sha256": digest,
        "blob": digest,
        "sent_size": new.sent_size,
        "redacted": to_json(plain(new.redacted)),
        "summary": None if new.summary is None else to_json(plain(new.summary)),
        "uploaded_at": float(at),
        "uploaded_by": actor,
        "idempotency_key": key,
    }
    return int(c.execute(t.insert().values(values).returning(t.c.id)).scalar_one())


def remove(c: Connection, row: Row, actor: str, reason: str, at: float) -> None:
    """Leave of a file that it was there, who removed it and why; its bytes go with its last name.
    Hold its incident's timeline.
    """
    digest = row["blob"]
    # Held until the transaction ends: nobody attaches these bytes anew while they go.
    c.execute(select(blob.c.sha256).where(blob.c.sha256 == digest).with_for_update())
    gone = {"blob": None, "removed_at": float(at), "removed_by": actor, "removed_for": reason}
    c.execute(update(t).where(t.c.id == row["id"]).values(gone))
    if c.execute(select(t.c.id).where(t.c.blob == digest).limit(1)).first() is None:
        c.execute(blob_chunk.delete().where(blob_chunk.c.sha256 == digest))
        c.execute(blob.delete().where(blob.c.sha256 == digest))


def of_incident(c: Connection, number: int) -> list[Row]:
    """The files of an incident, oldest first, those that were removed too."""
    found = c.execute(select(t).where(t.c.incident == number).order_by(t.c.id))
    return [_read(row) for row in found.mappings()]


def get(c: Connection, number: int, id_: int) -> Row | None:
    """One file of this incident; None for one of another."""
    found = c.execute(select(t).where(t.c.incident == number, t.c.id == id_)).mappings().first()
    return None if found is None else _read(found)


def by_key(c: Connection, number: int, key: str) -> Row | None:
    """The file that came with this idempotency key."""
    asked = select(t).where(t.c.incident == number, t.c.idempotency_key == key)
    found = c.execute(asked).mappings().first()
    return None if found is None else _read(found)


def held(c: Connection, number: int) -> tuple[int, int]:
    """How many files an incident has, and their bytes; removed ones are no more."""
    asked = select(func.count(), func.coalesce(func.sum(t.c.size), 0))
    count, size = c.execute(asked.where(t.c.incident == number, t.c.blob.is_not(None))).one()
    return int(count), int(size)


def piece(c: Connection, digest: str, first: int, count: int) -> bytes:
    """So many chunks of the bytes with this hash; empty after the last."""
    asked = select(blob_chunk.c.bytes).where(
        blob_chunk.c.sha256 == digest,
        blob_chunk.c.position >= first,
        blob_chunk.c.position < first + count,
    )
    return b"".join(row.bytes for row in c.execute(asked.order_by(blob_chunk.c.position)))


def _put(c: Connection, digest: str, content: bytes) -> None:
    one = insert(c, blob).values(sha256=digest, size=len(content))
    # An update that changes nothing waits for whoever is removing these bytes, and holds the row;
    # DO NOTHING would find it and then lose it.
    c.execute(
        one.on_conflict_do_update(index_elements=["sha256"], set_={"size": one.excluded.size})
    )
    stored = select(blob_chunk.c.position).where(blob_chunk.c.sha256 == digest).limit(1)
    if c.execute(stored).first() is None:
        for position, chunk in enumerate(_chunks(content)):
            row = {"sha256": digest, "position": position, "bytes": chunk}
            c.execute(blob_chunk.insert().values(row))


def _chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


def _read(row: RowMapping) -> Row:
    read = decoded(row, "redacted")
    read["summary"] = None if row["summary"] is None else from_json(row["summary"])
    return read
