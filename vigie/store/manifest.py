"""What a backup file says of itself, and whether it is true."""

import hashlib
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from vigie.store import timeline
from vigie.store.errors import Corrupt, Newer, Unavailable
from vigie.store.tables_search import is_derived

KEY: Final = "backup"  # of the manifest in `meta`
_FORMAT: Final = 1
_AUTOMATIC: Final = frozenset({"sqlite_sequence"})  # SQLite's own


@dataclass(frozen=True, slots=True)
class Contents:
    """What one table holds: its rows, and a digest that is equal when all of them are."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a backup file. It is good when there are no `problems`."""

    revision: str | None
    taken_at: float | None
    vigie: str | None  # the version that took it
    source: str | None  # the kind of database it was taken from
    tables: Mapping[str, Contents]
    problems: tuple[str, ...]
    timelines: timeline.Verdict | None = None  # None: not walked, for it is damaged or too old

    @property
    def good(self) -> bool:
        return not self.problems


def sign(draft: Path, kind: str, now: float) -> None:
    """Write the manifest into a backup."""
    with closing(sqlite3.connect(draft)) as file:
        tables = {name: asdict(one) for name, one in _contents(file).items()}
        manifest = {
            "format": _FORMAT,
            "vigie": version("vigie"),
            "taken_at": now,
            "source": kind,
            "tables": tables,
        }
        value = orjson.dumps(manifest).decode()
        file.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (KEY, value))
        file.commit()
        file.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it


def verify(path: Path) -> Facts:
    """Check a backup: SQLite's own checks, references, every row against the manifest, and the
    chains of timelines.

    Unavailable: there is no such file. Corrupt: it is no SQLite file at all.
    """
    with opened(path) as file:
        problems = _own_checks(file)
        revision = _revision(file)
        if revision is None:
            raise Corrupt(f"{path} is no backup of Vigie's: it has no schema revision")
        manifest = _manifest(file)
        tables = {} if problems else _contents(file)
        timelines = None if problems else _timelines(file)
    if manifest is None:
        problems.append("it has no manifest: it is a database, not a backup")
        return Facts(revision, None, None, None, tables, tuple(problems))
    if not problems:
        problems += _differences(manifest["tables"], tables)
    if timelines is not None:
        problems += timelines.problems
    return Facts(
        revision=revision,
        taken_at=manifest["taken_at"],
        vigie=manifest["vigie"],
        source=manifest["source"],
        tables=tables,
        problems=tuple(problems),
        timelines=timelines,
    )


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A file for reading. Unavailable: there is none. Corrupt: it is no SQLite file, or damaged."""
    if not path.is_file():
        raise Unavailable(f"there is no file {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            yield file
    except sqlite3.DatabaseError as error:
        raise Corrupt(f"{path} cannot be read: {error}") from error


def _own_checks(file: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in file.execute("PRAGMA integrity_check(20)")]
    problems = [f"integrity: {line}" for line in found if line != "ok"]
    orphans = file.execute("PRAGMA foreign_key_check").fetchmany(20)
    problems += [
        f"a row of `{table}` names one of `{of}` that is missing" for table, _, of, _ in orphans
    ]
    return problems


def _names(file: sqlite3.Connection) -> list[str]:
    found = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if name not in _AUTOMATIC and not is_derived(name)]


def _timelines(file: sqlite3.Connection) -> timeline.Verdict | None:
    """None where they are not chained yet: a restore does that."""
    if "timeline" not in _names(file):
        return None
    columns = {row[1] for row in file.execute("PRAGMA table_info(timeline)")}
    return timeline.verify_file(file) if "hash" in columns else None


def _revision(file: sqlite3.Connection) -> str | None:
    if "alembic_version" not in _names(file):
        return None
    row = file.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _manifest(file: sqlite3.Connection) -> dict[str, Any] | None:
    row = file.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    if row is None:
        return None
    manifest: dict[str, Any] = orjson.loads(row[0])
    if manifest["format"] > _FORMAT:
        raise Newer(f"the backup has format {manifest['format']}; this program reads {_FORMAT}")
    return manifest


def _differences(signed: Mapping[str, Any], found: Mapping[str, Contents]) -> list[str]:
    problems = []
    for name in sorted(signed.keys() | found.keys()):
        said, is_ = signed.get(name), found.get(name)
        if said is None or is_ is None:
            problems.append(
                f"table `{name}` is {'missing' if is_ is None else 'not in the manifest'}"
            )
        elif said["rows"] != is_.rows:
            problems.append(f"table `{name}` has {is_.rows} rows, the manifest says {said['rows']}")
        elif said["sha256"] != is_.sha256:
            problems.append(f"table `{name}` has other contents than the manifest says")
    return problems


def _contents(file: sqlite3.Connection) -> dict[str, Contents]:
    return {name: _contents_of(file, name) for name in _names(file)}


def _contents_of(file: sqlite3.Connection, name: str) -> Contents:
    columns = [(row[1], row[5]) for row in file.execute(f'PRAGMA table_info("{name}")')]
    key = [column for column, place in sorted(columns, key=lambda c: c[1]) if place]
    order = ", ".join(f'"{column}"' for column in key or [columns[0][0]])
    chosen = ", ".join(f'"{column}"' for column in sorted(column for column, _ in columns))
    # The names come from the file's own schema, quoted.
    rows = file.execute(f'SELECT {chosen} FROM "{name}" ORDER BY {order}')  # noqa: S608 - see above
    digest, count = hashlib.sha256(), 0
    for row in rows:
        if name == "meta" and KEY in row:
            continue  # the manifest does not describe itself
        for value in row:
            _digest(digest, value)
        count += 1
    return Contents(count, digest.hexdigest())


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def _digest(digest: _Digest, value: str | bytes | float | None) -> None:
    """Add one value, with its kind and length, so that no two rows look alike by accident."""
    match value:
        case None:
            tag, data = b"n", b""
        case str():
            tag, data = b"s", value.encode()
        case bytes():
            tag, data = b"b", value
        case int():
            tag, data = b"i", str(value).encode()
        case _:
            tag, data = b"f", struct.pack("<d", value)
    digest.update(tag + len(data).to_bytes(8, "little"))
    digest.update(data)
