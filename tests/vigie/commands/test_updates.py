"""Posting stakeholder updates, on a real database."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blank import blank_database
from incidents.model import IncidentState, IncidentType, Severity, Signal, Urgency
from incidents.updates import Audience, Status
from slo.spec import Service
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.updates import post
from vigie.config import Channel, Config
from vigie.notify import updates as notify
from vigie.store import incidents, jobs, updates
from vigie.store.db import Database, open_database
from vigie.store.jobs import Job
from vigie.store.tables import incident
from vigie.views import updates as views

NOW = 1_790_000_000.0
SIGNAL = Signal(
    key="slo-burn:PLANTED/availability",
    type=IncidentType.SLO_BURN,
    service="PLANTED",
    slo="PLANTED",
    title="PLANTED burns",
    urgency=Urgency.HIGH,
    severity=Severity.SEV2,
    started_at=NOW - 60,
    firing=True,
    clear=False,
    recover_after_s=120.0,
    labels={"tier": "PLANTED"},
    detail={"PLANTED": "PLANTED"},
)


def channel(name: str, *audiences: str, receives: frozenset[str] = frozenset()) -> Channel:
    told = frozenset(audiences or ("internal",))
    return Channel(name, "webhook", receives, url="http://h/", audiences=told)


CHANNELS = (
    channel("pager", receives=frozenset({"page"})),
    channel("team", receives=frozenset({"notice"})),
    channel("board", "executive"),
    channel("both", "executive", "internal"),
    channel("public", "customer"),
)
CONFIG = Config(
    {"PLANTED": Service("PLANTED", "Checkout")}, {}, {}, {one.name: one for one in CHANNELS}, ()
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


def tell(db: Database, number: int, audience: Audience = Audience.CUSTOMER, **more: Any) -> Any:
    given = {"text": "We look.", "actor": "ann", "now": NOW, **more}
    return post(db, CONFIG, number, audience, given.pop("text"), **given)


def ordered(db: Database) -> list[Job]:
    return db.write(
        lambda c: jobs.claim(c, "test", ["notify"], now=NOW + 9, lease_s=30.0, limit=99)
    )


def restrict(db: Database, number: int) -> None:
    with_number = incident.update().where(incident.c.number == number)
    db.write(lambda c: c.execute(with_number.values(restricted=1)))


def test_it_is_kept_and_stands_on_the_timeline(db: Database, number: int) -> None:
    row = tell(db, number, text=" We look.\n", next_in_s=1_800.0)
    assert (row["status"], row["text"], row["next_at"]) == ("investigating", "We look.", NOW + 1800)
    entry = db.read(lambda c: incidents.timeline(c, number))[-1]
    assert (entry["kind"], entry["actor"]) == ("update_sent", "ann")
    assert entry["text"] == "Customer update, investigating:\nWe look."


def test_a_person_may_say_another_status(db: Database, number: int) -> None:
    assert tell(db, number, status=Status.MONITORING)["status"] == "monitoring"


def test_the_same_key_posts_once(db: Database, number: int) -> None:
    first = tell(db, number, key="k")
    assert tell(db, number, text="Other.", key="k") == first
    assert len(db.read(lambda c: updates.of_incident(c, number))) == 1
    assert len(ordered(db)) == 1


@pytest.mark.parametrize(
    ("audience", "names"),
    [
        (Audience.INTERNAL, ["both", "team"]),
        (Audience.EXECUTIVE, ["board", "both"]),
        (Audience.CUSTOMER, ["public"]),
    ],
)
def test_each_audience_has_its_channels(
    db: Database, number: int, audience: Audience, names: list[str]
) -> None:
    tell(db, number, audience)
    assert sorted(job.payload["channel"] for job in ordered(db)) == names


def test_what_goes_to_customers_holds_nothing_of_ours(db: Database, number: int) -> None:
    tell(db, number, text="We look @everyone.", next_in_s=1_800.0)
    (job,) = ordered(db)
    row = db.read(lambda c: incidents.get(c, number))
    assert row is not None
    message = notify.message(job, row, "http://vigie.PLANTED")
    assert "PLANTED" not in repr(message)
    assert "SEV" not in repr(message)
    assert message.subject == "[Investigating] Checkout"
    assert message.text == "We look @\u200beveryone.\n\nNext update: 2026-09-21 14:43 UTC\n"
    assert message.body["incident"] is None


def test_executives_get_a_link_and_the_severity(db: Database, number: int) -> None:
    tell(db, number, Audience.EXECUTIVE)
    job = ordered(db)[0]
    row = db.read(lambda c: incidents.get(c, number))
    assert row is not None
    message = notify.message(job, row, "http://v")
    assert message.subject == "[SEV2] Investigating: PLANTED burns"
    assert message.text == f"We look.\n\nhttp://v/incidents/{number}\n"


@pytest.mark.parametrize("audience", [Audience.EXECUTIVE, Audience.CUSTOMER])
def test_nobody_else_hears_of_a_restricted_one(
    db: Database, number: int, audience: Audience
) -> None:
    restrict(db, number)
    with pytest.raises(Conflict, match="is restricted"):
        tell(db, number, audience)
    assert tell(db, number, Audience.INTERNAL)["audience"] == "internal"
    assert views.page(db, CONFIG, number, NOW)["drafts"][0]["audience"] == "internal"


def test_what_became_restricted_is_neither_sent_nor_shown(db: Database, number: int) -> None:
    tell(db, number)
    shown = db.read(lambda c: views.customer(c, [number]))
    assert [(one["text"], one["status"]) for one in shown] == [("We look.", "investigating")]
    restrict(db, number)
    assert db.read(lambda c: views.customer(c, [number])) == []
    (job,) = ordered(db)
    row = db.read(lambda c: incidents.get(c, number))
    assert row is not None
    assert notify.withheld(job.payload, row) == "restricted before it was sent"


def test_customers_see_what_was_said_to_them_alone(db: Database, number: int) -> None:
    tell(db, number, Audience.INTERNAL, text="PLANTED")
    tell(db, number, Audience.EXECUTIVE, text="PLANTED")
    tell(db, number, text="one")
    tell(db, number, text="two")
    shown = db.read(lambda c: views.customer(c, [number, 99]))
    assert [one["text"] for one in shown] == ["one", "two"]
    assert "sent_by" not in shown[0]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"text": " \x00"}, Invalid),
        ({"text": "x" * 10_001}, Invalid),
        ({"actor": ""}, Invalid),
        ({"next_in_s": 59.0}, Invalid),
        ({"next_in_s": 31 * 86_400.0}, Invalid),
        ({"next_in_s": float("nan")}, Invalid),
        ({"status": Status.RESOLVED, "next_in_s": 60.0}, Invalid),
    ],
)
def test_what_cannot_be_said_is_refused(
    db: Database, number: int, more: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        tell(db, number, **more)
    assert db.read(lambda c: updates.of_incident(c, number)) == []


def test_of_what_is_not_there_or_merged_nothing_is_said(db: Database, number: int) -> None:
    with pytest.raises(NotFound):
        tell(db, number + 1)
    other = db.write(lambda c: incidents.open_incident(c, replace(SIGNAL, key="k"), NOW))
    row = incident.update().where(incident.c.number == number)
    merged = {"state": IncidentState.MERGED, "merged_into": other, "open_key": None}
    db.write(lambda c: c.execute(row.values(**merged)))
    with pytest.raises(Conflict, match="tell there"):
        tell(db, number)
    assert views.page(db, CONFIG, number, NOW)["drafts"] == []
