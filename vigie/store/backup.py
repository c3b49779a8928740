"""Backup while serving, restore, verify: one SQLite file with everything at one moment.

A backup holds the same tables whatever database it came from, so it can be restored into either
kind. Its `meta` row `backup` is the manifest: when and by which version it was taken, and of each
table the number of rows and a digest of what they say.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, create_engine, func, select, text
from sqlalchemy.pool import NullPool

from vigie.store import manifest, schema
from vigie.store.db import Database, connect, parsed
from vigie.store.errors import Corrupt, Newer, Refused, Unavailable
from vigie.store.manifest import Facts, sign, verify
from vigie.store.sql import exists
from vigie.store.tables import metadata

_CHUNK: Final = 500


def backup(source: Database | str, path: Path, now: float) -> Facts:
    """Write everything, as it is at one moment, to a new file; the source may be serving meanwhile.

    The file appears under its name only when it is complete and on the disk. Refused: it exists.
    """
    if path.exists():
        raise Refused(f"{path} exists already: name a new file, or move that one away")
    with _unfinished(path) as draft:
        if isinstance(source, str):
            with closing(connect(parsed(source), read_only=True)) as db:
                kind = _copy_out(db, draft)
        else:
            kind = _copy_out(source, draft)
        sign(draft, kind, now)
        _to_disk(draft)
        draft.rename(path)
    _to_disk(path.parent)
    return verify(path)


def restore(path: Path, url: str, *, force: bool = False) -> Facts:
    """Put a backup into the database at a URL, in one transaction: all of it or nothing.

    A database that holds something is refused unless `force`, then what it holds is replaced. A
    backup of an older schema is migrated on the way. Locked: a server runs on that database.
    """
    facts = verify(path)
    if not facts.good:
        raise Corrupt(f"{path} is not restored: {'; '.join(facts.problems)}")
    if facts.revision not in schema.REVISIONS:
        raise Newer(
            f"{path} has schema revision {facts.revision}; this program knows up to {schema.HEAD}: "
            "restore it with the version of Vigie that took it, or a later one"
        )
    with (
        closing(connect(parsed(url), read_only=False)) as db,
        _migrated(path, facts.revision) as source,
    ):
        db.write(lambda c: _fill(c, source, db.url, force=force))
    return facts


# -- taking one --------------------------------------------------------------------------------


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A name beside `path` for what is not complete yet; removed unless it was renamed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"the backup {path} cannot be written: {error}") from error


def _copy_out(db: Database, draft: Path) -> str:
    """Copy all tables into a new file; the kind of the source."""
    if db.dialect == "sqlite":
        # VACUUM INTO reads one snapshot, whatever is written meanwhile, and packs it; it knows no
        # schema, so a database that is not migrated yet can be saved too.
        source = sqlite3.connect(db.url.removeprefix("sqlite:///"))
        with closing(source):
            source.execute("VACUUM INTO ?", (str(draft),))
        return db.dialect
    with _sqlite(draft) as target:
        metadata.create_all(target)
        db.read(lambda c: _copy_all(c, target))
        target.commit()
    return db.dialect


def _copy_all(source: Connection, target: Connection) -> None:
    schema.require_head(source)
    for table in metadata.sorted_tables:
        _copy(source, target, table)
    target.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    target.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": schema.HEAD})


def _copy(source: Connection, target: Connection, table: Table) -> None:
    rows = source.execution_options(stream_results=True).execute(select(table))
    for some in rows.mappings().partitions(_CHUNK):
        target.execute(table.insert(), [dict(row) for row in some])


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- putting one back --------------------------------------------------------------------------


@contextmanager
def _migrated(path: Path, revision: str | None) -> Iterator[Connection]:
    """The backup at this program's revision: itself, or else a migrated copy that goes away."""
    if revision == schema.HEAD:
        with _sqlite(path, "mode=ro") as source:
            yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        with _sqlite(copy) as source:
            schema.migrate(source)
            source.commit()
            yield source


@contextmanager
def _sqlite(path: Path, options: str = "mode=rwc") -> Iterator[Connection]:
    """A file as a plain database: no lock, no write-ahead log."""
    name = f"{path.absolute().as_uri()}?{options}"
    engine = create_engine(
        "sqlite://",
        # It is opened here and read where the target is written, one after the other.
        creator=lambda: sqlite3.connect(name, uri=True, check_same_thread=False),
        poolclass=NullPool,
    )
    try:
        with engine.connect() as c:
            yield c
    finally:
        engine.dispose()


def _fill(target: Connection, source: Connection, name: str, *, force: bool) -> None:
    schema.migrate(target)
    held = [table.name for table in metadata.sorted_tables if exists(target, table)]
    if set(held) - {"meta"} and not force:
        raise Refused(
            f"the database {name} is not empty (it holds rows of `{held[0]}`): restore into a new "
            "one, or say --force to replace what it holds"
        )
    for table in reversed(metadata.sorted_tables):
        target.execute(table.delete())
    for table in metadata.sorted_tables:
        _copy(source, target, table)
    meta = metadata.tables["meta"]
    target.execute(meta.delete().where(meta.c.key == manifest.KEY))
    if target.dialect.name == "postgresql":
        _set_sequences(target)


def _set_sequences(target: Connection) -> None:
    """Let the next number of every counted key follow the highest that was restored."""
    for table in metadata.sorted_tables:
        (key, *others) = table.primary_key.columns
        sequence = target.execute(
            text("SELECT pg_get_serial_sequence(:table, :key)"),
            {"table": table.name, "key": key.name},
        ).scalar()
        if others or sequence is None:
            continue
        highest = target.execute(select(func.max(key))).scalar() or 0
        target.execute(
            text("SELECT setval(CAST(:sequence AS regclass), :next, false)"),
            {"sequence": sequence, "next": highest + 1},
        )


__all__ = ["Facts", "backup", "restore", "verify"]
