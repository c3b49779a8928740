"""Tables of what is searched: one document an incident or problem, and each database's own index.

SQLite indexes it by FTS5 (`search_index`, kept by triggers), PostgreSQL by a generated column
(`search_words`). Both follow from the documents, so backups hold only those.
"""

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, Index, Integer, Table, event, text

from vigie.store.tables import Words, incident, metadata

INDEX: Final = "search_index"  # and its shadow tables `search_index_...`
WORDS: Final = "search_words"
_HAS_CAUSE = text("cause IS NOT NULL")

search_document = Table(
    "search_document",
    metadata,
    # The number of an incident; of a problem its number, negative.
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("title", Words, nullable=False),
    Column("body", Words, nullable=False),  # what is written down about it
    Column("said", Words, nullable=False),  # comments and updates
)

Index("ix_incident_key_number", incident.c.key, incident.c.number)
Index(
    "ix_incident_cause_number",
    incident.c.cause,
    incident.c.number,
    sqlite_where=_HAS_CAUSE,
    postgresql_where=_HAS_CAUSE,
)


def is_derived(name: str) -> bool:
    """Whether a table, column or index of a database is made from documents by itself."""
    return name.startswith(INDEX) or WORDS in name


_NEW: Final = "new.id, new.title, new.body, new.said"
_OLD: Final = "old.id, old.title, old.body, old.said"
_COLUMNS: Final = "rowid, title, body, said"
_ADD: Final = f"INSERT INTO {INDEX} ({_COLUMNS}) VALUES ({_NEW});"  # noqa: S608 - constants
_REMOVE: Final = f"INSERT INTO {INDEX} ({INDEX}, {_COLUMNS}) VALUES ('delete', {_OLD});"  # noqa: S608 - constants


def _words(column: str, weight: str) -> str:
    """Words without accents and signs, as FTS5 has them, in two forms: as they are, and stemmed."""
    plain = f"regexp_replace(normalize({column}, NFKD), '[\\u0300-\\u036f]+', '', 'g')"
    signs = "[\\u0001-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u00bf]+"
    clean = f"regexp_replace({plain}, '{signs}', ' ', 'g')"
    both = f"to_tsvector('simple', {clean}) || to_tsvector('english', {clean})"
    return f"setweight({both}, '{weight}')"


SQLITE: Final = (
    f"CREATE VIRTUAL TABLE {INDEX} USING fts5(title, body, said, content='search_document', "
    "content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER search_document_added AFTER INSERT ON search_document BEGIN {_ADD} END",
    f"CREATE TRIGGER search_document_removed AFTER DELETE ON search_document BEGIN {_REMOVE} END",
    "CREATE TRIGGER search_document_changed AFTER UPDATE ON search_document "
    f"BEGIN {_REMOVE} {_ADD} END",
)
POSTGRESQL: Final = (
    f"ALTER TABLE search_document ADD COLUMN {WORDS} tsvector GENERATED ALWAYS AS "
    f"({_words('title', 'A')} || {_words('body', 'B')} || {_words('said', 'D')}) STORED",
    f"CREATE INDEX ix_search_document_{WORDS} ON search_document USING gin ({WORDS})",
)
for _dialect, _statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
        event.listen(search_document, "after_create", _ddl.execute_if(dialect=_dialect))
