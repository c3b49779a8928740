"""Indexes that keep lists and analytics quick over very many incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open = sa.text("open_key IS NOT NULL")
    op.create_index(
        "ix_incident_open", "incident", ["number"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_incident_opened_at", "incident", ["opened_at"])
    op.create_index("ix_incident_state_number", "incident", ["state", "number"])
    op.create_index(
        "ix_incident_type_severity_priority", "incident", ["type", "severity", "priority"]
    )
    columns = ["service", "state", "number", "severity"]
    op.create_index("ix_incident_service_state_number", "incident", columns)
