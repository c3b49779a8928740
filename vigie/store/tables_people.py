"""Tables of who works on an incident, and who may see a restricted one."""

from sqlalchemy import CheckConstraint, Column, Double, ForeignKey, Index, Table

from vigie.store.tables import Key, Words, metadata

participant = Table(  # a role taken and handed over; a row is never removed
    "participant",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("name", Words, nullable=False),
    Column("role", Words, nullable=False),  # incidents.people.Part
    Column("since", Double, nullable=False),
    Column("until", Double),
    Column("given_by", Words, nullable=False),
    Column("note", Words),  # of the hand-over
    CheckConstraint("until IS NULL OR until >= since", name="order"),
    Index("ix_participant_incident_id", "incident", "id"),
    Index("ix_participant_name_incident", "name", "incident"),
)
