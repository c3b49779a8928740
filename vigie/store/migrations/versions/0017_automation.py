"""What automations wait for, and what each of them did."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "automation_event",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_automation_event"),
    )
    op.create_table(
        "automation_run",
        sa.Column("id", key, nullable=False),
        sa.Column("automation", sa.Text(), nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("results", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_automation_run"),
        sa.ForeignKeyConstraint(
            ["incident"], ["incident.number"], name="fk_automation_run_incident"
        ),
    )
    op.create_index(
        "uq_automation_run_incident_position_automation",
        "automation_run",
        ["incident", "position", "automation"],
        unique=True,
    )
    op.create_index("ix_automation_run_automation_id", "automation_run", ["automation", "id"])
