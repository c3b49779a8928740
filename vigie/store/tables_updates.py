"""The table of what stakeholders were told about incidents."""

from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Index, Table, Text

from vigie.store.tables import Key, Words, metadata

stakeholder_update = Table(
    "stakeholder_update",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("audience", Text, nullable=False),  # incidents.updates.Audience
    Column("status", Text, nullable=False),  # incidents.updates.Status
    Column("text", Words, nullable=False),  # Markdown
    Column("next_at", Double),  # when the next one was promised for; NULL: nothing was said
    Column("sent_at", Double, nullable=False),
    Column("sent_by", Words, nullable=False),
    Column("idempotency_key", Words),
    CheckConstraint("next_at > sent_at", name="next"),
    Index("ix_stakeholder_update_incident_id", "incident", "id"),
    Index("ix_stakeholder_update_audience_sent_at", "audience", "sent_at"),
)
