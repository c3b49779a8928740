"""What the drivers' errors mean, as the store's own."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vigie.store.errors import Corrupt, StoreError, Unavailable

# https://www.sqlite.org/rescode.html: primary codes, the low byte of the extended ones.
_SQLITE_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
    }
)
_SQLITE_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# https://www.postgresql.org/docs/current/errcodes-appendix.html: classes and single codes.
_POSTGRES_AWAY: Final = ("08", "40", "53", "55", "57", "58", "28", "3D")
_READ_ONLY_TRANSACTION: Final = "25006"  # the server is a standby now
_POSTGRES_DAMAGED: Final = "XX00"  # XX001 data_corrupted, XX002 index_corrupted


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Raise the store's errors in place of the driver's. An error that is neither the
    database's condition nor its content is a mistake in a statement and passes as it is.
    """
    try:
        yield
    except DBAPIError as error:
        meaning = meaning_of(error, database)
        if meaning is None:
            raise
        raise meaning from error
    except PoolTimeout as error:
        raise Unavailable(f"{database} is busy: every connection is in use ({error})") from error


def meaning_of(error: DBAPIError, database: str) -> StoreError | None:
    """The store's error for a driver's; None for a mistake in a statement."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, database)
    state = getattr(cause, "sqlstate", None)
    reason = " ".join(str(cause).split())
    if error.connection_invalidated:
        return Unavailable(f"{database} is away: {reason}")
    if state is None:  # psycopg gives no state when there is no server to give one
        away = type(cause).__name__ == "OperationalError"
        return Unavailable(f"{database} is away: {reason}") if away else None
    if state.startswith(_POSTGRES_AWAY) or state == _READ_ONLY_TRANSACTION:
        return Unavailable(f"{database} is not available: {reason} ({state})")
    if state.startswith(_POSTGRES_DAMAGED) and state != "XX000":
        return Corrupt(f"{database} is damaged: {reason} ({state}); restore a backup")
    return None


def _of_sqlite(cause: sqlite3.Error, database: str) -> StoreError | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return None
    if code & 0xFF in _SQLITE_AWAY:
        return Unavailable(f"{database} is not available: {cause} ({cause.sqlite_errorname})")
    if code & 0xFF in _SQLITE_DAMAGED:
        return Corrupt(
            f"{database} is damaged or no SQLite file: {cause}; move it away and restore a backup "
            "with `vigie db restore`"
        )
    return None
