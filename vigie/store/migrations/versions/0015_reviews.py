"""Reviews of incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "review",
        sa.Column("id", key, nullable=False),
        sa.Column("incident", key, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sections", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("root_cause", sa.Text()),
        sa.Column("causes", sa.Text(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("whys", sa.Text(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("reviewers", sa.Text(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("edits", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("final_at", sa.Double()),
        sa.Column("final_by", sa.Text()),
        sa.Column("reopened", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
        sa.UniqueConstraint("incident", name="uq_review_incident"),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name="fk_review_incident"),
        sa.CheckConstraint("(state = 'final') = (final_at IS NOT NULL)", name="ck_review_final"),
        sa.CheckConstraint("changed_at >= created_at", name="ck_review_order"),
    )
    op.create_index("ix_review_state_id", "review", ["state", "id"])
