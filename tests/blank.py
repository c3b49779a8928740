"""A database with all tables and no rows, migrated once a run: to migrate takes longer than most
tests.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from vigie.store.db import open_database


def blank_database(folder: Path) -> str:
    """The URL of `vigie.db` in a folder, which is made blank where there is none yet."""
    path = folder / "vigie.db"
    if not path.exists():
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vigie.db"
        open_database(f"sqlite:///{path}").close()
        return path.read_bytes()
