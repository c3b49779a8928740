"""What Database promises, on both databases; SQLite's writer and locks."""

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from plugins.databases import end_others
from vigie.store import meta
from vigie.store.db import Database, open_database
from vigie.store.errors import Corrupt, Locked, Refused, StoreError, Unavailable
from vigie.store.tables import meta as table


def add_one(c: Connection) -> int:
    """The read-then-write that loses updates when a transaction begins too late."""
    value = int(meta.get(c, "n") or 0) + 1
    meta.set_(c, "n", str(value))
    return value


def test_what_was_written_can_be_read(db: Database) -> None:
    assert db.write(add_one) == 1
    assert db.read(lambda c: meta.get(c, "n")) == "1"


def test_an_error_undoes_only_its_own_work(db: Database) -> None:
    def fail(c: Connection) -> None:
        add_one(c)
        raise KeyError("no")

    db.write(add_one)
    with pytest.raises(KeyError):
        db.write(fail)
    assert db.write(add_one) == 2


def test_a_broken_rule_of_the_schema_is_not_the_stores_trouble(db: Database) -> None:
    with pytest.raises(IntegrityError):
        db.write(lambda c: c.execute(table.insert().values(key=None, value="x")))


def test_a_read_sees_one_moment(db: Database) -> None:
    db.write(add_one)

    def read_twice(c: Connection) -> tuple[str | None, str | None]:
        first = meta.get(c, "n")
        db.write(add_one)
        return first, meta.get(c, "n")

    assert db.read(read_twice) == ("1", "1")
    assert db.read(lambda c: meta.get(c, "n")) == "2"


def test_a_read_cannot_write(db: Database) -> None:
    with pytest.raises(Exception, match=r"readonly|read-only"):
        db.read(add_one)
    assert db.read(lambda c: meta.get(c, "n")) is None


async def test_the_event_loop_reads_and_writes_too(db: Database) -> None:
    assert await db.awrite(add_one) == 1
    assert await db.aread(lambda c: meta.get(c, "n")) == "1"
    with pytest.raises(KeyError):
        await db.awrite(_raise_key_error)


def _raise_key_error(_c: Connection) -> None:
    raise KeyError("no")


def test_a_second_server_is_refused_until_the_first_is_closed(database_url: str) -> None:
    first = open_database(database_url)
    with pytest.raises(Locked, match="another server"):
        open_database(database_url)
    first.close()
    open_database(database_url).close()


def test_a_reader_beside_a_server_needs_no_lock_and_cannot_write(db: Database) -> None:
    url = db.url if db.dialect == "sqlite" else db.url.replace("***", "")
    db.write(add_one)
    with closing(open_database(url, read_only=True)) as reader:
        assert reader.read(lambda c: meta.get(c, "n")) == "1"
        with pytest.raises(Refused, match="reading only"):
            reader.write(add_one)


async def test_a_closed_database_neither_reads_nor_writes(database_url: str) -> None:
    db = open_database(database_url)
    db.close()
    for use in (db.read, db.write):
        with pytest.raises(Unavailable, match="closed"):
            use(add_one)
    for ause in (db.aread, db.awrite):
        with pytest.raises(Unavailable, match="closed"):
            await ause(add_one)


def test_time_is_the_callers_unless_the_server_has_its_own(database_url: str) -> None:
    with closing(open_database(database_url)) as db:
        assert (db.now(5.0) == 5.0) is (db.dialect == "sqlite")
    with closing(open_database(database_url, server_time=False)) as db:
        assert db.now(5.0) == 5.0


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///path"):
        open_database(url)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="away"):
        open_database("postgresql://nobody:s3cret@127.0.0.1:1/nothing?connect_timeout=1")


@pytest.fixture
def sqlite_db(sqlite_template: Path, tmp_path: Path) -> "closing[Database]":
    return closing(open_database(_copy(sqlite_template, tmp_path)))


def _copy(template: Path, folder: Path) -> str:
    path = folder / "own.db"
    path.write_bytes(template.read_bytes())
    return f"sqlite:///{path}"


def test_no_update_is_lost_between_threads(sqlite_db: "closing[Database]") -> None:
    with sqlite_db as db, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: db.write(add_one), range(200)))
        assert db.read(lambda c: meta.get(c, "n")) == "200"


async def test_waiting_requests_are_committed_together_and_fail_alone(
    sqlite_db: "closing[Database]",
) -> None:
    commits: list[str] = []
    with sqlite_db as db:
        blocked, go = threading.Event(), threading.Event()

        def block(_c: Connection) -> None:
            blocked.set()
            go.wait()

        def fail(c: Connection) -> None:
            add_one(c)
            raise KeyError("no")

        first = asyncio.ensure_future(db.awrite(block))
        await asyncio.to_thread(blocked.wait)
        works = [add_one, add_one, fail, add_one]
        waiting = [asyncio.ensure_future(db.awrite(_noting(work, commits))) for work in works]
        await asyncio.sleep(0)
        go.set()
        results = await asyncio.gather(first, *waiting, return_exceptions=True)
        assert [repr(r) for r in results] == ["None", "1", "2", "KeyError('no')", "3"]
        assert len(set(commits)) == 1
        assert db.read(lambda c: meta.get(c, "n")) == "3"


def _noting(work, commits):
    """Note in which transaction the work runs."""

    def run(c: Connection) -> int:
        commits.append(str(c.get_transaction()))
        return work(c)

    return run


def test_a_write_inside_a_write_is_a_mistake_that_is_named(sqlite_db: "closing[Database]") -> None:
    with sqlite_db as db, pytest.raises(RuntimeError, match="inside a write"):
        db.write(lambda _: db.write(add_one))


async def test_a_cancelled_request_that_waited_is_not_written(
    sqlite_db: "closing[Database]",
) -> None:
    with sqlite_db as db:
        blocked, go = threading.Event(), threading.Event()

        def block(_c: Connection) -> None:
            blocked.set()
            go.wait()

        first = asyncio.ensure_future(db.awrite(block))
        await asyncio.to_thread(blocked.wait)
        second = asyncio.ensure_future(db.awrite(add_one))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        go.set()
        await first
        assert await db.awrite(add_one) == 1


def test_a_full_disk_is_unavailable_and_loses_nothing(sqlite_db: "closing[Database]") -> None:
    with sqlite_db as db:
        db.write(add_one)
        pages = db.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
        db.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}").scalar_one())
        with pytest.raises(Unavailable, match="full"):
            db.write(lambda c: meta.set_(c, "big", "x" * 100_000))
        assert db.read(lambda c: (meta.get(c, "n"), meta.get(c, "big"))) == ("1", None)
        db.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1000000").scalar_one())
        db.write(lambda c: meta.set_(c, "big", "x" * 100_000))
        assert db.write(add_one) == 2


async def test_a_disk_that_fills_in_a_common_commit_keeps_what_was_acknowledged(
    sqlite_db: "closing[Database]",
) -> None:
    with sqlite_db as db:
        pages = db.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
        db.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}").scalar_one())
        works = [add_one, lambda c: meta.set_(c, "big", "x" * 100_000), add_one]
        ended = await asyncio.gather(*(db.awrite(w) for w in works), return_exceptions=True)
        assert isinstance(ended[1], Unavailable)
        acknowledged = [one for one in ended if isinstance(one, int)]
        stored = db.read(lambda c: int(meta.get(c, "n") or 0))
        assert stored == max(acknowledged, default=0)


def test_a_locked_database_is_unavailable(sqlite_template: Path, tmp_path: Path) -> None:
    url = _copy(sqlite_template, tmp_path)
    with closing(open_database(url)) as db:
        db.write(lambda c: c.exec_driver_sql("PRAGMA busy_timeout = 1").scalar())
        with closing(sqlite3.connect(tmp_path / "own.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="locked"):
                db.write(add_one)
            other.execute("ROLLBACK")
        assert db.write(add_one) == 1


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "own.db").write_bytes(b"certainly not SQLite, and long enough to say so" * 10)
    with pytest.raises(Corrupt, match="restore a backup"):
        open_database(f"sqlite:///{tmp_path}/own.db")
    (tmp_path / "own.db").unlink()
    open_database(f"sqlite:///{tmp_path}/own.db").close()  # the lock was let go


def test_a_file_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        open_database(f"sqlite:///{tmp_path}/file/vigie.db")


def test_commits_are_on_the_disk_before_they_are_acknowledged(
    sqlite_db: "closing[Database]",
) -> None:
    with sqlite_db as db:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        ask = [f"PRAGMA {name}" for name in pragmas]
        found = db.write(lambda c: [c.exec_driver_sql(one).scalar() for one in ask])
        assert found == ["wal", 2, 1]  # 2: FULL


_WRITER = """
import sys
from vigie.store import meta
from vigie.store.db import open_database
db = open_database(sys.argv[1])
n = 0
while True:
    n += 1
    db.write(lambda c: (meta.set_(c, f"k{n}", str(n)), meta.set_(c, "n", str(n))))
    print(n, flush=True)
"""


@pytest.mark.system
def test_a_killed_server_leaves_exactly_the_acknowledged_commits(
    sqlite_template: Path, tmp_path: Path
) -> None:
    url = _copy(sqlite_template, tmp_path)
    argv = [sys.executable, "-c", _WRITER, url]
    for begun in (20, 57, 33):
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged = 0
            for line in writer.stdout:
                acknowledged = int(line)
                if acknowledged == begun:
                    writer.send_signal(signal.SIGKILL)
        with closing(open_database(url)) as db:
            stored = db.read(lambda c: int(meta.get(c, "n") or 0))
            rows = db.read(lambda c: c.execute(text("SELECT count(*) FROM meta")).scalar_one())
        # The one in flight may have been committed and not yet told.
        assert stored in (acknowledged, acknowledged + 1)
        assert rows == stored + 1
        with closing(open_database(url)) as db:
            db.write(lambda c: c.execute(table.delete()))


@pytest.mark.system
def test_a_lost_lock_is_taken_again_before_anything_is_written(postgres_url: str) -> None:
    with closing(open_database(postgres_url)) as db:
        _end_sessions(postgres_url)
        assert db.write(lambda c: c.execute(text("SELECT 1")).scalar_one()) == 1
        with pytest.raises(Locked):
            open_database(postgres_url)


@pytest.mark.system
def test_a_server_whose_lock_went_to_another_cannot_write(postgres_url: str) -> None:
    first = open_database(postgres_url)
    _end_sessions(postgres_url)
    with closing(open_database(postgres_url)), pytest.raises(Locked):
        first.write(lambda c: c.execute(text("SELECT 1")))
    assert first.write(lambda c: c.execute(text("SELECT 1")).scalar_one()) == 1
    first.close()


@pytest.mark.system
def test_a_session_that_ends_in_a_transaction_is_unavailable(postgres_url: str) -> None:
    def end_myself(c: Connection) -> None:
        c.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with closing(open_database(postgres_url)) as db:
        with pytest.raises(Unavailable):
            db.write(end_myself)
        assert db.write(lambda c: c.execute(text("SELECT 1")).scalar_one()) == 1


def _end_sessions(url: str) -> None:
    """What a restart of the server does to all who are connected."""
    ours = "datname = current_database() AND pid <> pg_backend_pid()"
    with create_engine(url, poolclass=NullPool).begin() as c:
        ended = c.execute(
            text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}")
        )
        assert all(ended.scalars())


@pytest.mark.system
@pytest.mark.parametrize(("reaches", "kept"), [(True, "1"), (False, None)])
def test_a_connection_that_breaks_in_a_commit_leaves_no_doubt(
    postgres_url: str, reaches: bool, kept: str | None
) -> None:
    cutter = _Cutter(postgres_url, reaches=reaches)
    with cutter, closing(open_database(cutter.url)) as db:
        db.write(lambda c: c.execute(table.delete()))
        cutter.armed = True
        if reaches:  # the commit counts, and its caller must not do it again
            assert db.write(add_one) == 1
        else:
            with pytest.raises(Unavailable):
                db.write(add_one)
        assert db.read(lambda c: meta.get(c, "n")) == kept
    end_others(postgres_url)


class _Cutter:
    """Stands between a client and the server, and cuts the line at the first COMMIT once armed:
    after the server carried it out, or before it saw it.
    """

    def __init__(self, url: str, *, reaches: bool) -> None:
        self._server = make_url(url)
        self._reaches = reaches
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = self._server.set(port=self._listener.getsockname()[1]).render_as_string()
        self.armed = False
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "_Cutter":
        return self

    def __exit__(self, *_: object) -> None:
        for line in (self._listener, *self._lines):
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed at the end of the test
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._server.host, self._server.port))
                self._lines += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := client.recv(65536):
                if self.armed and b"COMMIT" in said:
                    self.armed = False
                    if self._reaches:
                        client.shutdown(socket.SHUT_WR)  # nothing of the answer gets through
                        server.sendall(said)
                        _carried_out(server)
                    break
                server.sendall(said)
        for line in (client, server):
            _hang_up(line)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := server.recv(65536):
                client.sendall(said)
        _hang_up(client)


def _carried_out(server: socket.socket) -> None:
    """Wait until the server has answered all that it was sent, then ends the session."""
    server.shutdown(socket.SHUT_WR)
    while server.recv(65536):
        pass


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
