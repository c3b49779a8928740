"""Revisions of the schema."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from slo.outages import Outage
from vigie.store import outages, schema
from vigie.store.db import connect, open_database, parsed
from vigie.store.errors import Corrupt, Newer, Refused
from vigie.store.tables import metadata
from vigie.store.tables_search import is_derived


@pytest.mark.parametrize("way", [schema.create, schema.upgrade])
def test_creating_the_tables_and_migrating_to_them_give_the_same(
    way: Callable[[Connection], None], empty_database_url: str
) -> None:
    with closing(connect(parsed(empty_database_url), read_only=False)) as db:
        db.write(way)
        assert db.read(_differences) == []
        assert db.read(schema.revision) == schema.HEAD
        assert not db.write(schema.migrate)


def test_the_comparison_notices_a_column_too_many(empty_database_url: str) -> None:
    with closing(open_database(empty_database_url)) as db:
        db.write(lambda c: c.execute(text("ALTER TABLE alert ADD COLUMN more INTEGER")))
        assert len(db.read(_differences)) == 1


def _differences(c: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True, "include_name": _is_ours}
    return list(compare_metadata(MigrationContext.configure(c, opts=options), metadata))


def _is_ours(name: str | None, _type: str, _parents: object) -> bool:
    """Not what a database makes of the documents by itself."""
    return name is None or not is_derived(name)


def test_the_listed_revisions_are_those_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    in_order = tuple(reversed([script.revision for script in scripts.walk_revisions()]))
    assert in_order == schema.REVISIONS
    assert scripts.get_current_head() == schema.HEAD


def test_outages_of_before_are_kept_without_a_cause_and_as_unplanned(
    empty_database_url: str,
) -> None:
    with closing(connect(parsed(empty_database_url), read_only=False)) as db:
        db.write(_first)
        add = "INSERT INTO outage (service, started_at, ended_at) VALUES ('shop', 10.0, 20.0)"
        db.write(lambda c: c.execute(text(add)))
        assert db.write(schema.migrate)
        assert db.read(outages.read) == [Outage("shop", 10.0, 20.0, cause="", planned=False)]


def _first(c: Connection) -> None:
    """The tables of the first revision."""
    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS))
    config.attributes["connection"] = c
    command.upgrade(config, "0001")


def test_opening_a_migrated_database_never_imports_alembic(sqlite_template: object) -> None:
    program = (
        "import sys; from vigie.store.db import open_database\n"
        f"open_database('sqlite:///{sqlite_template}').close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_database_of_a_later_version_is_refused(database_url: str) -> None:
    with closing(open_database(database_url)) as db:
        db.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    try:
        with pytest.raises(Newer, match="9999"):
            open_database(database_url)
        with pytest.raises(Newer, match="9999"):
            open_database(database_url, read_only=True)
    finally:
        with closing(connect(parsed(database_url), read_only=False)) as db:
            update = text("UPDATE alembic_version SET version_num = :head")
            db.write(lambda c: c.execute(update, {"head": schema.HEAD}))


def test_a_database_that_vigie_did_not_make_is_refused(empty_database_url: str) -> None:
    with closing(connect(parsed(empty_database_url), read_only=False)) as db:
        db.write(lambda c: c.execute(text("CREATE TABLE incident (id INTEGER)")))
    with pytest.raises(Corrupt, match="`incident`"):
        open_database(empty_database_url)


def test_reading_a_database_without_tables_says_to_migrate(empty_database_url: str) -> None:
    connect(parsed(empty_database_url), read_only=False).close()
    with closing(connect(parsed(empty_database_url), read_only=False)) as db:
        db.write(lambda c: c.execute(text("CREATE TABLE other (id INTEGER)")))
    with pytest.raises(Refused, match="vigie db migrate"):
        open_database(empty_database_url, read_only=True)
