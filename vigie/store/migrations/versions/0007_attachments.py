"""Files that people add to incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "blob",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob"),
    )
    op.create_table(
        "blob_chunk",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "position", name="pk_blob_chunk"),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name="fk_blob_chunk_sha256"),
    )
    op.create_table(
        "attachment",
        sa.Column("id", key, nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("blob", sa.Text()),
        sa.Column("sent_size", sa.BigInteger(), nullable=False),
        sa.Column("redacted", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text()),
        sa.Column("uploaded_at", sa.Double(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("removed_at", sa.Double()),
        sa.Column("removed_by", sa.Text()),
        sa.Column("removed_for", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name="fk_attachment_incident"),
        sa.ForeignKeyConstraint(["blob"], ["blob.sha256"], name="fk_attachment_blob"),
        sa.CheckConstraint(
            "(blob IS NULL) = (removed_at IS NOT NULL)", name="ck_attachment_removed"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attachment_blob", "attachment", ["blob"])
    op.create_index("ix_attachment_incident_id", "attachment", ["incident", "id"])
    op.create_index(
        "uq_attachment_incident_idempotency_key",
        "attachment",
        ["incident", "idempotency_key"],
        unique=True,
    )
