"""SQLite: one writer thread that commits waiting requests together, a few readers, one server."""

import asyncio
import fcntl
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from vigie.store.errors import Locked, Refused, StoreError, Unavailable
from vigie.store.failures import meaning_of, translated

T = TypeVar("T")

_READERS: Final = 4
_MOST_TOGETHER: Final = 64  # requests in one commit: what waits behind them waits for one fsync
_PRAGMAS: Final = (
    "busy_timeout=10000",  # another process may hold the lock: a person's shell, a restore
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)


class SqliteDatabase:
    """A SQLite file. See vigie.store.db.Database for what the methods promise."""

    dialect = "sqlite"

    def __init__(self, url: URL, *, read_only: bool) -> None:
        """Unavailable: the file can't be opened. Locked: another server writes to it."""
        self.path = _path(url)
        self.url = f"sqlite:///{self.path}"
        self._closed = False
        self._lock: FileLock | None = None
        self._writer: _Writer | None = None
        if read_only and not self.path.exists():
            raise Unavailable(f"there is no database {self.path}")
        if not read_only:
            self._lock = FileLock(self.path)
            self._writer = _Writer(_writer_engine(self.path), self._name)
        self._engine = _reader_engine(self.path)
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="vigie-read")

    @property
    def _name(self) -> str:
        return f"the database {self.path}"

    def read(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        with translated(self._name), self._engine.connect() as c, c.begin():
            return work(c)

    def write(self, work: Callable[[Connection], T]) -> T:
        return self._submit(work).result()

    async def awrite(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._submit(work))

    async def aread(self, work: Callable[[Connection], T]) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read, work)

    def now(self, clock_now: float, c: Connection | None = None) -> float:  # noqa: ARG002 - PostgreSQL's needs it
        return clock_now

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._writer is not None:
            self._writer.close()
        self._threads.shutdown()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable(f"{self._name} is closed")

    def _submit(self, work: Callable[[Connection], T]) -> "Future[T]":
        self._require_open()
        if self._writer is None:
            raise Refused(f"{self._name} is open for reading only")
        return self._writer.submit(work)


class FileLock:
    """Says that this process writes to the file; the kernel drops it when the process ends."""

    def __init__(self, path: Path) -> None:
        """Locked: another process holds it."""
        self._path = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Unavailable(f"cannot write {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise Locked(
                f"another server (process {holder}) uses the database {path}: stop it first, or "
                "give this one a database of its own"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """The file stays: deleting it would let two servers lock two files of one name."""
        os.close(self._file)


@dataclass(slots=True)
class _Request:
    """One piece of work that waits for the writer, and how it ended until the commit says so."""

    work: Callable[[Connection], Any]
    future: "Future[Any]" = field(default_factory=Future)
    result: Any = None
    error: BaseException | None = None

    def settle(self, failure: BaseException | None) -> None:
        """Tell who waits. `failure` is that of the whole commit."""
        error = self.error or failure
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)


class _Writer:
    """The one thread that writes. What waits while it commits goes together in the next commit."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="vigie-write", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> "Future[T]":
        if threading.current_thread() is self._thread:
            raise RuntimeError("write() inside a write() would wait for itself: use its connection")
        request = _Request(work)
        with self._closing:
            if self._closed:
                raise Unavailable(f"{self._name} is closed")
            self._waiting.put(request)
        return request.future

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()
        self._engine.dispose()

    def _loop(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, last = self._with_those_waiting(first)
            self._commit([r for r in batch if r.future.set_running_or_notify_cancel()])
            del first, batch  # an idle writer keeps nobody's results alive
            if last:
                return

    def _with_those_waiting(self, first: _Request) -> tuple[list[_Request], bool]:
        batch = [first]
        while len(batch) < _MOST_TOGETHER:
            try:
                request = self._waiting.get_nowait()
            except queue.Empty:
                break
            if request is None:
                return batch, True
            batch.append(request)
        return batch, False

    def _commit(self, batch: list[_Request]) -> None:
        """Run the requests in one transaction; they all learn how it ended, whatever happens."""
        failure: BaseException | None = None
        try:
            with translated(self._name), self._engine.connect() as c, c.begin():
                for request in batch:
                    self._run(c, request, alone=len(batch) == 1)
        except BaseException as error:  # the thread must survive; who waits gets it
            failure = error
        for request in batch:
            request.settle(failure)

    def _run(self, c: Connection, request: _Request, *, alone: bool) -> None:
        """Run one request; its error undoes only its own statements."""
        if alone:
            request.result = request.work(c)
            return
        savepoint = c.begin_nested()
        try:
            request.result = request.work(c)
        except Exception as error:  # whatever it is belongs to who asked for the work
            request.error = self._meaning(error)
            self._undo(c, savepoint.rollback, error)
        else:
            savepoint.commit()

    def _undo(self, c: Connection, rollback: Callable[[], None], error: Exception) -> None:
        if not _in_transaction(c):
            # SQLite may roll the whole transaction back by itself, as on a full disk: then what
            # the others of this commit wrote is gone too (https://sqlite.org/lang_transaction.html).
            raise self._meaning(error)
        rollback()

    def _meaning(self, error: Exception) -> Exception:
        meaning = meaning_of(error, self._name) if isinstance(error, DBAPIError) else None
        if meaning is None:
            return error
        meaning.__cause__ = error
        return meaning


def _in_transaction(c: Connection) -> bool:
    return bool(getattr(c.connection.driver_connection, "in_transaction", False))


def _path(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise StoreError("a SQLite database needs a file: sqlite:///path/to/vigie.db")
    return Path(url.database).absolute()


def _writer_engine(path: Path) -> Engine:
    engine = _engine(path, size=1, pragmas=("journal_mode=WAL", "synchronous=FULL"))
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _reader_engine(path: Path) -> Engine:
    engine = _engine(path, size=_READERS, pragmas=("query_only=ON",))
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    return engine


def _engine(path: Path, size: int, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        # The driver's own transactions begin too late and as readers: two of them read the same
        # value, and the second to write loses the first one's update (52 of 400 kept, measured).
        connect_args={"isolation_level": None, "check_same_thread": False},
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=12,
    )
    event.listen(engine, "connect", partial(_prepare, (*_PRAGMAS, *pragmas)))
    return engine


def _prepare(pragmas: tuple[str, ...], connection: Any, _record: object) -> None:
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").close()
