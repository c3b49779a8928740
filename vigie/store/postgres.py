"""PostgreSQL: plain transactions from a pool, one server by a session's advisory lock."""

import asyncio
import select
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from vigie.store.errors import Locked, Refused, StoreError, Unavailable
from vigie.store.failures import translated

T = TypeVar("T")

_THREADS: Final = 4
_LOCK_KEY: Final = 0x7669676965  # "vigie"; advisory locks belong to one database of a server
_XID: Final = text("SELECT pg_current_xact_id_if_assigned()::text")
_ENDED: Final = text("SELECT pg_xact_status(CAST(:xid AS xid8))")
_LOCK: Final = text("SELECT pg_try_advisory_lock(:key)")
_ALIVE: Final = text("SELECT 1")
_NOW: Final = text("SELECT extract(epoch FROM clock_timestamp())::float8")


class PostgresDatabase:
    """A database of a PostgreSQL server; vigie.store.db.Database says what the methods promise."""

    dialect = "postgresql"

    def __init__(self, url: URL, *, read_only: bool, server_time: bool) -> None:
        """Unavailable: no server answers. Locked: another server of ours uses the database."""
        self.url = url.render_as_string(hide_password=True)
        self._server_time = server_time
        self._closed = False
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        try:
            self._lock = None if read_only else AdvisoryLock(url, self._name)
        except StoreError:
            self._engine.dispose()
            raise
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vigie-sql")

    @property
    def _name(self) -> str:
        return f"the database {self.url}"

    def read(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        with translated(self._name), self._reader.connect() as c, c.begin():
            return work(c)

    def write(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        if self._lock is None:
            raise Refused(f"{self._name} is open for reading only")
        with translated(self._name):
            self._lock.assure()
            with self._engine.connect() as c:  # rolls back what is not committed
                result = work(c)
                self._commit(c, c.execute(_XID).scalar())
                return result

    async def awrite(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.write, work)

    async def aread(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read, work)

    def now(self, clock_now: float, c: Connection | None = None) -> float:
        if not self._server_time:
            return clock_now
        if c is not None:
            return float(c.execute(_NOW).scalar_one())
        return self.read(lambda own: float(own.execute(_NOW).scalar_one()))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._threads.shutdown()
        if self._lock is not None:
            self._lock.release()
        self._engine.dispose()

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable(f"{self._name} is closed")

    def _commit(self, c: Connection, xid: str | None) -> None:
        """Commit; when the connection breaks meanwhile, ask the server how it ended, for work that
        is believed lost would be done, and counted, twice.
        """
        try:
            c.commit()
        except DBAPIError as error:
            in_doubt = xid is not None and error.connection_invalidated
            if not in_doubt or not self._was_committed(xid, error):
                raise

    def _was_committed(self, xid: str | None, error: DBAPIError) -> bool:
        try:
            with self._engine.connect() as c:
                return bool(c.execute(_ENDED, {"xid": xid}).scalar() == "committed")
        except DBAPIError:
            raise Unavailable(
                f"{self._name} went away during a commit: its outcome is unknown"
            ) from error


class AdvisoryLock:
    """Says that this process is the one server of a database, for as long as its session lives."""

    def __init__(self, url: URL, name: str) -> None:
        """Locked: another session holds it."""
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._name = name
        self._checking = threading.Lock()
        self._session: Connection | None = None
        self._take()

    def assure(self) -> None:
        """Take the lock again if its session broke, before anything more is written.

        A session that was ended has something to read on its socket, so looking costs no question
        to the server.
        """
        with self._checking:
            if self._session is None or not _alive(self._session):
                self._drop()
                self._take()

    def release(self) -> None:
        with self._checking:
            self._drop()

    def _take(self) -> None:
        with translated(self._name):
            session = self._engine.connect()
            taken = session.execute(_LOCK, {"key": _LOCK_KEY}).scalar()
        if not taken:
            session.close()
            raise Locked(
                f"another server uses {self._name}: stop it first, or give this one a database of "
                "its own"
            )
        self._session = session

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _alive(session: Connection) -> bool:
    driver: Any = session.connection.driver_connection
    if driver is None or driver.closed:
        return False
    if not select.select([driver.fileno()], [], [], 0)[0]:
        return True
    try:
        session.execute(_ALIVE)
    except DBAPIError:
        return False
    return True


def _engine(url: URL) -> Engine:
    try:
        return create_engine(
            url, pool_size=_THREADS + 1, max_overflow=12, pool_pre_ping=True, pool_timeout=10
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs its driver: install it with `pip install 'vigie[postgres]'`"
        ) from error
