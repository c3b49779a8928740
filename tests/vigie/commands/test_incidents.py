"""What people do to incidents, on a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from incidents.model import IncidentType, Severity, Signal, Urgency
from vigie.commands import acknowledge, comment, resolve
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.config import Channel, Config
from vigie.store import incidents, jobs
from vigie.store.db import Database, open_database

NOW = 1_790_000_000.0
TEAM = Channel("team", "webhook", frozenset({"notice"}), url="http://h/")
CONFIG = Config({}, {}, {}, {"team": TEAM}, ())
SIGNAL = Signal(
    key="slo-burn:checkout/availability",
    type=IncidentType.SLO_BURN,
    service="checkout",
    slo="availability",
    title="checkout/availability burns 21x its error budget (1h/5m)",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(blank_database(tmp_path))
    yield db
    db.close()


@pytest.fixture
def number(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW - 30))
    assert number is not None
    return number


def said(db: Database, number: int) -> list[tuple[str, str, str]]:
    entries = db.read(lambda c: incidents.timeline(c, number))
    return [(entry["kind"], entry["actor"], entry["text"]) for entry in entries[1:]]


def told(db: Database) -> list[dict[str, Any]]:
    claimed = db.write(
        lambda c: jobs.claim(c, "test", ["notify"], now=NOW + 9, lease_s=30.0, limit=10)
    )
    return [dict(job.payload) for job in claimed]


def test_acknowledging_says_who_works_on_it_and_tells_the_others(db: Database, number: int) -> None:
    incident = acknowledge(db, CONFIG, number, "ann", NOW)
    assert (incident["acknowledged_at"], incident["acknowledged_by"]) == (NOW, "ann")
    assert incident["state"] == "investigating"
    assert said(db, number) == [("acknowledged", "ann", "Acknowledged by ann")]
    (notice,) = told(db)
    assert (notice["event"], notice["text"]) == ("acknowledged", "Acknowledged by ann")


def test_whoever_acknowledges_second_sees_who_came_first(db: Database, number: int) -> None:
    first = acknowledge(db, CONFIG, number, "ann", NOW)
    assert acknowledge(db, CONFIG, number, "bob", NOW + 1) == first
    assert len(said(db, number)) == 1
    assert len(told(db)) == 1


def test_resolving_needs_no_acknowledgement_and_keeps_the_reason(db: Database, number: int) -> None:
    incident = resolve(db, CONFIG, number, "ann", "  rolled back\n", NOW)
    assert (incident["state"], incident["resolved_by"]) == ("resolved", "ann")
    assert said(db, number) == [("resolved", "ann", "Resolved by ann: rolled back")]
    assert [notice["text"] for notice in told(db)] == ["Resolved by ann: rolled back"]


def test_after_resolving_the_same_trouble_opens_a_new_incident(db: Database, number: int) -> None:
    resolve(db, CONFIG, number, "ann", "rolled back", NOW)
    again = db.write(lambda c: incidents.open_incident(c, SIGNAL, NOW + 1))
    assert again == number + 1


def test_what_is_over_cannot_be_acknowledged_or_resolved_again(db: Database, number: int) -> None:
    resolve(db, CONFIG, number, "ann", "rolled back", NOW)
    with pytest.raises(Conflict, match=f"incident #{number} is resolved already by ann"):
        resolve(db, CONFIG, number, "bob", "me too", NOW)
    with pytest.raises(Conflict):
        acknowledge(db, CONFIG, number, "bob", NOW)
    assert len(said(db, number)) == 1


def test_a_comment_can_be_added_even_after_the_end(db: Database, number: int) -> None:
    resolve(db, CONFIG, number, "ann", "rolled back", NOW)
    comment(db, CONFIG, number, "the pool was empty", actor="bob", now=NOW + 1)
    assert said(db, number)[-1] == ("commented", "bob", "the pool was empty")


def test_an_unknown_incident_is_not_found(db: Database) -> None:
    for command in (
        lambda: acknowledge(db, CONFIG, 99, "ann", NOW),
        lambda: resolve(db, CONFIG, 99, "ann", "gone", NOW),
        lambda: comment(db, CONFIG, 99, "hello", actor="ann", now=NOW),
    ):
        with pytest.raises(NotFound, match="there is no incident #99"):
            command()


@pytest.mark.parametrize("text", ["", " \n\t", "\x00"])
def test_an_empty_comment_or_reason_is_refused(db: Database, number: int, text: str) -> None:
    with pytest.raises(Invalid, match="is empty"):
        comment(db, CONFIG, number, text, actor="ann", now=NOW)
    with pytest.raises(Invalid, match="is empty"):
        resolve(db, CONFIG, number, "ann", text, NOW)
    assert said(db, number) == []


def test_what_is_too_long_is_refused_and_not_cut(db: Database, number: int) -> None:
    with pytest.raises(Invalid, match="the comment has 10001 characters; at most 10000"):
        comment(db, CONFIG, number, "x" * 10_001, actor="ann", now=NOW)
    with pytest.raises(Invalid, match="the reason has 1001 characters"):
        resolve(db, CONFIG, number, "ann", "x" * 1001, NOW)


@pytest.mark.parametrize("actor", ["", "x" * 101, "ann\nResolved by root", "a\u202eb"])
def test_a_name_is_one_short_printable_line(db: Database, number: int, actor: str) -> None:
    with pytest.raises(Invalid):
        acknowledge(db, CONFIG, number, actor, NOW)
