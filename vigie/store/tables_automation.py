"""The tables of automations: which kinds of entries they wait for, and what each of them did."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, Table, Text

from vigie.store.tables import Key, Words, metadata

automation_event = Table(  # what is waited for by the files as they are now
    "automation_event",
    metadata,
    Column("kind", Text, primary_key=True),
)

automation_run = Table(  # one automation on one entry of one incident, for ever
    "automation_run",
    metadata,
    Column("id", Key, primary_key=True),
    Column("automation", Text, nullable=False),
    Column("incident", ForeignKey("incident.number"), nullable=False),
    Column("position", Integer, nullable=False),  # of the entry that it follows
    Column("chain", Text, nullable=False),  # JSON: the automations that led here, itself the last
    Column("state", Text, nullable=False),  # vigie.store.automations.RunState
    Column("why", Words, nullable=False),
    Column("plan", Words, nullable=False),  # JSON: what is done, filled in
    Column("results", Words, nullable=False),  # JSON: what came of it, as far as it is done
    Column("failures", BigInteger, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double),
    Index(
        "uq_automation_run_incident_position_automation",
        "incident",
        "position",
        "automation",
        unique=True,
    ),
    Index("ix_automation_run_automation_id", "automation", "id"),
)
