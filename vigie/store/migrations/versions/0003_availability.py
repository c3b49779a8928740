"""What services were found to be, how redundant they stand; the incident of an outage."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_state",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service", "started_at", name="pk_service_state"),
    )
    op.create_table(
        "redundancy",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("risk_since", sa.Double()),
        sa.Column("leader", sa.Text()),
        sa.Column("led_since", sa.Double()),
        sa.Column("failovers", sa.BigInteger(), nullable=False),
        sa.Column("failed_over_at", sa.Double()),
        sa.PrimaryKeyConstraint("service", name="pk_redundancy"),
    )
    op.add_column("outage", sa.Column("incident", sa.BigInteger()))
