"""Outages."""

import pytest

from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from slo.outages import Outage
from vigie.store import incidents, outages
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


def opened(kind: IncidentType, service: str, at: float) -> Event:
    signal = Signal(
        key=f"{kind}:{service}/{at}",
        type=kind,
        service=service,
        slo="",
        title="it burns",
        urgency=Urgency.HIGH,
        severity=Severity.SEV1,
        started_at=at,
        firing=True,
        clear=False,
        recover_after_s=0.0,
    )
    return Event(EventKind.OPENED, signal.key, at, signal=signal)


@pytest.mark.parametrize(
    ("kind", "service", "at", "is_its"),
    [
        (IncidentType.SLO_BURN, "a", 130.0, True),  # while it lasts
        (IncidentType.SLO_BURN, "a", 90.0, True),  # before it, and still open
        (IncidentType.LOST_REDUNDANCY, "a", 900.0, True),  # soon after it
        (IncidentType.SLO_BURN, "a", 1_200.0, False),  # long after it
        (IncidentType.SLO_BURN, "b", 130.0, False),
        (IncidentType.CERTIFICATE_EXPIRY, "a", 130.0, False),
    ],
)
def test_an_outage_has_the_incident_that_was_open(
    db: Database, kind: IncidentType, service: str, at: float, is_its: bool
) -> None:
    number = db.write(lambda c: incidents.apply(c, opened(kind, service, at)))
    db.write(lambda c: outages.write(c, [Outage("a", 100.0, 200.0)]))
    db.write(lambda c: outages.link(c, ["a"], 1_000.0))
    (found,) = db.read(outages.read)
    assert found.incident == (number if is_its else None)


def test_an_outage_that_is_written_again_keeps_its_incident(db: Database) -> None:
    number = db.write(lambda c: incidents.apply(c, opened(IncidentType.SLO_BURN, "a", 130.0)))
    db.write(lambda c: outages.write(c, [Outage("a", 100.0, None)]))
    db.write(lambda c: outages.link(c, ["a"], 140.0))
    db.write(lambda c: outages.write(c, [Outage("a", 100.0, 200.0)]))
    assert db.read(outages.read) == [Outage("a", 100.0, 200.0, incident=number)]
