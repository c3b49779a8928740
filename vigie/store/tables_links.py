"""Table of what an incident is connected with; and the index by which merged ones are found."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Table, Text, text

from vigie.store.tables import Key, Words, incident, metadata

HELD = text("removed_at IS NULL")
_MERGED = text("merged_into IS NOT NULL")

incident_link = Table(  # a row that was taken away stays, and says by whom
    "incident_link",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("kind", Text, nullable=False),  # incidents.links.LinkKind
    Column("target", BigInteger),  # number of the other incident; NULL: it leads to no incident
    Column("ref", Words, nullable=False),  # number, trace id or URL: what is linked only once
    Column("url", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("added_at", Double, nullable=False),
    Column("added_by", Words, nullable=False),
    Column("removed_at", Double),
    Column("removed_by", Words),
    Index("ix_incident_link_incident_id", "incident", "id"),
    Index("ix_incident_link_target", "target"),
    Index(
        "uq_incident_link_incident_kind_ref",
        "incident",
        "kind",
        "ref",
        unique=True,
        sqlite_where=HELD,
        postgresql_where=HELD,
    ),
)

Index(
    "ix_incident_merged_into",
    incident.c.merged_into,
    sqlite_where=_MERGED,
    postgresql_where=_MERGED,
)
