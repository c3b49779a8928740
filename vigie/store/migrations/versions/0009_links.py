"""What incidents are connected with; merged ones are found by what they were merged into."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "incident_link",
        sa.Column("id", key, nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.BigInteger()),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("removed_at", sa.Double()),
        sa.Column("removed_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_incident_link"),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.number"], name="fk_incident_link_incident"
        ),
    )
    op.create_index("ix_incident_link_incident_id", "incident_link", ["incident", "id"])
    op.create_index("ix_incident_link_target", "incident_link", ["target"])
    held = sa.text("removed_at IS NULL")
    op.create_index(
        "uq_incident_link_incident_kind_ref",
        "incident_link",
        ["incident", "kind", "ref"],
        unique=True,
        sqlite_where=held,
        postgresql_where=held,
    )
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_incident_merged_into",
        "incident",
        ["merged_into"],
        sqlite_where=merged,
        postgresql_where=merged,
    )
