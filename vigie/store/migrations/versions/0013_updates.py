"""What stakeholders were told about incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "stakeholder_update",
        sa.Column("id", key, nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Double()),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.CheckConstraint("next_at > sent_at", name="ck_stakeholder_update_next"),
        sa.PrimaryKeyConstraint("id", name="pk_stakeholder_update"),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.number"], name="fk_stakeholder_update_incident"
        ),
    )
    op.create_index("ix_stakeholder_update_incident_id", "stakeholder_update", ["incident", "id"])
    op.create_index(
        "ix_stakeholder_update_audience_sent_at", "stakeholder_update", ["audience", "sent_at"]
    )
