"""Why an incident has its priority, what was measured and what a person set, and its targets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("priority_reasons", sa.Text(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("measured_severity", sa.Integer()),
        sa.Column("severity_set_at", sa.Double()),
        sa.Column("severity_set_by", sa.Text()),
        sa.Column("severity_set_for", sa.Text()),
        sa.Column("response_due_at", sa.Double()),
        sa.Column("resolution_due_at", sa.Double()),
    ):
        op.add_column("incident", column)
    # Until now nothing but a measurement gave an incident its severity.
    op.execute("UPDATE incident SET measured_severity = severity")
