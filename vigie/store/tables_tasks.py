"""The table of tasks on incidents; those of a review are its actions."""

from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Index, Integer, Table, Text
from sqlalchemy import text as sql

from vigie.store.tables import Key, Words, metadata

task = Table(
    "task",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, ... within its incident
    Column("source", Text, nullable=False),  # incidents.tasks.TaskSource
    Column("kind", Text, nullable=False),  # incidents.tasks.TaskKind
    Column("title", Words, nullable=False),
    Column("description", Words, nullable=False, server_default=sql("''")),
    Column("owner", Words),
    Column("priority", Integer),  # 1..5; NULL: nobody said
    Column("state", Text, nullable=False),  # incidents.tasks.TaskState
    Column("due_at", Double, nullable=False),
    Column("due_set_at", Double, nullable=False),  # reminders of an earlier due time say nothing
    Column("check_asked", Text),  # JSON, incidents.task_checks; NULL: a person verifies it
    Column("checked_at", Double),
    Column("check_result", Words),
    Column("created_at", Double, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("done_at", Double),
    Column("done_by", Words),
    Column("verified_at", Double),
    Column("verified_by", Words),
    Column("dropped_for", Words),
    Column("reopened", Integer, nullable=False, server_default=sql("0")),
    Column("version", Integer, nullable=False, server_default=sql("1")),  # of what people change
    CheckConstraint("priority BETWEEN 1 AND 5", name="priority"),
    CheckConstraint("(state IN ('done', 'verified')) = (done_at IS NOT NULL)", name="done"),
    CheckConstraint("(state = 'verified') = (verified_at IS NOT NULL)", name="verified"),
    CheckConstraint("(state = 'dropped') = (dropped_for IS NOT NULL)", name="dropped"),
    Index("uq_task_incident_number", "incident", "number", unique=True),
    Index("ix_task_state_due_at_id", "state", "due_at", "id"),
    Index("ix_task_verified_at", "verified_at"),
)
