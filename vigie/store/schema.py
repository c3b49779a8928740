"""Which revision of the schema a database has, and bringing it up to this program's."""

from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    text,
)

from vigie.store import (  # noqa: F401 - their tables belong to the metadata
    tables_access,
    tables_attachments,
    tables_automation,
    tables_guests,
    tables_links,
    tables_people,
    tables_problems,
    tables_reviews,
    tables_search,
    tables_status,
    tables_tasks,
    tables_updates,
)
from vigie.store.errors import Corrupt, Newer, Refused
from vigie.store.tables import metadata

# Every revision in order, so that a start with nothing to migrate never imports Alembic (250 ms,
# 9 MB). A test compares it with the scripts.
REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012",
    "0013", "0014", "0015", "0016", "0017",
)  # fmt: skip
HEAD = REVISIONS[-1]
_alembic = MetaData()
_version = Table(
    "alembic_version",
    _alembic,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
SCRIPTS = Path(__file__).parent / "migrations"


def revision(c: Connection) -> str | None:
    """The stored revision; None for a database without any of Vigie's tables.

    Newer: a revision that this program does not know. Corrupt: tables without a revision.
    """
    names = set(inspect(c).get_table_names())
    if "alembic_version" not in names:
        ours = sorted(names & set(metadata.tables))
        if ours:
            raise Corrupt(
                f"the database has a table `{ours[0]}` but no schema revision: it was not made by "
                "Vigie; name another one"
            )
        return None
    stored = c.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if stored is not None and stored not in REVISIONS:
        raise Newer(
            f"the database has schema revision {stored}; this program knows up to {HEAD}: "
            "start the later version of Vigie that wrote it, or restore a backup"
        )
    return stored


def migrate(c: Connection) -> bool:
    """Bring the schema up to date inside the running transaction; False when it was."""
    stored = revision(c)
    if stored == HEAD:
        return False
    if stored is None:
        create(c)
    else:
        upgrade(c)
    return True


def create(c: Connection) -> None:
    """All tables in an empty database; a test shows that it equals every revision in turn."""
    metadata.create_all(c)
    _alembic.create_all(c)
    c.execute(_version.insert().values(version_num=HEAD))


def upgrade(c: Connection) -> None:
    """Every revision that the database has not seen, by Alembic."""
    from alembic import command  # noqa: PLC0415 - 250 ms that the usual start does not spend
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config(attributes={"connection": c})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    command.upgrade(config, "head")


def require_head(c: Connection) -> None:
    """Refused unless the schema is this program's."""
    stored = revision(c)
    if stored != HEAD:
        has = f"schema revision {stored}" if stored else "no tables of Vigie's"
        raise Refused(f"the database has {has}, not {HEAD}: run `vigie db migrate` first")
