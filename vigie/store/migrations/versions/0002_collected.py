"""Heartbeats and changes; why a service was down, and whether that was planned."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite gives a key only to INTEGER PRIMARY KEY.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _heartbeat()
    _change()
    _change_service()
    _outage()


def _heartbeat() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("heard_since", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double()),
        sa.Column("last_state", sa.Text()),
        sa.Column("started_at", sa.Double()),
        sa.Column("duration_s", sa.Double()),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeat"),
    )


def _change() -> None:
    op.create_table(
        "change",
        sa.Column("number", KEY, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text()),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.Column("stated_at", sa.Double(), nullable=False),
        sa.Column("recorded_at", sa.Double(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "finished_at IS NULL OR finished_at >= started_at", name="ck_change_order"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_change"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_change_source_id", "change", ["source", "id"], unique=True)
    op.create_index("ix_change_started_at_number", "change", ["started_at", "number"])


def _change_service() -> None:
    op.create_table(
        "change_service",
        sa.Column("change", KEY, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["change"], ["change.number"], name="fk_change_service_change"),
        sa.PrimaryKeyConstraint("change", "service", name="pk_change_service"),
    )
    op.create_index("ix_change_service_service_change", "change_service", ["service", "change"])


def _outage() -> None:
    for column in (
        sa.Column("cause", sa.Text()),
        sa.Column("planned", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("outage", column)
