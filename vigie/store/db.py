"""The database: opened, migrated, locked against a second server; reads, and writes that last."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from vigie.store import jobs, schema
from vigie.store.errors import StoreError
from vigie.store.postgres import PostgresDatabase
from vigie.store.sqlite import SqliteDatabase

T = TypeVar("T")


class Database(Protocol):
    """Where everything is kept. Methods may be called from any thread; all raise StoreError.

    `work` gets a connection inside a transaction and neither commits nor rolls back. It must not
    wait for anything but the database: no network call, no lock. On SQLite one thread runs every
    `write`, so a `write` inside a `write` is a RuntimeError.
    """

    dialect: str  # "sqlite" | "postgresql"
    url: str  # without its password

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a consistent snapshot."""
        ...

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, and return once its transaction is committed: on the disk, for good. An
        error undoes only this `work` and is raised here.
        """
        ...

    async def awrite(self, work: Callable[[Connection], T]) -> T:
        """`write` from the event loop. When the waiting task is cancelled, a work that has begun
        is committed all the same.
        """
        ...

    async def aread(self, work: Callable[[Connection], T]) -> T:
        """`read` from the event loop."""
        ...

    def now(self, clock_now: float, c: Connection | None = None) -> float:
        """The time that leases go by: the server's own on PostgreSQL, which all its clients share
        (asked on `c` where given); else `clock_now`.
        """
        ...

    def close(self) -> None:
        """Finish the writes that wait, then let go of everything. Writing after it: Unavailable."""
        ...


def open_database(url: str, *, read_only: bool = False, server_time: bool = True) -> Database:
    """The database at a URL: `sqlite:///path`, `postgresql://user:password@host/name`.

    For a server it is locked against a second one, created or migrated, and the leases of workers
    that are dead by then end. `read_only` (commands beside a running server) takes no lock and
    needs a database of this program's revision. `server_time=False`: `now()` is the caller's clock
    on PostgreSQL too, for tests that set it.

    Locked, Newer, Corrupt, Unavailable, Refused; StoreError for a URL that makes no sense.
    """
    database = connect(parsed(url), read_only=read_only, server_time=server_time)
    try:
        if read_only:
            database.read(schema.require_head)
        else:
            database.write(_made_ready)
    except BaseException:  # whatever it was goes on: a failed start leaves no lock
        with suppress(StoreError):  # the first error is the one to show
            database.close()
        raise
    return database


def connect(url: URL, *, read_only: bool, server_time: bool = True) -> Database:
    """A database as it is, whatever its revision: for backup and restore."""
    if url.get_backend_name() == "sqlite":
        return SqliteDatabase(url, read_only=read_only)
    return PostgresDatabase(url, read_only=read_only, server_time=server_time)


def parsed(url: str) -> URL:
    """The URL, once it is known to be one of a database that Vigie can use."""
    try:
        made = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"`{url}` is no database URL: {_FORMS}") from error
    if made.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"no database of kind `{made.get_backend_name()}`: {_FORMS}")
    return made.set(drivername=made.get_backend_name())


_FORMS = "write sqlite:///path/to/vigie.db or postgresql://user:password@host/name"


def _made_ready(c: Connection) -> None:
    schema.migrate(c)
    jobs.end_all_leases(c)  # the lock says that nobody who holds one is alive
