"""What is still to be measured, and what is stored of it."""

import pytest
from sqlalchemy import Connection, update

from fleet import T0, burn_signal
from incidents.model import IncidentState
from vigie.store import impact, incidents
from vigie.store.db import Database
from vigie.store.impact import COLUMNS, Followed
from vigie.store.tables import incident

VALUES = {
    "budget_burned": 0.1,
    "bad_events": 3,
    "downtime_s": 60.0,
    "planned_downtime_s": 0.0,
    "traffic_share": None,
    "impact": {"final": True, "reasons": []},
}


def opened(db: Database, service: str, at: float = T0) -> int:
    number = db.write(lambda c: incidents.open_incident(c, burn_signal(service), at))
    assert number is not None
    return number


def change(db: Database, number: int, **values: object) -> None:
    changed = update(incident).where(incident.c.number == number).values(**values)
    db.write(lambda c: c.execute(changed))


def left(db: Database, *numbers: int, after: int = 0) -> list[int]:
    rows = db.read(lambda c: impact.unfinished(c, Followed(after, numbers)))
    return [row["number"] for row in rows]


def test_what_is_open_followed_or_new_is_unfinished(db: Database) -> None:
    first, second, third = (opened(db, name) for name in ("a", "b", "c"))
    for number in (first, second, third):
        change(db, number, open_key=None, state=IncidentState.RESOLVED, resolved_at=T0)
    assert left(db, after=third) == []
    assert left(db, after=second) == [third]
    assert left(db, first, after=third) == [first]
    fourth = opened(db, "d")
    assert left(db, after=fourth) == [fourth]
    change(db, fourth, open_key=None, state=IncidentState.CANCELLED)
    assert left(db, fourth, after=first) == [second, third]


def test_what_was_stored_is_read_and_is_final_until_it_goes_on(db: Database) -> None:
    number = opened(db, "a")
    change(db, number, open_key=None, state=IncidentState.RESOLVED, resolved_at=T0)

    def store(c: Connection) -> bool:
        (row,) = impact.unfinished(c, Followed())
        return impact.write(c, row, VALUES)

    assert db.write(store)
    row = db.read(lambda c: incidents.get(c, number))
    assert row is not None
    assert [row[name] for name in COLUMNS] == list(VALUES.values())
    assert left(db) == []
    change(db, number, open_key="again", state=IncidentState.INVESTIGATING)
    assert left(db, after=number) == [number]


@pytest.mark.parametrize("name", ["recovered_at", "resolved_at"])
def test_what_changed_since_it_was_read_is_measured_again(db: Database, name: str) -> None:
    number = opened(db, "a")
    (row,) = db.read(lambda c: impact.unfinished(c, Followed()))
    change(db, number, **{name: T0 + 5.0})
    assert not db.write(lambda c: impact.write(c, row, VALUES))
    after = db.read(lambda c: incidents.get(c, number))
    assert after is not None
    assert after["bad_events"] is None


def test_a_server_that_begins_looks_back_a_day(db: Database) -> None:
    old = opened(db, "a", T0 - 2 * 86_400.0)
    opened(db, "b", T0 - 3600.0)
    assert db.read(lambda c: impact.from_here(c, T0)) == Followed(old)
