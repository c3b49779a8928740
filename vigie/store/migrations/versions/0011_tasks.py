"""Tasks on incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "task",
        sa.Column("id", key, nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("owner", sa.Text()),
        sa.Column("priority", sa.Integer()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("due_set_at", sa.Double(), nullable=False),
        sa.Column("check_asked", sa.Text()),
        sa.Column("checked_at", sa.Double()),
        sa.Column("check_result", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("done_at", sa.Double()),
        sa.Column("done_by", sa.Text()),
        sa.Column("verified_at", sa.Double()),
        sa.Column("verified_by", sa.Text()),
        sa.Column("dropped_for", sa.Text()),
        sa.Column("reopened", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name="fk_task_incident"),
        sa.CheckConstraint("priority BETWEEN 1 AND 5", name="ck_task_priority"),
        sa.CheckConstraint(
            "(state IN ('done', 'verified')) = (done_at IS NOT NULL)", name="ck_task_done"
        ),
        sa.CheckConstraint(
            "(state = 'verified') = (verified_at IS NOT NULL)", name="ck_task_verified"
        ),
        sa.CheckConstraint(
            "(state = 'dropped') = (dropped_for IS NOT NULL)", name="ck_task_dropped"
        ),
    )
    op.create_index("uq_task_incident_number", "task", ["incident", "number"], unique=True)
    op.create_index("ix_task_state_due_at_id", "task", ["state", "due_at", "id"])
    op.create_index("ix_task_verified_at", "task", ["verified_at"])
