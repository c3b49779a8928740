"""Who is mailed about a status page."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "subscriber",
        sa.Column("id", key, nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("confirmed_at", sa.Double()),
        sa.Column("asked", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("asked_from", sa.Double(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriber"),
    )
    op.create_index("uq_subscriber_page_address", "subscriber", ["page", "address"], unique=True)
    op.create_index("ix_subscriber_mailbox", "subscriber", ["mailbox"])
    op.create_index("ix_subscriber_confirmed_at_id", "subscriber", ["confirmed_at", "id"])
