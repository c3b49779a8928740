"""Ledger rows: the slices of all SLIs as one blob a slice, and spans; columns by fingerprint.

A blob holds the entries that are not zero, sorted by SLI number: gaps between the numbers, total,
total - good (mostly zero, so it costs next to nothing), measured time; each as the narrowest
integers that hold it, little-endian, compressed when that pays. Byte 0 is the version, byte 1 says
whether the rest is compressed, bytes 2..5 the widths, 6..9 the number of entries.
"""

import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Row, select, tuple_

from slo.ledger import Row as SliceRow
from slo.series import Ints
from slo.spans import Spans
from vigie.store.errors import Corrupt, Newer
from vigie.store.sql import insert, insert_for, put
from vigie.store.tables import ledger, sli, span

_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BB4BI")
_WORTH_COMPRESSING: Final = 1024
_MANY: Final = 5000  # names in one statement: below both databases' limits on parameters


def sli_ids(c: Connection, fingerprints: Sequence[str]) -> Ints:
    """The numbers of these SLIs, new ones given where there were none; a number is for ever."""
    known = numbers(c, fingerprints)
    new = [{"fingerprint": text} for text in dict.fromkeys(fingerprints) if text not in known]
    if new:
        c.execute(insert(c, sli).on_conflict_do_nothing(index_elements=["fingerprint"]), new)
        known |= numbers(c, [row["fingerprint"] for row in new])
    return np.array([known[text] for text in fingerprints], dtype=np.int64)


def numbers(c: Connection, fingerprints: Sequence[str]) -> dict[str, int]:
    """By fingerprint: the numbers of those SLIs that have one."""
    known: dict[str, int] = {}
    for first in range(0, len(fingerprints), _MANY):
        some = sli.c.fingerprint.in_(fingerprints[first : first + _MANY])
        known.update((row.fingerprint, row.id) for row in c.execute(select(sli).where(some)))
    return known


def write_slices(
    c: Connection, rows: Iterable[SliceRow], ids: Ints, *, shared_before: float = math.inf
) -> None:
    """Write slices whose columns are `ids`, by absolute value. A higher revision replaces a lower
    one; an equal or lower one changes nothing. What a stored slice that begins before
    `shared_before` holds of other SLIs (they left the configuration then) stays in it.
    """
    given = {(row.width_s, row.start): row for row in rows}
    if not given:
        return
    before = _stored(c, [key for key in given if key[1] < shared_before])
    written = [
        {
            "width_s": int(row.width_s),
            "slice_start": int(row.start),
            "revision": int(row.revision),
            "bytes": encode(_merged(_entries(row, ids), before.get(key), ids)),
        }
        for key, row in given.items()
        if key not in before or before[key].revision < row.revision
    ]
    if not written:
        return
    c.execute(_upsert(c.dialect.name), written)


@cache
def _upsert(dialect: str) -> Any:
    """The statement that writes slices; built once, for a tick waits for it."""
    statement = insert_for(dialect, ledger)
    later = {name: statement.excluded[name] for name in ("revision", "bytes")}
    return statement.on_conflict_do_update(
        index_elements=["width_s", "slice_start"],
        set_=later,
        where=ledger.c.revision < statement.excluded.revision,
    )


def read_slices(
    c: Connection, width_s: int, from_start: int, to_start: int, ids: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """The slices of one width that begin in [from_start, to_start): their starts, and good, total
    and measured microseconds as [slice, column], zero where a slice holds nothing of an SLI.
    """
    found = c.execute(
        select(ledger.c.slice_start, ledger.c.bytes)
        .where(ledger.c.width_s == width_s)
        .where(ledger.c.slice_start >= from_start, ledger.c.slice_start < to_start)
        .order_by(ledger.c.slice_start)
    ).all()
    col_of = np.full(int(ids.max(initial=0)) + 1, -1, dtype=np.int64)
    col_of[ids] = np.arange(len(ids))
    sums = np.zeros((3, len(found), len(ids)), dtype=np.int64)
    for index, (_, blob) in enumerate(found):
        entries = decode(blob)
        asked = entries.ids < len(col_of)
        cols = col_of[entries.ids[asked]]
        here = cols >= 0
        sums[:, index, cols[here]] = entries.sums[:, asked][:, here]
    starts = np.array([start for start, _ in found], dtype=np.int64)
    return starts, sums[0], sums[1], sums[2]


def revisions(c: Connection, width_s: int, from_start: int, to_start: int) -> dict[int, int]:
    """By start: the revision of each slice of one width that begins in [from_start, to_start)."""
    found = c.execute(
        select(ledger.c.slice_start, ledger.c.revision)
        .where(ledger.c.width_s == width_s)
        .where(ledger.c.slice_start >= from_start, ledger.c.slice_start < to_start)
    )
    return {row.slice_start: row.revision for row in found}


def cells(c: Connection, width_s: int, from_start: int, to_start: int, of_s: int) -> set[int]:
    """The starts of the cells of `of_s` seconds in which slices of one width begin."""
    cell = ledger.c.slice_start - ledger.c.slice_start % of_s
    found = select(cell).distinct().where(ledger.c.width_s == width_s)
    inside = (ledger.c.slice_start >= from_start, ledger.c.slice_start < to_start)
    return set(c.execute(found.where(*inside)).scalars())


def first_start(c: Connection, width_s: int) -> int | None:
    """The start of the earliest slice of one width; None when there is none."""
    earliest = (
        select(ledger.c.slice_start)
        .where(ledger.c.width_s == width_s)
        .order_by(ledger.c.slice_start)
        .limit(1)
    )
    return c.execute(earliest).scalar()


def write_spans(c: Connection, spans: Spans, ids: Ints) -> None:
    """Store spans whose columns are `ids`; one that stands there already is written again."""
    if not len(spans.cols):
        return
    columns = zip(
        ids[spans.cols].tolist(),
        spans.began.tolist(),
        spans.ended.tolist(),
        spans.good.tolist(),
        spans.total.tolist(),
        strict=True,
    )
    names = ("sli_id", "began_at", "ended_at", "good", "total")
    rows = [dict(zip(names, row, strict=True)) for row in columns]
    put(c, span, rows, by=("sli_id", "began_at", "ended_at"))


def read_spans(c: Connection, since: float, ids: Ints) -> Spans:
    """The spans of these SLIs that ended after `since`, in the order of their ends."""
    col_of = {number: col for col, number in enumerate(ids.tolist())}
    found = c.execute(
        select(span.c.sli_id, span.c.began_at, span.c.ended_at, span.c.good, span.c.total)
        .where(span.c.ended_at > since)
        .order_by(span.c.ended_at, span.c.id)
    ).all()
    kept = [row for row in found if row.sli_id in col_of]
    return Spans(
        cols=np.array([col_of[row.sli_id] for row in kept], dtype=np.int64),
        began=np.array([row.began_at for row in kept], dtype=np.float64),
        ended=np.array([row.ended_at for row in kept], dtype=np.float64),
        good=np.array([row.good for row in kept], dtype=np.int64),
        total=np.array([row.total for row in kept], dtype=np.int64),
    )


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """What one slice holds: SLI numbers, ascending, and good, total, measured as [3, entry]."""

    ids: Ints
    sums: Ints


def encode(entries: Entries) -> bytes:
    """The blob of a slice."""
    good, total, measured = entries.sums
    gaps = np.diff(entries.ids, prepend=0)
    parts = [_narrowest(values) for values in (gaps, total, total - good, measured)]
    body = b"".join(part.tobytes() for part in parts)
    packed = len(body) > _WORTH_COMPRESSING
    widths = [part.itemsize for part in parts]
    head = _HEAD.pack(_VERSION, packed, *widths, len(gaps))
    return head + (zlib.compress(body, 1) if packed else body)


def decode(blob: bytes) -> Entries:
    """The entries of a blob. Newer, Corrupt: it is none of this version's."""
    try:
        version, packed, *widths, count = _HEAD.unpack_from(blob)
        if version > _VERSION:
            raise Newer(f"a ledger row has format {version}; this program reads up to {_VERSION}")
        body = blob[_HEAD.size :]
        body = zlib.decompress(body) if packed else body
        gaps, total, bad, measured = _split(body, widths, count)
    except (struct.error, zlib.error, ValueError, TypeError) as error:
        raise Corrupt(f"a ledger row cannot be read: {error}; restore a backup") from error
    return Entries(np.cumsum(gaps), np.stack([total - bad, total, measured]))


def _split(body: bytes, widths: Sequence[int], count: int) -> list[Ints]:
    parts, offset = [], 0
    for width in widths:
        values = np.frombuffer(body, f"<i{width}", count, offset)
        parts.append(values.astype(np.int64))
        offset += width * count
    return parts


def _narrowest(values: Ints) -> npt.NDArray[np.signedinteger[Any]]:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for width in (1, 2, 4):
        if -(1 << 8 * width - 1) <= low and high < 1 << 8 * width - 1:
            return values.astype(f"<i{width}")
    return values.astype("<i8")


def _entries(row: SliceRow, ids: Ints) -> Entries:
    sums = np.stack([row.good, row.total, row.measured_us])
    cols = np.flatnonzero(sums.any(axis=0))
    cols = cols[np.argsort(ids[cols])]
    return Entries(ids[cols], sums[:, cols])


def _merged(new: Entries, stored: Row[Any] | None, ids: Ints) -> Entries:
    if stored is None:
        return new
    old = decode(stored.bytes)
    others = ~np.isin(old.ids, ids)
    if not others.any():
        return new
    numbers = np.concatenate([new.ids, old.ids[others]])
    order = np.argsort(numbers)
    sums = np.concatenate([new.sums, old.sums[:, others]], axis=1)
    return Entries(numbers[order], sums[:, order])


def _stored(c: Connection, keys: list[tuple[int, int]]) -> dict[tuple[int, int], Row[Any]]:
    found: dict[tuple[int, int], Row[Any]] = {}
    for first in range(0, len(keys), _MANY):
        some = [(int(width), int(start)) for width, start in keys[first : first + _MANY]]
        at = tuple_(ledger.c.width_s, ledger.c.slice_start).in_(some)
        for row in c.execute(select(ledger).where(at)):
            found[row.width_s, row.slice_start] = row
    return found
