"""How much of the past of each column was read from its DataSource."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select

from vigie.store.sql import put
from vigie.store.tables import backfill


@dataclass(frozen=True, slots=True)
class Progress:
    """The ledger has the past of a column (`fingerprint`) from `done_from` up to `seam`, where
    live measuring took over; it is wanted from `oldest` on. Unix seconds, whole minutes.
    """

    fingerprint: str
    source: str
    oldest: int
    seam: int
    done_from: int

    @property
    def done(self) -> bool:
        return self.done_from <= self.oldest


def write(c: Connection, progress: Iterable[Progress]) -> None:
    """Note how far columns are, in the transaction that writes what was read of them."""
    put(c, backfill, [asdict(one) for one in progress], by=("fingerprint",))


def read(c: Connection, source: str) -> dict[str, Progress]:
    """Every column of a source that was begun, by fingerprint."""
    rows = c.execute(select(backfill).where(backfill.c.source == source))
    return {row.fingerprint: Progress(**row._mapping) for row in rows}
