"""Tables of files that people add to incidents: what each is, and its bytes by their hash."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from vigie.store.tables import Key, Words, metadata

blob = Table(  # bytes, once however often they are attached
    "blob",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
)

blob_chunk = Table(
    "blob_chunk",
    metadata,
    Column("sha256", ForeignKey("blob.sha256"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
)

attachment = Table(  # a removed one stays, and says by whom and why; its bytes don't
    "attachment",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("name", Words, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("blob", ForeignKey("blob.sha256"), index=True),  # NULL once removed
    Column("sent_size", BigInteger, nullable=False),  # before anything was taken out
    Column("redacted", Text, nullable=False),  # JSON: what was taken out, by kind
    Column("summary", Text),  # JSON, of a HAR
    Column("uploaded_at", Double, nullable=False),
    Column("uploaded_by", Words, nullable=False),
    Column("idempotency_key", Words),
    Column("removed_at", Double),
    Column("removed_by", Words),
    Column("removed_for", Words),
    CheckConstraint("(blob IS NULL) = (removed_at IS NOT NULL)", name="removed"),
    Index("ix_attachment_incident_id", "incident", "id"),
    Index("uq_attachment_incident_idempotency_key", "incident", "idempotency_key", unique=True),
    sqlite_autoincrement=True,  # an address never leads to another file later
)
