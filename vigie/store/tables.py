"""Every table of Vigie. Times are Unix seconds (double precision), JSON is text by orjson."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)

from incidents.chain import GENESIS


class Words(TypeDecorator[str]):
    """Text that may come from outside: a page's answer, a comment, an error.

    PostgreSQL refuses the character NUL and neither database takes half a surrogate pair; a
    delivery that can't be recorded would be sent for ever, so both become U+FFFD.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """A text as `Words` keeps it."""
    if text.isascii() and "\x00" not in text:
        return text
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return valid.replace("\x00", "\ufffd")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives a key only to INTEGER PRIMARY KEY.
Key = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

sli = Table(  # the columns of ledger rows; a fingerprint keeps its number for ever
    "sli",
    metadata,
    Column("id", Key, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
)

ledger = Table(  # absolute values of one slice; a later revision replaces an earlier one
    "ledger",
    metadata,
    Column("width_s", Integer, primary_key=True),
    Column("slice_start", BigInteger, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

span = Table(  # increments whose time is known only to lie in (began_at, ended_at]
    "span",
    metadata,
    Column("id", Key, primary_key=True),
    Column("sli_id", ForeignKey("sli.id"), nullable=False),
    Column("began_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False, index=True),
    Column("good", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Index("uq_span_sli_id_began_at_ended_at", "sli_id", "began_at", "ended_at", unique=True),
)

target_memory = Table(  # the last raw values of a target's series
    "target_memory",
    metadata,
    Column("target", Text, primary_key=True),
    Column("layout", LargeBinary, nullable=False),  # keys and the selectors that name them
    Column("numbers", LargeBinary, nullable=False),  # values, seen_at, created; see memories.py
    Column("page_at", Double),
    Column("process_start", Double),
    Column("last_ok", Integer, nullable=False),
    Column("read_for", Text, nullable=False),  # JSON list
    Column("added_at", Double),
)

alert = Table(
    "alert",
    metadata,
    Column("slo", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("state", Integer, nullable=False),
    Column("since", Double, nullable=False),
)

found = Table(  # what pages showed and no file says: groups of SLOs, targets of DataSources
    "found",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("data", Text, nullable=False),  # JSON
)

backfill = Table(  # how much of the past of a column was read from its DataSource
    "backfill",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("oldest", BigInteger, nullable=False),
    Column("seam", BigInteger, nullable=False),
    Column("done_from", BigInteger, nullable=False),
)

outage = Table(
    "outage",
    metadata,
    Column("id", Key, primary_key=True),
    Column("service", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("cause", Text),
    Column("planned", Integer, nullable=False, server_default="0"),
    Column("incident", BigInteger),  # the worst one that was open while it lasted
    Index("uq_outage_service_started_at", "service", "started_at", unique=True),
)

service_state = Table(  # append-only: what a service was found to be, from then on
    "service_state",
    metadata,
    Column("service", Text, primary_key=True),
    Column("started_at", Double, primary_key=True),
    Column("state", Integer, nullable=False),  # slo.spec.ServiceState
    Column("reason", Words, nullable=False),
)

redundancy = Table(  # how redundant a service stands, and who leads
    "redundancy",
    metadata,
    Column("service", Text, primary_key=True),
    Column("state", Integer, nullable=False),  # slo.redundancy.RedundancyState
    Column("since", Double, nullable=False),
    Column("risk_since", Double),
    Column("leader", Words),
    Column("led_since", Double),
    Column("failovers", BigInteger, nullable=False),
    Column("failed_over_at", Double),
)

budget_action = Table(  # where every budget action stands, as alert does for arms
    "budget_action",
    metadata,
    Column("slo", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("state", Text, nullable=False),  # incidents.budget.Standing
    Column("since", Double, nullable=False),
)

gate_override = Table(  # append-only but for the withdrawal: it is the audit
    "gate_override",
    metadata,
    Column("id", Key, primary_key=True),
    Column("service", Text, nullable=False),
    Column("author", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("idempotency_key", Words),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("withdrawn_at", Double),
    Column("withdrawn_by", Words),
    CheckConstraint("expires_at > created_at", name="order"),
    Index("ix_gate_override_service_id", "service", "id"),
    Index("uq_gate_override_service_idempotency_key", "service", "idempotency_key", unique=True),
)

exclusion = Table(  # time that was taken out after the fact; a row is removed only by saying so
    "exclusion",
    metadata,
    Column("id", Key, primary_key=True),
    Column("service", Text, nullable=False),
    Column("slo", Text, nullable=False),  # empty: every SLO of the service
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("reason", Words, nullable=False),
    Column("author", Words, nullable=False),
    Column("planned", Integer, nullable=False),
    Column("figures", Text, nullable=False),  # JSON: good and total that it took out, by SLO
    Column("idempotency_key", Words, unique=True),
    Column("created_at", Double, nullable=False),
    Column("removed_at", Double),
    Column("removed_by", Words),
    Column("removed_for", Words),
    CheckConstraint("ended_at > started_at", name="order"),
    Index("ix_exclusion_service_ended_at", "service", "ended_at"),
)

heartbeat = Table(  # what was heard of every heartbeat, written before its sender is answered
    "heartbeat",
    metadata,
    Column("name", Text, primary_key=True),
    Column("timing", Text, nullable=False),  # collectors.heartbeat.Heartbeat.timing
    Column("heard_since", Double, nullable=False),
    Column("last_at", Double),
    Column("last_state", Text),  # ok or fail
    Column("started_at", Double),
    Column("duration_s", Double),
    Column("beats", BigInteger, nullable=False),
)

change = Table(  # what was changed, by whom it was told; the same source and id is the same change
    "change",
    metadata,
    Column("number", Key, primary_key=True),
    Column("source", Text, nullable=False),  # api, kubernetes, or the name of an Integration
    Column("id", Words),  # the sender's
    Column("title", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("stated_at", Double, nullable=False),  # when its status was said to be so
    Column("recorded_at", Double, nullable=False),
    Column("version", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("environment", Words, nullable=False),
    Column("labels", Words, nullable=False),  # JSON
    CheckConstraint("finished_at IS NULL OR finished_at >= started_at", name="order"),
    Index("uq_change_source_id", "source", "id", unique=True),
    Index("ix_change_started_at_number", "started_at", "number"),
    sqlite_autoincrement=True,  # a number is never given twice
)

change_service = Table(  # which services a change is of
    "change_service",
    metadata,
    Column("change", ForeignKey("change.number"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Index("ix_change_service_service_change", "service", "change"),
)

_IS_OPEN = text("open_key IS NOT NULL")
incident = Table(
    "incident",
    metadata,
    Column("number", Key, primary_key=True),
    Column("key", Text, nullable=False),  # dedup key, e.g. slo-burn:checkout/availability
    Column("open_key", Text, unique=True),  # the key while open, else NULL: one open at a time
    Column("title", Words, nullable=False),
    Column("type", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("slo", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("priority_reasons", Text, nullable=False, server_default=text("'[]'")),  # JSON
    Column("measured_severity", Integer),  # the worst; NULL where nothing measures it
    Column("severity_set_at", Double),  # by a person; NULL while it is what was measured
    Column("severity_set_by", Words),
    Column("severity_set_for", Words),
    Column("response_due_at", Double),
    Column("resolution_due_at", Double),
    Column("reporter", Words, nullable=False),
    Column("detected_by", Text, nullable=False, server_default=text("'machine'")),  # or person
    Column("description", Words, nullable=False, server_default=text("''")),
    Column("affected", Text, nullable=False, server_default=text("'[]'")),  # JSON: more services
    Column("category", Text),
    Column("subcategory", Text),
    Column("cause", Text),  # of the taxonomy, once it is known
    Column("resolution", Words),  # what ended it, for whoever has the same again
    Column("fields", Text, nullable=False, server_default=text("'{}'")),  # JSON, of its type
    Column("sub_status", Text),  # a team's word for where it stands within its state
    Column("users_affected", BigInteger),
    Column("restricted", Integer, nullable=False, server_default=text("0")),
    Column("tier", Integer, nullable=False, server_default=text("1")),  # L1, L2, L3
    Column("merged_into", BigInteger),  # state merged: the incident that goes on
    Column("labels", Text, nullable=False),  # JSON
    Column("detail", Text, nullable=False),  # JSON, the figures as last seen
    # What it cost, from the ledger; NULL where nothing measures it.
    Column("budget_burned", Double),  # share of the window's budget
    Column("bad_events", BigInteger),
    Column("downtime_s", Double),
    Column("planned_downtime_s", Double),
    Column("traffic_share", Double),  # of its service's traffic, 0..1
    Column("impact", Text, nullable=False, server_default=text("'{}'")),  # JSON: how it was found
    Column("started_at", Double, nullable=False),
    Column("detected_at", Double, nullable=False),
    Column("reported_at", Double, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", Words),
    Column("mitigated_at", Double),
    Column("clear_since", Double),
    Column("recovered_at", Double),
    Column("resolved_at", Double),
    Column("resolved_by", Words),
    Column("closed_at", Double),
    Column("closed_by", Words),
    Column("reopened", Integer, nullable=False, server_default=text("0")),  # how often
    Column("confirmed_at", Double),  # the requester says that it is over
    Column("satisfaction", Integer),  # 1..5, the requester's
    # Of its timeline: how many entries there are, and the hash of the last; incidents.chain.
    Column("timeline_length", Integer, nullable=False, server_default=text("0")),
    Column("timeline_head", Text, nullable=False, server_default=text(f"'{GENESIS}'")),
    CheckConstraint("severity BETWEEN 1 AND 4", name="severity"),
    CheckConstraint("priority BETWEEN 1 AND 5", name="priority"),
    CheckConstraint("started_at <= detected_at AND detected_at <= opened_at", name="order"),
    CheckConstraint("resolved_at IS NULL OR resolved_at >= opened_at", name="resolved_order"),
    CheckConstraint("acknowledged_at IS NULL OR acknowledged_at >= opened_at", name="ack_order"),
    CheckConstraint("mitigated_at IS NULL OR mitigated_at >= started_at", name="mitigated_order"),
    CheckConstraint("recovered_at IS NULL OR recovered_at >= started_at", name="recovered_order"),
    CheckConstraint("closed_at IS NULL OR closed_at >= opened_at", name="closed_order"),
    CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),
    Index("ix_incident_service_opened_at", "service", "opened_at"),
    # Of very many incidents few are open, and few are in one state or of one service.
    Index("ix_incident_open", "number", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    Index("ix_incident_opened_at", "opened_at"),
    Index("ix_incident_state_number", "state", "number"),
    Index("ix_incident_type_severity_priority", "type", "severity", "priority"),
    Index("ix_incident_service_state_number", "service", "state", "number", "severity"),
    sqlite_autoincrement=True,  # a number is never given twice
)

timeline = Table(  # append-only, and chained: vigie.store.timeline alone writes it
    "timeline",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("position", Integer, nullable=False),  # 1, 2, ... within its incident
    Column("occurred_at", Double, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Words, nullable=False),  # a person, or "vigie"
    Column("text", Words, nullable=False),
    Column("data", Text, nullable=False),  # JSON in its canonical form
    Column("hash", Text, nullable=False),  # incidents.chain.link
    Index("uq_timeline_incident_position", "incident", "position", unique=True),
)

job = Table(  # outbox, timers and step queue in one
    "job",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("dedup", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # jobs.JobState
    Column("run_at", Double, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("incident", BigInteger),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("max_attempts", Integer, nullable=False),
    Column("idempotent", Integer, nullable=False, server_default=text("1")),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("lease_until", Double),
    Column("worker", Text),
    Column("error", Words),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Index("ix_job_state_run_at", "state", "run_at"),
    sqlite_autoincrement=True,  # a pruned id never comes back, so a zombie can't meet its number
)

delivery = Table(  # every attempt to reach somebody
    "delivery",
    metadata,
    Column("id", Key, primary_key=True),
    Column("dedup", Text, nullable=False, index=True),
    Column("incident", BigInteger, index=True),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),  # page or notice
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("outcome", Text, nullable=False),  # delivered or failed
    Column("detail", Words, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Key, primary_key=True),
    Column("incident", ForeignKey("incident.number"), nullable=False, index=True),
    Column("runbook", Text, nullable=False),
    Column("snapshot", Text, nullable=False),  # JSON: the runbook as it was
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),  # running, done, failed
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double),
    Index("uq_run_incident_runbook", "incident", "runbook", unique=True),
)

run_step = Table(
    "run_step",
    metadata,
    Column("run", ForeignKey("run.id"), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),  # waiting, running, done, failed, manual, skipped
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("output", Words, nullable=False, server_default=text("''")),
    Column("error", Words),
)
