"""The whole record of an incident: words, category, figures from the ledger, who takes part."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ORDER = {
    "ack_order": "acknowledged_at IS NULL OR acknowledged_at >= opened_at",
    "mitigated_order": "mitigated_at IS NULL OR mitigated_at >= started_at",
    "recovered_order": "recovered_at IS NULL OR recovered_at >= started_at",
    "closed_order": "closed_at IS NULL OR closed_at >= opened_at",
    "satisfaction": "satisfaction BETWEEN 1 AND 5",
}


def upgrade() -> None:
    for column in _columns():
        op.add_column("incident", column)
    # A clock that was set back may have said so before it was refused.
    for time, after in (
        ("acknowledged_at", "opened_at"),
        ("mitigated_at", "started_at"),
        ("recovered_at", "started_at"),
        ("closed_at", "opened_at"),
    ):
        op.execute(f"UPDATE incident SET {time} = {after} WHERE {time} < {after}")  # noqa: S608 - names above
    _constrain()
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "participant",
        sa.Column("id", key, nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("until", sa.Double()),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_participant"),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name="fk_participant_incident"),
        sa.CheckConstraint("until IS NULL OR until >= since", name="ck_participant_order"),
    )
    op.create_index("ix_participant_incident_id", "participant", ["incident", "id"])
    op.create_index("ix_participant_name_incident", "participant", ["name", "incident"])


def _columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("detected_by", sa.Text(), nullable=False, server_default=sa.text("'machine'")),
        sa.Column("description", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("affected", sa.Text(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("category", sa.Text()),
        sa.Column("subcategory", sa.Text()),
        sa.Column("cause", sa.Text()),
        sa.Column("resolution", sa.Text()),
        sa.Column("fields", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("sub_status", sa.Text()),
        sa.Column("users_affected", sa.BigInteger()),
        sa.Column("restricted", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("tier", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.Column("merged_into", sa.BigInteger()),
        sa.Column("budget_burned", sa.Double()),
        sa.Column("bad_events", sa.BigInteger()),
        sa.Column("downtime_s", sa.Double()),
        sa.Column("planned_downtime_s", sa.Double()),
        sa.Column("traffic_share", sa.Double()),
        sa.Column("impact", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("closed_by", sa.Text()),
        sa.Column("reopened", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("confirmed_at", sa.Double()),
    )


def _constrain() -> None:
    """SQLite adds a constraint only with a column, unless the whole table is written anew, which
    the tables that name it forbid: the last column carries them all.
    """
    if op.get_context().dialect.name == "sqlite":
        checks = " ".join(
            f"CONSTRAINT ck_incident_{name} CHECK ({rule})" for name, rule in _ORDER.items()
        )
        op.execute(f"ALTER TABLE incident ADD COLUMN satisfaction INTEGER {checks}")
        return
    op.add_column("incident", sa.Column("satisfaction", sa.Integer()))
    for name, rule in _ORDER.items():
        op.create_check_constraint(op.f(f"ck_incident_{name}"), "incident", rule)
