"""History at full resolution: the one-minute slices of any days, as lazy frames.

The ledger's own rows are the only truth. A day that is closed is written once to a Parquet file,
which Polars reads many times faster than a thousand and more blobs; the file carries in its name
what the rows looked like, so that one that was overtaken is written again. The folder may be
deleted at any time (docs/decisions/0011).
"""

import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection, func, select

from slo.ledger import DAY_S, MINUTE_S
from slo.report_sums import DAY, Day
from vigie.store.errors import Corrupt
from vigie.store.ledger import decode
from vigie.store.tables import ledger, sli

log = logging.getLogger(__name__)

_BLOCK: Final = 360  # minutes that are unpacked together: of a thousand SLIs, 9 MB
_HEAD_BYTES: Final = 10  # what stands before the body of a blob: see vigie.store.ledger
_MANY: Final = 5000
Narrow = npt.NDArray[np.signedinteger[Any]]


def numbers(c: Connection, fingerprints: Sequence[str]) -> dict[str, int]:
    """The numbers of SLIs by fingerprint; what was never measured has none."""
    known: dict[str, int] = {}
    for first in range(0, len(fingerprints), _MANY):
        some = sli.c.fingerprint.in_(fingerprints[first : first + _MANY])
        known.update((row.fingerprint, row.id) for row in c.execute(select(sli).where(some)))
    return known


def last_minute(c: Connection) -> int | None:
    """The minute after the newest one that is closed; None in an empty ledger."""
    newest = (
        select(ledger.c.slice_start)
        .where(ledger.c.width_s == MINUTE_S)
        .order_by(ledger.c.slice_start.desc())
        .limit(1)
    )
    start = c.execute(newest).scalar()
    return None if start is None else start // MINUTE_S + 1


@dataclass(frozen=True, slots=True)
class _State:
    """What the rows of a day look like; any change to them changes it."""

    rows: int
    revisions: int
    size: int


def days(c: Connection, folder: Path | None, ranges: Iterable[tuple[int, int]]) -> list[Day]:
    """The days that hold these ranges of minutes, by time; those without a row are left out.

    `folder` keeps the closed ones; None, or one that can't be written, reads the ledger each time.
    Newer, Corrupt: a row that can't be read.
    """
    wanted = sorted({at for first, last in ranges for at in range(first // DAY, -(-last // DAY))})
    if not wanted:
        return []
    states, closed = _states(c, wanted[0], wanted[-1] + 1), last_minute(c) or 0
    found = []
    for at in wanted:
        if at in states:
            keep = folder if (at + 1) * DAY <= closed else None
            found.append(Day(at * DAY, (at + 1) * DAY, _rows(c, keep, at, states[at])))
    return found


def warm(c: Connection, folder: Path, first: int, last: int, most: int) -> None:
    """Write the files of closed days that hold minutes of [first, last) and have none, the newest
    first, at most so many: who reads them next need not unpack the ledger.
    """
    closed, before = (last_minute(c) or 0) // DAY, first // DAY
    states = _states(c, before, min(-(-last // DAY), closed)) if closed > before else {}
    cold = [at for at in states if not _file(folder, at, states[at]).exists()]
    for at in sorted(cold, reverse=True)[:most]:
        _rows(c, folder, at, states[at])


def _states(c: Connection, first: int, last: int) -> dict[int, _State]:
    # Both databases divide integers as integers; the day is found without reading a blob.
    day = (ledger.c.slice_start - ledger.c.slice_start % DAY_S).label("day")
    counted = (func.count(), func.sum(ledger.c.revision), func.sum(func.length(ledger.c.bytes)))
    found = c.execute(
        select(day, *counted)
        .where(ledger.c.width_s == MINUTE_S)
        .where(ledger.c.slice_start >= first * DAY_S, ledger.c.slice_start < last * DAY_S)
        .group_by(day)
    )
    return {int(start) // DAY_S: _State(*map(int, counts)) for start, *counts in found}


def _rows(c: Connection, folder: Path | None, day: int, state: _State) -> pl.LazyFrame:
    if folder is None:
        return _read(c, day).lazy()
    file = _file(folder, day, state)
    if file.exists():
        return pl.scan_parquet(file)
    frame = _read(c, day)
    return pl.scan_parquet(file) if _keep(frame, file, _date(day)) else frame.lazy()


def _file(folder: Path, day: int, state: _State) -> Path:
    return folder / f"{_date(day)}.{state.rows}-{state.revisions}-{state.size}.parquet"


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def _keep(frame: pl.DataFrame, file: Path, date: str) -> bool:
    """Write a day's file in place of the older ones of that day; whether that could be done."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(draft, compression="zstd")
        draft.rename(file)
    except OSError as error:
        log.warning("%s cannot be written, so it is read from the ledger: %s", file, error)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        return False
    for old in file.parent.glob(f"{date}.*.parquet"):
        if old != file:
            old.unlink(missing_ok=True)
    return True


# -- out of the ledger --------------------------------------------------------------------------


def _read(c: Connection, day: int) -> pl.DataFrame:
    """One day of every SLI that it holds, sorted by SLI and minute."""
    parts = [
        _frame(c, first, first + _BLOCK) for first in range(day * DAY, (day + 1) * DAY, _BLOCK)
    ]
    frame = pl.concat(parts).sort("sli", "minute")
    return frame.with_columns(
        pl.col(name).cast(pl.UInt32) for name in frame.columns[2:] if _fits(frame[name])
    )


def _fits(values: pl.Series) -> bool:
    low, high = values.min(), values.max()
    return isinstance(low, int) and isinstance(high, int) and low >= 0 and high < 1 << 32


def _frame(c: Connection, first: int, last: int) -> pl.DataFrame:
    found = c.execute(
        select(ledger.c.slice_start, ledger.c.bytes)
        .where(ledger.c.width_s == MINUTE_S)
        .where(ledger.c.slice_start >= first * MINUTE_S, ledger.c.slice_start < last * MINUTE_S)
        .order_by(ledger.c.slice_start)
    ).all()
    frames = [pl.DataFrame(schema=_SCHEMA)]
    for (head, gaps), (places, bodies) in _alike((start, blob) for start, blob in found).items():
        slis = np.cumsum(np.frombuffer(gaps, f"<i{head[0]}").astype(np.int64))
        total, bad, measured = (part.astype(np.int64).ravel() for part in _parts(head, bodies))
        columns = {
            "sli": np.tile(slis, len(places)),
            "minute": np.repeat(np.array(places, dtype=np.int64), len(slis)),
            "good": total - bad,
            "total": total,
            "measured_us": measured,
        }
        frames.append(pl.DataFrame(columns).cast(_SCHEMA))  # type: ignore[arg-type]  # invariance
    return pl.concat(frames)


_SCHEMA: Final = {
    "sli": pl.UInt32,
    "minute": pl.UInt32,
    "good": pl.Int64,
    "total": pl.Int64,
    "measured_us": pl.Int64,
}
_Alike = dict[tuple[bytes, bytes], tuple[list[int], list[bytes]]]


def _alike(found: Iterable[tuple[int, bytes]]) -> _Alike:
    """Slices that name the same SLIs in the same widths: their minutes and bodies, by widths and
    count, and by the gaps between the SLIs' numbers. Joined, they are read as one array.
    """
    groups: _Alike = {}
    for start, blob in found:
        body = _body(blob)
        gaps = body[: blob[2] * int.from_bytes(blob[6:_HEAD_BYTES], "little")]
        places, bodies = groups.setdefault((blob[2:_HEAD_BYTES], gaps), ([], []))
        if not places:
            decode(blob)  # says what is wrong with a row of another version, or a damaged one
        places.append(start // MINUTE_S)
        bodies.append(body)
    return groups


def _body(blob: bytes) -> bytes:
    try:
        return zlib.decompress(blob[_HEAD_BYTES:]) if blob[1] else blob[_HEAD_BYTES:]
    except (zlib.error, IndexError) as error:
        raise Corrupt(f"a ledger row cannot be read: {error}; restore a backup") from error


def _parts(head: bytes, bodies: Sequence[bytes]) -> Iterator[Narrow]:
    """What stands after the gaps, each as [slice, SLI] in its own width."""
    widths, count = head[:4], int.from_bytes(head[4:], "little")
    try:
        joined = np.frombuffer(b"".join(bodies), np.uint8).reshape(len(bodies), sum(widths) * count)
    except ValueError as error:
        raise Corrupt(f"a ledger row cannot be read: {error}; restore a backup") from error
    offset = widths[0] * count
    for size in widths[1:]:
        part = np.ascontiguousarray(joined[:, offset : offset + size * count])
        yield part.view(f"<i{size}")
        offset += size * count
