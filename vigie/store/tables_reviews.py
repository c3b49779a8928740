"""The table of reviews, of which an incident has at most one."""

from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Index, Integer, Table, Text
from sqlalchemy import text as sql

from vigie.store.tables import Key, Words, metadata

review = Table(
    "review",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False, unique=True),
    Column("state", Text, nullable=False),  # incidents.review.ReviewState
    # JSON, texts by section: those that people wrote; once it is final, all.
    Column("sections", Words, nullable=False, server_default=sql("'{}'")),
    Column("root_cause", Words),  # once it is final; before, it is the `cause` of the incident
    Column("causes", Words, nullable=False, server_default=sql("'[]'")),  # JSON: what contributed
    Column("whys", Words, nullable=False, server_default=sql("'[]'")),  # JSON, five at most
    Column("reviewers", Words, nullable=False, server_default=sql("'[]'")),  # JSON
    Column("edits", Words, nullable=False, server_default=sql("'{}'")),  # JSON: who wrote what last
    Column("author", Words, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("final_at", Double),
    Column("final_by", Words),
    Column("reopened", Integer, nullable=False, server_default=sql("0")),
    Column("version", Integer, nullable=False, server_default=sql("1")),
    CheckConstraint("(state = 'final') = (final_at IS NOT NULL)", name="final"),
    CheckConstraint("changed_at >= created_at", name="order"),
    Index("ix_review_state_id", "state", "id"),
)
