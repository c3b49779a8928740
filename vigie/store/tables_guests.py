"""Table of external parties: each a link to one incident."""

from sqlalchemy import Column, Double, ForeignKey, Integer, Table, Text, text

from vigie.store.tables import Key, Words, metadata

guest = Table(  # kept when it is over, as the record of who had one
    "guest",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False, index=True),
    Column("digest", Text, nullable=False, unique=True),  # SHA-256 of what the link holds
    Column("name", Words, nullable=False),
    Column("role", Text, nullable=False),  # vigie.access.roles.Role: viewer or responder
    Column("created_at", Double, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("opened", Integer, nullable=False, server_default=text("0")),  # how often the link was
    Column("first_used_at", Double),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
    Column("revoked_by", Words),
)
