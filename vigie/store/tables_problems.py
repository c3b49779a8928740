"""Tables of problems: what is behind incidents, and what became of each problem by whom."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
)
from sqlalchemy import text as sql

from vigie.store.tables import Key, Words, metadata

_HAS_KEY = sql("key IS NOT NULL")

problem = Table(
    "problem",
    metadata,
    Column("number", Key, primary_key=True),
    Column("title", Words, nullable=False),
    Column("description", Words, nullable=False, server_default=sql("''")),
    Column("state", Text, nullable=False),  # incidents.problems.ProblemState
    Column("service", Words, nullable=False, server_default=sql("''")),  # empty: of none alone
    Column("cause", Words),  # of the taxonomy: an incident with it shows that it is not fixed
    Column("owner", Words),
    Column("workaround", Words, nullable=False, server_default=sql("''")),
    Column("root_cause", Words, nullable=False, server_default=sql("''")),
    Column("fix", Words, nullable=False, server_default=sql("''")),  # the permanent one
    Column("fix_url", Words, nullable=False, server_default=sql("''")),
    Column("fix_change", BigInteger),  # number of a change
    Column("created_at", Double, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("fixed_at", Double),
    Column("fixed_by", Words),
    Column("closed_at", Double),
    Column("closed_by", Words),
    Column("closed_for", Words),
    Column("reopened", Integer, nullable=False, server_default=sql("0")),
    Column("version", Integer, nullable=False, server_default=sql("1")),
    CheckConstraint("state <> 'known_error' OR workaround <> ''", name="workaround"),
    CheckConstraint("state <> 'fixed' OR fixed_at IS NOT NULL", name="fixed"),
    CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
    Index("ix_problem_state_number", "state", "number"),
)

problem_event = Table(  # append-only
    "problem_event",
    metadata,
    Column("id", Key, primary_key=True),
    Column("problem", ForeignKey("problem.number"), nullable=False),
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),  # incidents.problems.ProblemEvent
    Column("actor", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("key", Words),  # idempotency key of the command
    Index("ix_problem_event_problem_id", "problem", "id"),
    Index(
        "ix_problem_event_key",
        "key",
        sqlite_where=_HAS_KEY,
        postgresql_where=_HAS_KEY,
    ),
)
