"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite gives a key only to INTEGER PRIMARY KEY.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _meta()
    _sli()
    _ledger()
    _span()
    _target_memory()
    _alert()
    _found()
    _backfill()
    _outage()
    _exclusion()
    _budget_action()
    _gate_override()
    _incident()
    _timeline()
    _job()
    _delivery()
    _run()
    _run_step()


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )


def _sli() -> None:
    op.create_table(
        "sli",
        sa.Column("id", KEY, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sli"),
        sa.UniqueConstraint("fingerprint", name="uq_sli_fingerprint"),
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("width_s", sa.Integer(), nullable=False),
        sa.Column("slice_start", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("width_s", "slice_start", name="pk_ledger"),
    )


def _span() -> None:
    op.create_table(
        "span",
        sa.Column("id", KEY, nullable=False),
        sa.Column("sli_id", KEY, nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("good", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sli_id"], ["sli.id"], name="fk_span_sli_id"),
        sa.PrimaryKeyConstraint("id", name="pk_span"),
    )
    op.create_index("ix_span_ended_at", "span", ["ended_at"])
    op.create_index(
        "uq_span_sli_id_began_at_ended_at", "span", ["sli_id", "began_at", "ended_at"], unique=True
    )


def _target_memory() -> None:
    op.create_table(
        "target_memory",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("layout", sa.LargeBinary(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("page_at", sa.Double()),
        sa.Column("process_start", sa.Double()),
        sa.Column("last_ok", sa.Integer(), nullable=False),
        sa.Column("read_for", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Double()),
        sa.PrimaryKeyConstraint("target", name="pk_target_memory"),
    )


def _alert() -> None:
    op.create_table(
        "alert",
        sa.Column("slo", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("slo", "arm", name="pk_alert"),
    )


def _found() -> None:
    op.create_table(
        "found",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_found"),
    )


def _backfill() -> None:
    op.create_table(
        "backfill",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("seam", sa.BigInteger(), nullable=False),
        sa.Column("done_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_backfill"),
    )


def _outage() -> None:
    op.create_table(
        "outage",
        sa.Column("id", KEY, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_outage"),
    )
    op.create_index(
        "uq_outage_service_started_at", "outage", ["service", "started_at"], unique=True
    )


def _exclusion() -> None:
    op.create_table(
        "exclusion",
        sa.Column("id", KEY, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("slo", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double()),
        sa.Column("removed_by", sa.Text()),
        sa.Column("removed_for", sa.Text()),
        sa.CheckConstraint("ended_at > started_at", name="ck_exclusion_order"),
        sa.PrimaryKeyConstraint("id", name="pk_exclusion"),
        sa.UniqueConstraint("idempotency_key", name="uq_exclusion_idempotency_key"),
    )
    op.create_index("ix_exclusion_service_ended_at", "exclusion", ["service", "ended_at"])


def _budget_action() -> None:
    op.create_table(
        "budget_action",
        sa.Column("slo", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("slo", "action", name="pk_budget_action"),
    )


def _gate_override() -> None:
    op.create_table(
        "gate_override",
        sa.Column("id", KEY, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("withdrawn_at", sa.Double()),
        sa.Column("withdrawn_by", sa.Text()),
        sa.CheckConstraint("expires_at > created_at", name="ck_gate_override_order"),
        sa.PrimaryKeyConstraint("id", name="pk_gate_override"),
    )
    op.create_index("ix_gate_override_service_id", "gate_override", ["service", "id"])
    op.create_index(
        "uq_gate_override_service_idempotency_key",
        "gate_override",
        ["service", "idempotency_key"],
        unique=True,
    )


def _incident() -> None:
    op.create_table(
        "incident",
        sa.Column("number", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("open_key", sa.Text()),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("slo", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("detected_at", sa.Double(), nullable=False),
        sa.Column("reported_at", sa.Double(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("acknowledged_at", sa.Double()),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("mitigated_at", sa.Double()),
        sa.Column("clear_since", sa.Double()),
        sa.Column("recovered_at", sa.Double()),
        sa.Column("resolved_at", sa.Double()),
        sa.Column("resolved_by", sa.Text()),
        sa.Column("closed_at", sa.Double()),
        sa.CheckConstraint("priority BETWEEN 1 AND 5", name="ck_incident_priority"),
        sa.CheckConstraint(
            "resolved_at IS NULL OR resolved_at >= opened_at", name="ck_incident_resolved_order"
        ),
        sa.CheckConstraint("severity BETWEEN 1 AND 4", name="ck_incident_severity"),
        sa.CheckConstraint(
            "started_at <= detected_at AND detected_at <= opened_at", name="ck_incident_order"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_incident"),
        sa.UniqueConstraint("open_key", name="uq_incident_open_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_service_opened_at", "incident", ["service", "opened_at"])


def _timeline() -> None:
    op.create_table(
        "timeline",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident", KEY, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("recorded_at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name="fk_timeline_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_timeline"),
    )
    op.create_index("ix_timeline_incident_id", "timeline", ["incident", "id"])


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dedup", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_at", sa.Double(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("incident", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("idempotent", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.Double()),
        sa.Column("worker", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("dedup", name="uq_job_dedup"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_state_run_at", "job", ["state", "run_at"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", KEY, nullable=False),
        sa.Column("dedup", sa.Text(), nullable=False),
        sa.Column("incident", sa.BigInteger()),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    op.create_index("ix_delivery_dedup", "delivery", ["dedup"])
    op.create_index("ix_delivery_incident", "delivery", ["incident"])


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident", KEY, nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double()),
        sa.ForeignKeyConstraint(["incident"], ["incident.number"], name="fk_run_incident"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_incident", "run", ["incident"])
    op.create_index("uq_run_incident_runbook", "run", ["incident", "runbook"], unique=True)


def _run_step() -> None:
    op.create_table(
        "run_step",
        sa.Column("run", KEY, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.Column("output", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_run_step_run"),
        sa.PrimaryKeyConstraint("run", "step", name="pk_run_step"),
    )
