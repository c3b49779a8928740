"""The timelines of incidents: append-only, each a hash chain whose head its incident knows.

Whoever appends holds the incident's row until the transaction ends (on SQLite the writer is alone
anyway), so that of two who append at once the second continues what the first has written.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, false, select, update

from incidents.chain import Break, Entry, Head, Stored, breaks, canonical, canonical_data, link
from incidents.model import EventKind
from vigie.store import automations, jobs, search
from vigie.store.rows import Reading
from vigie.store.sql import decoded, from_json, plain, to_json
from vigie.store.tables import incident as incidents
from vigie.store.tables import storable
from vigie.store.tables import timeline as t

MOST_SHOWN: Final = 20  # breaks that a verdict names
_CHUNK: Final = 5_000  # rows read at once
_HEADS: Final = "SELECT number, timeline_length, timeline_head FROM incident ORDER BY number"
_ENTRIES: Final = (
    "SELECT incident, position, kind, actor, occurred_at, recorded_at, text, data, id, hash "
    "FROM timeline ORDER BY incident, position"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along every chain found.

    `sha256` is over the lines `number length hash` of all incidents, so that one value kept
    elsewhere says later whether anything of what there was then is different.
    """

    incidents: int
    entries: int
    sha256: str
    broken: int  # incidents whose chain breaks
    breaks: tuple[str, ...]  # the first of them

    @property
    def good(self) -> bool:
        return not self.broken

    @property
    def problems(self) -> list[str]:
        """One line a broken timeline, as far as they are named."""
        more = self.broken - len(self.breaks)
        rest = [f"{more} more timelines are broken"] if more else []
        return [f"timeline of {one}" for one in self.breaks] + rest


def append(  # noqa: PLR0917 - the fields of an entry, in the order of its columns
    c: Connection,
    number: int,
    occurred_at: float,
    kind: EventKind,
    actor: str,
    text: str,
    data: Mapping[str, Any],
    *,
    recorded_at: float | None = None,
) -> int:
    """Add to the timeline of an incident; the entry's position. Without `recorded_at` it is
    recorded as it happens. An entry that an automation waits for gets the job that looks at it, so
    that it is looked at if and only if it stands there. LookupError: there is no such incident.
    """
    head, awaited = _lock(c, number, automations.awaited(str(kind)))
    entry = Entry(
        incident=number,
        position=head.length + 1,
        kind=str(kind),
        actor=storable(actor),
        occurred_at=_seconds(occurred_at),
        recorded_at=_seconds(occurred_at if recorded_at is None else recorded_at),
        text=storable(text),
        data=canonical_data(from_json(to_json(plain(data)))),
    )
    now = link(head.hash, entry)
    c.execute(t.insert().values(**_columns(entry), hash=now))
    known = update(incidents).where(incidents.c.number == number)
    c.execute(known.values(timeline_length=entry.position, timeline_head=now))
    if awaited:
        job = automations.job(number, entry.position, entry.recorded_at)
        jobs.enqueue(c, job, entry.recorded_at)
    if kind in search.TELLING:
        search.index(c, number)
    return entry.position


def lock(c: Connection, number: int) -> Head:
    """The head of a timeline, to which nobody else appends until the transaction ends.
    LookupError: there is no such incident.
    """
    return _lock(c, number, false())[0]


def read(c: Connection, number: int, after: int = 0) -> list[Mapping[str, Any]]:
    """What happened to an incident after the entry with this id, in the order it was recorded."""
    return list(_OF_INCIDENT.rows(c, number=number, after=after))


def entry(c: Connection, number: int, position: int) -> Mapping[str, Any] | None:
    """One entry of an incident; None if there is none."""
    found = select(t).where(t.c.incident == number, t.c.position == position)
    row = c.execute(found).mappings().first()
    return None if row is None else decoded(row, "data")


def entry_of(row: Mapping[str, Any]) -> Entry:
    """An entry, as `read` gives it, as it was hashed."""
    return Entry(**{name: row[name] for name in _FIELDS}, data=canonical_data(row["data"]))


def hashed(row: Mapping[str, Any]) -> str:
    """The line of an entry, as `read` gives it, of which its hash was made."""
    return canonical(entry_of(row))


def was_written(c: Connection, number: int, key: str) -> bool:
    """Whether an entry with this idempotency key stands on a timeline. It is locked first: of two
    that come at once, one sees the other's. LookupError: there is no such incident.
    """
    lock(c, number)
    found = select(t.c.data).where(t.c.incident == number, t.c.data.contains('"idempotency_key"'))
    return any(from_json(row.data).get("idempotency_key") == key for row in c.execute(found))


def verify(c: Connection) -> Verdict:
    """Walk every chain of the database, on one snapshot, holding a few thousand rows at a time."""
    heads, entries = (
        c.exec_driver_sql(sql, execution_options={"stream_results": True, "yield_per": _CHUNK})
        for sql in (_HEADS, _ENTRIES)
    )
    return _walk(heads, entries)


def verify_file(file: sqlite3.Connection) -> Verdict:
    """The same of a backup."""
    return _walk(file.execute(_HEADS), file.execute(_ENTRIES))


_OF_INCIDENT: Final = Reading(
    select(t)
    .where(t.c.incident == bindparam("number"), t.c.id > bindparam("after"))
    .order_by(t.c.position),
    "data",
)
_FIELDS: Final = (
    "incident", "position", "kind", "actor", "occurred_at", "recorded_at", "text",
)  # fmt: skip


def _lock(c: Connection, number: int, asked: ColumnElement[bool]) -> tuple[Head, bool]:
    """The head of a timeline, held, and the answer to a question that is asked along with it."""
    columns = (incidents.c.timeline_length, incidents.c.timeline_head, asked.label("asked"))
    held = select(*columns).where(incidents.c.number == number).with_for_update(of=incidents)
    row = c.execute(held).first()
    if row is None:
        raise LookupError(f"there is no incident {number} to write on")
    return Head(number, row[0], row[1]), bool(row[2])


def _seconds(at: float) -> float:
    return float(at) + 0.0  # SQLite makes 0.0 of -0.0


def _columns(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in (*_FIELDS, "data")}


class _Walk:
    """Counts what passes, and digests the heads."""

    def __init__(self) -> None:
        self.incidents = self.entries = 0
        self.digest = sha256()

    def heads(self, rows: Iterable[Any]) -> Iterator[Head]:
        for number, length, last in rows:
            self.incidents += 1
            self.digest.update(f"{number} {length} {last}\n".encode())
            yield Head(number, length, last)

    def chain(self, rows: Iterable[Any]) -> Iterator[Stored]:
        for of, place, kind, actor, at, recorded_at, text, data, id_, last in rows:
            self.entries += 1
            # A text may have become a blob: SQLite stores what it is given.
            words = str(actor), at, recorded_at, str(text), str(data)
            yield Stored(Entry(of, place, str(kind), *words), id_, last)


def _walk(heads: Iterable[Any], entries: Iterable[Any]) -> Verdict:
    walk = _Walk()
    found: Iterator[Break] = breaks(walk.heads(heads), walk.chain(entries))
    first = tuple(str(one) for one in islice(found, MOST_SHOWN))
    broken = len(first) + sum(1 for _ in found)
    return Verdict(walk.incidents, walk.entries, walk.digest.hexdigest(), broken, first)
