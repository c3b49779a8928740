"""Databases for tests: each test that asks runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from blank import blank_database
from vigie.store.db import Database, open_database
from vigie.store.tables import metadata

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)]


@pytest.fixture(params=BOTH)
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database; asking for it by parametrization picks one."""
    return str(request.param)


@pytest.fixture
def empty_database_url(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """The URL of a database with nothing in it, not even tables."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path}/vigie.db"
        return
    url = str(request.getfixturevalue("postgres_url"))
    _empty(url)
    yield url
    _empty(url)


_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def end_others(url: str) -> None:
    """End every session: a test whose lines are cut leaves some that the server has not missed."""
    with create_engine(url, poolclass=NullPool).begin() as c:
        c.execute(_END_OTHERS)


def _empty(url: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as c:
        c.execute(_END_OTHERS)
        c.execute(text("DROP SCHEMA public CASCADE"))
        c.execute(text("CREATE SCHEMA public"))


@pytest.fixture
def database_url(
    dialect: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> str:
    """The URL of a database with all tables and no rows."""
    if dialect == "sqlite":
        return blank_database(tmp_path)
    url = str(request.getfixturevalue("postgres_url"))
    try:
        _truncate(url)
    except ProgrammingError:  # no tables yet
        open_database(url).close()
    return url


def _truncate(url: str) -> None:
    names = ", ".join(metadata.tables)
    with create_engine(url, poolclass=NullPool).begin() as c:
        c.execute(_END_OTHERS)
        c.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An open database, as a server has it; its time is the caller's."""
    with closing(open_database(database_url, server_time=False)) as opened:
        yield opened


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    folder = tmp_path_factory.mktemp("template")
    blank_database(folder)
    return folder / "vigie.db"
