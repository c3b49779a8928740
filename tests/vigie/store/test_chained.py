"""Revision 0006: timelines of before are chained as they stand."""

from contextlib import closing

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from incidents.model import EventKind
from vigie.store import incidents, schema, timeline
from vigie.store.db import connect, parsed

INCIDENT = text(
    "INSERT INTO incident (number, key, title, type, service, slo, state, severity, urgency, "
    "priority, reporter, labels, detail, started_at, detected_at, reported_at, opened_at) VALUES "
    "(:n, 'k', 't', 'no-data', 's', '', 'resolved', 2, 'low', 3, 'vigie', '{}', '{}', 1, 1, 1, 1)"
)
ENTRY = text(
    "INSERT INTO timeline (incident, at, recorded_at, kind, actor, text, data) VALUES "
    "(:n, :at, :at, 'commented', 'ada', :text, :data)"
)
COUNT = 12_003  # more than two batches, and none ends with an incident


def _before(c: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS))
    config.attributes["connection"] = c
    command.upgrade(config, "0005")
    c.execute(INCIDENT, [{"n": n} for n in range(1, 8)])
    # The incidents take turns, so that the entries of one lie far apart.
    rows = [
        {"n": 1 + i % 7, "at": i / 3, "text": f"é {i}", "data": '{"b":1e16,"a":[0.1, null]}'}
        for i in range(COUNT)
    ]
    c.execute(ENTRY, rows)


def test_what_stands_on_timelines_is_chained_and_goes_on(empty_database_url: str) -> None:
    with closing(connect(parsed(empty_database_url), read_only=False)) as db:
        db.write(_before)
        assert db.write(schema.migrate)
        found = db.read(timeline.verify)
        assert (found.problems, found.incidents, found.entries) == ([], 7, COUNT)
        rows = db.read(lambda c: timeline.read(c, 3))
        assert [row["text"] for row in rows] == [f"é {i}" for i in range(2, COUNT, 7)]
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        assert rows[5]["occurred_at"] == rows[5]["recorded_at"] == (2 + 5 * 7) / 3
        assert rows[5]["data"] == {"a": [0.1, None], "b": 1e16}
        said = EventKind.COMMENTED
        db.write(lambda c: incidents.append(c, 3, 9.0, said, "ada", "on", {}))
        assert db.read(timeline.verify).good
