"""Documents that are searched, made of what there is; problems; indexes for what comes again."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEX = "search_index"
_NEW = "new.id, new.title, new.body, new.said"
_OLD = "old.id, old.title, old.body, old.said"
_COLUMNS = "rowid, title, body, said"
_ADD = f"INSERT INTO {_INDEX} ({_COLUMNS}) VALUES ({_NEW});"  # noqa: S608 - constants
_REMOVE = f"INSERT INTO {_INDEX} ({_INDEX}, {_COLUMNS}) VALUES ('delete', {_OLD});"  # noqa: S608 - constants
_SAID = ("commented", "corrected")
_LONGEST = 20_000
_BATCH = 1_000


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "search_document",
        sa.Column("id", key, nullable=False, autoincrement=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_document"),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _postgresql():
        op.get_bind().exec_driver_sql(statement)
    _problems(key)
    op.create_index("ix_incident_key_number", "incident", ["key", "number"])
    has_cause = sa.text("cause IS NOT NULL")
    op.create_index(
        "ix_incident_cause_number",
        "incident",
        ["cause", "number"],
        sqlite_where=has_cause,
        postgresql_where=has_cause,
    )
    _fill(op.get_bind())


_SQLITE = (
    f"CREATE VIRTUAL TABLE {_INDEX} USING fts5(title, body, said, content='search_document', "
    "content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER search_document_added AFTER INSERT ON search_document BEGIN {_ADD} END",
    f"CREATE TRIGGER search_document_removed AFTER DELETE ON search_document BEGIN {_REMOVE} END",
    "CREATE TRIGGER search_document_changed AFTER UPDATE ON search_document "
    f"BEGIN {_REMOVE} {_ADD} END",
)


def _postgresql() -> tuple[str, ...]:
    words = " || ".join(_words(*one) for one in (("title", "A"), ("body", "B"), ("said", "D")))
    return (
        "ALTER TABLE search_document ADD COLUMN search_words tsvector GENERATED ALWAYS AS "
        f"({words}) STORED",
        "CREATE INDEX ix_search_document_search_words ON search_document USING gin (search_words)",
    )


def _words(column: str, weight: str) -> str:
    plain = f"regexp_replace(normalize({column}, NFKD), '[\\u0300-\\u036f]+', '', 'g')"
    signs = "[\\u0001-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u00bf]+"
    clean = f"regexp_replace({plain}, '{signs}', ' ', 'g')"
    both = f"to_tsvector('simple', {clean}) || to_tsvector('english', {clean})"
    return f"setweight({both}, '{weight}')"


def _problems(key: Any) -> None:
    empty = sa.text("''")
    optional = ("description", "service", "workaround", "root_cause", "fix", "fix_url")
    op.create_table(
        "problem",
        sa.Column("number", key, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False, server_default=empty) for name in optional),
        sa.Column("cause", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("fix_change", sa.BigInteger()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("fixed_at", sa.Double()),
        sa.Column("fixed_by", sa.Text()),
        sa.Column("closed_at", sa.Double()),
        sa.Column("closed_by", sa.Text()),
        sa.Column("closed_for", sa.Text()),
        sa.Column("reopened", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("number", name="pk_problem"),
        sa.CheckConstraint(
            "state <> 'known_error' OR workaround <> ''", name="ck_problem_workaround"
        ),
        sa.CheckConstraint("state <> 'fixed' OR fixed_at IS NOT NULL", name="ck_problem_fixed"),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)", name="ck_problem_closed"
        ),
    )
    op.create_index("ix_problem_state_number", "problem", ["state", "number"])
    op.create_table(
        "problem_event",
        sa.Column("id", key, nullable=False),
        sa.Column("problem", key, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_problem_event"),
        sa.ForeignKeyConstraint(["problem"], ["problem.number"], name="fk_problem_event_problem"),
    )
    op.create_index("ix_problem_event_problem_id", "problem_event", ["problem", "id"])
    has_key = sa.text("key IS NOT NULL")
    op.create_index(
        "ix_problem_event_key",
        "problem_event",
        ["key"],
        sqlite_where=has_key,
        postgresql_where=has_key,
    )


def _fill(c: sa.Connection) -> None:
    """A document of every incident there is."""
    add = sa.text("INSERT INTO search_document (id, title, body, said) VALUES (:i, :t, :b, :s)")
    last = 0
    while rows := _incidents(c, last):
        said = dict(_said(c, last, rows[-1]["number"]))
        c.execute(add, [_document(row, said.get(row["number"], "")) for row in rows])
        last = rows[-1]["number"]


def _incidents(c: sa.Connection, after: int) -> list[Any]:
    found = sa.text(
        "SELECT number, title, description, resolution, cause, category, subcategory, service, slo "
        "FROM incident WHERE number > :after ORDER BY number LIMIT :most"
    )
    return list(c.execute(found, {"after": after, "most": _BATCH}).mappings())


def _document(row: Any, said: str) -> dict[str, Any]:
    names = ("description", "resolution", "cause", "category", "subcategory", "service", "slo")
    body = "\n".join(row[name] for name in names if row[name])
    return {"i": row["number"], "t": row["title"], "b": body[:_LONGEST], "s": said}


def _said(c: sa.Connection, after: int, last: int) -> Iterator[tuple[int, str]]:
    found = sa.text(
        "SELECT incident, position, kind, text, data FROM timeline WHERE incident > :after "
        "AND incident <= :last AND kind IN :kinds ORDER BY incident, position"
    ).bindparams(sa.bindparam("kinds", expanding=True))
    rows = c.execute(found, {"after": after, "last": last, "kinds": _SAID}).mappings()
    for number, entries in groupby(rows, key=lambda row: row["incident"]):
        texts: dict[int, str] = {}
        for entry in entries:
            if entry["kind"] == "commented":
                texts[entry["position"]] = entry["text"]
            elif (of := json.loads(entry["data"]).get("corrects")) in texts:
                texts[of] = entry["text"]
        yield number, "\n".join(texts.values())[-_LONGEST:]
