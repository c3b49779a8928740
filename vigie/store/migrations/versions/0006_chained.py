"""Timelines become hash chains; what stands on them is chained as it stands."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from incidents.chain import GENESIS, Entry, canonical_data, link
from vigie.store.sql import from_json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BATCH = 5_000

_incident = sa.table(
    "incident", sa.column("number"), sa.column("timeline_length"), sa.column("timeline_head")
)
_timeline = sa.table(
    "timeline",
    *map(sa.column, ("id", "incident", "position", "kind", "actor", "occurred_at")),
    *map(sa.column, ("recorded_at", "text", "data", "hash")),
)


def upgrade() -> None:
    head = sa.text(f"'{GENESIS}'")
    length = sa.Column("timeline_length", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("incident", length)
    op.add_column(
        "incident", sa.Column("timeline_head", sa.Text(), nullable=False, server_default=head)
    )
    op.add_column("timeline", sa.Column("position", sa.Integer()))
    op.add_column("timeline", sa.Column("hash", sa.Text()))
    # Both databases know it, and SQLite need not write the table anew for it.
    op.execute("ALTER TABLE timeline RENAME COLUMN at TO occurred_at")
    _chain(op.get_bind())
    with op.batch_alter_table("timeline") as table:
        table.alter_column("position", existing_type=sa.Integer(), nullable=False)
        table.alter_column("hash", existing_type=sa.Text(), nullable=False)
    op.drop_index("ix_timeline_incident_id", "timeline")
    op.create_index(
        "uq_timeline_incident_position", "timeline", ["incident", "position"], unique=True
    )


def _chain(c: sa.Connection) -> None:
    """Give every entry its place and hash, incident by incident, some thousand at a time."""
    number, length, last, seen = 0, 0, GENESIS, 0
    while rows := _after(c, number, seen):
        chained: list[dict[str, Any]] = []
        heads: dict[int, tuple[int, str]] = {}
        for row in rows:
            if row.incident != number:
                number, length, last = row.incident, 0, GENESIS
            length, seen, data = length + 1, row.id, canonical_data(from_json(row.data))
            last = link(
                last,
                Entry(
                    number, length, row.kind, row.actor, row.occurred_at, row.recorded_at,
                    row.text, data,
                ),
            )  # fmt: skip
            chained.append({"of": row.id, "position": length, "hash": last, "data": data})
            heads[number] = (length, last)
        _write(c, chained, heads)


def _after(c: sa.Connection, number: int, seen: int) -> list[Any]:
    place = sa.tuple_(_timeline.c.incident, _timeline.c.id)
    found = sa.select(_timeline).order_by(_timeline.c.incident, _timeline.c.id).limit(_BATCH)
    return list(c.execute(found.where(place > sa.tuple_(number, seen))))


def _write(
    c: sa.Connection, chained: list[dict[str, Any]], heads: dict[int, tuple[int, str]]
) -> None:
    entry = sa.update(_timeline).where(_timeline.c.id == sa.bindparam("of"))
    names = ("position", "hash", "data")
    c.execute(entry.values({name: sa.bindparam(name) for name in names}), chained)
    known = sa.update(_incident).where(_incident.c.number == sa.bindparam("of"))
    known = known.values(timeline_length=sa.bindparam("n"), timeline_head=sa.bindparam("last"))
    c.execute(known, [{"of": of, "n": n, "last": last} for of, (n, last) in heads.items()])
