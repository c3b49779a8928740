"""The one order of open incidents: priority, then what is due next, then the oldest."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from sqlalchemy import update

from incidents.model import Event, EventKind, IncidentType, Severity, Signal, Urgency
from vigie.store import incidents
from vigie.store.db import Database
from vigie.store.order import Order
from vigie.store.tables import incident
from vigie.store.visibility import EVERYTHING

SIGNAL = Signal(
    key="k",
    type=IncidentType.SLO_BURN,
    service="shop",
    slo="availability",
    title="burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=0.0,
    firing=True,
    clear=False,
    recover_after_s=60.0,
)
# Opened at, severity, response due, resolution due, acknowledged; in the order they come in.
FIRST_TO_LAST = [
    (700.0, Severity.SEV1, None, None, False),
    (500.0, Severity.SEV2, 510.0, 900.0, False),  # late already
    (400.0, Severity.SEV2, 800.0, 900.0, False),
    (650.0, Severity.SEV2, 900.0, 850.0, False),  # its resolution comes first
    (300.0, Severity.SEV2, 400.0, 900.0, True),  # answered: its resolution counts
    (600.0, Severity.SEV2, 900.0, 950.0, False),  # as near, and younger
    (100.0, Severity.SEV2, 200.0, None, True),  # nothing is due any more: the older first
    (200.0, Severity.SEV2, None, None, False),
    (200.0, Severity.SEV2, None, None, False),  # as old: the lower number first
    (50.0, Severity.SEV3, 60.0, 70.0, False),
]


def fill(db: Database) -> list[int]:
    """The numbers in the order of the table; they were opened from its end."""
    numbers = []
    for place, (at, severity, response, resolution, acked) in reversed([*enumerate(FIRST_TO_LAST)]):
        signal = replace(SIGNAL, key=f"k{place}", severity=severity)
        number = db.write(lambda c, s=signal, t=at: incidents.open_incident(c, s, t))
        values = {"response_due_at": response, "resolution_due_at": resolution}
        changed = update(incident).where(incident.c.number == number).values(**values)
        db.write(lambda c, u=changed: c.execute(u))
        if acked:
            event = Event(EventKind.ACKNOWLEDGED, signal.key, at + 1, number, actor="ann")
            db.write(lambda c, e=event: incidents.apply(c, e))
        numbers.append(number)
    numbers.reverse()
    # The two that are alike but for their numbers stand in the order of those.
    numbers[7], numbers[8] = sorted(numbers[7:9])
    return numbers


def shown(db: Database, order: Order, before: int | None = None, limit: int = 99) -> list[int]:
    asked: dict[str, Any] = {"state": "open", "service": None, "viewer": EVERYTHING}
    asked |= {"before": before, "limit": limit, "order": order}
    return [row["number"] for row in db.read(lambda c: incidents.page(c, **asked))]


def test_priority_then_what_is_due_next_then_the_oldest(db: Database) -> None:
    numbers = fill(db)
    assert shown(db, Order.PRIORITY) == numbers
    assert shown(db, Order.NEWEST) == sorted(numbers, reverse=True)


def test_pages_go_on_where_the_last_one_ended(db: Database) -> None:
    numbers = fill(db)
    for order in Order:
        whole, paged, last = shown(db, order), [], None
        while part := shown(db, order, before=last, limit=3):
            paged += part
            last = part[-1]
        assert paged == whole
        assert all(a != b for a, b in pairwise(paged))
    assert shown(db, Order.PRIORITY, before=numbers[4]) == numbers[5:]


def test_a_page_goes_on_after_an_incident_that_was_resolved_meanwhile(db: Database) -> None:
    numbers = fill(db)
    db.write(lambda c: incidents.apply(c, Event(EventKind.RESOLVED, "k6", 800.0, numbers[6])))
    assert shown(db, Order.PRIORITY, before=numbers[6]) == numbers[7:]
