"""Outages."""

from slo.status import Outage
from vigie.store import outages
from vigie.store.db import Database


def test_an_outage_is_written_when_it_begins_and_when_it_ends(db: Database) -> None:
    db.write(lambda c: outages.write(c, [Outage("a", 10.0, None), Outage("b", 12.0, 13.0)]))
    assert db.read(outages.ongoing) == {"a": Outage("a", 10.0, None)}
    db.write(lambda c: outages.write(c, [Outage("a", 10.0, 20.0)]))
    assert db.read(outages.ongoing) == {}
    assert db.read(outages.read) == [Outage("a", 10.0, 20.0), Outage("b", 12.0, 13.0)]


def test_an_outage_tells_its_cause_and_whether_it_was_planned(db: Database) -> None:
    held = [Outage("a", 10.0, 20.0, "all fail"), Outage("a", 20.0, None, "all fail", planned=True)]
    db.write(lambda c: outages.write(c, held))
    assert db.read(outages.read) == held
    assert db.read(outages.ongoing) == {"a": held[1]}


def test_outages_are_found_by_time_and_service(db: Database) -> None:
    held = [Outage("a", 1.0, 5.0), Outage("a", 10.0, None), Outage("b", 3.0, 8.0)]
    db.write(lambda c: outages.write(c, held))
    assert db.read(lambda c: outages.read(c, since=5.0)) == [held[2], held[1]]
    assert db.read(lambda c: outages.read(c, service="a")) == held[:2]
